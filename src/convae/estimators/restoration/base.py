"""Shared parts of the estimators that restore images.

They train on patches, and process whole images of any size when they are used.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.config.parameters import RestorerParameters
from convae.config.training import default_batch_size
from convae.errors import InputError, raise_faults
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import (
    Ready,
    Run,
    bottleneck_changes,
    make_ready,
    whole_range,
)
from convae.estimators.fit_config import FitConfig, config_of
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.survey import Survey, survey
from convae.images.dataset.unit_range import UnitRange
from convae.images.sources.base import ImageSource
from convae.networks.architecture import Architecture
from convae.networks.presets import PRESETS, RESTORING, make_architecture
from convae.networks.tiling import over_tiles
from convae.storage.model_file import StoredModel
from convae.training.tasks.flips_and_turns import mean_of_views

PATCH = 64  # pixels a side: several times the receptive field, and small enough for many in a batch
WHOLE = 1.5  # images of one size are trained on whole up to this many patches a side
# Patches in a step, and most small whole images: more steps help a restoration more than larger batches.
BATCH, MOST_WHOLE = 16, 64
MOST_CROPS = 64  # of one image in an epoch


@dataclass(frozen=True, kw_only=True)
class Material:
    """Training data of a restorer, decided before any image is decoded.

    Attributes:
        source: the images; with pairs, the channels of the target follow those of the image.
        channels: number of channels of the input image, and of the output.
        wanted: how the images are prepared.
        crops: number of crops of each image in an epoch.
    """

    source: ImageSource
    channels: tuple[int, int]
    wanted: Preparation
    crops: int

    @property
    def patches(self) -> bool:
        """Whether the network sees parts of images."""
        return self.wanted.framing == "random-crop"


@dataclass(frozen=True, kw_only=True)
class RestorerReady(Ready):
    """Images that are ready for training a restorer."""

    material: Material


class RestoringEstimator(RestorerParameters, ImageEstimator):
    """The base class of estimators that restore images."""

    def _config(self) -> FitConfig[Any]:
        config = config_of(self, self._seed(), presets=PRESETS | RESTORING)
        faults, patch, turn = [], config.parameters.patch, config.parameters.turn
        if patch is not None and (type(patch) is not int or not 8 <= patch <= 4096):
            faults.append(f"patch must be a whole number of pixels from 8 to 4096; got {patch!r}")
        if turn not in (None, True, False):
            faults.append(f"turn must be True, False or None; got {turn!r}")
        raise_faults("parameters", faults)
        return config

    def _material(self, source: ImageSource, config: FitConfig[Any], run: Run) -> Material:
        """Return what is trained on."""
        return material_for(source, config)

    def _ready(self, source: ImageSource, config: FitConfig[Any], run: Run) -> RestorerReady:
        material = self._material(source, config, run)
        ready = make_ready(
            material.source,
            config,
            run,
            wanted=material.wanted,
            settle=partial(self._architecture, config, material),
            crops=material.crops,
        )
        if material.channels[0] + material.channels[1] == ready.images.shape[0]:
            ready = one_scaling(ready)
        by_images = default_batch_size(len(ready.training), math.prod(ready.images.shape))
        size = BATCH if material.patches else min(MOST_WHOLE, by_images)
        return RestorerReady(**{**vars(ready), "batch_size": size}, material=material)

    def _finished(self, ready: Ready, config: FitConfig[Any], stored: StoredModel) -> StoredModel:
        """Return the model that takes images alone, where it was trained on pairs."""
        assert isinstance(ready, RestorerReady)
        plan = replace(stored.plan, channels=ready.material.channels[0])
        return replace(stored, plan=plan)

    def _architecture(
        self,
        config: FitConfig[Any],
        material: Material,
        shape: tuple[int, int, int],
        scaling: Scaling | None,
    ) -> Architecture:
        """Return the preset's architecture, with the numbers of input and output channels."""
        there, back = material.channels
        wide, preset = (back, *shape[1:]), config.parameters.preset
        changes = {"latent_dim": config.parameters.latent_dim, **config.architecture.changes()}
        further = self._extra_inputs(config, material)
        changes["inputs"] = there + further if there != back or further else 0
        if preset in RESTORING:
            changes["base"] = back if there == back else 1 if there == 1 else 0
        else:  # PCA of images is no useful start for restoring them, so none is fitted
            changes["bypass"] = "none"
        changes |= bottleneck_changes(config)
        if config.loss.needs_unit_range:
            changes["output"], changes["base"] = "sigmoid", 0
        elif scaling is not None and not whole_range(scaling):
            changes["output"] = "linear"
        return make_architecture(preset, wide, **changes)

    def _extra_inputs(self, config: FitConfig[Any], material: Material) -> int:
        """Return the number of input channels in addition to the image."""
        raise NotImplementedError

    # -- using ----------------------------------------------------------------------------------

    def _over(
        self,
        x: Tensor,
        *,
        ensemble: bool = False,
        shown: Callable[[Tensor], Tensor] | None = None,
        whole: bool = False,
    ) -> Tensor:
        """Apply the network to (B, inputs, H, W) of any size; with ``ensemble``, average over eight views.

        Args:
            shown: maps a part of ``x`` to the input of the network.
            whole: process ``x`` in one piece, whatever its size.

        Raises:
            InputError: an ensemble is asked for with a dense code and images that are not square.
        """

        def once(part: Tensor) -> Tensor:
            restored: Tensor = self.network_(shown(part) if shown else part).reconstruction
            return restored

        with torch.inference_mode():
            function: Callable[[Tensor], Tensor] = once
            if ensemble:
                if self.architecture_.code == "dense" and x.shape[-1] != x.shape[-2]:
                    raise InputError(
                        "an ensemble turns images by 90 degrees, and this model takes images of "
                        f"{x.shape[-2]}x{x.shape[-1]} only: leave the ensemble out"
                    )

                def function(part: Tensor) -> Tensor:
                    return mean_of_views(once, part)

            return function(x) if whole else over_tiles(self.network_, function, x)


def material_for(
    source: ImageSource, config: FitConfig[Any], channels: tuple[int, int] | None = None
) -> Material:
    """Decide between whole images and patches, from the headers of the images.

    Args:
        channels: of an image and of its target, where there are pairs; None where they are the same.
    """
    settings, asked = config.preparation, config.parameters.channels
    convert = asked if channels is None else None  # pairs are converted where they are made
    plain = Preparation(channels=convert, strict=settings.strict, storage=settings.storage)
    found = survey(source, strict=settings.strict)
    if channels is None:
        one = asked or int(found.shapes[0, 2])
        channels = (one, one)
    side = _patch_side(found, config.parameters)
    if side is None:
        return Material(source=source, channels=channels, wanted=plain, crops=1)
    wanted = replace(plain, size=(side, side), framing="random-crop")
    area = float(np.median(found.shapes[:, 0].astype(float) * found.shapes[:, 1]))
    crops = min(MOST_CROPS, max(1, round(area / side**2)))
    return Material(source=source, channels=channels, wanted=wanted, crops=crops)


def _patch_side(found: Survey, p: RestorerParameters) -> int | None:
    """Return the side in pixels of the patches to train on; None for whole images."""
    uniform = bool((found.shapes[:, :2] == found.shapes[0, :2]).all())
    largest = int(found.shapes[:, :2].max())
    if p.patch is not None:
        return p.patch
    if p.preset not in RESTORING and make_architecture(p.preset, (1, 64, 64)).code == "dense":
        return None
    return None if uniform and largest <= WHOLE * PATCH else PATCH


def one_scaling(ready: Ready) -> Ready:
    """Use the same scaling for all channels: those of an image and of its target must agree."""
    scaling = ready.unit.scaling
    if len(scaling.low) == 1:
        return ready
    shared = Scaling((min(scaling.low),), (max(scaling.high),), scaling.dtype)
    return replace(ready, unit=UnitRange(shared, ready.unit.device))
