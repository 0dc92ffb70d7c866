"""The kinds of files of an answer: which one a request accepts, and how a result is written as it."""

import base64
import io
import json
import math
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from convae.errors import ImageError
from convae.images.files.writing import SUFFIXES, encode_image
from convae.images.sources.naming import below, with_added_suffix
from convae.server.failures import RequestError
from convae.serving.outcome import Outcome

JSON, PNG, TIFF, NPY, TAR = "json", "png", "tiff", "npy", "tar"
OWN = "own"  # the kind of the file that was sent
MEDIA = {
    JSON: "application/json",
    PNG: "image/png",
    TIFF: "image/tiff",
    NPY: "application/x-npy",
    TAR: "application/x-tar",
}
_OF_KIND = {"JPEG": "image/jpeg", "BMP": "image/bmp", "WEBP": "image/webp", "TGA": "image/x-tga"}
_NETPBM = "image/x-portable-anymap"
_IMAGES = (PNG, TIFF)


@dataclass(frozen=True, kw_only=True)
class Body:
    """The body of an answer.

    Attributes:
        data: its bytes.
        media: its media type.
        facts: plain values on the result, which go into a header where the body is not JSON.
    """

    data: bytes
    media: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def media_of(kind: str) -> str:
    """Return the media type of a kind of file: ``image/png`` for ``PNG``."""
    return _OF_KIND.get(kind) or MEDIA.get(kind.lower()) or _NETPBM


def accepted(header: str | None, known: Sequence[str], default: str) -> str:
    """Return the kind of answer that an ``Accept`` header asks for.

    Args:
        header: the value of the header; None or empty accepts everything.
        known: the kinds that there are, such as ``json`` and ``png``.
        default: the kind for those who accept everything; for ``image/*``, too, if it is :data:`OWN`.

    Raises:
        RequestError: 406, none of the accepted kinds is known.

    >>> accepted("image/png;q=0.5, application/json", ("json", "png"), "png")
    'json'
    >>> accepted("*/*", ("json", "png"), "png")
    'png'
    """
    for media in _by_quality(header or "*/*"):
        if media == "*/*":
            return default
        if media == "image/*" and (default == OWN or default in _IMAGES):
            return default
        for kind in known:
            if media == MEDIA[kind] or (media, kind) == ("application/*", JSON):
                return kind
            if media == "image/*" and kind in _IMAGES:
                return kind
    offered = ", ".join(MEDIA[kind] for kind in known)
    raise RequestError(406, f"Accept must allow one of {offered}; got {(header or '')[:200]!r}")


def _by_quality(header: str) -> list[str]:
    """Return the accepted media types, the best first; those of quality 0 are left out."""
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(header.split(",")[:50]):
        media, _, rest = part.partition(";")
        quality = 1.0
        for parameter in rest.split(";"):
            name, _, value = parameter.partition("=")
            if name.strip().lower() == "q":
                quality = _quality(value)
        if quality > 0 and media.strip():
            found.append((-quality, place, media.strip().lower()))
    return [media for _, _, media in sorted(found)]


def _quality(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if 0 <= value <= 1 else 0.0


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON; NaN and infinity become null."""
    return json.dumps(plain(value), allow_nan=False, ensure_ascii=True).encode() + b"\n"


def plain(value: Any) -> Any:
    """Return ``value`` as JSON can hold it: NaN and infinity become null, arrays become lists.

    >>> plain({"a": float("nan"), "b": (1, 2)})
    {'a': None, 'b': [1, 2]}
    """
    if isinstance(value, Mapping):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def npy_bytes(array: np.ndarray) -> bytes:
    """Return an array as the bytes of a ``.npy`` file."""
    handle = io.BytesIO()
    np.save(handle, array, allow_pickle=False)
    return handle.getvalue()


def image_body(outcome: Outcome, kind: str) -> Body:
    """Return a resulting image as PNG, TIFF or NPY, or as the kind of file that was sent.

    Raises:
        RequestError: 406, the kind cannot hold the pixels.
    """
    assert outcome.pixels is not None
    if kind == NPY:
        return Body(data=npy_bytes(outcome.pixels), media=MEDIA[NPY], facts=outcome.facts)
    asked = None if kind == OWN else kind.upper()
    data, made = encode_image(outcome.pixels, like=outcome.like, format=asked, holes=outcome.holes)
    if asked is not None and made != asked:
        shape = "x".join(map(str, outcome.pixels.shape))
        raise RequestError(
            406,
            f"{asked} cannot hold these pixels ({shape} {outcome.pixels.dtype}): ask for "
            f"{MEDIA[TIFF]} or {MEDIA[NPY]}",
        )
    return Body(data=data, media=media_of(made), facts=outcome.facts)


def heatmap_body(outcome: Outcome, kind: str) -> Body:
    """Return the heatmap as a float32 TIFF or NPY, or the picture with it over the image as PNG."""
    assert outcome.heatmap is not None
    if kind == PNG:
        assert outcome.overlay is not None
        data, _ = encode_image(outcome.overlay, format="PNG")
        return Body(data=data, media=MEDIA[PNG], facts=outcome.facts)
    if kind == NPY:
        return Body(data=npy_bytes(outcome.heatmap), media=MEDIA[NPY], facts=outcome.facts)
    data, _ = encode_image(outcome.heatmap, format="TIFF")
    return Body(data=data, media=MEDIA[TIFF], facts=outcome.facts)


def array_body(outcome: Outcome, kind: str) -> Body:
    """Return a code as NPY."""
    assert outcome.array is not None
    return Body(data=npy_bytes(outcome.array), media=MEDIA[kind], facts=outcome.facts)


def values_of(outcome: Outcome, *, heatmap: bool = False, overlay: bool = False) -> dict[str, Any]:
    """Return a result as plain values: images as base64.

    Args:
        heatmap, overlay: whether to add these pictures of a detection.
    """
    found: dict[str, Any] = dict(outcome.facts)
    if outcome.array is not None:
        found["code"] = outcome.array
    if outcome.pixels is not None:
        found["shape"] = list(outcome.pixels.shape)
        found["dtype"] = str(outcome.pixels.dtype)
        data, made = encode_image(
            outcome.pixels, like=outcome.like, format="PNG", holes=outcome.holes
        )
        found["image"] = _embedded(data, media_of(made))
    if heatmap and outcome.heatmap is not None:
        found["heatmap"] = _embedded(heatmap_body(outcome, TIFF).data, MEDIA[TIFF])
    if overlay and outcome.overlay is not None:
        found["overlay"] = _embedded(heatmap_body(outcome, PNG).data, MEDIA[PNG])
    if outcome.notes:
        found["notes"] = outcome.notes
    return found


def _embedded(data: bytes, media: str) -> dict[str, str]:
    return {"media_type": media, "base64": base64.b64encode(data).decode()}


def file_of(outcome: Outcome) -> tuple[Body, str]:
    """Return a result as a file for a tar, and the suffix that belongs to it."""
    if outcome.pixels is not None:
        body = image_body(outcome, OWN)
        kind = next((k for k in SUFFIXES if media_of(k) == body.media), "TIFF")
        return body, SUFFIXES[kind][0]
    if outcome.heatmap is not None:
        return heatmap_body(outcome, TIFF), ".tif"
    return array_body(outcome, NPY), ".npy"


def tar_bytes(files: Sequence[tuple[str, bytes]]) -> bytes:
    """Return files as a tar; the same files give the same bytes."""
    handle = io.BytesIO()
    with tarfile.open(fileobj=handle, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return handle.getvalue()


class Names:
    """Names for the files of a tar: relative, without ``..``, and each only once."""

    def __init__(self) -> None:
        self._given = {"results.json"}

    def free(self, name: str, suffix: str) -> str:
        """Return a name for the result of an image called ``name``, with this suffix."""
        path = PurePosixPath(below(name.replace("\\", "/").replace("\0", "")))
        known = {one for suffixes in SUFFIXES.values() for one in suffixes}
        if path.suffix.lower() != suffix:
            path = path.with_suffix(suffix) if path.suffix.lower() in known else path
            path = path if path.suffix == suffix else PurePosixPath(f"{path}{suffix}")
        found, number = str(path), 1
        while found in self._given:
            number += 1
            found = with_added_suffix(str(path.with_suffix("")), f"-{number}{suffix}")
        self._given.add(found)
        return found


Entry = tuple[str, Outcome | ImageError]


def listed(entries: Sequence[Entry], values: Callable[[Outcome], dict[str, Any]]) -> list[Any]:
    """Return the results of several images as plain values: each with its name, or with its error."""
    return [
        {"name": name, "error": one.reason}
        if isinstance(one, ImageError)
        else {"name": name, **values(one)}
        for name, one in entries
    ]
