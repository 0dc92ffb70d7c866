"""The model of a verb: of the job that the verb does, or one sentence."""

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from convae.cli.gc_tuning import loaded as as_usual
from convae.errors import InputError

if TYPE_CHECKING:
    from convae.estimators.base import ImageEstimator

Estimator = TypeVar("Estimator", bound="ImageEstimator")


def load_for(path: Path, kind: type[Estimator], *, device: str) -> Estimator:
    """The model in a file, if it is of this kind.

    Raises:
        ModelFileError: for a file that is no model.
        InputError: for a model of another job; says which, and what fits one for this.
    """
    from convae.estimators.registry import load

    as_usual()
    loaded = load(path, device=device)
    if isinstance(loaded, kind):
        return loaded
    raise InputError(
        f"{path}: this model was fitted to {loaded.job}; use it with 'convae {loaded.verb}', or fit one "
        f"to {kind.job} with 'convae fit {kind.member}'"
    )
