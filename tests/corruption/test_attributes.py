"""Removed attributes: poses, colour, erased parts, and that the generator decides all."""

import pytest
import torch

from convae.corruption.attributes import POSES, Attributes, erased, grey, posed
from convae.errors import InputError


def images(count: int = 6, channels: int = 3, height: int = 20, width: int = 20) -> torch.Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(7))


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize(("height", "width"), [(9, 9), (6, 9)])
def test_poses_keep_the_shape_and_differ(height: int, width: int) -> None:
    x = images(2, height=height, width=width)
    found = [posed(x, pose) for pose in range(POSES)]
    assert torch.equal(found[0], x)
    assert all(one.shape == x.shape for one in found)
    assert not any(
        torch.equal(found[i], found[j]) for i in range(POSES) for j in range(i + 1, POSES)
    )


def test_square_images_are_turned_and_others_mirrored() -> None:
    square, wide = images(1), images(1, height=4)
    turned = square
    for pose in range(POSES):
        assert torch.equal(posed(square, pose), turned)
        turned = posed(turned, 1)
    assert torch.equal(turned, square)  # four quarters
    for pose in range(POSES):
        assert torch.equal(posed(posed(wide, pose), pose), wide)
    assert torch.equal(posed(wide, 1), wide.flip(-1))
    assert torch.equal(posed(wide, 2), wide.flip(-2))


def test_grey_has_the_same_mean_and_no_colour() -> None:
    x = images()
    found = grey(x)
    assert torch.allclose(found.mean(dim=1), x.mean(dim=1))
    assert torch.equal(found[:, 0], found[:, 2])


def test_what_is_erased_is_one_rectangle_of_the_mean() -> None:
    x = images(40, height=30, width=24)
    found = erased(x, seeded())
    gone = (found != x).any(dim=1)
    for one, image, hole in zip(found, x, gone, strict=True):
        rows, columns = hole.any(dim=1).nonzero()[:, 0], hole.any(dim=0).nonzero()[:, 0]
        top, bottom = int(rows.min()), int(rows.max()) + 1
        left, right = int(columns.min()), int(columns.max()) + 1
        assert bool(hole[top:bottom, left:right].all())
        assert int(hole.sum()) == (bottom - top) * (right - left)
        assert bottom - top <= 0.65 * 30 + 1
        assert right - left <= 0.65 * 24 + 1
        mean = image.mean(dim=(1, 2))
        assert torch.allclose(one[:, top, left], mean)
    assert 0.05 < gone.float().mean() < 0.25


def test_how_often_attributes_are_taken() -> None:
    x = images(300)
    shown, poses = Attributes(colour=0.3, part=0.0).take(x, seeded())
    back = torch.cat([posed(one[None], -int(pose)) for one, pose in zip(shown, poses, strict=True)])
    colourless = (shown[:, 0] == shown[:, 1]).flatten(1).all(dim=1)
    assert torch.equal(back[~colourless], x[~colourless])
    assert 0.2 < colourless.float().mean() < 0.4
    assert poses.dtype == torch.int64
    assert (poses.bincount(minlength=POSES) > 50).all()


def test_images_of_one_channel_have_no_colour_to_lose() -> None:
    x = images(channels=1)
    shown, poses = Attributes(colour=1.0, part=0.0).take(x, seeded())
    for one, image, pose in zip(shown, x, poses.tolist(), strict=True):
        assert torch.equal(one, posed(image[None], pose)[0])


def test_the_generator_decides_all() -> None:
    x = images()
    torch.manual_seed(1)
    first = Attributes().take(x, seeded(3))
    torch.manual_seed(2)
    again = Attributes().take(x, seeded(3))
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not torch.equal(first[0], Attributes().take(x, seeded(4))[0])


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"colour must be a fraction .*2.*part .*-1"):
        Attributes(colour=2, part=-1)
    with pytest.raises(InputError, match=r"images must be \(B, C, H, W\)"):
        Attributes().take(images()[0], seeded())
