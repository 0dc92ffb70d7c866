"""An estimator's parameters, checked and parsed once, before any image is read."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import PurePath
from typing import Any, Generic, Self, TypeVar

import torch

from convae.config.augmentation import parse_augmentation
from convae.config.bottlenecks import Bottleneck, parse_bottleneck
from convae.config.compatibility import TASKS, of_loss
from convae.config.durations import parse_duration
from convae.config.parameters import (
    ArchitectureSettings,
    CommonParameters,
    PreparationSettings,
    TrainingSettings,
)
from convae.config.setting import groups_of, plain, range_faults, settings_in, settings_of, table_of
from convae.corruption.noise import Noise
from convae.errors import InputError, raise_faults, unknown_name
from convae.images.dataset.preparation import Preparation
from convae.images.dataset.scaling import METHODS
from convae.losses import Loss, parse_loss
from convae.networks.custom import CustomParts
from convae.networks.presets import PRESETS, RESTORING
from convae.training.devices import choose_device

P = TypeVar("P", bound=CommonParameters)

_NAMES = ("preset", "loss", "device")
_PREPARATION_NAMES = ("framing", "scaling", "storage")
_LISTS = {
    "widths": "whole numbers, one a stage",
    "size": "(height, width)",
    "image_shape": "(height, width) or (channels, height, width)",
}


@dataclass(frozen=True, kw_only=True)
class FitConfig(Generic[P]):
    """The parameters of an estimator, ready for a fit.

    Attributes:
        parameters: a copy of the estimator's own, as plain values.
        architecture, training, preparation: the settings in groups, with all their values.
        loss, bottleneck: parsed.
        noise: parsed, for estimators that add noise to images; None for none.
        budget: the time that the fit may take, in seconds; None for any time.
        custom: the encoder and the decoder that a user gives; None for those of the preset.
        seed: the seed of all random choices.
    """

    parameters: P
    architecture: ArchitectureSettings
    training: TrainingSettings
    preparation: PreparationSettings
    loss: Loss
    bottleneck: Bottleneck
    noise: Noise | None = None
    budget: float | None = None
    custom: CustomParts | None = None
    seed: int

    def changed(self, **changes: Any) -> Self:
        """Return the configuration with other values of the estimator's own parameters."""
        copy = table_of(type(self.parameters))
        own = {one.name: getattr(self.parameters, one.name) for one in fields(self.parameters)}
        return replace(self, parameters=copy(**{**own, **changes}))

    def flat(self) -> dict[str, Any]:
        """Return all parameters by their flat names, as a model file, TOML and the command line have them."""
        found = {}
        for one in settings_of(type(self.parameters)):
            holder = getattr(self, one.within) if one.within else self.parameters
            found[one.name] = as_text(getattr(holder, one.name))
        return {**found, "random_state": self.seed}


def as_text(value: Any) -> Any:
    """Return a value as a model file can hold it: losses, bottlenecks, noises, devices and paths as text."""
    if isinstance(value, tuple):
        return tuple(as_text(item) for item in value)
    texts = Loss | Bottleneck | Noise | torch.device | PurePath
    return str(value) if isinstance(value, texts) else value


def grouped(cls: type, flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an estimator's constructor for parameters by their flat names.

    Args:
        cls: an estimator, or its table of parameters.
        flat: values such as ``{"epochs": 5, "ema": 0.9}``.

    Raises:
        InputError: the estimator does not have such a parameter (the message names the nearest that it has),
            or a group of settings is given, and one of its fields by itself, too.

    >>> from convae.config.parameters import InpainterParameters
    >>> grouped(InpainterParameters, {"epochs": 5, "ema": 0.9, "clip": 2.0})
    {'epochs': 5, 'training': {'ema': 0.9, 'clip': 2.0}}
    """
    known = {one.name: one for one in settings_of(cls)}
    whole = {name: value for name, value in flat.items() if name in groups_of(cls)}
    fields_of: dict[str, dict[str, Any]] = {}
    found: dict[str, Any] = {}
    for name, value in flat.items():
        if name in whole:
            continue
        if name not in known:
            raise unknown_name("parameter", name, known)
        if within := known[name].within:
            if within in whole:
                raise InputError(
                    f"{name} is a part of {within}: give it there, or leave {within} out"
                )
            fields_of.setdefault(within, {})[name] = value
        else:
            found[name] = value
    return {**found, **whole, **fields_of}


def group_settings(name: str, given: Any, holder: type[Any], known: Collection[str]) -> Any:
    """Return the settings of a group with all their values.

    Args:
        name: the argument, such as ``training``.
        given: what a user gave for it: None, a dictionary or an instance of ``holder``.
        known: the fields that the estimator has.

    Raises:
        InputError: it is none of these, a name in it is unknown, or a value is out of its range.
    """
    if isinstance(given, Mapping):
        for key in given:
            if key not in known:
                raise unknown_name(f"{name} setting", key, known)
        return holder(**given)
    if given is not None and not isinstance(given, holder):
        raise InputError(f"{name} must be a {holder.__name__} or a dictionary; got {given!r:.80}")
    return holder() if given is None else given


def config_of(
    estimator: P,
    seed: int,
    *,
    presets: Collection[str] = PRESETS,
    defaults: Mapping[str, Any] | None = None,
) -> FitConfig[P]:
    """Check and parse the parameters of an estimator.

    Args:
        seed: the estimator's ``random_state`` as a number.
        presets: the architectures that the estimator knows.
        defaults: of parameters that are None.

    Raises:
        InputError: parameters are wrong for any images, all listed together; the architecture is checked
            later, when the size of the images is known.
    """
    copy = table_of(type(estimator))
    own = {one.name: as_text(plain(getattr(estimator, one.name))) for one in fields(copy)}
    own |= {name: value for name, value in (defaults or {}).items() if own[name] is None}
    groups = groups_of(copy)
    faults = list[str]()
    settings: dict[str, Any] = {
        name: _settings(name, own[name], groups[name], copy, faults) for name in groups
    }
    p = copy(**own)
    preparation = settings["preparation"]
    faults += [
        f"{name} must be a name; got {value!r}"
        for holder, names in ((p, _NAMES), (preparation, _PREPARATION_NAMES))
        for name in names
        if not isinstance(value := getattr(holder, name), str)
    ]
    faults += [
        f"{name} must be {what}; got {value!r}"
        for name, what in _LISTS.items()
        for holder in (p, *settings.values())
        if not isinstance(value := getattr(holder, name, None), tuple | None)
    ]
    if not isinstance(preparation.strict, bool):
        faults.append(f"strict must be True or False; got {preparation.strict!r}")
    fraction = getattr(p, "validation_fraction", 0.0)
    if isinstance(fraction, bool) or not isinstance(fraction, int | float) or not 0 <= fraction < 1:
        faults.append(f"validation_fraction must be a number from 0 to below 1; got {fraction!r}")
    raise_faults("parameters", faults + range_faults(p) + _word_faults(p))
    for kind, value, known in (
        ("preset", p.preset, presets),
        ("scaling", preparation.scaling, METHODS),
    ):
        if value not in known:
            raise unknown_name(kind, value, known)
    choose_device(p.device)
    bottleneck = parse_bottleneck(p.bottleneck)
    if bottleneck.kind == "vq" and settings["architecture"].code is None:
        settings["architecture"] = replace(settings["architecture"], code="spatial")
    budget = settings["training"].budget
    if budget is not None and p.epochs is not None:
        raise InputError(
            f"budget and epochs both decide how long to train; got budget {budget!r:.40} and epochs "
            f"{p.epochs}: leave one of them out"
        )
    config = FitConfig(
        parameters=p,
        loss=parse_loss(p.loss),
        bottleneck=bottleneck,
        budget=None if budget is None else parse_duration(budget),
        seed=seed,
        **settings,
    )
    prepared(config)
    return config


def _settings(name: str, given: Any, holder: type[Any], copy: Any, faults: list[str]) -> Any:
    """Return the settings of a group, with the defaults of the estimator; add to the faults what is wrong."""
    known = {one.name for one in settings_of(copy) if one.within == name}
    try:
        usable = group_settings(name, given, holder, known)
    except InputError as error:
        faults += error.faults or [str(error)]
        usable = holder()
    standard = holder()
    faults += [
        f"{name}: {key} is no parameter of this estimator; leave it out"
        for key in copy.NOT_OFFERED
        if hasattr(holder, key) and getattr(usable, key) != getattr(standard, key)
    ]
    defaults = {
        key: value
        for key, value in copy.DEFAULTS.items()
        if hasattr(holder, key) and getattr(usable, key) is None
    }
    return replace(usable, **defaults)


def _word_faults(p: CommonParameters) -> list[str]:
    """Return what is wrong with text in place of a number, such as ``latent_dim="auto"``."""
    return [
        f"{one.name} must be {' or '.join(['a whole number', *map(repr, one.words)])}; got {value!r}"
        for one in settings_in(p)
        if one.kind == "int" and one.least is None
        if isinstance(value := getattr(p, one.name), str) and value not in one.words
    ]


def chosen(
    estimator: str, tasks: Sequence[str], config: FitConfig[Any]
) -> dict[str, tuple[str, ...]]:
    """Return what parameters choose on :data:`convae.config.compatibility.AXES`, before images are read.

    Args:
        estimator: a value of that axis.
        tasks: values of the axis ``task``; empty while it is undecided what is learnt.
        config: values left to a preset are those that it has for any image; a custom network has its code
            later, and no choice of layers.
    """
    a, of_preset = config.architecture, _of_preset(config)

    def value(name: str, default: object) -> Any:
        given = getattr(a, name)
        return of_preset.get(name, default) if given is None else given

    if config.custom is not None:
        return {
            "estimator": (estimator,),
            "task": tuple(tasks),
            "bottleneck": (config.bottleneck.kind,),
            "network": ("custom",),
        }
    fixed = {code for task in tasks for code in TASKS[task].codes}
    skips = of_preset.get("skips") and all("skips" in TASKS[task].paths for task in tasks)
    layers = of_preset.get("layers", "convolutional")
    mirrored = value("blocks", 0) and value("up", "") == "subpixel" and not value("refine", 0)
    mirrored = mirrored or layers == "dense"
    decoder = "patterns" if a.pattern else "mirrored" if mirrored else "other"
    return {
        "estimator": (estimator,),
        "task": tuple(tasks),
        "bottleneck": (config.bottleneck.kind,),
        "hierarchy": ("ladder" if config.bottleneck.levels > 1 else "flat",),
        "code": tuple(fixed) if len(fixed) == 1 else (value("code", "dense"),),
        "path": ("skips",) if skips else (a.bypass or "none",),
        "loss": of_loss(config.loss),
        "output": () if a.output is None else (a.output,),
        "decoder": (decoder,),
        "augmentation": parse_augmentation(config.training.augment),
        "layers": (layers,),
    }


def _of_preset(config: FitConfig[Any]) -> dict[str, Any]:
    """Return the values that the preset has for any image."""
    return (PRESETS | RESTORING)[config.parameters.preset]((1, 64, 64), config.architecture.code)


def prepared(config: FitConfig[Any]) -> Preparation:
    """Return how the images are prepared; a network with a spatial code sees whole images later."""
    settings, p = config.preparation, config.parameters
    coarse = (config.architecture.code or _of_preset(config).get("code", "dense")) == "dense"
    return Preparation(
        size=getattr(p, "size", None),
        framing=settings.framing,
        channels=p.channels,
        strict=settings.strict,
        storage=settings.storage,
        coarse=coarse,
    )
