"""Import modules of scikit-learn on demand, without side effects on the user's program."""

import importlib
import random
from typing import Any


def load(name: str) -> Any:
    """Import and return the module ``name``.

    scikit-learn's imports advance the state of :mod:`random`; it is restored.
    """
    state = random.getstate()
    try:
        return importlib.import_module(name)
    finally:
        random.setstate(state)
