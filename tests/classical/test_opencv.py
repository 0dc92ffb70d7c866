"""The fills of OpenCV: what they keep, that they fill, and what is said without OpenCV."""

import importlib.util

import pytest
import torch

from convae.classical import opencv
from convae.classical.opencv import has_opencv, navier_stokes, telea
from convae.errors import MissingExtraError

with_opencv = pytest.mark.skipif(
    importlib.util.find_spec("cv2") is None, reason="OpenCV is not installed"
)


@with_opencv
@pytest.mark.parametrize("fill", [telea, navier_stokes])
def test_a_slope_goes_on_and_known_pixels_stay(fill: opencv.Fill) -> None:
    slope = torch.linspace(0, 1, 24).expand(2, 3, 20, 24).clone()
    mask = torch.zeros(2, 1, 20, 24)
    mask[:, :, 8:11, 10:13] = 1
    given = torch.where(mask > 0, torch.nan, slope)
    filled = fill(given, mask)
    known = (mask == 0).expand_as(slope)
    assert torch.equal(filled[known], slope[known])
    assert float((filled - slope).abs().max()) < 0.1


def test_without_opencv_the_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opencv, "has_opencv", lambda: False)
    assert has_opencv() == (importlib.util.find_spec("cv2") is not None)
    with pytest.raises(
        MissingExtraError, match="filling by OpenCV needs the package opencv-python-headless"
    ):
        telea(torch.zeros(1, 1, 4, 4), torch.ones(1, 1, 4, 4))
