"""Between encoder and decoder: the layers to and from the code, and the linear bypass."""

import math
from typing import NamedTuple, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from convae.networks.architecture import Architecture
from convae.networks.codebook import Codebook
from convae.networks.cpu_convolutions import Geometry, one_column
from convae.networks.layers import (
    MAX_HALF_LENGTH,
    activation,
    convolution,
    half_unless_long,
    resize_area,
    resize_smooth,
    through,
    zero_,
)

# Most weights of one direction of a dense bypass; larger images pass it at a reduced size.
MAX_BYPASS_WEIGHTS = 4 * 2**20
LEAK = 0.1  # fraction of the gradient that reaches inactive units of a sparse code
MEMORY = 20.0  # steps over which the threshold of a winner-take-all unit is averaged
LOG_VARIANCES = (-16.0, 8.0)  # limits of the encoder's log variance


class Posterior(NamedTuple):
    """The posterior of a code.

    Attributes:
        code: the code, or the mean of its distribution.
        log_variance: of each value of the code, in a Gaussian bottleneck; None elsewhere.
        raw: the vectors that were replaced by entries of the codebook, (B, latent_dim, h, w), in a ``vq``
            bottleneck; None elsewhere.
        indices: (B, h, w) int64 the entries that replaced them; None elsewhere.
    """

    code: Tensor
    log_variance: Tensor | None = None
    raw: Tensor | None = None
    indices: Tensor | None = None


class Rectifier(nn.Module):
    """Map raw values to those of a sparse code, 0 or more.

    A unit that no image activates would get no gradient and stay inactive. While training, a fraction of the
    gradient therefore passes inactive units, without changing what the decoder receives. Units that are
    needed then become active again. A unit of ``winners`` gets this gradient only if no image of the batch
    activates it, and only at its strongest positions. Otherwise the many losing positions together would
    outweigh the winning ones, and the unit would become active everywhere.

    In ``top-k`` and ``winners``, values compete: for ``top-k`` the units at each position, for ``winners``
    the values of one unit over its positions and over the images. The threshold for winning among the images
    of a batch is averaged while training, and afterwards applies to every image on its own.

    Source: Makhzani and Frey, "k-sparse autoencoders", 2014; "Winner-take-all autoencoders", 2015.
    """

    least: Tensor
    seen: Tensor

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.kind, self.kept, self.active = a.bottleneck, a.kept_values, a.active
        shape = (a.latent_dim, *(1,) * (len(a.code_shape) - 1))
        self.register_buffer("least", torch.zeros(shape))
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, raw: Tensor) -> Tensor:
        """Map raw values (B, latent_dim, ...) to codes of the same shape."""
        code = raw.relu()
        reached = torch.ones_like(raw, dtype=torch.bool)
        if self.kind == "top-k":
            least = code.topk(self.kept, dim=1).values[:, -1:]
            code = torch.where(code >= least, code, 0)
        elif self.kind == "winners":
            reached = _strongest_of_inactive(raw)
            code = self._winner_take_all(code)
        if not self.training:
            return code
        return code + torch.where((code > 0) | ~reached, 0, LEAK * (raw - raw.detach()))

    def _winner_take_all(self, code: Tensor) -> Tensor:
        strongest = code.amax(dim=(2, 3), keepdim=True) if code.ndim > 2 else code
        if code.ndim > 2:
            code = torch.where(code >= strongest, code, 0)
        least = self.least
        if self.training:
            kept = max(1, round(self.active * len(code)))
            least = strongest.detach().float().topk(kept, dim=0).values[-1]
            self.seen += 1
            self.least.lerp_(least, 1 / self.seen.clamp(max=MEMORY))
        return torch.where(strongest >= least, code, 0)


def _strongest_of_inactive(raw: Tensor) -> Tensor:
    """Mark the strongest positions of units that no image of the batch activates; (B, n, ...) both."""
    if raw.ndim == 2:
        return (raw.amax(dim=0, keepdim=True) <= 0).expand_as(raw)
    strongest = raw.amax(dim=(2, 3), keepdim=True)
    return (raw >= strongest) & (strongest.amax(dim=0, keepdim=True) <= 0)


def apply_nonlinearity(kind: str, rectifier: Rectifier | None, raw: Tensor) -> Tensor:
    """Apply the non-linearity of a kind of bottleneck to ``raw``, (B, latent_dim, ...), same shape out."""
    if rectifier is not None:
        return cast(Tensor, rectifier(raw))
    return raw.sigmoid() if kind == "kl" else raw


class DenseBottleneck(nn.Module):
    """One vector for the whole image: (B, c, h, w) <-> (B, latent_dim)."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.map_shape = a.map_shape
        self.length = size = math.prod(a.map_shape)
        inner = a.hidden or size
        # ``squeeze`` leads to the latent values and ``expand`` from them; model files have these names.
        self.squeeze = nn.Linear(inner, a.latent_dim)
        self.expand = nn.Linear(a.latent_dim, inner)
        self.gather: nn.Module = nn.Identity()
        self.spread: nn.Module = nn.Identity()
        if a.hidden:
            self.gather = nn.Sequential(nn.Linear(size, inner), activation(a))
            self.spread = nn.Sequential(activation(a), nn.Linear(inner, size))
        self.activation = _from_latent_activation(a)
        if a.bypass != "none":
            zero_(self.squeeze)
        self.kind, self.rectifier = a.bottleneck, _rectifier(a)
        self.spread_of: nn.Linear | None = None
        if a.bottleneck == "gaussian":
            self.spread_of = nn.Linear(inner, a.latent_dim)
            zero_(self.spread_of)

    def encode(self, x: Tensor) -> Posterior:
        """Map (B, c, h, w) to the posterior of codes (B, latent_dim)."""
        with half_unless_long(self.length, x):
            vectors = x.flatten(1).float() if self.length > MAX_HALF_LENGTH else x.flatten(1)
            gathered = self.gather(vectors)
            code = apply_nonlinearity(self.kind, self.rectifier, self.squeeze(gathered))
            return Posterior(code, _log_variance(self.spread_of, gathered))

    def decode(self, code: Tensor) -> Tensor:
        """Map (B, latent_dim) to (B, c, h, w)."""
        with half_unless_long(self.length, code):
            x = self.spread(self.expand(code))
        return cast(Tensor, self.activation(x).unflatten(1, self.map_shape))


class SpatialBottleneck(nn.Module):
    """A vector at each position of the smallest map: (B, c, h, w) <-> (B, latent_dim, h, w)."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.squeeze = convolution(a, -1, a.widths[-1], a.latent_dim)
        self.expand: nn.Module = nn.Identity()  # a code of patterns goes to the decoder as it is
        self.activation: nn.Module = nn.Identity()
        if not a.pattern:
            self.expand = convolution(a, -1, a.latent_dim, a.widths[-1])
            self.activation = _from_latent_activation(a)
        if a.bypass != "none":
            zero_(self.squeeze)
        self.kind, self.rectifier = a.bottleneck, _rectifier(a)
        self.codebook = Codebook(a) if a.bottleneck == "vq" else None
        self.spread_of: nn.Conv2d | None = None
        if a.bottleneck == "gaussian":
            self.spread_of = convolution(a, -1, a.widths[-1], a.latent_dim)
            zero_(self.spread_of)

    def encode(self, x: Tensor) -> Posterior:
        """Map (B, c, h, w) to the posterior of codes (B, latent_dim, h, w)."""
        if self.codebook is not None:
            raw = self.squeeze(x)
            indices = self.codebook.nearest(raw)
            return Posterior(self.codebook(raw, indices), raw=raw, indices=indices)
        code = apply_nonlinearity(self.kind, self.rectifier, self.squeeze(x))
        return Posterior(code, _log_variance(self.spread_of, x))

    def decode(self, code: Tensor) -> Tensor:
        """Map (B, latent_dim, h, w) to (B, c, h, w); codes of patterns stay as they are."""
        return through((self.expand, self.activation), code)


def _from_latent_activation(a: Architecture) -> nn.Module:
    """Return the activation between the code and the first stage; residual blocks bring their own."""
    return nn.Identity() if a.blocks or not a.from_latent_activation else activation(a)


def _rectifier(a: Architecture) -> Rectifier | None:
    return Rectifier(a) if a.bottleneck in ("l1", "top-k", "winners") else None


def _log_variance(layer: nn.Module | None, x: Tensor) -> Tensor | None:
    """Compute the log variance, limited so that the variance and its inverse stay finite."""
    return None if layer is None else cast(Tensor, layer(x)).clamp(*LOG_VARIANCES)


class DenseBypass(nn.Module):
    """A linear path image -> code -> image for a dense code.

    ``encode`` is W_e (x - mean), ``decode`` is W_d code + mean; PCA sets W_e to the components and W_d
    to their transpose. Images of more than ``MAX_BYPASS_WEIGHTS / latent_dim`` values pass it at a
    reduced size (area averages on the way in, bilinear on the way out).
    """

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.work_shape = work_shape(a)
        size = math.prod(self.work_shape)
        self.mean = nn.Parameter(torch.zeros(size))
        self.analysis = nn.Parameter(torch.zeros(a.latent_dim, size))
        self.synthesis = nn.Parameter(torch.zeros(size, a.latent_dim))

    def encode(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, latent_dim)."""
        with half_unless_long(len(self.mean), x):
            return F.linear(self.flatten(x) - self.mean, self.analysis)

    def decode(self, code: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (B, latent_dim) to (B, C, *size)."""
        with half_unless_long(len(self.mean), code):
            x = F.linear(code, self.synthesis, self.mean)
        return resize_smooth(x.reshape(-1, *self.work_shape), size)

    def flatten(self, x: Tensor) -> Tensor:
        """Flatten (B, C, H, W) to the (B, D) vectors that PCA is fitted on."""
        if tuple(x.shape[1:]) != self.work_shape:
            x = resize_area(x, (self.work_shape[1], self.work_shape[2]))
        return x.flatten(1)

    @torch.no_grad()
    def set_components(self, mean: Tensor, components: Tensor) -> None:
        """Set the weights to PCA: ``mean`` (D,), ``components`` (k, D); missing components are zero."""
        self.mean.copy_(mean)
        self.analysis.zero_()[: len(components)].copy_(components)
        self.synthesis.copy_(self.analysis.T)

    @torch.no_grad()
    def randomise_components(self) -> None:
        """Set random directions, because weights of zero would never learn; PCA may replace them."""
        self.analysis.normal_(std=len(self.mean) ** -0.5)
        self.synthesis.copy_(self.analysis.T)


class SpatialBypass(nn.Module):
    """A linear path for a spatial code: PCA of the block of pixels at each position of the code."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        channels, self.block = a.image_shape[0], a.factor
        self.mean = nn.Parameter(torch.zeros(channels, *a.factor))
        self.analysis = nn.Parameter(torch.zeros(a.latent_dim, channels, *a.factor))
        self.synthesis = nn.Parameter(torch.zeros(a.latent_dim, channels, *a.factor))

    def encode(self, x: Tensor) -> Tensor:
        """Map (B, C, h * fy, w * fx) to (B, latent_dim, h, w)."""
        offset = (self.analysis * self.mean).sum(dim=(1, 2, 3))
        x, geometry = one_column(x, self.analysis, Geometry(self.block, (0, 0)))
        return F.conv2d(x, self.analysis, -offset, geometry.stride)

    def decode(self, code: Tensor, size: tuple[int, int]) -> Tensor:
        """Map (B, latent_dim, h, w) to (B, C, h * fy, w * fx)."""
        x = F.conv_transpose2d(code, self.synthesis, stride=self.block)
        return x + self.mean.repeat(1, code.shape[2], code.shape[3])

    def flatten(self, x: Tensor) -> Tensor:
        """Flatten (B, C, h * fy, w * fx) to the (B * h * w, D) vectors that PCA is fitted on."""
        (b, c, height, width), (fy, fx) = x.shape, self.block
        x = x.reshape(b, c, height // fy, fy, width // fx, fx).permute(0, 2, 4, 1, 3, 5)
        return x.reshape(-1, c * fy * fx)

    @torch.no_grad()
    def set_components(self, mean: Tensor, components: Tensor) -> None:
        """Set the weights to PCA: ``mean`` (D,), ``components`` (k, D); missing components are zero."""
        self.mean.copy_(mean.reshape(self.mean.shape))
        rows = components.reshape(-1, *self.mean.shape)
        self.analysis.zero_()[: len(components)].copy_(rows)
        self.synthesis.copy_(self.analysis)

    @torch.no_grad()
    def randomise_components(self) -> None:
        """Set random directions, because weights of zero would never learn; PCA may replace them."""
        self.analysis.normal_(std=self.mean.numel() ** -0.5)
        self.synthesis.copy_(self.analysis)


def work_shape(a: Architecture) -> tuple[int, int, int]:
    """Return the (C, H, W) at which a dense bypass takes the image."""
    channels, height, width = a.image_shape
    limit = max(1, MAX_BYPASS_WEIGHTS // a.latent_dim)
    if channels * height * width <= limit:
        return a.image_shape
    shrink = math.sqrt(limit / (channels * height * width))
    return channels, max(1, int(height * shrink)), max(1, int(width * shrink))


def block_values(a: Architecture) -> int:
    """Return the length D of the vectors that the linear path (and the PCA baseline) works on."""
    return math.prod(work_shape(a)) if a.code == "dense" else a.image_shape[0] * math.prod(a.factor)
