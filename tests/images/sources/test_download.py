import hashlib
from pathlib import Path
from typing import Any

import pytest

from convae.errors import InputError
from convae.images.sources import download
from convae.images.sources.download import Remote, fetch

DATA = bytes(range(256)) * 4000


@pytest.fixture
def remote(web_server: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(download, "_SCHEMES", ("http",))
    web_server.files["/a.gz"] = DATA
    return Remote("a.gz", f"{web_server.url}/a.gz", len(DATA), hashlib.md5(DATA).hexdigest())


def test_fetch_tells_its_progress(remote: Remote, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    path = fetch(remote, tmp_path / "new" / "folder", lambda *step: seen.append(step))
    assert path.read_bytes() == DATA
    assert seen[-1] == ("a.gz", len(DATA), len(DATA))
    assert [file.name for file in path.parent.iterdir()] == ["a.gz"]


def test_a_broken_download_goes_on_where_it_stopped(
    remote: Remote, tmp_path: Path, web_server: Any
) -> None:
    web_server.cut_after = 1000
    with pytest.raises(InputError, match="1000 bytes are kept"):
        fetch(remote, tmp_path)
    assert not (tmp_path / "a.gz").exists()
    web_server.cut_after = None
    assert fetch(remote, tmp_path).read_bytes() == DATA
    assert web_server.requests[-1] == ("/a.gz", "bytes=1000-")


def test_a_host_without_ranges_sends_all_again(
    remote: Remote, tmp_path: Path, web_server: Any
) -> None:
    (tmp_path / "a.gz.part").write_bytes(DATA[:500])
    web_server.ranges = False
    assert fetch(remote, tmp_path).read_bytes() == DATA


def test_a_finished_part_is_taken_and_a_foreign_one_is_not(
    remote: Remote, tmp_path: Path, web_server: Any
) -> None:
    (tmp_path / "a.gz.part").write_bytes(DATA)
    assert fetch(remote, tmp_path).read_bytes() == DATA
    assert not web_server.requests
    for part in (b"x" * len(DATA), b"x" * (len(DATA) + 5)):
        (tmp_path / "a.gz.part").write_bytes(part)
        assert fetch(remote, tmp_path).read_bytes() == DATA


def test_other_data_are_deleted(remote: Remote, tmp_path: Path, web_server: Any) -> None:
    web_server.files["/a.gz"] = b"y" * len(DATA)
    with pytest.raises(InputError, match="wrong checksum and was deleted"):
        fetch(remote, tmp_path)
    assert not list(tmp_path.iterdir())
    web_server.files["/a.gz"] = DATA * 2
    with pytest.raises(InputError, match="sends more than"):
        fetch(remote, tmp_path)
    web_server.files["/a.gz"] = DATA[:9]
    (tmp_path / "a.gz.part").write_bytes(DATA[:100])  # the host answers 416, then sends 9 bytes
    with pytest.raises(InputError, match="connection ended after 9"):
        fetch(remote, tmp_path)


def test_what_a_user_sees_without_a_network(
    remote: Remote, tmp_path: Path, web_server: Any
) -> None:
    del web_server.files["/a.gz"]
    with pytest.raises(InputError, match=r"the host answers 404 .*put the file into"):
        fetch(remote, tmp_path)
    gone = Remote("a.gz", "http://127.0.0.1:9/a.gz", 5, "")
    with pytest.raises(InputError, match=r"cannot fetch .*refused.*without a network"):
        fetch(gone, tmp_path)


def test_only_https_also_after_a_redirection(
    web_server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = Remote("a", f"{web_server.url}/a", 5, "")
    with pytest.raises(InputError, match="only HTTPS is used"):
        fetch(plain, tmp_path)
    assert not web_server.requests
    monkeypatch.setattr(download, "_SCHEMES", ("http",))
    web_server.redirects["/a"] = "ftp://127.0.0.1/a"
    with pytest.raises(InputError, match="only HTTPS is used"):
        fetch(plain, tmp_path)


def test_a_folder_that_cannot_be_written(remote: Remote, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot download into"):
        fetch(remote, tmp_path / "file" / "x")


def test_all_published_files_are_https() -> None:
    from convae.images.sources.named_sets import _SETS

    for named in _SETS.values():
        for remote in named.remotes:
            assert remote.url.startswith("https://")
            assert len(remote.md5) == 32
