"""From an image to the smallest map."""

from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import ResidualBlock, down


class Encoder(nn.Sequential):
    """(B, C, H, W), sides multiples of ``a.factor``, to (B, widths[-1], H / fy, W / fx).

    Each stage halves the size (:func:`layers.down`), then works on it with ``a.blocks`` residual blocks.
    """

    def __init__(self, a: Architecture) -> None:
        inputs = (a.seen_channels, *a.widths[:-1])
        super().__init__(
            *(
                nn.Sequential(
                    down(a, narrow, wide, step), *(ResidualBlock(a, wide) for _ in range(a.blocks))
                )
                for narrow, wide, step in zip(inputs, a.widths, a.strides, strict=True)
            )
        )

    def forward(self, x: Tensor) -> Tensor:
        """The smallest map."""
        return self.maps(x)[-1]

    def maps(self, x: Tensor) -> list[Tensor]:
        """The map of every stage, the largest first."""
        found = []
        for stage in self:
            x = stage(x)
            found.append(x)
        return found
