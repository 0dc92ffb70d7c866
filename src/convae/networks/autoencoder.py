"""The network: image -> encoder -> bottleneck -> decoder -> reconstruction."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from convae.errors import InputError
from convae.networks.activations import sigmoid
from convae.networks.architecture import Architecture
from convae.networks.bottleneck import (
    DenseBottleneck,
    DenseBypass,
    Posterior,
    SpatialBottleneck,
    SpatialBypass,
)
from convae.networks.decoder import Decoder, Refinement
from convae.networks.encoder import Encoder
from convae.networks.layers import initialize, mean_around, pad_to_multiple


class Output(NamedTuple):
    """What :meth:`Autoencoder.forward` gives.

    Attributes:
        reconstruction: (B, C, H, W), the shape of the images.
        code: (B, latent_dim) or (B, latent_dim, h, w); of a Gaussian bottleneck the means.
        log_variance: of each number of the code, in a Gaussian bottleneck; None elsewhere.
    """

    reconstruction: Tensor
    code: Tensor
    log_variance: Tensor | None = None


class Autoencoder(nn.Module):
    """A convolutional autoencoder as an :class:`Architecture` describes it.

    Images are (B, C, H, W), float32, about [0, 1]; more or other channels go in where the architecture has
    ``inputs``. Any height and width work: the sides are padded to
    multiples of ``architecture.factor`` inside and cropped on the way out. With a dense code the size
    must be that of ``architecture.image_shape``.

    With a bypass, code = linear(x) + scale * convolutional(x): ``scale`` is the spread of the linear
    codes, so that the convolutional paths on both sides see numbers of about one.
    """

    scale: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        a = self.architecture = architecture
        self.encoder = Encoder(a)
        self.bottleneck = DenseBottleneck(a) if a.code == "dense" else SpatialBottleneck(a)
        self.decoder = Decoder(a)
        self.refinement = Refinement(a) if a.refine else None
        self.bypass: DenseBypass | SpatialBypass | None = None
        if a.bypass == "pca":
            self.bypass = DenseBypass(a) if a.code == "dense" else SpatialBypass(a)
        if next(self.parameters()).device.type != "meta":
            initialize(self, a)
            if self.bypass is not None:
                self.bypass.draw_components()
        self.register_buffer("scale", torch.ones(a.latent_dim, *(1,) * (len(a.code_shape) - 1)))

    def encode(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to codes; of a Gaussian bottleneck to their means."""
        return self.posterior(x).code

    def posterior(self, x: Tensor) -> Posterior:
        """(B, C, H, W) to all that the encoder says of their codes."""
        self._check(x)
        padded = pad_to_multiple(x, self.architecture.factor)
        if self.bypass is None:
            return self.bottleneck.encode(self.encoder(self._centred(padded)))
        linear = self.bypass.encode(x if isinstance(self.bypass, DenseBypass) else padded)
        curved = self.bottleneck.encode(self.encoder(padded - 0.5)).code
        return Posterior(linear + self.scale * curved.to(linear.dtype))

    def decode(self, code: Tensor, size: tuple[int, int] | None = None) -> Tensor:
        """Codes to (B, C, *size).

        ``size`` defaults to the height and width of ``architecture.image_shape`` for a dense code, and
        to everything the map covers for a spatial one of another size.
        """
        a = self.architecture
        if a.skips or a.base:
            raise InputError(
                "this network restores an image from the image itself, beside its code: from a code alone "
                "it makes none"
            )
        if code.ndim != 1 + len(a.code_shape) or code.shape[1] != a.latent_dim:
            places = "" if a.code == "dense" else ", h, w"
            raise InputError(
                f"codes must be (B, {a.latent_dim}{places}) for this network; got {tuple(code.shape)}"
            )
        return self._image(code, size or self._default_size(code))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        """(B, inputs, H, W) to reconstructions (B, C, H, W) and codes.

        Args:
            noise: standard normal numbers as many as in the codes, (B, ...): a Gaussian bottleneck decodes
                codes drawn by them. None decodes the means.
        """
        a, size = self.architecture, (x.shape[-2], x.shape[-1])
        maps: Sequence[Tensor] = ()
        if a.skips:
            self._check(x)
            *maps, last = self.encoder.maps(self._centred(pad_to_multiple(x, a.factor)))
            said = self.bottleneck.encode(last)
        else:
            said = self.posterior(x)
        image = self._image(drawn(said, noise), size, x[:, : a.base], maps)
        return Output(image, said.code, said.log_variance)

    def _centred(self, x: Tensor) -> Tensor:
        """What the encoder sees. Networks that add to a base see values around zero."""
        a = self.architecture
        if not a.base:
            return x
        if not a.contrast:
            return x - 0.5
        base = x[:, : a.base]
        return torch.cat([x - 0.5, (base - mean_around(base)) / a.contrast], dim=1)

    def _image(
        self,
        code: Tensor,
        size: tuple[int, int],
        base: Tensor | None = None,
        skips: Sequence[Tensor] = (),
    ) -> Tensor:
        """(B, C, *size) from codes, and from what goes around them.

        Args:
            base: (B, base, *size) what the result is added to.
            skips: the encoder's maps of all stages but the last.
        """
        a, (height, width) = self.architecture, size
        image: Tensor = self.decoder(self.bottleneck.decode(code / self.scale), skips)
        image = image[..., :height, :width]
        if self.bypass is not None:
            image = image + self.bypass.decode(code, (height, width))[..., :height, :width]
        if base is not None and a.base:
            image = base + (image * a.contrast if a.contrast else image)
        if self.refinement is not None:
            image = image + self.refinement(image)
        if a.output == "sigmoid":
            return sigmoid(image)
        if a.output == "clamp" and not self.training:
            return image.clamp(0, 1)
        return image

    def _default_size(self, code: Tensor) -> tuple[int, int]:
        a = self.architecture
        if tuple(code.shape[1:]) == a.code_shape:
            return a.image_shape[1:]
        return code.shape[-2] * a.factor[0], code.shape[-1] * a.factor[1]

    def _check(self, x: Tensor) -> None:
        a = self.architecture
        got, want = tuple(x.shape[1:]), (a.input_channels, *a.image_shape[1:])
        if x.ndim != 4 or got[0] != want[0]:
            raise InputError(
                f"images must be (B, {want[0]}, H, W) for this network; got {tuple(x.shape)}"
            )
        if a.code == "dense" and got != want:
            raise InputError(
                f"this network has a dense code and takes images of {want[1]}x{want[2]} only; got "
                f"{got[1]}x{got[2]}: resize them, or fit with code 'spatial'"
            )
        (fy, fx), side = a.factor, a.smallest_side
        if -(-got[1] // fy) < side or -(-got[2] // fx) < side:
            raise InputError(
                f"padding_mode {a.padding_mode!r} needs images larger than "
                f"{(side - 1) * fy}x{(side - 1) * fx} in this network; got {got[1]}x{got[2]}"
            )


def drawn(said: Posterior, noise: Tensor | None) -> Tensor:
    """Codes from their distribution, by standard normal numbers; the means where there is neither."""
    if said.log_variance is None or noise is None:
        return said.code
    return said.code + (0.5 * said.log_variance).exp() * noise.view_as(said.code)
