"""An estimator's parameters as plain values, checked before any image is read."""

from collections.abc import Collection, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch

from convae.config.bottlenecks import Bottleneck, parse_bottleneck
from convae.config.compatibility import TASKS, of_loss
from convae.config.training import TrainingSettings
from convae.corruption.noise import Noise
from convae.errors import raise_faults, unknown_name
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import METHODS
from convae.losses import Loss, parse_loss
from convae.networks.presets import PRESETS, RESTORING
from convae.training.devices import choose_device

Parameters = dict[str, Any]

_NAMES = (
    "preset", "framing", "scaling", "storage", "optimizer", "schedule", "loss", "precision", "device",
)  # fmt: skip
_LISTS = {
    "widths": "whole numbers, one a stage",
    "size": "(height, width)",
    "image_shape": "(height, width) or (channels, height, width)",
}
_SETTINGS = (
    "optimizer", "schedule", "warmup", "weight_decay", "clip", "ema", "loss", "precision", "patience",
)  # fmt: skip


def plain(value: Any) -> Any:
    """Convert a parameter from NumPy or torch: a grid search over ``np.arange(2, 8)`` gives NumPy numbers."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(plain(item) for item in value)
    texts = Loss | Bottleneck | Noise | torch.device | PurePath
    return str(value) if isinstance(value, texts) else value


def checked(parameters: Parameters, *, presets: Collection[str] = PRESETS) -> Parameters:
    """Return the parameters as plain values.

    Args:
        presets: the architectures that the estimator knows.

    Raises:
        InputError: a parameter is wrong for any images; the architecture is checked later, when their size is
            known.
    """
    p = {name: plain(value) for name, value in parameters.items()}
    faults = [f"{n} must be a name; got {p[n]!r}" for n in _NAMES if not isinstance(p[n], str)]
    faults += [
        f"{name} must be {what}; got {p[name]!r}"
        for name, what in _LISTS.items()
        if p[name] is not None and not isinstance(p[name], tuple)
    ]
    if not isinstance(p["strict"], bool):
        faults.append(f"strict must be True or False; got {p['strict']!r}")
    fraction = p["validation_fraction"]
    if not _is_number(fraction) or not 0 <= fraction < 1:
        faults.append(f"validation_fraction must be a number from 0 to below 1; got {fraction!r}")
    raise_faults("parameters", faults)
    for kind, known in (("preset", presets), ("scaling", METHODS)):
        if p[kind] not in known:
            raise unknown_name(kind, p[kind], known)
    parse_loss(p["loss"])
    parse_bottleneck(p["bottleneck"])
    preparation(p)
    choose_device(p["device"])
    given = ("epochs", "batch_size", "learning_rate")
    TrainingSettings(
        seed=p["random_state"],
        **{n: p[n] for n in _SETTINGS},
        **{n: p[n] for n in given if p[n] is not None},
    )
    return p


def chosen(estimator: str, tasks: Sequence[str], p: Parameters) -> dict[str, tuple[str, ...]]:
    """Return what parameters choose on :data:`convae.config.compatibility.AXES`, before images are read.

    Args:
        estimator: a value of that axis.
        tasks: values of the axis ``task``; empty while it is undecided what is learnt.
        p: as :func:`checked` returns them. Values left to a preset are those that it has for any image.
    """
    usual = _usual(p)

    def value(name: str, default: object) -> Any:
        return usual.get(name, default) if p.get(name) is None else p[name]

    bottleneck = parse_bottleneck(p["bottleneck"])
    fixed = {code for task in tasks for code in TASKS[task].codes}
    skips = usual.get("skips") and all("skips" in TASKS[task].paths for task in tasks)
    mirrored = value("blocks", 0) and value("up", "") == "subpixel" and not value("refine", 0)
    decoder = "patterns" if p.get("pattern") else "mirrored" if mirrored else "other"
    return {
        "estimator": (estimator,),
        "task": tuple(tasks),
        "bottleneck": (bottleneck.kind,),
        "hierarchy": ("ladder" if bottleneck.levels > 1 else "flat",),
        "code": tuple(fixed) if len(fixed) == 1 else (value("code", "dense"),),
        "path": ("skips",) if skips else (p.get("bypass") or "none",),
        "loss": of_loss(parse_loss(p["loss"])),
        "output": () if p.get("output") is None else (p["output"],),
        "decoder": (decoder,),
    }


def _usual(p: Parameters) -> dict[str, Any]:
    """Return the values that the preset has for any image."""
    return (PRESETS | RESTORING)[p["preset"]]((1, 64, 64), p.get("code"))


def preparation(p: Parameters) -> Preparation:
    """Return how the images are prepared; a network with a spatial code sees whole images later."""
    names = ("size", "framing", "channels", "strict", "storage")
    usual = _usual(p)
    coarse = (p.get("code") or usual.get("code", "dense")) == "dense"
    return Preparation(**{name: p[name] for name in names}, coarse=coarse)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
