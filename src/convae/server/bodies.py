"""What a request body may hold: an image, a tar of images, or an array of codes; nothing is unpickled."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import numpy as np

from convae.errors import InputError, brief
from convae.server.failures import RequestError
from convae.server.given_images import Given

TAR_TYPES = ("application/x-tar", "application/tar")
_REFUSED = (
    "multipart/form-data",
)  # curl --data-binary calls every body application/x-www-form-urlencoded
_TEXT = (
    "text/html",
    "text/plain",
    "text/xml",
    "application/xml",
    "image/svg+xml",
    "application/pdf",
)
MASK = "mask"
_MAGIC = b"\x93NUMPY"
_DEEPEST = 6  # lists within lists in JSON


def media_type(header: str | None) -> str:
    """Return the media type of a ``Content-Type`` header, without its parameters.

    >>> media_type("Image/PNG; charset=x"), media_type(None)
    ('image/png', '')
    """
    return (header or "").partition(";")[0].strip().lower()


def refuse_type(media: str) -> None:
    """Refuse a body whose declared type is no image.

    Raises:
        RequestError: 415.
    """
    if media in _REFUSED:
        raise RequestError(
            415,
            f"Content-Type {media} is not read: send the image file itself as the body (curl: "
            "--data-binary @image.png -H 'Content-Type: image/png'), or several as application/x-tar",
        )
    if media in _TEXT:
        raise RequestError(
            415, f"Content-Type {media} is no image that is read: send PNG, JPEG, TIFF, ..."
        )


def images_of(
    data: bytes, media: str, *, most: int, page: int | None = None, masks: bool = False
) -> tuple[list[Given], bool]:
    """Return the images of a body, and whether it was a tar of several.

    Args:
        data: the body.
        media: its media type.
        most: the largest number of images in a tar.
        page: which picture of the file is meant, from 0; None if each file holds one.
        masks: whether a tar holds masks as well: the mask of ``a.png`` is called ``a_mask.png``; of two
            files, the second is the mask of the first.

    Raises:
        RequestError: 400, 413, 415 or 422, with the reason.
    """
    refuse_type(media)
    if not data:
        raise RequestError(400, "the body is empty: send an image file as the body")
    if media not in TAR_TYPES:
        return [Given(data=data, page=page)], False
    members = list(_members(data, most * (2 if masks else 1)))
    if not masks:
        return [Given(data=inside, name=name, page=page) for name, inside in members], True
    paired = _paired(members, page)
    return paired, len(members) > 2 or len(paired) > 1


def _members(data: bytes, most: int) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the files in a tar, from memory."""
    count = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                if not member.isreg() or member.issparse():
                    raise RequestError(
                        422, f"{brief(member.name, 80)!r} in the tar is no plain file: links and others are "
                        "not read"
                    )  # fmt: skip
                count += 1
                if count > most:
                    raise RequestError(
                        413, f"the tar holds more than {most} files: send fewer at a time"
                    )
                if member.size > len(data):
                    raise RequestError(422, "the tar is truncated")
                file = tar.extractfile(member)
                inside = b"" if file is None else file.read(member.size)
                if len(inside) != member.size:
                    raise RequestError(422, "the tar is truncated")
                yield brief(member.name, 200), inside
    except tarfile.TarError as error:
        raise RequestError(
            422, f"the body is no tar, or a compressed or damaged one: {brief(error, 80)}"
        ) from error
    except (ValueError, OverflowError, EOFError, RecursionError) as error:
        raise RequestError(422, f"the tar is damaged: {brief(error, 80)}") from error
    if not count:
        raise RequestError(422, "the tar holds no file")


def _paired(members: list[tuple[str, bytes]], page: int | None) -> list[Given]:
    """Return images with their masks."""
    masks = {_stem(name): data for name, data in members if _is_mask(name)}
    images = [(name, data) for name, data in members if not _is_mask(name)]
    if len(members) == 2 and len(images) == 2:
        (name, data), (_, mask) = members
        return [Given(data=data, name=name, page=page, mask=mask)]
    if len(images) == 1 and len(masks) == 1:
        return [
            Given(data=data, name=name, page=page, mask=next(iter(masks.values())))
            for name, data in images
        ]
    found = [
        Given(data=data, name=name, page=page, mask=masks.pop(_plain_stem(name), None))
        for name, data in images
    ]
    if masks or not found:
        raise RequestError(
            422,
            "a mask in the tar belongs to no image: the mask of a.png must be called a_mask.png",
        )
    return found


def _plain_stem(name: str) -> str:
    return str(PurePosixPath(name).with_suffix("")) if PurePosixPath(name).name else name


def _is_mask(name: str) -> bool:
    last = PurePosixPath(name).stem.lower()
    return last == MASK or last.endswith(("_mask", "-mask"))


def _stem(name: str) -> str:
    """Return the stem of the image that a mask belongs to."""
    stem = _plain_stem(name)
    return stem[: -len(MASK) - 1] if len(stem) > len(MASK) else stem


def codes_of(data: bytes, media: str) -> np.ndarray:
    """Return the codes in a body: a ``.npy`` file, or JSON: a list of numbers, or ``{"codes": ...}``.

    Raises:
        RequestError: 400 or 415, with the reason.
        InputError: the array is not one of numbers.
    """
    if not data:
        raise RequestError(400, "the body is empty: send codes as JSON or as a .npy file")
    if data.startswith(_MAGIC):
        return npy_array(data)
    if media in ("", "application/json", "application/x-www-form-urlencoded"):
        return _json_codes(data)
    raise RequestError(
        415, f"codes must come as application/json or application/x-npy; got {media!r:.80}"
    )


def npy_array(data: bytes) -> np.ndarray:
    """Return the array of the bytes of a ``.npy`` file, without copying it.

    Raises:
        InputError: it is damaged, or holds anything but numbers.
    """
    handle = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(handle)
        read = (
            np.lib.format.read_array_header_1_0
            if version == (1, 0)
            else np.lib.format.read_array_header_2_0
        )
        shape, fortran, dtype = read(handle)
    except Exception as error:  # damaged headers raise errors of any kind
        raise InputError(f"the .npy file is damaged: {brief(error, 120)}") from error
    if dtype.kind not in "fiu":
        raise InputError(f"the .npy file must hold numbers; it holds {dtype}")
    count, start = 1, handle.tell()
    for side in shape:
        count *= side
    if count * dtype.itemsize != len(data) - start:
        raise InputError("the .npy file is truncated, or longer than its header says")
    flat = np.frombuffer(data, dtype=dtype, count=count, offset=start)
    return flat.reshape(shape, order="F" if fortran else "C")


def _json_codes(data: bytes) -> np.ndarray:
    try:
        found: Any = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RequestError(400, f"the body is not JSON: {brief(error, 100)}") from error
    if isinstance(found, dict):
        found = found.get("codes")
    if not isinstance(found, list) or not found:
        raise RequestError(400, 'codes must be a list of numbers, or {"codes": [[...], ...]}')
    try:
        array = np.array(found, dtype=np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise RequestError(
            400, "codes must be numbers, the same number of them in each code"
        ) from error
    if array.ndim > _DEEPEST or not _numbers_only(found):
        raise RequestError(400, "codes must be numbers, not text, true or false")
    return array


def _numbers_only(values: Any) -> bool:
    if isinstance(values, list):
        return all(_numbers_only(one) for one in values)
    return isinstance(values, int | float) and not isinstance(values, bool)
