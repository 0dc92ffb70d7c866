"""The network: image -> encoder -> bottleneck -> decoder -> reconstruction."""

from collections.abc import Callable, Sequence
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
from convae.networks.decoder import Decoder, Patterns, Refinement, last_layer
from convae.networks.encoder import Encoder
from convae.networks.ladder import Descent, Ladder
from convae.networks.layers import cropped, initialize, mean_around, pad_to_multiple

SIGMOID_START = (0.01, 0.99)  # closer to 0 or 1 a sigmoid hardly learns
FIRST_SPREAD = 0.3  # of the first outputs around the mean, as a fraction of that of images
LEAST_SPREAD = 1e-4  # least spread of the first outputs, where the images are all one colour
START_SIDE = 256  # most rows and columns of the images that scale the first weights


class Output(NamedTuple):
    """The result of :meth:`Autoencoder.forward`.

    Attributes:
        reconstruction: (B, C, H, W), the shape of the images.
        code: (B, latent_dim) or (B, latent_dim, h, w); the means in a Gaussian bottleneck.
        log_variance: of each value of the code, in a Gaussian bottleneck; None elsewhere.
        finer_kl: (B, n) KL divergence in nats of each latent variable of the finer levels; None without such
            levels.
        finer_log_ratio: (B,) log p - log q of the sample at the finer levels; None where nothing was sampled.
        raw: (B, latent_dim, h, w) the encoder's vectors before the nearest entries of the codebook replaced
            them, in a ``vq`` bottleneck; None elsewhere.
        indices: (B, h, w) int64 the entries that replaced them; None elsewhere.
    """

    reconstruction: Tensor
    code: Tensor
    log_variance: Tensor | None = None
    finer_kl: Tensor | None = None
    finer_log_ratio: Tensor | None = None
    raw: Tensor | None = None
    indices: Tensor | None = None


class EncoderOutput(NamedTuple):
    """The output of the encoder.

    Attributes:
        posterior: that of the codes.
        maps: (B, c, h, w) of all stages but the last, the largest first, if the decoder uses them.
    """

    posterior: Posterior
    maps: tuple[Tensor, ...] = ()

    def repeated(self, count: int) -> "EncoderOutput":
        """Repeat the batch ``count`` times along the first axis."""

        def of(x: Tensor) -> Tensor:
            return x.repeat(count, *(1,) * (x.ndim - 1))

        code, log_variance, *_ = self.posterior
        posterior = Posterior(of(code), None if log_variance is None else of(log_variance))
        return EncoderOutput(posterior, tuple(of(x) for x in self.maps))


class Autoencoder(nn.Module):
    """A convolutional autoencoder as an :class:`Architecture` describes it.

    Images are (B, C, H, W), float32, about [0, 1]. If the architecture sets ``inputs``, the input has that
    many channels. Any height and width work: the sides are padded to multiples of ``architecture.factor`` and
    the result is cropped. With a dense code the size must be that of ``architecture.image_shape``.

    With a bypass, code = linear(x) + scale * convolutional(x). ``scale`` is the spread of the linear
    codes, so that the convolutional paths on both sides work on values of about one.
    """

    scale: Tensor

    def __init__(self, architecture: Architecture) -> None:
        """Build the network with random weights.

        Raises:
            InputError: the architecture is that of a custom encoder and decoder.
        """
        super().__init__()
        a = self.architecture = architecture
        if a.custom_code:
            raise InputError(
                "this architecture is that of a custom encoder and decoder: give them, too"
            )
        self.encoder = Encoder(a)
        self.bottleneck = DenseBottleneck(a) if a.code == "dense" else SpatialBottleneck(a)
        self.decoder = Patterns(a) if a.pattern else Decoder(a)
        self.ladder = Ladder(a) if a.levels > 1 else None
        self.refinement = Refinement(a) if a.refine else None
        self.bypass: DenseBypass | SpatialBypass | None = None
        if a.bypass == "pca":
            self.bypass = DenseBypass(a) if a.code == "dense" else SpatialBypass(a)
        if next(self.parameters()).device.type != "meta":
            initialize(self, a)
            if self.bypass is not None:
                self.bypass.randomise_components()
        self.register_buffer("scale", torch.ones(a.latent_dim, *(1,) * (len(a.code_shape) - 1)))

    @torch.no_grad()
    def start_at(self, mean: Tensor, images: Tensor) -> None:
        """Initialise the last layer so that the first outputs are close to the mean of the images.

        Training then starts from the mean, not from an arbitrary output of the first weights. The weights are
        made so small that the first outputs vary around the mean by :data:`FIRST_SPREAD` of the spread of the
        given images. They are not made zero: the code would not be learnt until the last layer had grown, and
        by then sparse codes would be inactive. Networks with another start
        (:attr:`Architecture.starts_elsewhere`) stay unchanged.

        Args:
            mean: (C,) in about [0, 1], the mean of each output channel of the network.
            images: (B, C', H, W) in about [0, 1], some training images.
        """
        a, last = self.architecture, last_layer(self.decoder)
        if a.starts_elsewhere:
            return
        assert last.bias is not None
        slope = 1.0
        if a.output == "sigmoid":
            mean = mean.clamp(*SIGMOID_START)
            slope = float((mean * (1 - mean)).mean())
            mean = torch.logit(mean)
        last.bias.zero_()
        spread = FIRST_SPREAD * float(images.std(dim=(0, 2, 3), correction=0).mean()) / slope
        last.weight.mul_(min(1.0, max(spread, LEAST_SPREAD) / self._first_spread(images)))
        last.bias.copy_(mean.to(last.bias).repeat_interleave(len(last.bias) // len(mean)))

    @torch.no_grad()
    def start_codebook(self, images: Tensor) -> None:
        """Start the entries of a codebook, if there is one, at clusters of the codes of some images.

        Args:
            images: (B, C', H, W) in about [0, 1], some training images.
        """
        codebook = getattr(self.bottleneck, "codebook", None)
        if codebook is None:
            return
        training = self.training
        raw = self.eval().posterior(self._some_inputs(images)).raw
        self.train(training)
        assert raw is not None
        codebook.start(raw.movedim(1, 3).flatten(0, 2))

    def _some_inputs(self, images: Tensor) -> Tensor:
        """Return inputs of the network for images (B, C', H, W): further channels are 0, large ones cut."""
        inputs = images.new_zeros(len(images), self.architecture.input_channels, *images.shape[2:])
        channels = min(inputs.shape[1], images.shape[1])
        inputs[:, :channels] = images[:, :channels]
        if self.architecture.code != "dense":
            inputs = inputs[..., :START_SIDE, :START_SIDE]
        return inputs

    def _first_spread(self, images: Tensor) -> float:
        """Return the root mean square of the decoder's output for images, before the output function."""
        inputs = self._some_inputs(images)
        made: list[Tensor] = []
        count = self.architecture.sampled_values((inputs.shape[2], inputs.shape[3]))
        noise = torch.randn(len(inputs), count, generator=torch.Generator().manual_seed(0))
        training = self.training
        with self.decoder.register_forward_hook(lambda _, __, image: made.append(image)):
            self.eval()(inputs, noise)
        self.train(training)
        return max(float(made[0].square().mean().sqrt()), LEAST_SPREAD)

    def encode(self, x: Tensor) -> Tensor:
        """Encode images (B, C, H, W) to codes; in a Gaussian bottleneck, to the means of codes.

        Raises:
            InputError: for images of a shape that the network does not take.
        """
        return self.posterior(x).code

    def posterior(self, x: Tensor) -> Posterior:
        """Encode images (B, C, H, W) to the posterior of their codes."""
        return self.encode_with_maps(x).posterior

    def encode_with_maps(self, x: Tensor) -> EncoderOutput:
        """Encode images (B, C, H, W): their posterior and the skip feature maps.

        Raises:
            InputError: for images of a shape that the network does not take.
        """
        self._check(x)
        a = self.architecture
        padded = pad_to_multiple(x, a.factor)
        if self.bypass is not None:
            linear = self.bypass.encode(x if isinstance(self.bypass, DenseBypass) else padded)
            curved = self.bottleneck.encode(self.encoder(padded - 0.5)).code
            return EncoderOutput(Posterior(linear + self.scale * curved.to(linear.dtype)))
        *maps, last = self.encoder.maps(self._centred(padded))
        posterior = self.bottleneck.encode(last)
        return EncoderOutput(posterior, tuple(maps) if a.skips or self.ladder is not None else ())

    def decode(
        self, code: Tensor, size: tuple[int, int] | None = None, noise: Tensor | None = None
    ) -> Tensor:
        """Decode codes (B, latent_dim) or (B, latent_dim, h, w) to images (B, C, H, W).

        Args:
            code: the codes.
            size: (height, width). By default that of ``architecture.image_shape`` for a code of
                ``architecture.code_shape``, and all pixels that the map covers for a spatial code of another
                size.
            noise: (B, n) standard normal values that sample the finer levels, if there are any, from their
                prior given the code; None takes the prior's means.

        Raises:
            InputError: for codes of another shape, or a network that needs the image in addition to the code.
        """
        a = self.architecture
        if a.skips or a.base:
            raise InputError(
                "this network restores an image from the image and its code: it cannot decode a code "
                "alone"
            )
        if code.ndim != 1 + len(a.code_shape) or code.shape[1] != a.latent_dim:
            places = "" if a.code == "dense" else ", h, w"
            raise InputError(
                f"codes must be (B, {a.latent_dim}{places}) for this network; got {tuple(code.shape)}"
            )
        joins = [] if self.ladder is None else Descent(self.ladder, None, noise).joins
        return self._limited(self._image(code, size or self.size_of(code), joins=joins))

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        """Compute reconstructions (B, C, H, W) and codes from images (B, inputs, H, W).

        Args:
            x: the images.
            noise: (B, n) standard normal values, n = ``architecture.sampled_values``. A Gaussian bottleneck
                samples the code with the first of them, and the finer levels with the rest. None takes the
                means.

        Raises:
            InputError: for images of a shape that the network does not take.
        """
        return self.decode_with_maps(x, self.encode_with_maps(x), noise)

    def decode_with_maps(
        self, x: Tensor, encoded: EncoderOutput, noise: Tensor | None = None
    ) -> Output:
        """Decode the encoder output for images.

        Args:
            x: (B, inputs, H, W), the images.
            encoded: the result of :meth:`encode_with_maps` for them.
            noise: as for :meth:`forward`.
        """
        a, posterior = self.architecture, encoded.posterior
        count = posterior.code[0].numel()
        code = sampled(posterior, None if noise is None else noise.flatten(1)[:, :count])
        descent, joins = None, [_adding(one) for one in reversed(encoded.maps)]
        if self.ladder is not None:
            rest = None if noise is None else noise.flatten(1)[:, count:]
            descent = Descent(self.ladder, encoded.maps, rest)
            joins = descent.joins
        image = self._image(code, (x.shape[-2], x.shape[-1]), x[:, : a.base], joins)
        image = self._limited(image, x)
        if descent is None:
            code, log_variance, raw, indices = posterior
            return Output(image, code, log_variance, raw=raw, indices=indices)
        return Output(image, posterior.code, posterior.log_variance, descent.kl, descent.log_ratio)

    def _centred(self, x: Tensor) -> Tensor:
        """Return the encoder's input. Networks that add to a base take values around zero."""
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
        joins: Sequence[Callable[[Tensor], Tensor]] = (),
    ) -> Tensor:
        """Compute images (B, C, *size) from codes, the base and the skip feature maps.

        Args:
            base: (B, base, *size), to which the result is added.
            joins: functions that are applied to the decoder's map after each of its first stages.
        """
        a = self.architecture
        image: Tensor = self.decoder(self.bottleneck.decode(code / self.scale), joins)
        image = cropped(image, size)
        if self.bypass is not None:
            image = image + cropped(self.bypass.decode(code, size), size)
        if base is not None and a.base:
            image = base + (image * a.contrast if a.contrast else image)
        if self.refinement is not None:
            image = image + self.refinement(image)
        return sigmoid(image) if a.output == "sigmoid" else image

    def _limited(self, image: Tensor, seen: Tensor | None = None) -> Tensor:
        """Limit an image to [0, 1], or to the range of the network's input where that is wider."""
        if self.architecture.output != "clamp" or self.training:
            return image
        if seen is None:
            return image.clamp(0, 1)
        low, high = (one(dim=(1, 2, 3), keepdim=True) for one in (seen.amin, seen.amax))
        return torch.maximum(torch.minimum(image, high.clamp_min(1)), low.clamp_max(0))

    def size_of(self, code: Tensor) -> tuple[int, int]:
        """Return the default (height, width) of the images that codes are decoded to."""
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
        if not a.takes_any_size and got != want:
            kind = "is custom" if a.custom_code else "has a dense code"
            other = "" if a.custom_code else ", or fit with code 'spatial'"
            raise InputError(
                f"this network {kind} and takes images of {want[1]}x{want[2]} only; got "
                f"{got[1]}x{got[2]}: resize them{other}"
            )
        a.check_size(got[1], got[2])


def _adding(skip: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda x: x + skip


def sampled(posterior: Posterior, noise: Tensor | None) -> Tensor:
    """Sample codes from their posterior with standard normal noise (B, n).

    Without a variance or noise, return the means.
    """
    code, log_variance, *_ = posterior
    if log_variance is None or noise is None:
        return code
    return code + (0.5 * log_variance).exp() * noise.view_as(code)
