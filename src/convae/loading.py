"""Modules of scikit-learn that are loaded when they are needed, and leave no trace in the user's program."""

import importlib
import random
from typing import Any


def load(name: str) -> Any:
    """The module ``name``.

    What scikit-learn loads besides draws from :mod:`random`, whose state is put back.
    """
    state = random.getstate()
    try:
        return importlib.import_module(name)
    finally:
        random.setstate(state)
