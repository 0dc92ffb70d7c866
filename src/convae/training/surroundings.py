"""Where a program runs: on a terminal, in a notebook, as one of many tasks, or as a command of convae."""

import multiprocessing
import os
import sys
import threading
from typing import Any

from convae.filesystem.run_files import current_run


def is_terminal() -> bool:
    """Return whether stderr is a terminal that can rewrite a line."""
    stream = sys.stderr
    return stream is not None and stream.isatty() and os.environ.get("TERM") not in ("dumb", "")


def in_notebook() -> bool:
    """Return whether a notebook shows the results: a kernel of Jupyter, VS Code or Colab."""
    python = sys.modules.get("IPython")  # a kernel has loaded it
    shell: Any = None if python is None else python.get_ipython()
    return getattr(shell, "kernel", None) is not None


def one_of_many() -> bool:
    """Return whether this is a task among others: in a worker process, a thread, or a loop of joblib.

    The searches and cross-validations of scikit-learn run every fit as a task of joblib, even with one job.
    """
    if multiprocessing.current_process().name != "MainProcess":
        return True
    if threading.current_thread() is not threading.main_thread():
        return True
    frame = sys._getframe(0)
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == "joblib.parallel":
            return True
    return False


def in_command() -> bool:
    """Return whether a command of convae runs, which shows progress and messages itself."""
    return current_run() is not None
