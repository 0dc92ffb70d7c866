"""Classical fills: against scikit-image and a dense solve, what they keep, and what they refuse."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.restoration import inpaint_biharmonic

from convae.classical.filling import TENSION, biharmonic_fill, harmonic_fill, tension_fill
from convae.errors import InputError

Fill = Callable[..., torch.Tensor]
FILLS: list[Fill] = [harmonic_fill, biharmonic_fill, tension_fill]
EXACT: dict[str, Any] = {"tolerance": 1e-10, "steps": 5000}


def scene(*shape: int, share: float = 0.5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A smooth batch and scattered holes."""
    generator = torch.Generator().manual_seed(seed)
    b, c, h, w = shape
    rough = torch.rand(b, c, h // 4 + 2, w // 4 + 2, generator=generator, dtype=torch.float64)
    batch = torch.nn.functional.interpolate(rough, size=(h, w), mode="bicubic")
    return batch, (torch.rand(b, 1, h, w, generator=generator) < share).double()


def boxes(height: int, width: int) -> torch.Tensor:
    mask = torch.zeros(1, 1, height, width)
    mask[..., 3:9, 5:14] = mask[..., height - 4 :, : width // 3] = 1
    return mask


@pytest.mark.parametrize("size", [(24, 31), (9, 40), (16, 16)])
@pytest.mark.parametrize("wide", [False, True])
def test_the_biharmonic_fill_is_that_of_scikit_image(size: tuple[int, int], wide: bool) -> None:
    batch, mask = scene(1, 3, *size)
    mask = boxes(*size).double() if wide else mask
    holes = mask[0, 0].numpy() > 0
    expected = inpaint_biharmonic(
        np.moveaxis((batch * (1 - mask))[0].numpy(), 0, 2), holes, channel_axis=2
    )
    filled = biharmonic_fill(batch, mask, **EXACT)[0].numpy()
    assert np.moveaxis(filled, 0, 2) == pytest.approx(expected, abs=1e-6)


def test_the_harmonic_fill_solves_the_laplace_equation() -> None:
    """Each missing pixel against the means of its neighbours, solved as one dense system."""
    batch, mask = scene(1, 1, 11, 13)
    holes = mask[0, 0].numpy() > 0
    image, places = batch[0, 0].numpy(), np.argwhere(holes)
    number = {tuple(place): i for i, place in enumerate(places)}
    matrix, right = np.zeros((len(places), len(places))), np.zeros(len(places))
    for i, (y, x) in enumerate(places):
        for there in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= there[0] < 11 and 0 <= there[1] < 13):
                continue
            matrix[i, i] += 1
            if there in number:
                matrix[i, number[there]] -= 1
            else:
                right[i] += image[there]
    expected = np.linalg.solve(matrix, right)
    filled = harmonic_fill(batch, mask, **EXACT)[0, 0].numpy()
    assert filled[holes] == pytest.approx(expected, abs=1e-8)


def test_the_fill_in_tension_solves_its_equation() -> None:
    """Against a dense system whose matrix is built from the definition of the Laplacian of a graph."""
    batch, mask = scene(1, 1, 11, 13)
    mask[..., 2:8, 3:9] = 1
    holes, shape = mask[0, 0].numpy().ravel() > 0, (11, 13)
    laplacian = np.zeros((11 * 13, 11 * 13))
    for y, x in np.ndindex(*shape):
        for there in ((y + 1, x), (y, x + 1)):
            if there[0] < shape[0] and there[1] < shape[1]:
                i, j = np.ravel_multi_index((y, x), shape), np.ravel_multi_index(there, shape)
                laplacian[i, i] += 1
                laplacian[j, j] += 1
                laplacian[i, j] = laplacian[j, i] = -1
    equation = laplacian @ laplacian + TENSION**2 * laplacian
    image = batch[0, 0].numpy().ravel()
    right = -equation[np.ix_(holes, ~holes)] @ image[~holes]
    expected = np.linalg.solve(equation[np.ix_(holes, holes)], right)
    filled = tension_fill(batch, mask, **EXACT)[0, 0].numpy().ravel()
    limited = expected.clip(image[~holes].min(), image[~holes].max())
    assert filled[holes] == pytest.approx(limited, abs=1e-8)


@pytest.mark.parametrize("fill", FILLS)
def test_planes_go_on_through_holes(fill: Fill) -> None:
    rows, columns = torch.meshgrid(torch.arange(20.0), torch.arange(17.0), indexing="ij")
    plane = (rows + 2 * columns)[None, None].double()
    mask = torch.zeros_like(plane)
    mask[..., 4:12, 5:10] = 1
    assert torch.allclose(fill(plane, mask, **EXACT), plane, atol=1e-6)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 30), (2, 3), (33, 18), (64, 64)])
def test_known_pixels_and_dtype_stay(fill: Fill, dtype: torch.dtype, size: tuple[int, int]) -> None:
    batch, mask = scene(3, 2, *size)
    batch = batch.to(dtype)
    hidden = torch.where(mask > 0, torch.nan, batch)  # what stands in a hole does not matter
    filled = fill(hidden, mask)
    assert filled.dtype == dtype
    assert bool(torch.isfinite(filled).all())
    assert torch.equal(torch.where(mask > 0, batch, filled), batch)
    assert torch.equal(filled, fill(batch, mask > 0))


@pytest.mark.parametrize("fill", FILLS)
def test_values_stay_within_those_that_are_known(fill: Fill) -> None:
    batch, mask = scene(4, 3, 40, 40, share=0.8)
    filled = fill(batch, mask)
    for image, holes, result in zip(batch, mask, filled, strict=True):
        for before, after in zip(image, result, strict=True):
            known = before[holes[0] == 0]
            assert known.min() <= after.min()
            assert after.max() <= known.max()


@pytest.mark.parametrize("fill", FILLS)
def test_images_do_not_depend_on_their_neighbours(fill: Fill) -> None:
    batch, mask = scene(3, 1, 32, 32)
    mask[1] = 0
    mask[1, :, 4:30, 4:30] = 1  # takes many more steps than the others
    together = fill(batch, mask)
    for i in range(3):
        alone = fill(batch[i : i + 1], mask[i : i + 1])
        assert torch.allclose(together[i], alone[0], atol=1e-12)


@pytest.mark.parametrize("fill", FILLS)
def test_nothing_missing_and_everything_missing(fill: Fill) -> None:
    batch, _ = scene(2, 1, 9, 9)
    assert torch.equal(fill(batch, torch.zeros(2, 1, 9, 9)), batch)
    assert torch.equal(fill(batch, torch.ones(2, 1, 9, 9)), torch.zeros_like(batch))


def test_a_mask_of_another_shape_is_refused() -> None:
    with pytest.raises(
        InputError, match=r"needs a mask \(B, 1, H, W\); got \(2, 3, 8, 8\) and \(2, 3, 8, 8\)"
    ):
        harmonic_fill(torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, 8))


def test_the_published_floor_of_random_holes(shared_data: Path) -> None:
    """Biharmonic on Set12, half of the pixels missing at random: 28.11 dB on those, as others found it."""
    values = []
    for i, path in enumerate(sorted((shared_data / "denoise" / "set12").glob("*.png"))):
        clean = torch.tensor(np.array(Image.open(path).convert("L"))) / 255
        holes = torch.tensor(np.random.default_rng(1000 + i).random(clean.shape) < 0.5)
        filled = biharmonic_fill(clean[None, None], holes[None, None])[0, 0]
        error = (filled - clean)[holes].square().mean()
        values.append(float(-10 * error.log10()))
    assert np.mean(values) == pytest.approx(28.11, abs=0.02)
