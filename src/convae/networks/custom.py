"""A custom network: an encoder and a decoder that a user gives, in place of convae's."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from convae.errors import InputError, brief
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder, EncoderOutput
from convae.networks.bottleneck import Posterior, Rectifier, apply_nonlinearity

STORABLE = (torch.float32, torch.float16, torch.int64, torch.uint8)  # dtypes of model files
TRIAL = 2  # images of the trial
MAX_LAZY = (
    2**26
)  # values of an image, as a file states them, for which memory is taken before it is checked


@dataclass(frozen=True)
class CustomParts:
    """An encoder and a decoder.

    Attributes:
        encoder: takes images (B, C, H, W) in about [0, 1] to codes (B, n) or (B, n, h, w).
        decoder: takes these codes to images (B, C, H, W) in about [0, 1].
    """

    encoder: nn.Module
    decoder: nn.Module

    def copied(self) -> "CustomParts":
        """Return deep copies in float32 on the CPU; weights that both share stay shared.

        Raises:
            InputError: a module cannot be copied, or holds what a model file cannot.
        """
        try:
            encoder, decoder = copy.deepcopy((self.encoder, self.decoder))
        except Exception as error:  # the user's own classes may raise anything
            raise InputError(f"encoder and decoder cannot be copied: {brief(error)}") from error
        for name, module in (("encoder", encoder), ("decoder", decoder)):
            module.to("cpu").float()
            _check_state(f"{name} {type(module).__name__}", module)
        return CustomParts(encoder, decoder)

    def classes(self) -> dict[str, str]:
        """Return the import path of each class, such as ``{"encoder": "my_networks.MyEncoder", ...}``."""
        return {name: _path_of(module) for name, module in vars(self).items()}


def custom_parts(encoder: object, decoder: object) -> CustomParts | None:
    """Return the encoder and the decoder; None if neither is given.

    Raises:
        InputError: only one is given, or one is no :class:`torch.nn.Module`.
    """
    if encoder is None and decoder is None:
        return None
    for name, module in (("encoder", encoder), ("decoder", decoder)):
        if module is None:
            raise InputError(f"{name} is missing: encoder and decoder must be given together")
        if isinstance(module, type):
            raise InputError(
                f"{name} must be a module, not its class: write {name}={module.__name__}(...)"
            )
        if not isinstance(module, nn.Module):
            raise InputError(f"{name} must be a torch.nn.Module; got {brief(repr(module), 80)}")
    assert isinstance(encoder, nn.Module)
    assert isinstance(decoder, nn.Module)
    return CustomParts(encoder, decoder)


def try_out(
    parts: CustomParts, image_shape: tuple[int, int, int], *, unit_range: bool = False
) -> tuple[int, ...]:
    """Return the shape of the code of one image, after a forward pass of copies on random images.

    Args:
        parts: encoder and decoder, which are not changed.
        image_shape: (C, H, W).
        unit_range: whether the decoder's values must be probabilities.

    Raises:
        InputError: a module fails or gives something else than it must; the message says which module, what
            came and what must come.
    """
    copied = parts.copied()
    shape = (TRIAL, *image_shape)
    images = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    named = {name: f"{name} {type(module).__name__}" for name, module in vars(parts).items()}
    with torch.random.fork_rng(devices=[]), torch.enable_grad():
        code = _result(named["encoder"], copied.encoder.eval(), images)
        if code.ndim not in (2, 4) or len(code) != TRIAL or not code.numel():
            raise InputError(
                f"{named['encoder']} must give codes (B, n) or (B, n, h, w) for images (B, C, H, W); "
                f"for {shape} it gave {tuple(code.shape)}"
            )
        image = _result(named["decoder"], copied.decoder.eval(), code)
    if tuple(image.shape) != shape:
        raise InputError(
            f"{named['decoder']} must give images {shape} for codes {tuple(code.shape)}; it gave "
            f"{tuple(image.shape)}"
        )
    low, high = (float(end) for end in image.detach().aminmax())
    if unit_range and not 0 <= low <= high <= 1:
        raise InputError(
            f"{named['decoder']} must give values from 0 to 1 for a cross-entropy; it gave values from "
            f"{low:.3g} to {high:.3g}: end it with torch.nn.Sigmoid(), or take loss 'mse'"
        )
    if not image.requires_grad:
        raise InputError(
            "encoder and decoder have no weights that can be trained: all are frozen (requires_grad is "
            "False), or the result is detached from them"
        )
    return tuple(code.shape[1:])


def custom_architecture(
    image_shape: tuple[int, int, int], code_shape: tuple[int, ...], **changes: Any
) -> Architecture:
    """Return the description of a custom network.

    Args:
        image_shape: (C, H, W).
        code_shape: (n,) or (n, h, w).
        changes: of the bottleneck and of the output.
    """
    return Architecture(
        image_shape=image_shape,
        custom_code=code_shape,
        code="dense" if len(code_shape) == 1 else "spatial",
        latent_dim=code_shape[0],
        widths=(1,),
        blocks=0,
        **{"bypass": "none", **changes},
    )


class CodeConstraint(nn.Module):
    """The bottleneck of a custom network: the non-linearity of a sparse code, or nothing."""

    def __init__(self, a: Architecture) -> None:
        super().__init__()
        self.kind = a.bottleneck
        self.rectifier = Rectifier(a) if self.kind in ("l1", "top-k", "winners") else None

    def forward(self, raw: Tensor) -> Tensor:
        """Map the encoder's result (B, n, ...) to codes of the same shape."""
        return apply_nonlinearity(self.kind, self.rectifier, raw)


class CustomAutoencoder(Autoencoder):
    """An encoder and a decoder of a user as an :class:`Autoencoder`.

    Images are (B, C, H, W), float32, about [0, 1], always of the size of ``architecture.image_shape``. Both
    modules receive tensors that are contiguous, so that they may use ``view``.
    """

    def __init__(self, architecture: Architecture, parts: CustomParts, *, seed: int = 0) -> None:
        """Take over the modules.

        Args:
            architecture: of :func:`custom_architecture`.
            parts: encoder and decoder, which are trained in place.
            seed: of the weights of lazy modules.

        Raises:
            InputError: lazy modules do not work on such images.
        """
        nn.Module.__init__(self)
        a = self.architecture = architecture
        if any(is_lazy(p) for module in vars(parts).values() for p in module.parameters()):
            _initialise_lazy(parts, a.image_shape, seed)
        self.encoder = parts.encoder  # type: ignore[assignment]
        self.decoder = parts.decoder  # type: ignore[assignment]
        plain = a.bottleneck == "plain"
        self.bottleneck = nn.Identity() if plain else CodeConstraint(a)  # type: ignore[assignment]
        self.ladder, self.refinement, self.bypass = None, None, None
        self.register_buffer("scale", torch.ones(a.latent_dim, *(1,) * (len(a.code_shape) - 1)))
        self._frozen = [name for name, p in self.named_parameters() if not p.requires_grad]

    def requires_grad_(self, requires_grad: bool = True) -> "CustomAutoencoder":
        """Set whether weights are trained; those that were frozen when they were given stay frozen."""
        super().requires_grad_(requires_grad)
        for name in self._frozen:
            self.get_parameter(name).requires_grad_(False)
        return self

    def encode_with_maps(self, x: Tensor) -> EncoderOutput:
        """Encode images (B, C, H, W).

        Raises:
            InputError: for images of a shape that the network does not take, or if the encoder gives another
                code than in its trial.
        """
        self._check(x)
        raw = self.encoder(x.contiguous())
        wanted = (x.shape[0], *self.architecture.custom_code)
        if not isinstance(raw, Tensor) or tuple(raw.shape) != wanted:
            got = tuple(raw.shape) if isinstance(raw, Tensor) else type(raw).__name__
            raise InputError(f"the encoder must give codes {wanted}; it gave {got}")
        return EncoderOutput(Posterior(self.bottleneck(raw.float())))

    def _image(
        self,
        code: Tensor,
        size: tuple[int, int],
        base: Tensor | None = None,
        joins: Sequence[Callable[[Tensor], Tensor]] = (),
    ) -> Tensor:
        a = self.architecture
        if tuple(code.shape[1:]) != a.custom_code:
            raise InputError(
                f"codes must be (B, {', '.join(map(str, a.custom_code))}) for this network; got "
                f"{tuple(code.shape)}"
            )
        image = self.decoder(code.contiguous())
        wanted = (code.shape[0], *a.image_shape)
        if not isinstance(image, Tensor) or tuple(image.shape) != wanted:
            got = tuple(image.shape) if isinstance(image, Tensor) else type(image).__name__
            raise InputError(f"the decoder must give images {wanted}; it gave {got}")
        return image.float()

    def untrained(self) -> "CustomAutoencoder":
        """Return a copy with new random weights in all layers that can set them; others keep theirs."""
        fresh = copy.deepcopy(self)
        for module in fresh.modules():
            if callable(reset := getattr(module, "reset_parameters", None)):
                reset()
        return fresh


def _initialise_lazy(parts: CustomParts, image_shape: tuple[int, int, int], seed: int) -> None:
    """Give the weights of lazy modules their sizes and first values."""
    if math.prod(image_shape) > MAX_LAZY:
        raise InputError(
            f"lazy modules are run for images of up to {MAX_LAZY:,} values only: run them once yourself"
        )
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        code = _result("encoder", parts.encoder.eval(), torch.zeros(TRIAL, *image_shape))
        _result("decoder", parts.decoder.eval(), code)


def _result(name: str, module: nn.Module, given: Tensor) -> Tensor:
    """Return the result of a module, which must be one finite tensor."""
    shape = tuple(given.shape)
    try:
        result = module(given)
    except Exception as error:  # the user's own code may raise anything
        raise InputError(
            f"{name} fails on a tensor {shape}: {type(error).__name__}: {brief(error, 300)}"
        ) from error
    if not isinstance(result, Tensor):
        raise InputError(f"{name} must give one tensor; it gave a {type(result).__name__}")
    if not result.is_floating_point():
        raise InputError(f"{name} must give floating-point values; it gave {result.dtype}")
    if not bool(torch.isfinite(result).all()):
        raise InputError(f"{name} gives values that are not finite for a tensor {shape}")
    return result


def _check_state(name: str, module: nn.Module) -> None:
    for key, value in module.state_dict().items():
        if not isinstance(value, Tensor):
            raise InputError(f"{name}: its state {key!r:.80} is no tensor, so it cannot be saved")
        if value.dtype not in STORABLE:
            raise InputError(
                f"{name}: its tensor {key!r:.80} is of {value.dtype}, which a model file cannot hold; "
                "register it as int64 or float32, or with persistent=False"
            )


def _path_of(module: nn.Module) -> str:
    kind = type(module)
    return brief(f"{kind.__module__}.{kind.__qualname__}", 200)
