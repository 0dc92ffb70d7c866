"""Each notebook of ``examples/`` runs in a real kernel, offline, and shows what a newcomer should see."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from tests.conftest import ROOT
from tests.notebooks import main, tidied

EXAMPLES = ROOT / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
MOST_TEXT = 4000  # characters of one result as text: results keep no arrays
notebooks = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def executed(path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, data: Path) -> Any:
    """Run a notebook in an empty folder; return it with its outputs."""
    for name in ("IPYTHONDIR", "TMPDIR", "XDG_CACHE_HOME"):
        (folder / name).mkdir()
        monkeypatch.setenv(name, str(folder / name))
    monkeypatch.setenv("CONVAE_DATA_DIR", str(data))
    notebook = nbformat.read(path, as_version=4)
    where = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=900, kernel_name="python3", resources=where)
    return client.execute()


def outputs(notebook: Any) -> Iterator[Any]:
    for cell in notebook.cells:
        yield from cell.get("outputs", ())


def cells(path: Path, kind: str) -> list[str]:
    whole = json.loads(path.read_text(encoding="utf-8"))
    return ["".join(one["source"]) for one in whole["cells"] if one["cell_type"] == kind]


def clean(notebook: Any) -> None:
    """Check that nothing went to stderr, and each fit left one full bar."""
    for output in outputs(notebook):
        assert output.output_type != "error"
        assert output.get("name") != "stderr", output.text
        assert len(output.get("data", {}).get("text/plain", "")) < MOST_TEXT
    for cell in notebook.cells:
        bars = [o for o in cell.get("outputs", ()) if "<progress" in str(o.get("data", ""))]
        assert len(bars) == len(re.findall(r"^\w+\.fit\(", cell.source, flags=re.M))
        assert all("100%" in bar.data["text/plain"] for bar in bars)


def test_there_are_notebooks() -> None:
    assert [path.name[:2] for path in NOTEBOOKS][:6] == ["01", "02", "03", "04", "05", "06"]


@pytest.mark.slow
@pytest.mark.timeout(900)
@notebooks
def test_a_notebook_runs_offline(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = executed(path, tmp_path, monkeypatch, data=tmp_path / "none")
    clean(notebook)
    drawings = [one for one in outputs(notebook) if "image/svg+xml" in one.get("data", {})]
    assert drawings
    left = {one.name for one in tmp_path.iterdir()}
    assert left == {"IPYTHONDIR", "TMPDIR", "XDG_CACHE_HOME"}  # nothing next to the notebook


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "shown"), [("01_autoencoder", "mnist"), ("02_denoiser", "(2000, 28, 28)")]
)
def test_a_tutorial_takes_mnist_where_it_is(
    name: str, shown: str, tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = EXAMPLES / f"{name}.ipynb"
    notebook = executed(path, tmp_path, monkeypatch, data=shared_data)
    clean(notebook)
    assert shown in json.dumps([dict(one) for one in outputs(notebook)])


@notebooks
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text == tidied(text), "run: python tests/notebooks.py examples"


@notebooks
def test_a_notebook_explains_itself(path: Path) -> None:
    words = cells(path, "markdown")
    assert words[0].startswith("# ")
    assert any("## Try it" in text for text in words)
    for link in re.findall(r"\]\(([^)#]+)", "\n".join(words)):
        assert (EXAMPLES / link).exists(), f"{path.name}: the link {link} leads nowhere"


@notebooks
def test_the_table_of_examples_has_every_notebook(path: Path) -> None:
    assert f"]({path.name})" in (EXAMPLES / "README.md").read_text(encoding="utf-8")


def test_outputs_and_metadata_are_removed_and_cells_are_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = {
        "cell_type": "code",
        "execution_count": 7,
        "metadata": {"scrolled": True},
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "3\n"}],
        "source": "a = 1\nprint(a + 2)\n",
    }
    whole = {"cells": [code], "metadata": {"language_info": {"version": "3.11.4"}}}
    path = tmp_path / "a.ipynb"
    path.write_text(json.dumps(whole), encoding="utf-8")
    assert main([str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out == f"{path}: has outputs or metadata\n"
    assert json.loads(path.read_text(encoding="utf-8")) == whole
    assert main([str(tmp_path)]) == 0
    assert main([str(tmp_path), "--check"]) == 0
    nbformat.validate(nbformat.read(path, as_version=4))
    assert cells(path, "code") == ["a = 1\nprint(a + 2)"]
    assert not any(mark in path.read_text(encoding="utf-8") for mark in ("3.11.4", "scrolled", "7"))
