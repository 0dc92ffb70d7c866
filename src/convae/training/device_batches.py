"""Batches on the device of the network; an accelerator keeps all images if they fit into its memory.

A batch is then selected within that memory: copying each batch from the host would take longer than a step of
a small network. Images keep the depth of their files, and are scaled inside the step.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from convae.images.dataset.image_set import ImageSet
from convae.images.files.image import Pixels

SHARE = 0.4  # of the free memory of the device; the network needs the rest
SELECTABLE = ("uint8", "float32")  # torch cannot index uint16 on accelerators


class Batches:
    """The batches of a set of images, for a network on a device.

    Args:
        images: the set.
        device: of the network.
        room: bytes that images may occupy on the device; None takes a fraction of the free memory (nothing on
            a CPU, which has the images already).
    """

    def __init__(self, images: ImageSet, device: torch.device, room: int | None = None) -> None:
        self._images, self._device = images, device
        whole = images.whole() if images.depth in SELECTABLE else None
        fits = whole is not None and whole.nbytes <= (_room(device) if room is None else room)
        self._kept: Tensor | None = None
        if whole is not None and fits:
            self._kept = torch.from_numpy(whole).to(device)

    @property
    def kept(self) -> bool:
        """Whether all images are on the device."""
        return self._kept is not None

    def of(
        self, order: Sequence[np.ndarray], seed_epoch: tuple[int, int]
    ) -> Iterator[Pixels | Tensor]:
        """Yield (n, C, H, W) for each item of ``order``, as stored in files; see ``ImageSet.batches``."""
        if self._kept is None:
            yield from self._images.batches(order, seed_epoch)
            return
        for positions in order:
            yield self._kept[torch.from_numpy(positions % len(self._kept)).to(self._device)]


def _room(device: torch.device) -> int:
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return int(SHARE * free)
