"""From an image to the smallest map."""

from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import ResidualBlock, down


class Encoder(nn.Sequential):
    """Takes images (B, C, H, W) to the smallest map (B, widths[-1], H / fy, W / fx).

    The sides must be multiples of ``a.factor``. Each stage divides the size by its stride
    (:func:`layers.down`), then applies ``a.blocks`` residual blocks.
    """

    def __init__(self, a: Architecture) -> None:
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
