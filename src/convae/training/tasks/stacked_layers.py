"""Train one layer of a network at a time: a stage of the encoder and the decoder stage that inverts it."""

from typing import cast

import torch
from torch import Tensor, nn

from convae.config.compatibility import check
from convae.corruption.noise import Noise
from convae.losses import Loss
from convae.networks.activations import sigmoid
from convae.networks.autoencoder import Autoencoder, Output
from convae.networks.decoder import Decoder
from convae.networks.layers import pad_to_multiple
from convae.training.tasks.task import Example, StepRng

SMALLEST = 1e-12


def layer_count(network: Autoencoder) -> int:
    """Return the number of layers: the stages, and the code on top of them.

    Raises:
        InputError: the decoder of the network does not invert the encoder stage by stage.
    """
    a = network.architecture
    mirrored = a.blocks and a.up == "subpixel" and not (a.refine or a.skips or a.base or a.pattern)
    mirrored = mirrored or a.layers == "dense"
    check(task=["levels"], path=[a.bypass], decoder=["mirrored" if mirrored else "other"])
    return len(a.widths) + 1


def _stages_of(network: Autoencoder) -> Decoder:
    """Return the decoder of a network that :func:`layer_count` has accepted."""
    return cast(Decoder, network.decoder)


class StackLayer(nn.Module):
    """One layer: maps codes of the layer below to its own and back. It shares its parts with the network."""

    def __init__(self, network: Autoencoder, number: int) -> None:
        """Set up the layer.

        Args:
            number: from 1, whose codes below are the image, to :func:`layer_count`, the code on top.
        """
        super().__init__()
        stages = len(network.architecture.widths)
        self.top = number > stages
        self.bounded = number == 1 and network.architecture.output == "sigmoid"
        if self.top:
            self.bottleneck = network.bottleneck
        else:
            self.there = network.encoder[number - 1]
            self.back = _stages_of(network)[stages - number]

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Output:
        """Encode codes of the layer below (B, c, h, w) and decode them; return both results."""
        if self.top:
            code = self.bottleneck.encode(x).code
            return Output(self.bottleneck.decode(code), code)
        code = self.there(x)
        decoded = self.back(code)
        return Output(sigmoid(decoded) if self.bounded else decoded, code)


def codes_of_layer(network: Autoencoder, images: Tensor, number: int) -> Tensor:
    """Return codes (B, c, h, w) of a layer below the top; layer 0 is the image, padded for the network."""
    x = pad_to_multiple(images, network.architecture.factor)
    for stage in list(network.encoder)[:number]:
        x = stage(x)
    return x


def images_of_layer(
    network: Autoencoder, codes: Tensor, number: int, size: tuple[int, int]
) -> Tensor:
    """Decode codes of a layer below the top to images (B, C, *size), by the decoder stages beneath it."""
    a, x = network.architecture, codes
    for stage in list(_stages_of(network))[len(a.widths) - number :]:
        x = stage(x)
    x = x[..., : size[0], : size[1]]
    if a.output == "sigmoid":
        return sigmoid(x)
    return x.clamp(0, 1) if a.output == "clamp" else x


class FromBelow:
    """Reconstruct the codes of the layer below, which is not trained.

    The loss of the first layer is that of the images. The loss of the others is the squared error divided by
    the variance of the codes below, so that layers are comparable. With noise, the input is the code of the
    noisy image, and the target that of the clean one.

    Source: Bengio et al., "Greedy layer-wise training of deep networks", 2007; Vincent et al. 2010.
    """

    def __init__(self, network: Autoencoder, number: int, loss: Loss, noise: Noise | None) -> None:
        """Set up the task.

        Args:
            network: provides the layers below, in their current state and in evaluation mode.
            number: of the layer that learns.
            loss: of images.
            noise: on the inputs; None for none.
        """
        self.network, self.number, self.loss, self.noise = network.eval(), number, loss, noise

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return the codes of the layer below, (B, c, h, w), of images (B, C, H, W) as input and target."""
        with torch.no_grad():
            target = codes_of_layer(self.network, batch, self.number - 1)
            if self.noise is None:
                return Example(target, target)
            noisy, _ = self.noise.apply(batch, rng.generator)
            return Example(codes_of_layer(self.network, noisy, self.number - 1), target)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the image, or the unexplained fraction of the variance, (B,)."""
        decoded, target = output.reconstruction.float(), example.target.float()
        if self.number == 1:
            return self.loss(decoded, target)
        spread = target.var(dim=(0, 2, 3), correction=0).mean().clamp_min(SMALLEST)
        return (decoded - target).square().flatten(1).mean(dim=1) / spread
