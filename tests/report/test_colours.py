from typing import Any

import numpy as np
import pytest

from convae.report.colours import CLASSES, DARK, LIGHT, class_colour, colour_map, hex_to_rgb


def _linear(rgb: Any) -> Any:
    share = np.asarray(rgb, dtype=np.float64) / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def _oklab(rgb: Any) -> Any:
    """OKLab after Ottosson (2020), https://bottosson.github.io/posts/oklab/."""
    to_cone = [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
    to_lab = [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
    return np.cbrt(_linear(rgb) @ np.array(to_cone).T) @ np.array(to_lab).T


def test_colour_map_has_its_reference_ends() -> None:
    assert colour_map(np.array([0.0, 0.5, 1.0])).tolist() == [
        [0x0A, 0x0C, 0x25],
        list(colour_map(np.array(0.5))),
        [0xFF, 0xF5, 0xA5],
    ]
    assert np.abs(colour_map(np.array(0.5)).astype(int) - [0xC9, 0x33, 0x61]).max() <= 2


def test_colour_map_is_perceptually_even() -> None:
    lab = _oklab(colour_map(np.linspace(0, 1, 17)))
    steps = np.linalg.norm(np.diff(lab, axis=0), axis=1)
    assert (np.diff(lab[:, 0]) > 0.02).all()
    assert steps.max() < 1.25 * steps.min()


def test_colour_map_takes_anything() -> None:
    values = np.array([[np.nan, -np.inf, -1], [np.inf, 2, 1]])
    colours = colour_map(values)
    assert colours.dtype == np.uint8
    assert colours.shape == (2, 3, 3)
    assert (colours[0] == colours[0, 0]).all()
    assert (colours[1] == colours[1, 0]).all()


def _contrast(first: Any, second: Any) -> Any:
    weights = np.array([0.2126, 0.7152, 0.0722])
    levels = sorted(float(_linear(hex_to_rgb(c)) @ weights) for c in (first, second))
    return (levels[1] + 0.05) / (levels[0] + 0.05)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_text_can_be_read(palette: Any) -> None:
    for name in ("ink", "muted", "good", "bad"):
        for ground in ("page", "paper"):
            assert _contrast(palette[name], palette[ground]) >= 4.5
    for name in ("model", "baseline"):
        assert _contrast(palette[name], palette["paper"]) >= 3


def test_class_colours_differ_and_repeat() -> None:
    assert len(set(CLASSES)) == 10
    assert class_colour(13) == class_colour(3)
    for colour in CLASSES:
        assert min(_contrast(colour, p["paper"]) for p in (LIGHT, DARK)) >= 2.4
