"""The fills of OpenCV, where it is installed: widely used baselines."""

import importlib.util
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from convae.errors import MissingExtraError

RADIUS = 3  # pixels around each missing one that OpenCV uses; the value of its own examples
Fill = Callable[[Tensor, Tensor], Tensor]


def has_opencv() -> bool:
    """Whether OpenCV is installed."""
    return importlib.util.find_spec("cv2") is not None


def telea(batch: Tensor, mask: Tensor) -> Tensor:
    """Fill holes by marching inwards from their borders, with weighted means of the pixels known by then.

    Args:
        batch: (B, C, H, W) in about [0, 1]; every channel is filled on its own.
        mask: (B, 1, H, W), above 0 where a pixel is missing.

    Returns:
        (B, C, H, W), known pixels as they were.

    Raises:
        MissingExtraError: if OpenCV is not installed.

    Source: Telea 2004, doi:10.1080/10867651.2004.10487596, by OpenCV.
    """
    return _filled(batch, mask, "INPAINT_TELEA")


def navier_stokes(batch: Tensor, mask: Tensor) -> Tensor:
    """Fill holes by continuing lines of equal brightness, as in a fluid.

    Args, Returns, Raises: as :func:`telea`, for (B, C, H, W) images and a (B, 1, H, W) mask.

    Source: Bertalmio, Bertozzi, Sapiro 2001, doi:10.1109/CVPR.2001.990497, by OpenCV.
    """
    return _filled(batch, mask, "INPAINT_NS")


def _filled(batch: Tensor, mask: Tensor, method: str) -> Tensor:
    if not has_opencv():
        raise MissingExtraError("filling by OpenCV", "opencv-python-headless")
    import cv2

    holes = (mask > 0).cpu().numpy().astype(np.uint8)[:, 0]
    # OpenCV's constants are made for values up to 255; values inside a hole must not be NaN.
    images = (torch.where(mask > 0, 0, batch) * 255).cpu().numpy().astype(np.float32)
    done = [
        [cv2.inpaint(channel, hole, RADIUS, getattr(cv2, method)) for channel in image]
        for image, hole in zip(images, holes, strict=True)
    ]
    filled = torch.from_numpy(np.asarray(done) / 255).to(batch)
    return torch.where(mask > 0, filled, batch)


__all__ = ["Fill", "has_opencv", "navier_stokes", "telea"]
