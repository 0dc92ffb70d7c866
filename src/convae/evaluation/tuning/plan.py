"""What a search varies, what it keeps, and on which images it trains, compares and checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from convae.config.compatibility import check, of_loss
from convae.config.search_space import (
    HELD_OUT,
    INCOMPARABLE_EPOCHS,
    NO_DETECTOR,
    SEARCHED,
    Dimension,
    default_dimension,
    dimension_of,
    refuse_unsearchable,
)
from convae.config.setting import Setting, settings_of
from convae.errors import InputError
from convae.estimators.anomaly.detector import AnomalyDetector
from convae.estimators.autoencoders.variational import VariationalAutoencoder
from convae.estimators.base import ImageEstimator
from convae.estimators.fit_config import FitConfig, prepared
from convae.estimators.restoration.base import RestoringEstimator, material_for
from convae.evaluation.experiments.data_parts import Parts, take_apart
from convae.images.sources.base import ImageSource
from convae.networks.presets import make_architecture


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A search before its first trial.

    Attributes:
        start: the estimator of trial 0, not fitted.
        dimensions: what is varied.
        parts: images that trials get, and images that no trial sees.
        epochs: of each trial.
        prunes: whether bad trials may be stopped early.
        identity: plain values that must agree for a search to be continued.
    """

    start: ImageEstimator
    dimensions: tuple[Dimension, ...]
    parts: Parts
    epochs: int
    prunes: bool
    identity: dict[str, Any]

    @property
    def seed(self) -> int:
        """The seed of all trials, of the split and of the sampler."""
        return self.start._seed()

    def estimator(self, settings: Mapping[str, Any]) -> ImageEstimator:
        """Return an estimator with some settings changed, not fitted.

        Raises:
            InputError: the settings do not go together.
        """
        known = {one.name: one for one in settings_of(type(self.start))}
        changes = {
            f"{known[name].within}__{name}" if known[name].within else name: value
            for name, value in settings.items()
        }
        fresh: ImageEstimator = clone(self.start).set_params(**changes)
        fresh.check_parameters()
        return fresh

    def given(self, estimator: ImageEstimator) -> dict[str, Any]:
        """Return the settings of an estimator that are not the defaults, by the names of TOML files."""
        ours, standard = estimator.to_options(), type(estimator)().to_options()
        left_out = {"device", "validation_fraction"}
        if self.start.validation_fraction != HELD_OUT:
            left_out.remove("validation_fraction")
        return {
            one.key: (ours[one.name],)
            if one.kind == "ints" and isinstance(ours[one.name], int)
            else ours[one.name]
            for one in settings_of(type(estimator))
            if one.name not in left_out and ours[one.name] != standard[one.name]
        }


def plan_search(
    estimator: ImageEstimator,
    X: Any,
    search: Mapping[str, Any] | Sequence[Any] | None,
    *,
    groups: Sequence[Any] | np.ndarray | None,
    most: int,
) -> Plan:
    """Read the images once, split them, and decide what is varied.

    Args:
        estimator: with the parameters that are not varied.
        X: any source of images.
        search: what is varied, by name, with the values or the range; None for the default.
        groups: (n,) of the images: those of one group stay on one side of a split.
        most: images that are read.

    Raises:
        InputError: the estimator is a detector or has a budget of time, a setting cannot be searched, or
            there are too few images.
    """
    if isinstance(estimator, AnomalyDetector):
        raise InputError(NO_DETECTOR)
    config = estimator._config()
    if config.budget is not None:
        raise InputError(
            "all trials have the same epochs, so that they can be compared: leave out the estimator's "
            "budget; tune(..., budget=...) is the time of the whole search"
        )
    if isinstance(estimator, VariationalAutoencoder):
        check(use=["likelihood bound"], loss=of_loss(config.loss))
    searched = _searched(estimator, search, config)
    fresh = clone(estimator)
    source = fresh.open(X, reset=True)
    wanted = (
        material_for(source, config).wanted
        if isinstance(estimator, RestoringEstimator)
        else prepared(config)
    )
    parts = take_apart(source, None, wanted, groups=groups, most=most, seed=config.seed)
    dimensions = tuple(_dimension(one, given, config, parts) for one, given in searched)
    p = config.parameters
    fraction = p.validation_fraction
    changes: dict[str, Any] = {"random_state": config.seed}
    if fraction == type(estimator)().validation_fraction:
        fraction = changes["validation_fraction"] = HELD_OUT
    elif not fraction:
        raise InputError(
            "validation_fraction must be above 0: trials are compared on held-out images"
        )
    epochs = p.epochs
    if epochs is None:
        epochs = parts.epochs(config.training.batch_size, fraction)
    start: ImageEstimator = fresh.set_params(epochs=epochs, **changes)
    names = {one.name for one in dimensions}
    return Plan(
        start=start,
        dimensions=dimensions,
        parts=parts,
        epochs=epochs,
        prunes=not names & INCOMPARABLE_EPOCHS and estimator.member != "stacked",
        identity=_identity(start, dimensions, source, parts),
    )


def _absent(config: FitConfig[Any]) -> frozenset[str]:
    """Return what is searched by default, but not there in this network."""
    if config.custom is not None:
        return frozenset({"widths", "blocks"})
    return frozenset({"blocks"}) if config.parameters.preset == "dense" else frozenset()


def _searched(
    estimator: ImageEstimator,
    search: Mapping[str, Any] | Sequence[Any] | None,
    config: FitConfig[Any],
) -> list[tuple[Setting, Any]]:
    """Return the settings to vary, each with its range as given; None for the range by default."""
    known = {one.key: one for one in settings_of(type(estimator))}
    if search is None:
        absent = _absent(config)
        names = [name for name in SEARCHED[estimator.member] if name not in absent]
        return [(known[name], None) for name in names if name in known]
    given = search if isinstance(search, Mapping) else dict.fromkeys(search)
    if not given:
        raise InputError("search names no setting: give one at least, or leave it out")
    found = [(refuse_unsearchable(name, known), value) for name, value in given.items()]
    if isinstance(estimator, VariationalAutoencoder):
        _refuse_other_bounds([one.name for one, _ in found])
    return found


def _refuse_other_bounds(names: Sequence[str]) -> None:
    for name in ("loss", "bottleneck", "binarise"):
        if name in names:
            raise InputError(
                f"{name} cannot be searched for a variational autoencoder: its trials are compared by the "
                f"ELBO, which means something else for each {name}"
            )


def _dimension(one: Setting, given: Any, config: FitConfig[Any], parts: Parts) -> Dimension:
    if given is not None:
        return dimension_of(one, given)
    widths = config.architecture.widths
    if one.name == "widths" and widths is None:
        p, code = config.parameters, config.architecture.code
        changes = {} if code is None else {"code": code}
        widths = make_architecture(p.preset, parts.shape, **changes).widths
    return default_dimension(one, optimizer=config.training.optimizer, widths=tuple(widths or ()))


def _identity(
    start: ImageEstimator, dimensions: Sequence[Dimension], source: ImageSource, parts: Parts
) -> dict[str, Any]:
    settings = {k: v for k, v in start.to_options().items() if k != "device" and v is not None}
    return {
        "kind": start.member,
        "images": f"{source.description} ({parts.fingerprint[:16]})",
        "settings": {name: str(value) for name, value in settings.items()},
        "search": [str(one) for one in dimensions],
        "split": [len(parts.training), len(parts.test)],
    }
