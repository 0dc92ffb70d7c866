"""From an image to the smallest map."""

import itertools

from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import Chain, Dense, ResidualBlock, activation, down, norm


class Encoder(nn.Sequential):
    """Takes images (B, C, H, W) to the smallest map (B, widths[-1], H / fy, W / fx).

    The sides must be multiples of ``a.factor``. Each stage divides the size by its stride
    (:func:`layers.down`), then applies ``a.blocks`` residual blocks. In a dense network, each stage is a
    dense layer, norm and activation; its map has one position, and ``widths`` units as channels.
    """

    def __init__(self, a: Architecture) -> None:
        if a.layers == "dense":
            shapes = ((a.seen_channels, *a.image_shape[1:]), *((width, 1, 1) for width in a.widths))
            super().__init__(
                *(
                    Chain(Dense(before, shape), norm(a, shape[0]), activation(a))
                    for before, shape in itertools.pairwise(shapes)
                )
            )
            return
        inputs = (a.seen_channels, *a.widths[:-1])
        super().__init__(
            *(
                nn.Sequential(
                    down(a, stage, narrow, wide),
                    *(ResidualBlock(a, stage, wide) for _ in range(a.blocks)),
                )
                for stage, (narrow, wide) in enumerate(zip(inputs, a.widths, strict=True))
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the smallest map of images (B, C, H, W)."""
        return self.maps(x)[-1]

    def maps(self, x: Tensor) -> list[Tensor]:
        """Return the map of every stage for images (B, C, H, W), the largest first."""
        found = []
        for stage in self:
            x = stage(x)
            found.append(x)
        return found
