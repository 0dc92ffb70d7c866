"""Apply a trained network to many images, in constant memory and with results independent of the batch.

In a batch of another size, convolutions may add up in another order, which changes the last bits. So every
batch has one fixed size, and the last one is padded: an image gives the same values alone or among others.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from convae.errors import InputError
from convae.images.dataset.unit_range import UnitRange, plain_strides
from convae.images.files.image import Pixels
from convae.networks.autoencoder import Autoencoder
from convae.networks.layer_outputs import pooled_layer

BATCH_VALUES = 2**17  # values in a batch of small images; large images are processed one by one
MAX_BATCH = 128
One = TypeVar("One")


def batch_size(values: int) -> int:
    """Return the fixed batch size for images of ``values`` values (C·H·W).

    >>> batch_size(784), batch_size(3 * 32 * 32), batch_size(10**6)
    (128, 42, 1)
    """
    return max(1, min(MAX_BATCH, BATCH_VALUES // values))


class Inference:
    """Encoding, decoding and reconstruction with a network that is not being trained.

    Args:
        network: on its device; put into evaluation mode.
        unit: converts stored values to those of the network, on the same device.
    """

    def __init__(self, network: Autoencoder, unit: UnitRange) -> None:
        self.network = network.eval()
        self.unit = unit

    def encode(
        self, images: Iterable[Pixels], layer: str | None = None
    ) -> Iterator[np.ndarray | None]:
        """Yield the code of each (H, W, C) image: (latent_dim,) or (latent_dim, h, w), float32.

        If ``layer`` is given, yield the output of that layer instead, (c,), averaged over the positions of a
        map. Yield None where the code is not finite.

        Raises:
            InputError: for an unknown layer.
        """
        read = self.network.encode if layer is None else pooled_layer(self.network, layer)
        return self.each(images, read, lambda _, codes: codes.cpu().numpy())

    def reconstruct(self, images: Iterable[Pixels]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (clean, reconstruction) of each (H, W, C) image, both (C, H, W) in about [0, 1].

        Raises:
            InputError: the result of an image is not finite.
        """
        for clean, output in self.batches(images, self.network):
            yield from zip(clean, output.reconstruction, strict=True)

    def batches(
        self, images: Iterable[Pixels], function: Callable[[Tensor], Any]
    ) -> Iterator[tuple[Tensor, Any]]:
        """Yield (clean, ``function(clean)``) for batches (b, C, H, W) of images of one shape, in order.

        Args:
            images: (H, W, C) each.
            function: from a batch to a tensor or a named tuple of tensors whose first axis is the batch.

        Raises:
            InputError: the result of an image is not finite.
        """
        for clean, result in self._batches(images, function):
            if not bool(_finite(result).all()):
                raise InputError(
                    "the model's result for an image is not finite: its values are too far from those that "
                    "the model was fitted on, or the model did not learn; fit it again"
                )
            yield clean, result

    def each(
        self,
        images: Iterable[Pixels],
        function: Callable[[Tensor], Any],
        finish: Callable[[Tensor, Any], Iterable[One]],
    ) -> Iterator[One | None]:
        """Yield one result of ``finish`` for each image; None where the result of ``function`` is not finite.

        Args:
            images: (H, W, C) each.
            function: as for :meth:`batches`.
            finish: from a clean batch and its result to one result for each image.
        """
        for clean, result in self._batches(images, function):
            good = _finite(result).tolist()
            for one, fine in zip(finish(clean, result), good, strict=True):
                yield one if fine else None

    def _batches(
        self, images: Iterable[Pixels], function: Callable[[Tensor], Any]
    ) -> Iterator[tuple[Tensor, Any]]:
        for batch in batches_of_one_shape(images):
            clean = self.unit(np.ascontiguousarray(np.moveaxis(np.stack(batch), 3, 1)))
            yield clean, self._full(clean, function, batch_size(clean[0].numel()))

    def decode(self, codes: Iterable[np.ndarray], seed: int | None = None) -> Iterator[Tensor]:
        """Yield the (C, H, W) image of each code.

        Args:
            codes: (latent_dim,) or (latent_dim, h, w) each.
            seed: for sampling the finer levels of a variational code from their prior given the code; None
                takes the prior's means.

        Raises:
            InputError: an image is not finite.
        """
        for image in self._decoded(codes, seed):
            if not bool(torch.isfinite(image).all()):
                raise InputError(
                    "the image of a code is not finite: the code is too far from those of images, or the "
                    "model did not learn"
                )
            yield image

    def _decoded(self, codes: Iterable[np.ndarray], seed: int | None) -> Iterator[Tensor]:
        iterator, a = iter(codes), self.network.architecture
        size = batch_size(math.prod(a.image_shape))
        rng = None if seed is None else torch.Generator().manual_seed(seed)
        while batch := list(islice(iterator, size)):
            stacked = torch.from_numpy(np.stack(batch)).float().to(self.unit.device)
            if rng is None or self.network.ladder is None:
                yield from self._full(stacked, self.network.decode, size)
                continue
            shape = (size, sum(a.finer_sizes_of(self.network.size_of(stacked))))
            noise = torch.randn(shape, generator=rng).to(stacked.device)
            yield from self._full(stacked, partial(self.network.decode, noise=noise), size)

    def _full(self, batch: Tensor, function: Callable[[Tensor], Any], size: int) -> Any:
        """Apply ``function`` to a batch padded to its fixed size; drop the results of the padding."""
        filling = batch.new_zeros((size - len(batch), *batch.shape[1:]))
        with torch.inference_mode():
            result = function(plain_strides(torch.cat([batch, filling])))
        if isinstance(result, Tensor):
            return result[: len(batch)]
        return type(result)(*(part if part is None else part[: len(batch)] for part in result))


def _finite(result: Any) -> Tensor:
    """Return (b,) whether an image's whole result (a tensor, or a tuple of tensors and None) is finite."""
    parts = (
        [result] if isinstance(result, Tensor) else [part for part in result if part is not None]
    )
    return torch.stack(
        [torch.isfinite(part).flatten(1).all(dim=1) for part in map(_wide, parts)]
    ).all(dim=0)


def _wide(part: Tensor) -> Tensor:
    """Reshape (b,) to (b, 1); leave other shapes as they are."""
    return part[:, None] if part.ndim == 1 else part


def batches_of_one_shape(images: Iterable[Pixels]) -> Iterator[list[Pixels]]:
    """Yield runs of consecutive images of one shape, (H, W, C) each, at most :func:`batch_size` long."""
    run: list[Pixels] = []
    for image in images:
        if run and (image.shape != run[0].shape or len(run) == batch_size(run[0].size)):
            yield run
            run = []
        run.append(image)
    if run:
        yield run
