"""A network over the tiles of a large image, equal to what it makes of the whole.

What a convolutional network says of a pixel depends on the pixels within its reach alone. So each tile is
computed with that much around it, and the middle is kept: no blending, no seams, and memory that does not
grow with the image.
"""

from collections.abc import Callable
from typing import cast

import torch
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


def over_tiles(
    network: Autoencoder, function: Callable[[Tensor], Tensor], x: Tensor, tile: int = TILE
) -> Tensor:
    """``function`` of images that may be too large for one go.

    Args:
        network: what ``function`` computes with; its reach decides the margin.
        function: (B, inputs, h, w) to (B, C, h, w).
        x: (B, inputs, H, W).
        tile: pixels a side; images up to one and a half of it go in one piece.
    """
    height, width = x.shape[-2:]
    if max(height, width) <= 1.5 * tile or network.architecture.norm in ("group", "layer"):
        return function(x)
    factor, margin = max(network.architecture.factor), reach(network)
    side = max(factor, tile // factor * factor)
    rows = []
    for top in range(0, height, side):
        pieces = []
        for left in range(0, width, side):
            y, x0 = max(0, top - margin), max(0, left - margin)
            piece = function(
                x[..., y : top + side + margin, x0 : left + side + margin].contiguous()
            )
            pieces.append(piece[..., top - y : top - y + side, left - x0 : left - x0 + side])
        rows.append(torch.cat(pieces, dim=-1))
    return torch.cat(rows, dim=-2)
