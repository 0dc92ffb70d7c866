"""The model file: ``*.convae`` is safetensors with the whole description in its header.

Nothing in it is ever executed. The description is checked against bounds, and the tensors against the
description, before anything large is allocated.
"""

import math
import platform
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from convae.config.training import TrainingConfig
from convae.embedding.pca import PrincipalComponents
from convae.errors import InputError, ModelFileError, brief
from convae.images.dataset.framing import Framing
from convae.images.dataset.preparation import DEPTHS, Plan
from convae.images.dataset.scaling import Scaling
from convae.networks.architecture import Architecture
from convae.networks.autoencoder import Autoencoder
from convae.networks.bottleneck import block_values
from convae.networks.custom import CustomAutoencoder, CustomParts
from convae.storage.sealed_safetensors import (
    Expected,
    read_description,
    read_tensors,
    write_tensors,
)
from convae.version import __version__

FORMAT = 1
CUSTOM = "custom"  # the fact that names the classes of a custom encoder and decoder
LARGEST_NUMBER = 2**1000  # a larger integer does not fit a float
MAX_SEEN, MAX_PARAMETERS, MAX_EXTRAS = 2**28, 2**32, 1000
_KINDS = {
    "float32": torch.float32,
    "float16": torch.float16,
    "int64": torch.int64,
    "uint8": torch.uint8,
}
_EXTRA = {dtype: name for name, dtype in _KINDS.items()}


@dataclass(kw_only=True)
class StoredModel:
    """The contents of a model file.

    Attributes:
        kind: the estimator's class name.
        parameters: the constructor's arguments.
        network: the network with its weights, on the CPU.
        scaling, plan: the preparation of images for the network.
        pca: fitted on the same training images, with at most as many components as the latent dimension.
        settings: those of the training.
        seen: (n,) sorted hashes of the training images, so that evaluation can leave them out.
        extras: other tensors that an estimator learns (float32, int64 or uint8), by name: scores of normal
            images, maps for standardisation.
        facts: history, data, settings, metrics, versions: plain values for people and programs.
        held_out: (m,) positions in the source of the held-out images; known only after a fit, not from a
            file.
    """

    kind: str
    parameters: dict[str, Any]
    network: Autoencoder
    scaling: Scaling
    plan: Plan
    pca: PrincipalComponents
    settings: TrainingConfig
    seen: np.ndarray
    extras: dict[str, Tensor] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    held_out: np.ndarray | None = None


def versions() -> dict[str, str]:
    """Return the versions that a result was computed with."""
    return {
        "convae": __version__,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def save_model(path: str | Path, model: StoredModel) -> None:
    """Write a model file; an existing one is replaced only once the new one is complete."""
    architecture = model.network.architecture
    plan = {
        "channels": model.plan.channels,
        "depth": model.plan.depth,
        "size": model.plan.framing.size,
        "framing": model.plan.framing.mode,
        "coarse": model.plan.coarse,
    }
    description = {
        "format": FORMAT,
        "kind": model.kind,
        "parameters": model.parameters,
        "architecture": architecture.to_dict(),
        "scaling": model.scaling.to_dict(),
        "plan": plan,
        "pca": {"components": len(model.pca.components), "exact": model.pca.exact},
        "seen": len(model.seen),
        "extras": {
            name: [_EXTRA[t.dtype], list(t.shape)] for name, t in sorted(model.extras.items())
        },
        "facts": {**model.facts, "settings": model.settings.to_dict()},
    }
    tensors = {f"network.{n}": t for n, t in model.network.state_dict().items()}
    if architecture.custom_code:  # weights that two layers share would be refused
        tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    tensors["pca.mean"] = model.pca.mean
    tensors["pca.components"] = model.pca.components
    tensors["pca.variances"] = model.pca.variances
    tensors["seen"] = torch.from_numpy(np.sort(model.seen).view(np.int64))
    tensors |= {f"extra.{name}": value for name, value in model.extras.items()}
    write_tensors(path, tensors, description)


def load_model(path: str | Path, custom: CustomParts | None = None) -> StoredModel:
    """Read a model file.

    Args:
        custom: an encoder and a decoder, for a file that holds the weights of such; copies of them are used.

    Raises:
        ModelFileError: one sentence for a file that is missing, damaged, foreign, of a newer version, that
            describes a network beyond all bounds, or that holds weights of other modules than the given.
    """
    built: list[_Skeleton] = []

    def check(description: dict[str, Any]) -> Expected | None:
        built.append(_skeleton(path, description, custom))
        return None if custom else built[0].tensors

    tensors, description = read_tensors(path, check)
    skeleton = built[0]
    if custom is None:
        skeleton.network.to_empty(device="cpu")
    else:
        _compare_custom(path, tensors, skeleton.tensors)
    _refuse_not_finite(path, tensors)
    skeleton.network.load_state_dict(
        {n.removeprefix("network."): t for n, t in tensors.items() if n.startswith("network.")}
    )
    return StoredModel(
        kind=description["kind"],
        parameters=description["parameters"],
        network=skeleton.network.eval(),
        scaling=skeleton.scaling,
        plan=skeleton.plan,
        pca=PrincipalComponents(
            mean=tensors["pca.mean"],
            components=tensors["pca.components"],
            variances=tensors["pca.variances"],
            exact=description["pca"]["exact"],
        ),
        settings=skeleton.settings,
        seen=tensors["seen"].numpy().view(np.uint64),
        extras={n.removeprefix("extra."): t for n, t in tensors.items() if n.startswith("extra.")},
        facts=description["facts"],
    )


def describe_model(path: str | Path) -> dict[str, Any]:
    """Read the description in a model file's header, without the weights."""
    description = read_description(path)
    _skeleton(path, description)
    return description


def _with_modules(
    path: str | Path, description: dict[str, Any], a: Architecture, custom: CustomParts | None
) -> CustomAutoencoder:
    """Return the network of a file that holds weights of a user's own modules.

    Raises:
        ModelFileError: they are not given; the message says which classes are needed.
    """
    if description["kind"] != "ConvAutoencoder":
        raise ModelFileError(f"{path}: damaged: a {description['kind']:.40} has no custom network")
    if custom is None:
        classes = description["facts"].get(CUSTOM, {})
        needed = ", ".join(f"{name} {brief(path, 200)}" for name, path in sorted(classes.items()))
        raise ModelFileError(
            f"{path}: holds the weights of a custom encoder and decoder, whose code is not in the file "
            f"({brief(needed, 450)}): load it in Python, with convae.load(path, encoder=..., decoder=...)"
        )
    try:
        return CustomAutoencoder(a, custom.copied())
    except InputError as error:
        raise ModelFileError(f"{path}: the modules given do not fit: {error}") from error


def _compare_custom(path: str | Path, tensors: dict[str, Tensor], expected: Expected) -> None:
    """Check that the tensors of a file are those of the modules given.

    Raises:
        ModelFileError: they are not; the message names some that differ.
    """
    found = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in tensors.items()}
    differing = [n for n in sorted(set(found) | set(expected)) if found.get(n) != expected.get(n)]
    if not differing:
        return
    lines = [
        f"{brief(name.removeprefix('network.'), 100)} is {_shape(found.get(name))} in the file and "
        f"{_shape(expected.get(name))} in the modules given"
        for name in differing[:3]
    ]
    more = f", and {len(differing) - 3} more differ" if len(differing) > 3 else ""
    raise ModelFileError(
        f"{path}: the modules given are not those of the fit: {', '.join(lines)}{more}"
    )


def _shape(entry: tuple[torch.dtype, tuple[int, ...]] | None) -> str:
    return "missing" if entry is None else f"{str(entry[0]).removeprefix('torch.')} {entry[1]}"


def _refuse_not_finite(path: str | Path, tensors: dict[str, Tensor]) -> None:
    """Refuse weights that are NaN or infinite: all results would be NaN, and NaN compares as normal."""
    for name, tensor in sorted(tensors.items()):
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelFileError(
                f"{path}: cannot be used: its tensor {name:.100} holds values that are not finite (NaN or "
                "infinite); fit the model again, or take a copy of the file from before"
            )


@dataclass
class _Skeleton:
    """A description as objects: the network, without memory, and the shapes of all tensors."""

    network: Autoencoder
    scaling: Scaling
    plan: Plan
    settings: TrainingConfig
    tensors: Expected


def _skeleton(
    path: str | Path, description: dict[str, Any], custom: CustomParts | None = None
) -> _Skeleton:
    version = description.get("format")
    if type(version) is int and version > FORMAT:
        raise ModelFileError(
            f"{path}: written by a newer convae (format {version!r:.40}, this one reads up to {FORMAT}): "
            "install a newer convae"
        )
    if type(version) is not int or version != FORMAT:
        raise ModelFileError(f"{path}: not a model file (format {version!r:.40})")
    try:
        architecture = Architecture.from_dict(_table(description, "architecture"))
        scaling = Scaling.from_dict(description.get("scaling"))
        plan = _plan(_table(description, "plan"))
        _check_agreement(architecture, scaling, plan)
        _check_rest(description, architecture)
        settings = TrainingConfig.from_dict(_table(description["facts"], "settings"))
        if not architecture.custom_code:
            with torch.device("meta"):
                network = Autoencoder(architecture)
        extras = _extras(description)
    except Exception as error:  # descriptions of wrong types raise errors of any kind
        raise ModelFileError(
            f"{path}: damaged or not a model of convae: {brief(error, 300)}"
        ) from error
    if architecture.custom_code:
        network = _with_modules(path, description, architecture, custom)
    elif custom is not None:
        raise ModelFileError(
            f"{path}: holds a network of convae's own: leave out encoder and decoder"
        )
    state: dict[str, Tensor] = network.state_dict()
    if sum(t.numel() for t in state.values()) > MAX_PARAMETERS:
        raise ModelFileError(
            f"{path}: describes a network of more than {MAX_PARAMETERS:,} parameters"
        )
    length, kept = block_values(architecture), description["pca"]["components"]
    tensors = {f"network.{n}": (t.dtype, tuple(t.shape)) for n, t in state.items()}
    for name, shape in (
        ("mean", (length,)),
        ("components", (kept, length)),
        ("variances", (kept,)),
    ):
        tensors[f"pca.{name}"] = (torch.float32, shape)
    tensors["seen"] = (torch.int64, (description["seen"],))
    tensors |= {f"extra.{name}": found for name, found in extras.items()}
    return _Skeleton(network, scaling, plan, settings, tensors)


def _plan(values: dict[str, Any]) -> Plan:
    coarse = values.get("coarse", False)  # missing in the first files
    known = set(values) | {"coarse"} == {"channels", "depth", "size", "framing", "coarse"}
    if not known or values["depth"] not in DEPTHS or type(coarse) is not bool:
        raise InputError("plan does not describe images")
    framing = Framing(size=values["size"], mode=values["framing"])
    return Plan(channels=values["channels"], depth=values["depth"], framing=framing, coarse=coarse)


def _extras(description: dict[str, Any]) -> Expected:
    """Return the extra tensors that a description promises."""
    if "extras" not in description and "coarse" not in _table(description, "plan"):
        return {}  # one of the first files, which lack both
    promised = _table(description, "extras")
    if len(promised) > MAX_EXTRAS:
        raise InputError(f"extras must be a table of at most {MAX_EXTRAS}")
    found: dict[str, tuple[torch.dtype, tuple[int, ...]]] = {}
    for name, entry in promised.items():
        kind, shape = entry if isinstance(entry, list) and len(entry) == 2 else (None, [])
        good = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
        if kind not in _KINDS or not good or math.prod(shape) > MAX_PARAMETERS:
            raise InputError(f"extra {name!r:.40} must name a type and a shape; got {entry!r:.60}")
        found[name] = (_KINDS[kind], tuple(shape))
    return found


def _check_agreement(architecture: Architecture, scaling: Scaling, plan: Plan) -> None:
    """Check that the network takes the images that plan and scaling produce."""
    channels, *size = architecture.image_shape
    least = (
        1 if architecture.inputs else channels
    )  # the network has other inputs than the image, or other channels
    taken = architecture.input_channels
    if type(plan.channels) is not int or not least <= plan.channels <= taken:
        raise InputError(f"plan makes {plan.channels!r} channels, the network takes {taken}")
    if plan.framing.size not in (None, tuple(size)):
        raise InputError(f"plan makes images of {plan.framing.size}, the network takes {size}")
    if scaling.dtype != plan.depth or len(scaling.low) not in (1, plan.channels):
        raise InputError("scaling is not that of the images")


def _check_rest(description: dict[str, Any], architecture: Architecture) -> None:
    pca = _table(description, "pca")
    if set(pca) != {"components", "exact"} or type(pca["exact"]) is not bool:
        raise InputError("pca is not described")
    for name, count, bound in (
        ("components", pca["components"], architecture.latent_dim),
        ("seen", description.get("seen"), MAX_SEEN),
    ):
        if type(count) is not int or not 0 <= count <= bound:
            raise InputError(f"{name} must be a count up to {bound:,}; got {count!r:.40}")
    _table(description, "parameters")
    _check_facts(_table(description, "facts"))
    if not isinstance(description.get("kind"), str):
        raise InputError("kind must be a name")


def _check_facts(facts: dict[str, Any]) -> None:
    """Check that each fact has the type that reports and commands rely on."""
    for name, value in facts.items():
        what, good = _FACTS.get(name, ("", None))
        if good is not None and not good(value):
            raise InputError(f"the fact {name} must be {what}; got {value!r:.40}")


def _is_number(value: object) -> bool:
    return type(value) is float or (type(value) is int and abs(value) < LARGEST_NUMBER)


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value <= MAX_SEEN


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _are_texts(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(text, str) for text in value.values())


def _is_pairs(value: object) -> bool:
    return isinstance(value, list) and all(_is_texts(pair) and len(pair) == 2 for pair in value)


_Fact = tuple[str, Callable[[Any], bool]]
_TEXT: _Fact = ("text", lambda value: isinstance(value, str))
_TRUTH: _Fact = ("true or false", lambda value: isinstance(value, bool))
_COUNT: _Fact = ("a count", _is_count)
_NUMBER: _Fact = ("a number", _is_number)
_OPTIONAL: _Fact = ("a number or nothing", lambda value: value is None or _is_number(value))
_TABLE: _Fact = ("a table", lambda value: isinstance(value, dict))
_FACTS: dict[str, _Fact] = {
    **dict.fromkeys(("images", "fingerprint", "storage", "code"), _TEXT),
    **dict.fromkeys(("rows", "channel_axis", "channels_first"), _TRUTH),
    **dict.fromkeys(
        (
            "training_images",
            "validation_images",
            "calibration_images",
            "best_epoch",
            "largest_fold",
        ),
        _COUNT,
    ),
    **dict.fromkeys(("validation_loss", "validation_mse", "validation_baseline_mse"), _OPTIONAL),
    "false_alarm_rate": _NUMBER,
    **dict.fromkeys(("learnt", "detector"), _TABLE),
    "history": ("a list of tables", _is_rows),
    "levels": (
        "lists of tables",
        lambda value: isinstance(value, list) and all(map(_is_rows, value)),
    ),
    "notes": ("a list of texts", _is_texts),
    "skipped": ("a list of pairs of texts", _is_pairs),
    **dict.fromkeys(("versions", CUSTOM), ("a table of texts", _are_texts)),
}


def _table(description: dict[str, Any], name: str) -> dict[str, Any]:
    value = description.get(name)
    if not isinstance(value, dict):
        raise InputError(f"{name} must be a table")
    return value
