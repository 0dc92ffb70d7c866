"""The models that are served: loaded once, described, and replaced as a whole when their files change."""

import os
import re
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from convae.errors import InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.base import ImageEstimator
from convae.estimators.registry import load
from convae.evaluation.results.guarantee import calibration_values, guarantee
from convae.model_reports.model_facts import main_facts
from convae.server.failures import RequestError
from convae.serving.applying import verbs_of
from convae.serving.latest_images import LatestImages
from convae.storage.model_file import describe_model

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
SUFFIX = ".convae"
Stamp = tuple[int, int, int]


@dataclass(frozen=True, kw_only=True)
class Served:
    """One model as it was loaded.

    Attributes:
        name: what clients call it.
        path: its file.
        model: the estimator; used by the computing thread alone.
        verbs: what it can do.
        facts: what clients are told of it.
        stamp: modification time, size and inode of the file when it was loaded.
        loaded: when, in seconds since 1970.
        latest: of a detector: the latest images that it judged.
    """

    name: str
    path: Path
    model: ImageEstimator
    verbs: tuple[str, ...]
    facts: dict[str, Any]
    stamp: Stamp
    loaded: float
    latest: LatestImages = field(default_factory=LatestImages)


def load_served(name: str, path: Path, device: str) -> Served:
    """Load a model from its file.

    Raises:
        ModelFileError: the file is no model, or a damaged one.
    """
    stamp = stamp_of(path)
    description = describe_model(path)
    model = load(path, device=device)
    verbs = verbs_of(model)
    return Served(
        name=name,
        path=path,
        model=model,
        verbs=verbs,
        facts={"name": name, **_facts(model, path, description), "verbs": list(verbs)},
        stamp=stamp,
        loaded=time.time(),
    )


def stamp_of(path: Path) -> Stamp:
    """Return what changes when a file is replaced or rewritten; zeros if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return 0, 0, 0
    return status.st_mtime_ns, status.st_size, status.st_ino


def _facts(model: ImageEstimator, path: Path, description: dict[str, Any]) -> dict[str, Any]:
    _, height, width = model.image_shape_
    any_size = model.architecture_.takes_any_size and not model.framed
    found: dict[str, Any] = {
        "kind": description["kind"],
        "job": model.job,
        "file": path.name,
        "images": {
            "height": height,
            "width": width,
            "channels": model.plan_.channels,
            "depth": model.plan_.depth,
            "any_size": bool(any_size),
            "framing": model.plan_.framing.mode if model.plan_.framing.size else None,
        },
        "code_shape": list(model.architecture_.code_shape),
        "facts": {name: str(value) for name, value in main_facts(description).items()},
        "versions": description["facts"].get("versions", {}),
        "calibration": None,
    }
    if isinstance(model, AnomalyDetector):
        found["calibration"] = {**calibration_values(model), "guarantee": guarantee(model)}
    return found


class Models:
    """All models of a server, by name.

    Args:
        given: a model file each, or ``NAME=FILE``.
        device: the device to compute on.

    Raises:
        InputError: a name is given twice or cannot be part of an address.
        ModelFileError: a file is no model.
    """

    def __init__(self, given: Sequence[str], device: str = "auto") -> None:
        self._device, self._lock = device, threading.Lock()
        self._models: dict[str, Served] = {}
        self._refused: dict[str, Stamp] = {}
        for name, path in _named(given):
            self._models[name] = load_served(name, path, device)

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._models.values()))

    def get(self, name: str) -> Served:
        """Return the model of this name.

        Raises:
            RequestError: 404, there is none.
        """
        try:
            return self._models[name]
        except KeyError:
            known = ", ".join(sorted(self._models))
            raise RequestError(404, f"there is no model of this name; there are: {known}") from None

    def reload(self, name: str) -> Served:
        """Load the file of a model again, and replace the model once that has succeeded.

        Raises:
            RequestError: 404, there is no such model.
            ModelFileError: the file cannot be loaded; the earlier model stays.
        """
        with self._lock:
            old = self.get(name)
            stamp = stamp_of(old.path)
            try:
                new = load_served(name, old.path, self._device)
            except InputError:
                self._refused[name] = stamp
                raise
            self._models[name] = new
            return new

    def changed(self) -> list[str]:
        """Return the names of models whose files were changed since they were loaded, or tried last."""
        found = []
        for one in self:
            stamp = stamp_of(one.path)
            if stamp != one.stamp and stamp[0] and stamp != self._refused.get(one.name):
                found.append(one.name)
        return found


def _named(given: Sequence[str]) -> list[tuple[str, Path]]:
    """Return name and file of each model.

    Raises:
        InputError: a name is given twice, or cannot be part of an address.
    """
    found: dict[str, Path] = {}
    for text in given:
        name, path = _split(text)
        if not _NAME.fullmatch(name):
            raise InputError(
                f"MODEL {text}: its name in addresses must be letters, digits, '.', '_' and '-', at most 64; "
                f"give it one: NAME={path}"
            )
        if name in found:
            raise InputError(
                f"MODEL {text}: a model of the name {name} is given already ({found[name]}); give one of "
                f"them another: NAME={path}"
            )
        found[name] = path
    return list(found.items())


def _split(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if equals and not os.path.exists(text) and _NAME.fullmatch(name):
        return name, Path(path)
    return Path(text).name.removesuffix(SUFFIX), Path(text)
