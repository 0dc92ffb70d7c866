"""Apply a network to the tiles of a large image; the result equals that for the whole image.

The output of a convolutional network at a pixel depends only on the pixels within its reach. So each tile is
computed with a margin of that width, and only its middle is kept: no blending, no seams, and memory that does
not grow with the image.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, cast

from torch import Tensor, nn

from convae.networks.autoencoder import Autoencoder
from convae.networks.layers import AROUND, DepthToSpace, SpaceToDepth
from convae.networks.stages import Step

TILE = 1024  # pixels a side of the kept part of a tile, before rounding to the network's multiple


def reach(network: Autoencoder) -> int:
    """Return how far away, in pixels, a result can depend on a pixel.

    It is an upper bound and a multiple of the factor. Each convolution adds half its kernel at its own
    resolution. A path through a skip reaches no further.
    """
    total, step = float(AROUND if network.architecture.contrast else 0), 1.0
    parts = [network.encoder, network.bottleneck, network.decoder, network.refinement]
    for module in (m for part in parts if part is not None for m in part.modules()):
        if isinstance(module, SpaceToDepth):
            total, step = total + step * (max(module.step) - 1), step * max(module.step)
        elif isinstance(module, DepthToSpace):
            step /= max(module.step)
        elif isinstance(module, nn.Upsample):
            total, step = total + step, step / max(cast(Step, module.scale_factor))
        elif isinstance(module, nn.ConvTranspose2d):
            total, step = total + step * module.kernel_size[0], step / max(module.stride)
        elif isinstance(module, nn.Conv2d):
            total, step = total + step * (module.kernel_size[0] // 2), step * max(module.stride)
        elif isinstance(module, nn.MaxPool2d | nn.AvgPool2d):
            side = max(cast(Step, module.kernel_size))
            total, step = total + step * (side - 1), step * side
    factor = max(network.architecture.factor)
    return factor * (int(total) // factor + 2)


class Tile(NamedTuple):
    """One piece of an image, as slices of (rows, columns).

    Attributes:
        seen: the part of the image that the network receives.
        kept: the part of the network's result that is valid.
        place: the part of the image to which the kept part belongs.
    """

    seen: tuple[slice, slice]
    kept: tuple[slice, slice]
    place: tuple[slice, slice]


def tiles(
    network: Autoencoder,
    height: int,
    width: int,
    tile: int = TILE,
    *,
    around: int = 0,
    step: int = 1,
) -> list[Tile]:
    """Return the pieces in which an image of this size is computed.

    Args:
        network: its reach decides the width of the margin.
        height, width: of the image, in pixels.
        tile: pixels a side. An image of up to 1.5 times that size is one piece, and so is any image for a
            network whose output depends on the whole image.
        around: pixels on each side, in addition to the network's reach, on which later steps depend.
        step: pieces begin at multiples of it, and of the network's own factor.
    """
    if max(height, width) <= 1.5 * tile or depends_on_all(network):
        everything = slice(0, height), slice(0, width)
        return [Tile(everything, everything, everything)]
    factor = math.lcm(*network.architecture.factor, step)
    margin = -(-(reach(network) + around) // factor) * factor
    side = max(factor, tile // factor * factor)
    rows, columns = ([_along(at, size, side, margin) for at in range(0, size, side)]
                     for size in (height, width))  # fmt: skip
    return [
        Tile(*((row, column) for row, column in zip(down, across, strict=True)))
        for down in rows
        for across in columns
    ]


def depends_on_all(network: Autoencoder) -> bool:
    """Whether each output pixel of the network may depend on all input pixels."""
    a = network.architecture
    return (
        a.code == "dense"
        or a.norm in ("group", "layer")  # normalise over the whole image
        or a.bottleneck == "winners"  # the strongest position of a unit, over all its positions
        or a.levels > 1
    )


def _along(at: int, size: int, side: int, margin: int) -> tuple[slice, slice, slice]:
    """Return what is seen, kept of that, and where it belongs, along one axis."""
    start, end = max(0, at - margin), min(size, at + side)
    seen = slice(start, min(size, at + side + margin))
    return seen, slice(at - start, end - start), slice(at, end)


def over_tiles(
    network: Autoencoder, function: Callable[[Tensor], Tensor], x: Tensor, tile: int = TILE
) -> Tensor:
    """Apply ``function`` to images that may be too large for one pass.

    Args:
        network: the network that ``function`` uses.
        function: (B, inputs, h, w) to (B, C, h, w).
        x: (B, inputs, H, W).
        tile: as for :func:`tiles`.

    Returns:
        (B, C, H, W).
    """
    height, width = x.shape[-2:]
    parts = tiles(network, height, width, tile)
    if len(parts) == 1:
        return function(x)
    whole: Tensor | None = None
    for part in parts:
        piece = function(x[(..., *part.seen)].contiguous())
        if whole is None:
            whole = piece.new_empty((*piece.shape[:2], height, width))
        whole[(..., *part.place)] = piece[(..., *part.kept)]
    assert whole is not None
    return whole
