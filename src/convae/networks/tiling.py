"""A network over the tiles of a large image, equal to what it makes of the whole.

What a convolutional network says of a pixel depends on the pixels within its reach alone. So each tile is
computed with that much around it, and the middle is kept: no blending, no seams, and memory that does not
grow with the image.
"""

import math
from collections.abc import Callable
from typing import NamedTuple, cast

from torch import Tensor, nn

from convae.networks.autoencoder import Autoencoder
from convae.networks.layers import AROUND, DepthToSpace, SpaceToDepth, Step

TILE = 1024  # pixels a side that are kept of a tile, before rounding to the network's multiple


def reach(network: Autoencoder) -> int:
    """How many pixels away a result can still depend on a pixel (an upper bound), a multiple of the factor.

    Convolutions add half their kernel at their own resolution, one after the other; what goes round
    through a skip sees no further.
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
            total, step = total + step, step * max(cast(Step, module.kernel_size))
    factor = max(network.architecture.factor)
    return factor * (int(total) // factor + 2)


class Tile(NamedTuple):
    """One piece of an image; rows and columns of each.

    Attributes:
        seen: of the image, what the network is given.
        kept: of what it gives, what is right.
        place: of the image, where that belongs.
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
    """The pieces that an image of this size is computed in.

    Args:
        network: its reach decides how much of its surroundings a piece is given.
        tile: pixels a side; images up to one and a half of it go in one piece, as do those for a network
            that looks at whole images.
        around: pixels that what is made of the network's output looks at on each side, beyond its reach.
        step: pieces begin at multiples of it, and of the network's own.
    """
    if max(height, width) <= 1.5 * tile or looks_at_all(network):
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


def looks_at_all(network: Autoencoder) -> bool:
    """Whether what the network says of a pixel may depend on all others."""
    a = network.architecture
    return (
        a.code == "dense"
        or a.norm in ("group", "layer")  # normalise over the whole image
        or a.bottleneck == "winners"  # of a number, over its positions
        or a.levels > 1
    )


def _along(at: int, size: int, side: int, margin: int) -> tuple[slice, slice, slice]:
    """What is seen, kept of that, and where it belongs, along one axis."""
    start, end = max(0, at - margin), min(size, at + side)
    seen = slice(start, min(size, at + side + margin))
    return seen, slice(at - start, end - start), slice(at, end)


def over_tiles(
    network: Autoencoder, function: Callable[[Tensor], Tensor], x: Tensor, tile: int = TILE
) -> Tensor:
    """``function`` of images that may be too large for one go.

    Args:
        network: what ``function`` computes with.
        function: (B, inputs, h, w) to (B, C, h, w).
        x: (B, inputs, H, W).
        tile: as for :func:`tiles`.
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
