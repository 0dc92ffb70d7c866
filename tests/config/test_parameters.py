"""The one table of parameters: that estimators are it, and what a wrong value or name is answered."""

import copy
import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

from convae.config import parameters
from convae.config.choices import DEVICES, OPTIMIZERS, PRECISIONS, SCHEDULES
from convae.config.parameters import (
    ArchitectureSettings,
    PreparationSettings,
    TrainingSettings,
)
from convae.config.setting import Setting, groups_of, settings_of, table_of
from convae.errors import InputError
from convae.estimators.anomaly.detector import METHODS as DETECTORS
from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.estimators.fit_config import grouped
from convae.estimators.registry import ESTIMATORS, estimator_class
from convae.estimators.restoration.denoiser import LEARN
from convae.estimators.restoration.inpainter import Inpainter
from convae.images.dataset.framing import MODES
from convae.images.dataset.preparation import STORAGES
from convae.images.dataset.scaling import METHODS
from convae.networks.architecture import CHOICES
from convae.networks.presets import PRESETS, RESTORING
from convae.training.tasks.inpainting import FILLS

CLASSES = [estimator_class(kind) for kind in ESTIMATORS]
GROUPS = {
    "architecture": ArchitectureSettings,
    "training": TrainingSettings,
    "preparation": PreparationSettings,
}


@pytest.mark.parametrize("cls", CLASSES)
def test_the_constructor_is_the_table(cls: type) -> None:
    signature = inspect.signature(cls).parameters
    fields = {field.name: field.default for field in dataclasses.fields(table_of(cls))}
    assert {name: p.default for name, p in signature.items()} == fields
    assert all(p.kind is inspect.Parameter.KEYWORD_ONLY for p in signature.values())
    plain = [name for name in signature if name not in GROUPS]
    assert len(plain) <= 17


@pytest.mark.parametrize("cls", CLASSES)
def test_no_base_puts_back_what_a_table_changes(cls: type) -> None:
    """A dataclass lets the fields of a later base win, unless it has them itself."""
    for field in dataclasses.fields(table_of(cls)):
        first = next(
            one for one in cls.__mro__ if field.name in vars(one).get("__annotations__", {})
        )
        assert field in dataclasses.fields(first)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_argument_is_in_the_docstring(cls: type) -> None:
    texts = [inspect.getdoc(cls) or "", inspect.getdoc(ConvAutoencoder) or ""]
    for name in inspect.signature(cls).parameters:
        assert any(name in text for text in texts), name


@pytest.mark.parametrize("cls", CLASSES)
def test_every_parameter_has_a_help_and_says_what_none_is(cls: type) -> None:
    for one in settings_of(cls):
        assert one.help.endswith((".", ")"))
        assert one.group
        assert bool(one.unset) == (one.default is None)


@pytest.mark.parametrize("cls", CLASSES)
def test_the_choices_are_those_there_are(cls: type) -> None:
    presets = PRESETS | RESTORING if "unet" in _known(cls)["preset"].choices else PRESETS
    known = {
        **{name: known for name, known in CHOICES.items() if name != "bottleneck"},
        "preset": tuple(presets),
        "framing": MODES,
        "scaling": METHODS,
        "storage": STORAGES,
        "optimizer": OPTIMIZERS,
        "schedule": SCHEDULES,
        "precision": PRECISIONS,
        "device": DEVICES,
        "learn": LEARN,
        "method": tuple(DETECTORS),
        "fill": tuple(FILLS),
    }
    shown = {name: one.choices for name, one in _known(cls).items() if one.choices}
    assert {name: sorted(known[name]) for name in shown} == {
        name: sorted(choices) for name, choices in shown.items()
    }


def _known(cls: type) -> dict[str, Setting]:
    return {one.name: one for one in settings_of(cls)}


@pytest.mark.parametrize("cls", CLASSES)
def test_flat_options_and_groups_are_the_same_parameters(cls: Any) -> None:
    options = {one.name: one.default for one in settings_of(cls)}
    assert cls.from_options(options).to_options() == cls().to_options()
    assert set(cls().to_options()) == set(options)
    assert cls.from_options({"ema": 0.5}).to_options()["ema"] == 0.5
    assert cls(training=TrainingSettings(ema=0.5)).to_options()["ema"] == 0.5
    assert cls(training={"ema": 0.5}).to_options()["ema"] == 0.5


def test_a_flat_name_in_a_constructor_is_answered_with_where_it_belongs() -> None:
    untyped: Any = ConvAutoencoder
    with pytest.raises(
        TypeError, match=r"ema is a part of training: write training=TrainingSettings\(ema"
    ):
        untyped(ema=0.9)
    with pytest.raises(TypeError, match="takes named arguments only, such as latent_dim=16"):
        untyped(16)
    with pytest.raises(TypeError, match="no argument 'epoch': did you mean 'epochs'"):
        untyped(epoch=1)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"training": {"emma": 0.9}}, "unknown training setting 'emma': did you mean 'ema'?"),
        (
            {"training": {"ema": 2, "clip": -1}, "epochs": -1},
            "(2) ema must be a number from 0 to 0.99999",
        ),
        ({"training": {"ema": 2}}, "ema must be a number from 0 to 0.99999; got 2"),
        ({"training": 0.9}, "training must be a TrainingSettings or a dictionary; got 0.9"),
        ({"architecture": {"widths": 8}}, "widths must be whole numbers, one a stage; got 8"),
        ({"preparation": {"framing": 3}}, "framing must be a name; got 3"),
        ({"preparation": {"strict": "yes"}}, "strict must be True or False; got 'yes'"),
        ({"epochs": -1, "shift": 3}, "(2) shift must be a number from 0 to 0.25; got 3"),
        ({"preset": 3, "size": 5}, "(2) size must be (height, width); got 5"),
    ],
)
def test_wrong_values_are_answered(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputError) as caught:
        ConvAutoencoder.from_options(given).check_parameters()
    assert sentence in str(caught.value)


def test_settings_that_an_estimator_does_not_have_are_refused() -> None:
    with pytest.raises(InputError, match="architecture: bypass is no parameter of this estimator"):
        Inpainter(architecture=ArchitectureSettings(bypass="pca")).check_parameters()
    with pytest.raises(InputError, match="unknown architecture setting 'bypass'"):
        Inpainter(architecture={"bypass": "pca"}).check_parameters()
    with pytest.raises(InputError, match="unknown parameter 'bypass'"):
        grouped(Inpainter, {"bypass": "pca"})


def test_a_field_beside_its_group_is_refused_and_nothing_given_is_changed() -> None:
    mine = {"patience": 3}
    for options in ({"training": mine, "ema": 0.5}, {"ema": 0.5, "training": mine}):
        with pytest.raises(InputError, match="ema is a part of training: give it there, or leave"):
            ConvAutoencoder.from_options(options)
    assert mine == {"patience": 3}
    assert ConvAutoencoder.from_options({"training": mine}).to_options()["patience"] == 3


def test_wrong_settings_can_be_looked_at_and_are_named_when_they_are_changed() -> None:
    model = ConvAutoencoder(training={"emma": 0.5})
    assert "training__ema" not in model.get_params()
    with pytest.raises(InputError, match="unknown training setting 'emma': did you mean 'ema'"):
        model.set_params(training__ema=0.5)


def test_search_and_clone_see_the_fields_of_settings() -> None:
    model = ConvAutoencoder(training={"patience": 3})
    assert model.get_params()["training__patience"] == 3
    assert "training__ema" not in model.get_params(deep=False)
    model.set_params(training__ema=np.float64(0.5), architecture__widths=[4, 8], epochs=2)
    copy = clone(model)
    assert copy.to_options() == model.to_options()
    assert copy.get_params()["training__ema"] == 0.5
    assert copy.get_params()["training__patience"] == 3
    assert copy.get_params()["architecture__widths"] == (4, 8)
    with pytest.raises(InputError, match="unknown training setting 'emma'"):
        model.set_params(training__emma=0.5)
    with pytest.raises(ValueError, match="Invalid parameter 'emma'"):
        model.set_params(emma=0.5)


def test_settings_are_plain_and_frozen() -> None:
    for cls in GROUPS.values():
        assert copy.deepcopy(cls()) == cls()
        name = dataclasses.fields(cls)[0].name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(cls(), name, 3)
    assert type(TrainingSettings(patience=np.int64(3)).patience) is int  # type: ignore[arg-type]
    assert ArchitectureSettings(widths=np.array([4, 8])).widths == (4, 8)  # type: ignore[arg-type]


def test_no_parameter_stands_in_two_groups() -> None:
    for cls in CLASSES:
        names = [one.name for one in settings_of(cls)]
        assert len(names) == len(set(names))
        assert groups_of(cls) == GROUPS
    assert frozenset() == parameters.CommonParameters.NOT_OFFERED
