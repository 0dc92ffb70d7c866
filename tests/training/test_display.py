"""What a fit shows: where it runs decides, and the user may decide otherwise."""

import sys
import threading
import types
from typing import Any

import pytest
from joblib import Parallel, delayed

from convae.errors import InputError
from convae.filesystem.run_files import run_files
from convae.training import display as module
from convae.training.display import Bar, display, way_of
from convae.training.observers import StepProgress
from convae.training.surroundings import in_notebook, one_of_many

MOMENT = StepProgress(epoch=1, epochs=2, step=3, steps=4, loss=0.25, images=9, seconds=1.0)
ROW = {"epoch": 1, "train_loss": 0.5, "validation_loss": 0.4, "images_per_second": 10.0}


def at(monkeypatch: pytest.MonkeyPatch, *, notebook: bool = False, terminal: bool = False) -> None:
    monkeypatch.setattr(module, "in_notebook", lambda: notebook)
    monkeypatch.setattr(module, "is_terminal", lambda: terminal)


@pytest.mark.parametrize(
    ("place", "ways"),
    [
        ({"notebook": True, "terminal": True}, ("notebook", "notebook", "lines", "")),
        ({"terminal": True}, ("bar", "bar", "lines", "")),
        ({}, ("", "lines", "lines", "")),
    ],
)
def test_the_place_decides_how_a_fit_is_shown(
    place: dict[str, bool], ways: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    at(monkeypatch, **place)
    asked: tuple[Any, ...] = ("auto", True, "lines", False)
    assert tuple(map(way_of, asked)) == ways
    assert (way_of(1), way_of(0)) == (ways[1], "")


def test_one_of_many_fits_is_silent_and_writes_lines_if_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    at(monkeypatch, notebook=True, terminal=True)
    monkeypatch.setattr(module, "one_of_many", lambda: True)
    assert (way_of("auto"), way_of(True), way_of("lines")) == ("", "lines", "lines")


def test_a_command_of_convae_shows_its_own_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, terminal=True)
    with run_files(["fit"]):
        assert way_of("auto") == ""
    assert way_of("auto") == "bar"


@pytest.mark.parametrize("wrong", ["loud", None, 0.5, "Lines"])
def test_another_value_is_refused(wrong: Any) -> None:
    with pytest.raises(InputError, match=r"verbose must be 'auto', 'lines', True or False; got "):
        way_of(wrong)


def test_tasks_of_joblib_and_threads_are_among_many() -> None:
    assert not one_of_many()
    assert Parallel(n_jobs=1)(delayed(one_of_many)() for _ in range(2)) == [True, True]
    assert (
        Parallel(n_jobs=2, backend="loky")(delayed(one_of_many)() for _ in range(2)) == [True] * 2
    )
    found: list[bool] = []
    thread = threading.Thread(target=lambda: found.append(one_of_many()))
    thread.start()
    thread.join()
    assert found == [True]


def test_lines_go_to_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    with display("lines") as shown:
        assert shown is not None
        shown.message("a note on b\x1b[2J.png")
        shown.step(MOMENT)
        shown.epoch(ROW)
    done = capsys.readouterr()
    assert done.out == ""
    assert done.err.splitlines()[0] == "a note on b\\x1b[2J.png"
    assert done.err.splitlines()[1].startswith("epoch 1/2  loss 0.5  validation 0.4  10 images/s")


def test_silence_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    for verbose in ("auto", False):
        with display(verbose) as shown:
            assert shown is None
    assert capsys.readouterr() == ("", "")


class Handle:
    def __init__(self) -> None:
        self.seen: list[Bar] = []

    def update(self, bar: Bar) -> None:
        self.seen.append(bar)


def test_a_notebook_has_one_bar_that_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    handle, first = Handle(), list[Bar]()

    def show(bar: Bar, *, display_id: bool) -> Handle:
        assert display_id
        first.append(bar)
        return handle

    python, inner = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    python.get_ipython = lambda: types.SimpleNamespace(kernel=object())  # type: ignore[attr-defined]
    inner.display = show  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", python)
    monkeypatch.setitem(sys.modules, "IPython.display", inner)
    assert in_notebook()
    with display("auto") as shown:
        assert shown is not None
        shown.message("<b>.png is skipped")
        shown.step(MOMENT)
        shown.epoch(ROW)
        shown.step(MOMENT)
    assert len(first) == 1
    last = handle.seen[-1]
    assert last.done == 3 / 8
    assert last.text.startswith("epoch 1/2  loss 0.25  validation 0.4  9 images/s")
    assert "&lt;b&gt;.png is skipped" in last._repr_html_()
    assert 'value="0.3750"' in last._repr_html_()
    assert repr(last).startswith(" 38%  epoch 1/2")


def test_the_bar_of_a_notebook_ends_with_the_last_epoch() -> None:
    bar = module.NotebookTraining(Handle())
    bar.step(MOMENT)
    bar.epoch(ROW | {"epoch": 0, "train_loss": None})  # the start, measured late, changes nothing
    bar.draw()
    assert bar.handle.seen[-1].done == 3 / 8
    bar.epoch(ROW | {"epoch": 2})
    assert bar.handle.seen[-1].done == 1
    assert repr(bar.handle.seen[-1]) == "100%  epoch 2/2  loss 0.5  validation 0.4  10 images/s"


def test_a_terminal_of_ipython_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    python = types.ModuleType("IPython")
    python.get_ipython = types.SimpleNamespace  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", python)
    assert not in_notebook()
