"""From the smallest map back to an image."""

import itertools
from collections.abc import Callable, Sequence

from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.layers import (
    Chain,
    Dense,
    DepthToSpace,
    ResidualBlock,
    SpaceToDepth,
    activation,
    convolution,
    cropped,
    norm,
    pad_to_multiple,
    through,
    up,
    zero_,
)


class Refinement(nn.Sequential):
    """A correction of images (B, C, H, W), same shape, zero at first.

    It is computed at the resolution after the first stage.
    """

    def __init__(self, a: Architecture) -> None:
        step, channels, width = a.strides[0], a.image_shape[0], a.widths[0]
        values = channels * step[0] * step[1]
        last = convolution(a, 0, width, values)
        super().__init__(
            SpaceToDepth(step),
            convolution(a, 0, values, width),
            *(ResidualBlock(a, 0, width) for _ in range(a.refine)),
            activation(a),
            last,
            DepthToSpace(step),
        )
        self.step = step
        zero_(last)

    def forward(self, x: Tensor) -> Tensor:
        """Return what to add to the image (B, C, H, W); same shape."""
        height, width = x.shape[-2:]
        y = pad_to_multiple(x, self.step) - 0.5
        return cropped(through(self, y), (height, width))


class Patterns(nn.ConvTranspose2d):
    """The decoder of patterns: each unit of the code adds a picture to the image around its position.

    Takes codes (B, latent_dim, h, w) to images (B, C, h * fy, w * fx).

    Source: the decoder of Makhzani and Frey, "Winner-take-all autoencoders", 2015.
    """

    def __init__(self, a: Architecture) -> None:
        # The size is exactly multiplied by the factor: output_padding restores what the padding removes.
        over = tuple(a.pattern - step for step in a.factor)
        super().__init__(
            a.latent_dim,
            a.image_shape[0],
            a.pattern,
            a.factor,
            padding=(-(-over[0] // 2), -(-over[1] // 2)),
            output_padding=(over[0] % 2, over[1] % 2),
        )

    def forward(  # type: ignore[override]
        self, x: Tensor, joins: Sequence[Callable[[Tensor], Tensor]] = ()
    ) -> Tensor:
        """Return the image (B, C, h * fy, w * fx) before the output function; ``joins`` has no effect."""
        return super().forward(x)


def last_layer(decoder: nn.Module) -> nn.Conv2d | nn.ConvTranspose2d | nn.Linear:
    """Return the layer that makes the image; its bias is the output for an image without information."""
    layers = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)
    found = [layer for layer in decoder.modules() if isinstance(layer, layers)]
    return found[-1]


class Decoder(nn.Sequential):
    """Takes maps (B, widths[-1], h, w) to images (B, C, h * fy, w * fx), before the output function.

    Each stage applies ``a.blocks`` residual blocks to its map, then multiplies its size by the stride of the
    encoder's stage that it inverts (:func:`layers.up`).
    With ``subpixel`` upsampling and blocks, the last stage shuffles channels directly into the image's
    pixels, so that nothing is computed at the full resolution. Otherwise a last convolution makes the image.
    In a dense network, each stage is a dense layer, followed by norm and activation in all but the last.
    """

    def __init__(self, a: Architecture) -> None:
        super().__init__(*(_dense_stages(a) if a.layers == "dense" else _stages(a)))
        if a.starts_elsewhere:
            zero_(last_layer(self))

    def forward(self, x: Tensor, joins: Sequence[Callable[[Tensor], Tensor]] = ()) -> Tensor:
        """Return the image (B, C, h * fy, w * fx) before the output function.

        Args:
            x: the smallest map, (B, widths[-1], h, w).
            joins: functions applied to the map after each of the first stages, in their order.
        """
        for number, stage in enumerate(self):
            x = stage(x)
            if number < len(joins):
                x = joins[number](x)
        return x


def _stages(a: Architecture) -> list[nn.Module]:
    """Return the stages of a convolutional decoder, the smallest map first."""
    shuffled_out = a.up == "subpixel" and a.blocks > 0
    first = a.image_shape[0] if shuffled_out else a.widths[0]
    # A skip needs a map with its own channels, and a finer level takes two maps with the same channels.
    same = shuffled_out or a.skips or a.levels > 1
    outputs = [first, *a.widths[:-1]] if same else list(a.widths)
    stages: list[nn.Module] = []
    channels = a.widths[-1]
    for number in reversed(range(len(a.widths))):
        blocks = [ResidualBlock(a, number, channels) for _ in range(a.blocks)]
        last = shuffled_out and number == 0
        enlarge = up(a, number, channels, outputs[number], last=last)
        stages.append(nn.Sequential(*blocks, enlarge))
        channels = outputs[number]
    if not shuffled_out:
        stages.append(convolution(a, 0, channels, a.image_shape[0]))
    return stages


def _dense_stages(a: Architecture) -> list[nn.Module]:
    """Return the stages of a dense decoder, from the last width to the image."""
    widths = tuple((width, 1, 1) for width in reversed(a.widths))
    stages = [
        Chain(Dense(before, shape), norm(a, shape[0]), activation(a))
        for before, shape in itertools.pairwise(widths)
    ]
    return [*stages, Chain(Dense(widths[-1], a.image_shape))]
