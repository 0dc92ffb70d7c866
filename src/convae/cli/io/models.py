"""Load the model of a verb, and refuse a model of the wrong kind."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from convae.cli.gc_tuning import loaded as as_usual
from convae.errors import InputError

if TYPE_CHECKING:
    from convae.estimators.base import ImageEstimator

SUFFIX = ".convae"  # of model files

Estimator = TypeVar("Estimator", bound="ImageEstimator")


def load_for(path: Path, kind: type[Estimator], *, device: str) -> Estimator:
    """The model in a file, if it is of this kind.

    Raises:
        ModelFileError: the file is not a model.
        InputError: the model is of another kind; names that kind, and how to fit the right one.
    """
    from convae.estimators.registry import load

    refuse_swapped(path)
    as_usual()
    loaded = load(path, device=device)
    if isinstance(loaded, kind):
        return loaded
    raise InputError(
        f"{path}: this model was fitted to {loaded.job}; use it with 'convae {loaded.verb}', or fit one "
        f"to {kind.job} with 'convae fit {kind.member}'"
    )


def refuse_swapped(path: Path) -> None:
    """Point out that the model comes first, if the first argument is not a model and a later one is.

    Raises:
        InputError: with the corrected command.
    """
    context = click.get_current_context(silent=True)
    given = () if context is None else context.params.get("data") or ()
    models = [str(one) for one in given if str(one).endswith(SUFFIX)]
    if context is None or path.name.endswith(SUFFIX) or not models:
        return
    others = [str(one) for one in given if str(one) not in models]
    words = shlex.join([models[0], str(path), *others])
    raise InputError(
        f"{path} is not a model: the model comes first: {context.command_path} {words}"
    )
