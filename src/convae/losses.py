"""Losses for training: MSE, BCE, L1, Charbonnier, logistic, SSIM, MS-SSIM and weighted sums of them.

Every loss takes ``(reconstruction, target)``, both ``(B, C, H, W)`` in about [0, 1], and returns one
value per image, ``(B,)``: the mean over C, H and W. It therefore depends neither on the size of the
images nor on the batch, one learning rate works for all sizes, and the training loop can name the
image whose loss is not finite. Only the logistic loss takes its scale from the batch. Half precisions are
computed in float32.

>>> loss = parse_loss("0.8*mse+0.2*ssim")
>>> loss(torch.zeros(2, 1, 8, 8), torch.zeros(2, 1, 8, 8))
tensor([0., 0.])
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from convae.errors import InputError, raise_faults, unknown_name
from convae.metrics import image_quality

LossFunction = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]

BCE_CLAMP = 1e-7
CHARBONNIER_EPSILON = 1e-3
STEP = 1 / 255  # between two values of an 8-bit image
# Of a logistic distribution; a narrower one separates neighbouring values no better.
LEAST_SCALE = STEP / 4
ROUNDS = 12  # iterations of the search for its scale


def mse(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Squared error ``mean((x̂ - x)²)``: the default, and what PCA minimises too.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W; [0, ∞), 0 for identical images.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    return image_quality.mse(reconstruction, target)


def l1(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Absolute error ``mean(|x̂ - x|)``: outliers pull less, edges stay sharper than with MSE.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W; [0, ∞), 0 for identical images.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    return image_quality.mae(reconstruction, target)


def charbonnier(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """A smooth L1: ``mean(√((x̂ - x)² + ε²) - ε)`` with ε = 1e-3.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W; [0, ∞). The term ``- ε`` makes it 0 for
    identical images and leaves the gradient as it is. Differentiable everywhere. Source: Charbonnier et al.
    1994, doi:10.1109/ICIP.1994.413553.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    reconstruction, target = image_quality.as_pair(reconstruction, target)
    smooth = ((reconstruction - target).square() + CHARBONNIER_EPSILON**2).sqrt()
    return (smooth - CHARBONNIER_EPSILON).mean(dim=(1, 2, 3))


def bce(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Binary cross-entropy ``mean(-x log x̂ - (1-x) log(1-x̂))`` of grey values as probabilities.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W, in nats; [:func:`bce_floor`, about 16.1]:
    for identical images it is the floor, which is 0 only where every pixel is 0 or 1. x̂ is clamped to
    [1e-7, 1 - 1e-7] (the nearest float32 below 1 is 1 - 6e-8), so value and gradient stay finite. The
    gradient passes the clamp unchanged, so a pixel outside is still pulled back. The network's output must
    lie in [0, 1] (sigmoid or clamp), and so must the target: scale with ``minmax`` or ``dtype``. A target
    outside counts as the nearest bound.

    A sigmoid that has saturated to exactly 0 or 1 passes no gradient; :func:`bce_with_logits` does.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    reconstruction, target = image_quality.as_pair(reconstruction, target)
    clamped = reconstruction.detach().clamp(BCE_CLAMP, 1 - BCE_CLAMP)
    probability = clamped + (reconstruction - reconstruction.detach())
    target = target.clamp(0, 1)
    entropy = target * probability.log() + (1 - target) * torch.log1p(-probability)
    return -entropy.mean(dim=(1, 2, 3))


def bce_with_logits(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """:func:`bce` of ``sigmoid(l)`` from the logits: ``mean(max(l, 0) - l x + log(1 + e^-|l|))``.

    Convention: two (B, C, H, W) give (B,), as :func:`bce` but without its clamp: [floor, ∞). The gradient per
    pixel is ``sigmoid(l) - x`` over C·H·W, also for very large logits.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    logits, target = image_quality.as_pair(logits, target)
    per_pixel = F.binary_cross_entropy_with_logits(logits, target.clamp(0, 1), reduction="none")
    return per_pixel.mean(dim=(1, 2, 3))


def logistic(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Discretised logistic likelihood of 8-bit values: ``mean(-log P(x | x̂, s))``.

    P is the part of a logistic distribution around x̂ that lies nearer to x than to any other of the 256
    values; everything beyond 0 and 1 is counted at the ends. The scale s is the one that fits the batch best
    (:func:`logistic_scale`). It is the recommended loss for a variational autoencoder of 8-bit colour images.

    Convention: two (B, C, H, W) give (B,), averaged over C, H, W, in nats (divide by log 2 for bits); [0, ∞).
    The scale makes the value of an image depend on its batch. Source: Kingma et al. 2016; Salimans et al.,
    "PixelCNN++", 2017.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    reconstruction, target = image_quality.as_pair(reconstruction, target)
    scale = logistic_scale(reconstruction.detach(), target)
    return logistic_cost(reconstruction, target, scale).mean(dim=(1, 2, 3))


def logistic_scale(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the maximum-likelihood scale s, (), of the differences.

    There, mean(a tanh(a/2)) = 1, with a = |x - x̂| / s. For a value x at an end of the range, an x̂ beyond
    that end counts as no difference.
    """
    distance = (target - reconstruction.clamp(0, 1)).float().abs().nan_to_num()
    scale = (distance.square().mean() * 3).sqrt().clamp_min(LEAST_SCALE) / math.pi
    for _ in range(ROUNDS):
        a = distance / scale
        scale = (scale * (a * (a / 2).tanh()).mean().sqrt()).clamp_min(LEAST_SCALE)
    return scale


def logistic_cost(
    reconstruction: torch.Tensor, target: torch.Tensor, scale: torch.Tensor | float
) -> torch.Tensor:
    """Return ``-log P`` of each value, (B, C, H, W) like the target, in nats; see :func:`logistic`."""
    # σ(p) - σ(q) = (1 - e^(q-p)) σ(p) σ(-q), which loses no digits
    half = torch.as_tensor(STEP / 2 / scale, dtype=reconstruction.dtype)
    distance = (target - reconstruction) / scale
    below, above = F.logsigmoid(distance + half), F.logsigmoid(half - distance)
    within = below + above + (-torch.expm1(-2 * half)).log()
    found = torch.where(target < STEP / 2, below, within)
    return -torch.where(target > 1 - STEP / 2, above, found)


def bce_floor(target: torch.Tensor) -> torch.Tensor:
    """Return the least BCE any reconstruction can reach: the entropy ``mean(-x log x - (1-x) log(1-x))``.

    Convention: averaged over C, H, W, in nats; [0, log 2]; about 0.06 on MNIST. Report the excess
    of the BCE over it: the floor hides large differences in MSE.

    Args:
        target: (B, C, H, W) in [0, 1]; a value outside counts as the nearest bound.

    >>> bce_floor(torch.full((1, 1, 4, 4), 0.5))
    tensor([0.6931])
    """
    _, target = image_quality.as_pair(target, target)
    target = target.clamp(0, 1)
    entropy: torch.Tensor = torch.special.entr(target) + torch.special.entr(1 - target)
    return entropy.mean(dim=(1, 2, 3))


def ssim(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``1 - SSIM`` (see :func:`convae.metrics.image_quality.ssim`, also for images with a side under 11).

    Convention: two (B, C, H, W) give (B,), averaged over window positions and channels; [0, 2], 0 for
    identical images. It is nearly insensitive to the pixels at the border, and to a constant offset on bright
    images: mix it with MSE or L1.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    return 1 - image_quality.ssim(reconstruction, target)


def ms_ssim(reconstruction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """``1 - MS-SSIM`` (see :func:`convae.metrics.image_quality.ms_ssim`, also for the number of scales).

    Convention: two (B, C, H, W) give (B,); [0, 1), 0 for identical images; the gradient is finite everywhere.

    Raises:
        InputError: the shapes differ or are not (B, C, H, W).
    """
    return 1 - image_quality.ms_ssim(reconstruction, target)


LOSSES: dict[str, LossFunction] = {
    "mse": mse,
    "bce": bce,
    "l1": l1,
    "charbonnier": charbonnier,
    "logistic": logistic,
    "ssim": ssim,
    "ms_ssim": ms_ssim,
}


# losses that are themselves the negative log likelihood of each value
NEGATIVE_LOG_LIKELIHOODS = ("bce", "logistic")


@dataclass(frozen=True)
class Loss:
    """A weighted sum of losses, ``Σ weight · loss(x̂, x)``, written ``"0.8*mse+0.2*ssim"``.

    Args:
        terms: (weight, name) pairs; weights are finite and above 0 (they need not sum to 1), names
            are keys of :data:`LOSSES`, each at most once.

    Raises:
        InputError: with all faults together.
    """

    terms: tuple[tuple[float, str], ...]

    def __post_init__(self) -> None:
        for _, name in self.terms:
            if name not in LOSSES:
                raise unknown_name("loss", name, LOSSES)
        names = [name for _, name in self.terms]
        faults = [] if self.terms else ["at least one term is needed, such as mse"]
        faults += [
            f"the weight of {name} must be a finite number above 0, got {weight:g}"
            for weight, name in self.terms
            if not (weight > 0 and math.isfinite(weight))
        ]
        repeated = sorted({name for name in names if names.count(name) > 1})
        faults += [f"{name} stands in it more than once" for name in repeated]
        raise_faults("loss", faults)

    def __call__(
        self,
        reconstruction: torch.Tensor,
        target: torch.Tensor,
        logits: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Compute the weighted sum per image, ``(B,)``.

        Args:
            reconstruction: (B, C, H, W), the output of the network.
            target: (B, C, H, W), the clean images.
            logits: (B, C, H, W) or None: the input of the network's final sigmoid. If given, BCE
                is computed from them, exactly and with a gradient that never vanishes.
        """
        values = []
        for weight, name in self.terms:
            if name == "bce" and logits is not None:
                values.append(weight * bce_with_logits(logits, target))
            else:
                values.append(weight * LOSSES[name](reconstruction, target))
        return torch.stack(values).sum(dim=0)

    def __str__(self) -> str:
        """Return the spec that :func:`parse_loss` reads back to an equal loss."""
        return "+".join(
            name if weight == 1 else f"{float(weight)!r}*{name}" for weight, name in self.terms
        )

    @property
    def needs_unit_range(self) -> bool:
        """Whether the network's output and the target must lie in [0, 1], because of a BCE term."""
        return any(name == "bce" for _, name in self.terms)

    @property
    def of_8_bits(self) -> bool:
        """Whether it is the likelihood of the 256 values of an 8-bit image, because of a logistic term."""
        return any(name == "logistic" for _, name in self.terms)

    def floor(self, target: torch.Tensor) -> torch.Tensor:
        """Return the part of the loss that no reconstruction can remove, ``(B,)``.

        That is weight · :func:`bce_floor`, and 0 without a BCE term. It is exact, because every other
        loss but the logistic one is 0 where BCE is at its floor: at identical images.
        """
        weight = sum(weight for weight, name in self.terms if name == "bce")
        floor = bce_floor(target)
        return floor * weight if weight else torch.zeros_like(floor)


def parse_loss(spec: "str | Loss") -> Loss:
    """Parse a spec: one of :data:`LOSSES`, or a weighted sum of them.

    Args:
        spec: ``weight*name`` terms joined by ``+``; a weight of 1 may be left out; blanks do not
            matter. A :class:`Loss` is returned as it is.

    Raises:
        InputError: the spec is empty or malformed, a name is unknown (the message names the nearest known
            one), a weight is not finite and above 0.

    >>> parse_loss("mse").terms
    ((1.0, 'mse'),)
    >>> str(parse_loss(" 0.8 * mse + 0.2*ssim "))
    '0.8*mse+0.2*ssim'
    """
    if isinstance(spec, Loss):
        return spec
    if not isinstance(spec, str):
        raise InputError(f"loss must be a name such as 'mse' or '0.8*mse+0.2*ssim', got {spec!r}")
    # The + of an exponent, as in 1e+2*mse, does not join terms.
    parts = re.split(r"(?<![0-9.][eE])\+", spec)
    return Loss(terms=tuple(_parse_term(part.strip(), spec) for part in parts))


def _parse_term(part: str, spec: str) -> tuple[float, str]:
    weight, star, name = part.rpartition("*")
    if not part or (star and not weight.strip()):
        raise InputError(f"loss {spec!r}: expected terms like 0.2*ssim joined by +, got {part!r}")
    if not star:
        return 1.0, name
    try:
        return float(weight), name.strip()
    except ValueError:
        raise InputError(
            f"loss {spec!r}: the weight of {name.strip()} must be a number, got {weight.strip()!r}"
        ) from None
