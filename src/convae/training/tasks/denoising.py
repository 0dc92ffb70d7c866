"""The ways to learn denoising: from clean images, from pairs, or from noisy images alone."""

import torch
from torch import Tensor

from convae.corruption.noise import Noise
from convae.losses import Loss
from convae.networks.autoencoder import Output
from convae.training.tasks.flips_and_turns import to_random_views
from convae.training.tasks.task import Example, StepRng

BLIND_SHARE = 1 / 16  # the fraction of the pixels that are replaced in a blind-spot step
BLIND_REACH = 2  # largest distance in pixels of the values that replace them
LEAST_SPLIT, MOST_SPLIT = 0.4, 1.0  # range of α: how unevenly the noise of an image is split in two


class _Restoration:
    """Shared parts of the ways to learn."""

    def __init__(self, loss: Loss, *, turn: bool) -> None:
        """Set up the task.

        Args:
            loss: between the restored image and its target.
            turn: whether images are flipped and rotated at random.
        """
        self.loss, self.turn = loss, turn

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses between the restored images and their targets, (B,)."""
        return self.loss(output.reconstruction.float(), example.target)

    def _turned(self, batch: Tensor, rng: StepRng) -> Tensor:
        return to_random_views(batch, rng.generator) if self.turn else batch


class FromClean(_Restoration):
    """Clean images, to which noise is added, sampled anew for every batch."""

    def __init__(self, loss: Loss, noise: Noise, *, turn: bool, level_map: bool) -> None:
        super().__init__(loss, turn=turn)
        self.noise, self.level_map = noise, level_map

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return noisy images as input and the clean ones, (B, C, H, W) in about [0, 1], as target.

        With a level map, the input has one more channel: the noise level at every pixel.
        """
        clean = self._turned(batch, rng)
        noisy, level = self.noise.apply(clean, rng.generator)
        return Example(with_level(noisy, level) if self.level_map else noisy, clean)


class FromPairs(_Restoration):
    """Pairs from a :class:`convae.images.dataset.pairs.PairSource`: the target's channels follow the image's.

    The target may be a clean image, a second noisy image of the same scene, or have other channels.
    """

    def __init__(self, loss: Loss, channels: int, *, turn: bool) -> None:
        super().__init__(loss, turn=turn)
        self.channels = channels

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Split (B, C, H, W) after the first ``channels`` channels into the input and the target."""
        both = self._turned(batch, rng)
        return Example(both[:, : self.channels].contiguous(), both[:, self.channels :].contiguous())


class _FromNoisy(_Restoration):
    """Noisy images alone, whose noise levels are known or estimated."""

    def __init__(self, loss: Loss, level: Tensor, *, turn: bool, level_map: bool) -> None:
        """Set up the task.

        Args:
            level: (n,) the standard deviation of the noise in each image of the set.
            level_map: whether the network gets the noise level as an input.
        """
        super().__init__(loss, turn=turn)
        self.level, self.level_map = level, level_map

    def _level(self, noisy: Tensor, rng: StepRng) -> Tensor:
        """Return the noise levels of a batch, (B, 1, 1, 1); all crops of an image have its level."""
        places = torch.from_numpy(rng.positions % len(self.level))
        return self.level[places].view(-1, 1, 1, 1).to(noisy.device)

    def _input(self, noisy: Tensor, level: Tensor) -> Tensor:
        return with_level(noisy, level) if self.level_map else noisy


class FromNoisyGaussian(_FromNoisy):
    """Images with Gaussian noise of a known noise level, recorrupted to two independent noisy images.

    Let y = x + n, with fresh noise z of the same level σ. Then y + αz and y - z/α have independent noise.
    Predicting the second from the first is therefore, on average, predicting x from noise of level σ·√(1 +
    α²). The network gets the level as an input, so over a range of α it learns all levels from just above σ
    on. The level map has to extrapolate the small step down to σ itself.

    Source: Pang et al., "Recorrupted-to-Recorrupted", CVPR 2021.
    """

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return two noisy versions of the images (B, C, H, W), with independent noise, as input and target.

        With a level map, the input has one more channel: the noise level. The weight of each image in the
        loss, (B, 1, 1, 1), is larger for less noisy targets.
        """
        noisy, generator = self._turned(batch, rng), rng.generator
        level = self._level(noisy, rng)
        part = torch.rand((len(noisy), 1, 1, 1), generator=generator).to(noisy.device)
        split = LEAST_SPLIT * (MOST_SPLIT / LEAST_SPLIT) ** part
        fresh = level * torch.randn(noisy.shape, generator=generator).to(noisy.device)
        noisier, target = noisy + split * fresh, noisy - fresh / split
        input_level = level * (1 + split.square()).sqrt()
        # The target's own noise adds to the loss: less noisy targets get a higher weight.
        weight = 1 / (1 + split.square().reciprocal())
        return Example(self._input(noisier, input_level), target, weight)

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the losses (B,); images with less noisy targets have a higher weight."""
        assert example.weight is not None
        return super().losses(output, example) * example.weight.flatten()


class FromNoisyBlind(_FromNoisy):
    """Images with noise of any kind that is independent from pixel to pixel: blind spots.

    Some pixels are replaced by others nearby, and the network must predict their values. It cannot predict
    their noise, so it learns to predict the clean values.

    Source: Krull, Buchholz, Jug, "Noise2Void", CVPR 2019.
    """

    def example(self, batch: Tensor, rng: StepRng) -> Example:
        """Return images (B, C, H, W) with replaced pixels as input, and the images as they are as target.

        With a level map, the input has one more channel: the noise level. The weight (B, 1, H, W) is 1 at the
        replaced pixels, the only ones that count in the loss, and 0 elsewhere.
        """
        noisy = self._turned(batch, rng)
        replaced = torch.rand((len(noisy), 1, *noisy.shape[2:]), generator=rng.generator)
        replaced = replaced < BLIND_SHARE
        replaced[:, :, 0, 0] |= ~replaced.flatten(1).any(1).view(-1, 1)  # at least one
        rows, columns = _neighbours(noisy, rng.generator)
        other = noisy[:, :, rows, columns]
        mask = replaced.to(noisy.device)
        blind = self._input(torch.where(mask, other, noisy), self._level(noisy, rng))
        return Example(blind, noisy, mask.float())

    def losses(self, output: Output, example: Example) -> Tensor:
        """Return the loss of the replaced pixels, (B,).

        The loss must be a mean over pixels that is 0 for equal pixels.
        """
        assert example.weight is not None
        mask, target = example.weight, example.target
        predicted = torch.where(mask > 0, output.reconstruction.float(), target)
        return self.loss(predicted, target) / mask.mean(dim=(1, 2, 3))


def with_level(noisy: Tensor, level: Tensor) -> Tensor:
    """Append the noise level, (B, 1, 1, 1), to noisy images as one more channel."""
    return torch.cat([noisy, level.expand(-1, 1, *noisy.shape[2:])], dim=1)


def _neighbours(batch: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return, for every pixel, the row and column of another pixel nearby, both (H, W)."""
    height, width = batch.shape[2:]
    side = 2 * BLIND_REACH + 1
    shift = torch.randint(1, side * side, (height, width), generator=generator)
    shift = (shift + side * side // 2) % (side * side)  # every place of the window but its middle
    down, right = shift // side - BLIND_REACH, shift % side - BLIND_REACH
    rows = (torch.arange(height)[:, None] + down).clamp(0, height - 1)
    columns = (torch.arange(width)[None, :] + right).clamp(0, width - 1)
    return rows, columns
