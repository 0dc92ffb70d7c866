"""Download a file over HTTPS: checksum, resumption of a partial file, and clear errors."""

import hashlib
import os
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from convae.errors import InputError

_SCHEMES = ("https",)  # tests allow http to reach a server on the loopback address
_TIMEOUT_S = 30.0
_BLOCK = 1 << 18

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Remote:
    """A file on the network.

    Attributes:
        name: its file name.
        url: where it is; HTTPS.
        size: its size in bytes.
        md5: its published MD5 in hex: the data sets publish no other checksum. It protects against damage;
            HTTPS protects against forgery.
    """

    name: str
    url: str
    size: int
    md5: str


def fetch(remote: Remote, folder: Path, progress: Progress | None = None) -> Path:
    """Download a file into ``folder``; an interrupted download is resumed.

    Args:
        remote: what to fetch.
        folder: the target folder; created if missing.
        progress: called with (file name, bytes so far, total bytes).

    Returns:
        The path of the complete file, whose checksum is correct.

    Raises:
        InputError: the folder cannot be written, the host cannot be reached or sends other data.
    """
    target, part = folder / remote.name, folder / f"{remote.name}.part"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with open(part, "ab"):
            pass
    except OSError as error:
        raise InputError(f"cannot download into {folder}: {error.strerror}") from error
    try:
        _receive(remote, part, progress)
    except (OSError, ValueError) as error:  # URLError, timeouts and broken connections are OSErrors
        raise _failed(remote, part, error) from error
    if _md5(part) != remote.md5:
        part.unlink()
        raise InputError(
            f"{remote.url}: what was received has the wrong checksum and was deleted; try again, or put "
            f"the file (MD5 {remote.md5}) into {folder} yourself"
        )
    os.replace(part, target)
    return target


def host_of(url: str) -> str:
    """Return the host in a URL.

    >>> host_of("https://example.org/a/b.gz")
    'example.org'
    """
    return urlsplit(url).netloc


def _receive(remote: Remote, part: Path, progress: Progress | None) -> None:
    have = part.stat().st_size
    if have >= remote.size:  # complete, or too long
        if have == remote.size and _md5(part) == remote.md5:
            return
        part.write_bytes(b"")
        have = 0
    with _request(remote.url, have) as answer, open(part, "ab") as file:
        if have and not _continues(answer, have):
            file.truncate(0)
            have = 0
        while block := answer.read(_BLOCK):
            have += len(block)
            if have > remote.size:
                file.truncate(0)
                raise ValueError(f"the host sends more than the {remote.size} bytes expected")
            file.write(block)
            if progress is not None:
                progress(remote.name, have, remote.size)
        file.flush()
        os.fsync(file.fileno())
    if have < remote.size:
        raise ValueError(f"the connection ended after {have} of {remote.size} bytes")


def _request(url: str, start: int) -> IO[bytes]:
    _check_scheme(url)
    request = urllib.request.Request(url, headers={"User-Agent": "convae"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    opener = urllib.request.build_opener(_SafeRedirects)
    try:
        answer: IO[bytes] = opener.open(request, timeout=_TIMEOUT_S)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416 and start:  # the host holds a shorter file: restart
                return _request(url, 0)
            raise ValueError(f"the host answers {error.code} {error.reason}") from error
    return answer


def _continues(answer: Any, start: int) -> bool:
    """Return whether a response holds the bytes from ``start`` on; many hosts ignore Range and send all."""
    given = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
    return answer.status == 206 and given is not None and int(given[1]) == start


class _SafeRedirects(urllib.request.HTTPRedirectHandler):
    """Redirects must not leave HTTPS."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        """Return the request for the redirected URL."""
        _check_scheme(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_scheme(url: str) -> None:
    if urlsplit(url).scheme not in _SCHEMES:
        raise ValueError(f"only HTTPS is used, not {url}")


def _md5(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _failed(remote: Remote, part: Path, error: Exception) -> InputError:
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    reason = getattr(reason, "strerror", None) or reason
    kept = part.stat().st_size if part.exists() else 0
    later = f"; {kept} bytes are kept and the next try goes on there" if kept else ""
    return InputError(
        f"cannot fetch {remote.url} ({reason}){later}; without a network, put the file into {part.parent}"
    )
