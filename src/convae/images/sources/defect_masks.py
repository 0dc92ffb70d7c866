"""Masks of defects: which pixels of an anomalous image are anomalous."""

import numpy as np

from convae.errors import ImageError
from convae.images.files.image import Image
from convae.images.sources.base import ImageSource
from convae.images.sources.masks import Missing
from convae.images.sources.matching import NONE, match


class DefectMasks:
    """The masks of some anomalous images, matched by name; a name may end with ``_mask``.

    Args:
        masks: the mask files.
        images: the anomalous images.
        positions: (n,) position of each of them among all images.

    Raises:
        InputError: none belongs to an image, or two may belong to the same.
    """

    def __init__(self, masks: ImageSource, images: ImageSource, positions: list[int]) -> None:
        self.description = masks.description
        self._masks = masks
        matched = match(images, masks, what="mask", unmarked=True).positions.tolist()
        self._of = {
            index: mask for index, mask in zip(positions, matched, strict=True) if mask != NONE
        }

    def __len__(self) -> int:
        return len(self._of)

    def of(self, index: int, size: tuple[int, int]) -> Missing | None:
        """Return the mask (H, W) of an image; None if it has none.

        Raises:
            ImageError: the mask cannot be used: unreadable, of another size, or empty.
        """
        position = self._of.get(index)
        if position is None:
            return None
        image = self._masks.read(position)
        mask, name = defect_mask(image), image.info.name
        if mask.shape != size:
            raise ImageError(
                name,
                f"the mask is {mask.shape[0]}x{mask.shape[1]} and its image {size[0]}x{size[1]}: both must "
                "have one size (height x width)",
            )
        if not mask.any():
            raise ImageError(name, "the mask is empty, and its image is labelled as anomalous")
        return mask


def defect_mask(image: Image) -> Missing:
    """Return (H, W), True where a mask is above half of its maximum in any colour; opacity is ignored."""
    pixels = image.pixels
    if pixels.shape[2] in (2, 4) and image.info.opacity is not None:
        pixels = pixels[..., :-1]
    values = np.nan_to_num(pixels.astype(np.float64), nan=0, posinf=0, neginf=0).max(axis=2)
    top = float(values.max(initial=0))
    found: Missing = values > top / 2 if top > 0 else np.zeros(values.shape, np.bool_)
    return found
