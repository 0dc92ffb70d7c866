"""Denoisers: from noisy stored images to those without noise."""

import math

import numpy as np
import torch
from torch import Tensor, nn

from convae.classical.noise_level import NORMAL_MEDIAN, TAPS
from convae.estimators.restoration.denoiser import Denoiser
from convae.estimators.restoration.noise_units import stretch
from convae.export.graphs.graph import BATCH, Answers, Array, Graph, Slot
from convae.export.graphs.images import RELATIVE, Values, batch_of, image_slot, values_of
from convae.export.graphs.reconstruction import EXACT
from convae.export.graphs.stored import FromStored, ToStored
from convae.training.tasks.denoising import with_level

ESTIMATED = -1.0  # a noise level below 0 is estimated in each image


class Denoising(nn.Module):
    """A denoiser; the noise level is estimated in each image, unless it is given."""

    def __init__(self, model: Denoiser, values: Values) -> None:
        super().__init__()
        self.network = model.network_
        self.from_stored, self.to_stored = FromStored(values.scaling), ToStored(values.scaling)
        self.factor = stretch(values.scaling)
        self.has_map = has_level(model)

    def forward(self, image: Tensor, noise_level: Tensor | None = None) -> tuple[Tensor, ...]:
        """Return the outputs in the order of :func:`denoising_graph`."""
        noisy = self.from_stored(image)
        level = estimated_level(noisy)
        shown = noisy
        if noise_level is not None:
            level = torch.where(noise_level < 0, level, noise_level * self.factor)
            shown = with_level(noisy, level.view(-1, 1, 1, 1))
        exact = self.to_stored.exact(self.network(shown).reconstruction)
        stored = self.to_stored.stored(self.to_stored.rounded(exact))
        return stored, level / self.factor, exact


def has_level(model: Denoiser) -> bool:
    """Return whether a denoiser takes the noise level in addition to the image."""
    return model.architecture_.input_channels > model.plan_.channels


def estimated_level(batch: Tensor) -> Tensor:
    """Apply :func:`convae.classical.noise_level.estimate_noise_level` to images of any size, all of them."""
    kernel = torch.tensor(TAPS) / math.hypot(*TAPS)
    batches, channels, height, width = batch.shape
    planes = batch.reshape(batches * channels, 1, height, width)
    planes = nn.functional.conv2d(planes, kernel.view(1, 1, -1, 1))
    planes = nn.functional.conv2d(planes, kernel.view(1, 1, 1, -1)).abs()
    sizes = planes.reshape(batches, channels, -1)
    half = ((height - 4) * (width - 4) + 1) // 2
    lower = sizes.topk(half, dim=2, largest=False).values.amax(dim=2)
    return (lower / NORMAL_MEDIAN).square().mean(dim=1).sqrt()


def denoising_graph(model: Denoiser) -> Graph:
    """Return the graph of a denoiser."""
    values, takes_level = values_of(model), has_level(model)

    def answer(given: dict[str, Array]) -> Answers:
        done = list(model.iter_denoise(batch_of(given["image"])))
        images = np.stack([np.moveaxis(one.pixels, 2, 0) for one in done])
        return {"denoised": images, "found_noise_level": np.array([one.level for one in done])}

    level = Slot(
        name="noise_level",
        dtype="float32",
        axes=(),
        meaning="standard deviation of the noise as a fraction of the range of the file type, 25/255 for "
        "instance (of floats: in their own values); below 0 it is estimated in each image",
        default=np.array(ESTIMATED, np.float32),
    )
    found = Slot(
        name="found_noise_level",
        dtype="float32",
        axes=(BATCH,),
        meaning="the noise level that was estimated or given, in the same units",
        tolerance=-RELATIVE,
    )
    denoised = values.image_of_size("denoised", "the images without noise")
    return Graph(
        module=Denoising(model, values),
        inputs=(image_slot(values), level) if takes_level else (image_slot(values),),
        outputs=(denoised, found, values.before_rounding()),
        answer=answer,
        sizes=values.sizes,
        least=values.least,
        facts={"noise_level_from": "all pixels"},
        exact=(EXACT,),
    )
