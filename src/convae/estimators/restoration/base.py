"""Shared parts of the estimators that restore images.

They train on patches, and process whole images of any size when they are used.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.config.training import default_batch_size
from convae.errors import InputError, raise_faults
from convae.estimators.base import ImageEstimator
from convae.estimators.fit import (
    Ready,
    Run,
    bottleneck_changes,
    make_ready,
    no_components,
    start_network,
    train_model,
    whole_range,
)
from convae.estimators.fit_config import Parameters, checked
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import Scaling
from convae.images.dataset.survey import Survey, survey
from convae.images.dataset.unit_range import UnitRange
from convae.images.sources.base import ImageSource
from convae.losses import parse_loss
from convae.networks.architecture import Architecture
from convae.networks.presets import PRESETS, RESTORING, make_architecture
from convae.networks.tiling import over_tiles
from convae.storage.model_file import StoredModel
from convae.training.tasks.flips_and_turns import mean_of_views
from convae.training.tasks.task import Task

PATCH = 64  # pixels a side: several times the receptive field, and small enough for many in a batch
WHOLE = 1.5  # images of one size are trained on whole up to this many patches a side
# Patches in a step, and most small whole images: more steps help a restoration more than larger batches.
BATCH, MOST_WHOLE = 16, 64
MOST_CROPS = 64  # of one image in an epoch
# Parameters that restoring estimators do not offer, with the values that the shared code expects.
_FIXED: dict[str, Any] = {
    "size": None, "framing": "resize", "output": None, "image_shape": None, "hidden": None, "code": None,
    "bypass": None, "refine": None, "pattern": None,
}  # fmt: skip


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


class RestoringEstimator(ImageEstimator):
    """The base class of estimators that restore images."""

    def _parameters(self) -> Parameters:
        given = {**self.get_params(deep=False), "random_state": self._seed()}
        p = checked({**_FIXED, **given}, presets=PRESETS | RESTORING)
        faults = []
        patch = p["patch"]
        if patch is not None and (type(patch) is not int or not 8 <= patch <= 4096):
            faults.append(f"patch must be a whole number of pixels from 8 to 4096; got {patch!r}")
        if p["turn"] not in (None, True, False):
            faults.append(f"turn must be True, False or None; got {p['turn']!r}")
        raise_faults("parameters", faults)
        return {name: p[name] for name in given}

    def _fit_restorer(self, material: Material, p: Parameters, run: Run) -> StoredModel:
        """Prepare the images, build the network and train it."""
        full = {**_FIXED, **p}

        def settle(
            shape: tuple[int, int, int], _: Parameters, scaling: Scaling | None
        ) -> Architecture:
            return self._architecture(shape, material, p, scaling)

        ready = make_ready(
            material.source, full, run, wanted=material.wanted, settle=settle, crops=material.crops
        )
        if material.channels[0] + material.channels[1] == ready.images.shape[0]:
            ready = one_scaling(ready)
        if p["batch_size"] is None:
            usual = default_batch_size(len(ready.training), math.prod(ready.images.shape))
            full["batch_size"] = BATCH if material.patches else min(MOST_WHOLE, usual)
        task, identity = self._task(ready, material, p, run)
        pca = no_components(
            ready.architecture
        )  # the network sees the image in addition to its code
        stored = train_model(
            type(self).__name__,
            full,
            ready,
            start_network(ready, pca),
            pca,
            run,
            task=task,
            identity=identity,
        )
        return self._described(stored, material, p, identity)

    def _described(
        self, stored: StoredModel, material: Material, p: Parameters, identity: dict[str, Any]
    ) -> StoredModel:
        """Return the model with the facts needed to use it, and without those needed for training only."""
        plan = replace(stored.plan, channels=material.channels[0])
        facts = {**stored.facts, "learnt": identity}
        return replace(stored, plan=plan, parameters=p, facts=facts)

    def _task(
        self, ready: Ready, material: Material, p: Parameters, run: Run
    ) -> tuple[Task, dict[str, Any]]:
        """Return the task, and plain values that describe it."""
        raise NotImplementedError

    def _architecture(
        self,
        shape: tuple[int, int, int],
        material: Material,
        p: Parameters,
        scaling: Scaling | None,
    ) -> Architecture:
        """Return the preset's architecture, with the numbers of input and output channels."""
        there, back = material.channels
        wide = (back, *shape[1:])
        names = ("latent_dim", "widths", "blocks", "kernel_size", "down", "up", "padding_mode", "norm",
                 "activation")  # fmt: skip
        changes: dict[str, Any] = {name: p[name] for name in names}
        changes["inputs"] = (
            there + self._extra_inputs(p) if there != back or self._extra_inputs(p) else 0
        )
        if p["preset"] in RESTORING:
            changes["base"] = back if there == back else 1 if there == 1 else 0
        else:  # PCA of images is no useful start for restoring them, so none is fitted
            changes["bypass"] = "none"
        changes |= bottleneck_changes(p)
        if parse_loss(p["loss"]).needs_unit_range:
            changes["output"], changes["base"] = "sigmoid", 0
        elif scaling is not None and not whole_range(scaling):
            changes["output"] = "linear"
        return make_architecture(p["preset"], wide, **changes)

    def _extra_inputs(self, p: Parameters) -> int:
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
    source: ImageSource, p: Parameters, channels: tuple[int, int] | None = None
) -> Material:
    """Decide between whole images and patches, from the headers of the images.

    Args:
        channels: of an image and of its target, where there are pairs; None where they are the same.
    """
    convert = p["channels"] if channels is None else None  # pairs are converted where they are made
    plain = Preparation(channels=convert, strict=p["strict"], storage=p["storage"])
    found = survey(source, strict=p["strict"])
    if channels is None:
        one = p["channels"] or int(found.shapes[0, 2])
        channels = (one, one)
    side = _patch_side(found, p)
    if side is None:
        return Material(source=source, channels=channels, wanted=plain, crops=1)
    wanted = replace(plain, size=(side, side), framing="random-crop")
    area = float(np.median(found.shapes[:, 0].astype(float) * found.shapes[:, 1]))
    crops = min(MOST_CROPS, max(1, round(area / side**2)))
    return Material(source=source, channels=channels, wanted=wanted, crops=crops)


def _patch_side(found: Survey, p: Parameters) -> int | None:
    """Return the side in pixels of the patches to train on; None for whole images."""
    uniform = bool((found.shapes[:, :2] == found.shapes[0, :2]).all())
    largest = int(found.shapes[:, :2].max())
    if p["patch"] is not None:
        side: int = p["patch"]
        return side
    if p["preset"] not in RESTORING and make_architecture(p["preset"], (1, 64, 64)).code == "dense":
        return None
    return None if uniform and largest <= WHOLE * PATCH else PATCH


def one_scaling(ready: Ready) -> Ready:
    """Use the same scaling for all channels: those of an image and of its target must agree."""
    scaling = ready.unit.scaling
    if len(scaling.low) == 1:
        return ready
    shared = Scaling((min(scaling.low),), (max(scaling.high),), scaling.dtype)
    return replace(ready, unit=UnitRange(shared, ready.unit.device))
