"""The layers of encoders and decoders. Shapes are (B, C, H, W)."""

import math
from collections.abc import Iterable
from itertools import takewhile
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convae.networks.activations import ELU, GELU, SiLU
from convae.networks.architecture import Architecture
from convae.networks.cpu_convolutions import Geometry, convolve, convolve_enlarged
from convae.networks.stages import Step

Shape = tuple[int, int, int]  # (channels, height, width)
MAX_HALF_LENGTH = 2**17
AROUND = 3  # pixels from the centre of the local mean to its edge

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": ELU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": nn.Tanh,
}


def activation(a: Architecture) -> nn.Module:
    """Return the non-linearity that the architecture names."""
    return ACTIVATIONS[a.activation]()


def norm(a: Architecture, channels: int) -> nn.Module:
    """Return the normalisation that the architecture names; ``group`` has groups of about 16 channels."""
    if a.norm == "batch":
        return BatchNorm(channels)
    if a.norm == "layer":
        return nn.GroupNorm(1, channels)
    if a.norm == "group":
        groups = max(1, channels // 16)
        while channels % groups:
            groups -= 1
        return nn.GroupNorm(groups, channels)
    return nn.Identity()


class Convolution(nn.Conv2d):
    """``nn.Conv2d``, computed by :mod:`convae.networks.cpu_convolutions`."""

    def forward(self, x: Tensor, *, rectify: bool = False) -> Tensor:
        """Convolve (B, C, H, W), followed by a ReLU if ``rectify``."""
        padding = cast(Step, self.padding)
        if self.padding_mode != "zeros":
            around = (padding[1], padding[1], padding[0], padding[0])
            x, padding = F.pad(x, around, mode=self.padding_mode), (0, 0)
        geometry = Geometry(cast(Step, self.stride), padding)
        return convolve(x, self.weight, self.bias, geometry, rectify=rectify)

    def enlarged(self, x: Tensor, factor: Step, *, rectify: bool = False) -> Tensor:
        """Convolve a map in which every pixel of ``x`` (B, C, H, W) is repeated ``factor`` times."""
        return convolve_enlarged(x, self.weight, self.bias, factor, rectify=rectify)


class TransposedConvolution(nn.ConvTranspose2d):
    """``nn.ConvTranspose2d``, computed by :mod:`convae.networks.cpu_convolutions`."""

    def forward(  # type: ignore[override]
        self, x: Tensor, *, rectify: bool = False
    ) -> Tensor:
        """Convolve (B, C, H, W), followed by a ReLU if ``rectify``."""
        geometry = Geometry(
            cast(Step, self.stride), cast(Step, self.padding), cast(Step, self.output_padding)
        )
        return convolve(x, self.weight, self.bias, geometry, rectify=rectify)


class Chain(nn.Sequential):
    """``nn.Sequential`` computed by :func:`through`."""

    def forward(self, x: Tensor) -> Tensor:
        """Apply all layers to (B, C, H, W)."""
        return through(self, x)


def through(layers: Iterable[nn.Module], x: Tensor) -> Tensor:
    """Apply the layers to (B, C, H, W) in order; fuse those that are faster together.

    A ReLU is fused with the convolution before it, and nearest-neighbour upsampling with the convolution
    after it. Layers with hooks run one by one.
    """
    left = [m for m in layers if not isinstance(m, nn.Identity) or _has_hooks(m)]
    while left:
        count = _together(left)
        x = _compute(left[:count], x)
        left = left[count:]
    return x


def _together(layers: list[nn.Module]) -> int:
    """Return how many of the first layers are computed as one."""
    unhooked = list(takewhile(lambda m: not _has_hooks(m), layers[:3]))
    count = 0
    if len(unhooked) > 1 and isinstance(unhooked[0], nn.Upsample):
        behind = unhooked[1]
        plain = isinstance(behind, Convolution) and behind.padding_mode == "zeros"
        count = 1 if plain and unhooked[0].mode == "nearest" else 0
    if len(unhooked) <= count or not isinstance(
        unhooked[count], Convolution | TransposedConvolution
    ):
        return 1
    rectified = len(unhooked) > count + 1 and isinstance(unhooked[count + 1], nn.ReLU)
    return count + 1 + rectified


def _has_hooks(layer: nn.Module) -> bool:
    """Whether a layer has hooks, forward or backward."""
    return bool(
        layer._forward_pre_hooks
        or layer._forward_hooks
        or layer._backward_pre_hooks
        or layer._backward_hooks
    )


def _compute(layers: list[nn.Module], x: Tensor) -> Tensor:
    """Apply layers as :func:`_together` groups them."""
    first, *others = layers
    if not others:
        return cast(Tensor, first(x))
    rectify = isinstance(others[-1], nn.ReLU)
    if isinstance(first, nn.Upsample):
        down, across = cast(tuple[float, float], first.scale_factor)
        layer = cast(Convolution, others[0])
        return layer.enlarged(x, (int(down), int(across)), rectify=rectify)
    return cast(Tensor, first(x, rectify=True))


def convolution(
    a: Architecture, stage: int, inputs: int, outputs: int, stride: Step = (1, 1)
) -> Convolution:
    """Return a convolution that keeps the size, or divides a multiple of ``stride`` exactly by it.

    Args:
        a: the network.
        stage: the number of the stage, from 0 at the image, whose kernel size it has; -1 for the last.
        inputs, outputs: channels.
        stride: (vertical, horizontal).
    """
    kernel = a.kernel_sizes[stage]
    return Convolution(
        inputs,
        outputs,
        kernel,
        stride=stride,
        padding=kernel // 2,
        padding_mode=cast(Any, a.padding_mode),
    )


class Dense(nn.Linear):
    """A dense layer from a whole map (B, c, h, w) to a whole map (B, *shape)."""

    def __init__(self, before: Shape, shape: Shape) -> None:
        super().__init__(math.prod(before), math.prod(shape))
        self.window, self.shape = before[1:], shape

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, c, h, w) to (B, *shape); very long vectors are multiplied in float32."""
        length = max(self.in_features, self.out_features)
        vectors = x.flatten(1)
        with half_unless_long(length, x):
            vectors = super().forward(vectors.float() if length > MAX_HALF_LENGTH else vectors)
        return vectors.reshape(x.shape[0], *self.shape)


class BatchNorm(nn.BatchNorm2d):
    """Batch normalisation that also takes a batch of one value per channel (by the running moments).

    A single image on a map of 1x1 has no spread of its own; torch refuses to train on it.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Normalise (B, C, H, W); same shape."""
        if self.training and x.numel() == x.shape[1]:
            return F.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x)


class SpaceToDepth(nn.Module):
    """Takes (B, C, H·sy, W·sx) to (B, C·sy·sx, H, W) without loss."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Move each sy x sx patch of pixels into channels."""
        if self.step == (2, 2):
            return F.pixel_unshuffle(x, 2)
        (b, c, h, w), (sy, sx) = x.shape, self.step
        x = x.reshape(b, c, h // sy, sy, w // sx, sx).permute(0, 1, 3, 5, 2, 4)
        return x.reshape(b, c * sy * sx, h // sy, w // sx)


class DepthToSpace(nn.Module):
    """Takes (B, C·sy·sx, H, W) to (B, C, H·sy, W·sx); the inverse of :class:`SpaceToDepth`."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        """Move groups of sy·sx channels into patches of pixels."""
        if self.step == (2, 2):
            return F.pixel_shuffle(x, 2)
        (b, c, h, w), (sy, sx) = x.shape, self.step
        x = x.reshape(b, c // (sy * sx), sy, sx, h, w).permute(0, 1, 4, 2, 5, 3)
        return x.reshape(b, c // (sy * sx), h * sy, w * sx)


class ResidualBlock(nn.Module):
    """x + W2 · act(W1 · act(norm(x))), both convolutions keeping the shape.

    ``W2`` starts at zero, so that a new block is the identity and depth costs nothing at the start.
    """

    def __init__(self, a: Architecture, stage: int, channels: int) -> None:
        super().__init__()
        self.norm = norm(a, channels)
        self.first = convolution(a, stage, channels, channels)
        self.second = convolution(a, stage, channels, channels)
        self.activation = activation(a)
        zero_(self.second)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block to (B, C, H, W); same shape."""
        layers = (self.norm, self.activation, self.first, self.activation, self.second)
        return x + through(layers, x)


def down(a: Architecture, stage: int, inputs: int, outputs: int) -> Chain:
    """Return the part of a stage that divides the size by its stride.

    In plain stages (no blocks) it is convolution, norm, activation. Residual blocks that follow have norms
    and activations of their own.
    """
    step = a.strides[stage]
    tail = [] if a.blocks else [norm(a, outputs), activation(a)]
    if a.down == "stride":
        return Chain(convolution(a, stage, inputs, outputs, step), *tail)
    if a.down == "unshuffle":
        wide = inputs * step[0] * step[1]
        return Chain(SpaceToDepth(step), convolution(a, stage, wide, outputs), *tail)
    pool = nn.MaxPool2d(step) if a.down == "max" else nn.AvgPool2d(step)
    return Chain(convolution(a, stage, inputs, outputs), *tail, pool)


def up(a: Architecture, stage: int, inputs: int, outputs: int, *, last: bool) -> Chain:
    """Return the part of a stage that multiplies the size by its stride.

    Args:
        a: the network.
        stage: the number of the encoder's stage that it inverts.
        inputs, outputs: channels.
        last: leave out norm and activation.
    """
    step = a.strides[stage]
    tail = [] if a.blocks or last else [norm(a, outputs), activation(a)]
    if a.up == "transposed":
        return Chain(_transposed(a, stage, inputs, outputs), *tail)
    if a.up == "subpixel":
        wide = outputs * step[0] * step[1]
        return Chain(convolution(a, stage, inputs, wide), DepthToSpace(step), *tail)
    scale = (float(step[0]), float(step[1]))
    enlarge = nn.Upsample(
        scale_factor=scale, mode=a.up, align_corners=False if a.up == "bilinear" else None
    )
    return Chain(enlarge, convolution(a, stage, inputs, outputs), *tail)


def _transposed(a: Architecture, stage: int, inputs: int, outputs: int) -> TransposedConvolution:
    """Return a layer that multiplies the size exactly; ``output_padding`` restores what padding removes."""
    step, kernel = a.strides[stage], a.kernel_sizes[stage]
    return TransposedConvolution(
        inputs,
        outputs,
        kernel if kernel > 1 else step,
        stride=step,
        padding=kernel // 2,
        output_padding=(step[0] - 1, step[1] - 1) if kernel > 1 else 0,
    )


def initialize(network: nn.Module, a: Architecture) -> None:
    """Sample the first weights; layers that start at zero stay there.

    Plain networks start with Glorot's uniform weights, as in Keras. Networks of residual blocks, or networks
    that add to a base, start with He's normal weights, which keep the scale of values through any number of
    layers. Biases start at zero.
    """
    for layer in network.modules():
        if not isinstance(layer, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if bool(layer.weight.any()):
            if a.blocks or a.base:
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            else:
                nn.init.xavier_uniform_(layer.weight)
        if layer.bias is not None:
            nn.init.zeros_(layer.bias)


def half_unless_long(length: int, x: Tensor) -> torch.autocast:
    """Return the autocast for a product over vectors of this length: the current precision, float32 if long.

    A bfloat16 product of a few rows of some 300,000 values or more ends the process with a division by
    zero in oneDNN 3.12 (torch 2.13, on processors with AMX). Such a long sum needs the precision anyway.
    """
    device = "cpu" if x.is_meta else x.device.type
    half = length <= MAX_HALF_LENGTH and torch.is_autocast_enabled(device)
    return torch.autocast(device, torch.bfloat16, enabled=half)


def zero_(layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear) -> None:
    """Set the weights and the bias of a layer to zero."""
    nn.init.zeros_(layer.weight)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)


def pad_to_multiple(x: Tensor, factor: Step) -> Tensor:
    """Repeat the last row and column of (B, C, H, W) until both sides are multiples of ``factor``."""
    if torch.compiler.is_exporting():
        return _repeated_to_multiple(x, factor)
    height, width = x.shape[-2:]
    missing = (-height % factor[0], -width % factor[1])
    if missing == (0, 0):
        return x
    return F.pad(x, (0, missing[1], 0, missing[0]), mode="replicate")


def cropped(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Return the first rows and columns of (B, C, H, W): (B, C, *size)."""
    if not torch.compiler.is_exporting():
        return x[..., : size[0], : size[1]]
    for dim, side in zip(
        (-2, -1), size, strict=True
    ):  # a slice would compare sides that are not known yet
        x = x.index_select(dim, torch.arange(side, device=x.device))
    return x


def _repeated_to_multiple(x: Tensor, factor: Step) -> Tensor:
    """Compute :func:`pad_to_multiple` for sides that are not known yet, without deciding by them."""
    for dim, step in zip((-2, -1), factor, strict=True):
        if step > 1:
            side = x.shape[dim]
            places = torch.arange((side + step - 1) // step * step, device=x.device)
            x = x.index_select(dim, places.clamp(max=side - 1))
    return x


def mean_around(x: Tensor) -> Tensor:
    """Return the mean of the square around each pixel of (B, C, H, W), same shape; borders are repeated."""
    around = F.pad(x, (AROUND,) * 4, mode="replicate")
    return F.avg_pool2d(around, 2 * AROUND + 1, stride=1)


def resize_area(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) to (B, C, *size) by area averages, for shrinking."""
    return F.adaptive_avg_pool2d(x, size)


def resize_smooth(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize (B, C, H, W) to (B, C, *size), bilinear."""
    if tuple(x.shape[-2:]) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False)
