from typing import Any

import numpy as np
import pytest

from convae.errors import InputError
from convae.report.pictures.comparison import Comparison, best_and_worst, comparison_picture, grid


def _comparison(
    count: Any = 5, channels: Any = 1, height: Any = 8, width: Any = 8, names: Any = True
) -> Any:
    rng = np.random.default_rng(0)
    pixels = rng.random((count, channels, height, width))
    return Comparison(
        originals=pixels,
        reconstructions=pixels * 0.9,
        names=[f"folder/image_{k}.png" for k in range(count)] if names else (),
        errors=np.linspace(0.001, 0.01, count) if names else (),
    )


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (1, 64), (97, 131), (480, 480)])
def test_any_size_gives_a_picture(channels: Any, size: Any) -> None:
    picture = comparison_picture(_comparison(2, channels, *size))
    assert picture.dtype == np.uint8
    assert picture.ndim == 3
    assert max(picture.shape) < 2000


def test_hostile_names_are_drawn() -> None:
    pixels = np.full((2, 1, 4, 4), 0.5)
    names = ["\u202e\x00<b>\n猫" * 50, ""]
    picture = comparison_picture(Comparison(originals=pixels, reconstructions=pixels, names=names))
    assert (picture >= 0).all()


def test_images_stand_where_they_belong() -> None:
    black, white = np.zeros((3, 8, 8, 3), np.uint8), np.full((3, 8, 8, 3), 200, np.uint8)
    sheet = grid([black, white], side=8)
    rows, columns = np.nonzero((sheet == 0).all(axis=-1))
    below = np.nonzero((sheet == 200).all(axis=-1))[0]
    assert len(rows) == 3 * 64
    assert rows.max() < below.min()
    assert columns.max() - columns.min() > 2 * 72


def test_many_images_wrap_evenly() -> None:
    images = np.zeros((9, 4, 4, 3), np.uint8)
    assert grid([images], columns=8).shape[1] < grid([images[:8]], columns=8).shape[1]
    assert grid([images], columns=8).shape[0] > grid([images[:8]], columns=8).shape[0]


def test_grid_refuses_what_does_not_fit() -> None:
    for rows in ([], [np.zeros((0, 1, 1, 3), np.uint8)]):
        with pytest.raises(InputError, match="of one shape"):
            grid(rows)


def test_same_input_same_picture() -> None:
    first, second = (comparison_picture(_comparison()) for _ in range(2))
    assert (first == second).all()


def test_best_and_worst_do_not_overlap() -> None:
    assert best_and_worst([3, 1, np.nan, 2, 5], 8) == ([1, 3], [4, 0])
    assert best_and_worst([1.0], 8) == ([0], [])
    assert best_and_worst([], 8) == ([], [])
    best, worst = best_and_worst(np.arange(100.0), 3)
    assert (best, worst) == ([0, 1, 2], [99, 98, 97])


def test_selection_keeps_names_and_errors_together() -> None:
    part = _comparison().select([4, 0])
    assert list(part.names) == ["folder/image_4.png", "folder/image_0.png"]
    assert part.captions()[1] == ("folder/image_0.png", "MSE 0.00100")
    assert len(_comparison(names=False).select([1])) == 1


def test_faults_are_named() -> None:
    pixels = np.zeros((2, 1, 3, 3))
    with pytest.raises(InputError, match="one shape"):
        Comparison(originals=pixels, reconstructions=pixels[:1])
    with pytest.raises(InputError, match="names must be 2 or none, got 1"):
        Comparison(originals=pixels, reconstructions=pixels, names=["a"])
