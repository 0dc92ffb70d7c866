"""The networks of convae's presets, for one channel, written as everyone writes them in PyTorch."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def plain_network(preset: str, side: int) -> nn.Module:
    """(B, 1, side, side) in [0, 1] to the same shape; ``side`` is a multiple of four."""
    return {"tutorial": tutorial, "pooled": pooled, "residual": Residual}[preset](side)


def tutorial(side: int) -> nn.Sequential:
    """Strided and transposed convolutions, a code of 16 numbers with no activation before or behind it."""
    small = side // 4
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * small * small, 16),
        nn.Linear(16, 64 * small * small),
        nn.Unflatten(1, (64, small, small)),
        nn.ConvTranspose2d(64, 64, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 1, 3, padding=1),
        nn.Sigmoid(),
    )


def pooled(side: int) -> nn.Sequential:
    """Convolution and pooling, a code of eight maps, upsampling and convolution."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(64, 8, 3, padding=1),
        nn.Conv2d(8, 64, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(64, 64, 3, padding=1),
        nn.ReLU(),
        nn.Upsample(scale_factor=2),
        nn.Conv2d(64, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 1, 3, padding=1),
        nn.Sigmoid(),
    )


class Block(nn.Module):
    """x + W2 · silu(W1 · silu(x))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to the same shape."""
        y: Tensor = self.second(F.silu(self.first(F.silu(x))))
        return x + y


class Residual(nn.Module):
    """Residual blocks at a half and a quarter of the size, beside a linear path; a code of 64 numbers."""

    def __init__(self, side: int) -> None:
        super().__init__()
        small, values = side // 4, side * side
        self.encoder = nn.Sequential(
            nn.PixelUnshuffle(2),
            nn.Conv2d(4, 32, 3, padding=1),
            Block(32),
            Block(32),
            nn.PixelUnshuffle(2),
            nn.Conv2d(128, 64, 3, padding=1),
            Block(64),
            Block(64),
            nn.Flatten(),
            nn.Linear(64 * small * small, 256),
            nn.SiLU(),
            nn.Linear(256, 64),
        )
        self.decoder = nn.Sequential(
            nn.Linear(64, 256),
            nn.SiLU(),
            nn.Linear(256, 64 * small * small),
            nn.Unflatten(1, (64, small, small)),
            Block(64),
            Block(64),
            nn.Conv2d(64, 128, 3, padding=1),
            nn.PixelShuffle(2),
            Block(32),
            Block(32),
            nn.Conv2d(32, 4, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.mean = nn.Parameter(torch.full((values,), 0.5))
        self.analysis = nn.Parameter(torch.randn(64, values) / values**0.5)
        self.synthesis = nn.Parameter(torch.randn(values, 64) / 64)

    def forward(self, x: Tensor) -> Tensor:
        """(B, 1, side, side) to the same shape."""
        linear = F.linear(x.flatten(1) - self.mean, self.analysis)
        code = linear + self.encoder(x - 0.5)
        beside = F.linear(code, self.synthesis, self.mean)
        image: Tensor = self.decoder(code)
        return image + beside.view_as(x)
