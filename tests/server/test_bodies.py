"""What a request body may hold."""

import io
import struct
import tarfile
from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.server.bodies import codes_of, images_of, npy_array
from convae.server.failures import RequestError

TAR = "application/x-tar"


def tar(*members: tuple[str, bytes], **changes: Any) -> bytes:
    handle = io.BytesIO()
    with tarfile.open(fileobj=handle, mode="w") as archive:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            for key, value in changes.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(data))
    return handle.getvalue()


def refused(data: bytes, media: str = TAR, **options: Any) -> RequestError:
    with pytest.raises(RequestError) as found:
        images_of(data, media, **{"most": 3, **options})
    return found.value


def test_a_body_is_one_image_and_a_tar_several() -> None:
    (one,), several = images_of(b"abc", "image/png", most=3, page=2)
    assert (one.data, one.page, several) == (b"abc", 2, False)
    found, several = images_of(tar(("a.png", b"1"), ("b/c.png", b"22")), TAR, most=3)
    assert [(one.name, one.data) for one in found] == [("a.png", b"1"), ("b/c.png", b"22")]
    assert several


def test_a_tar_is_bounded_and_holds_plain_files() -> None:
    assert refused(tar(*[(f"{n}", b"x") for n in range(4)])).status == 413
    assert "holds no file" in refused(tar()).message
    link = tar(("a.png", b""), type=tarfile.SYMTYPE, linkname="/etc/passwd")
    assert "no plain file" in refused(link).message
    device = tar(("a.png", b""), type=tarfile.CHRTYPE)
    assert "no plain file" in refused(device).message
    assert "no tar" in refused(b"\x1f\x8b" + 600 * b"a").message
    assert refused(b"x" * 2000).status == 422
    whole = tar(("a.png", 2000 * b"x"))
    assert "truncated" in refused(whole[:1200]).message or "no tar" in refused(whole[:1200]).message


def test_a_member_that_lies_about_its_size_takes_no_memory() -> None:
    data = bytearray(tar(("a.png", b"x")))
    data[124:136] = b"77777777777\0"  # 8 GiB
    data[148:156] = b"        "
    data[148:156] = f"{sum(data[:512]):06o}\0 ".encode()
    assert refused(bytes(data)).status == 422


def test_masks_belong_to_images_by_name_or_order() -> None:
    def pairs(*names: str) -> list[tuple[str, bytes | None]]:
        files = [(name, name.encode()) for name in names]
        found, _ = images_of(tar(*files), TAR, most=3, masks=True)
        return [(one.name, one.mask) for one in found]

    assert pairs("photo.png", "holes.png") == [("photo.png", b"holes.png")]
    assert pairs("mask.png", "image.png") == [("image.png", b"mask.png")]
    assert pairs("a.png", "a_mask.png", "b.jpg") == [("a.png", b"a_mask.png"), ("b.jpg", None)]
    files = [(name, b"x") for name in ("a.png", "b.png", "c_mask.png")]
    assert "belongs to no image" in refused(tar(*files), masks=True).message


@pytest.mark.parametrize("media", ["multipart/form-data", "text/html", "image/svg+xml"])
def test_bodies_that_are_no_image_are_refused_by_type(media: str) -> None:
    assert refused(b"x", media).status == 415


def npy(array: np.ndarray) -> bytes:
    handle = io.BytesIO()
    np.save(handle, array, allow_pickle=True)
    return handle.getvalue()


def test_codes_come_as_npy_or_json() -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    np.testing.assert_array_equal(codes_of(npy(array), ""), array)
    np.testing.assert_array_equal(npy_array(npy(np.asfortranarray(array))), array)
    for text in (b"[1, 2.5]", b'{"codes": [[1, 2], [3, 4]]}'):
        assert codes_of(text, "application/json").dtype == np.float64


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"[true]",
        b'["a"]',
        b"[[1],[1,2]]",
        b"[null]",
        b"[" * 5000,
        b"3",
        b'{"codes": 1}',
    ],
)
def test_what_is_no_list_of_numbers_is_refused(text: bytes) -> None:
    with pytest.raises(RequestError) as found:
        codes_of(text, "application/json")
    assert found.value.status == 400


def test_hostile_npy_files_are_refused() -> None:

    with pytest.raises(InputError, match="must hold numbers"):
        npy_array(npy(np.array(["a"])))
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }"
    huge = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + b"1234"
    with pytest.raises(InputError, match="truncated"):
        npy_array(huge)
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    objects = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n" + b"1234"
    with pytest.raises(InputError, match="must hold numbers"):
        npy_array(objects)
    for cut in (6, 9, 20):
        with pytest.raises(InputError, match="damaged"):
            npy_array(huge[:cut])
