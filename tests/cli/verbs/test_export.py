"""``convae export`` through the command line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from tests.cli.conftest import Command

from convae.estimators.autoencoders.autoencoder import ConvAutoencoder
from convae.export.graphs.graph import Graph
from convae.export.graphs.of_model import graph_of


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("models") / "my.convae"
    images = np.random.default_rng(0).integers(0, 256, (20, 8, 8), dtype=np.uint8)
    ConvAutoencoder(preset="tutorial", latent_dim=3, epochs=1, architecture={"widths": (3, 4)}).fit(
        images, verbose=False
    ).save(path)
    return path


def test_a_file_is_written_next_to_the_model_and_never_replaced_unasked(
    convae: Command, saved: Path
) -> None:
    done = convae("export", saved)
    assert done.code == 0, done.err
    assert "largest difference" in done.out
    assert "input  image: uint8, batch x 1 x 8 x 8" in done.out
    target = saved.with_suffix(".onnx")
    session = onnxruntime.InferenceSession(target)
    assert session.get_inputs()[0].name == "image"
    before = target.read_bytes()
    again = convae("export", saved)
    assert again.code == 2
    assert "is there already: give --overwrite" in again.err
    assert target.read_bytes() == before


def test_the_result_for_programs(convae: Command, saved: Path, tmp_path: Path) -> None:
    done = convae("export", saved, "--part", "encoder", "--out", tmp_path / "e.onnx", "--json")
    assert done.code == 0, done.err
    assert done.json["file"] == str(tmp_path / "e.onnx")
    assert done.json["part"] == "encoder"
    assert [one["name"] for one in done.json["outputs"]] == ["code"]
    assert done.json["comparison"]["largest_differences"]["code"] < 1e-4


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--to", "onnyx"], "'onnyx' is not one of"),
        (["--out", "a.txt"], "--out must end in .onnx; got a.txt"),
        (["--to", "openvino", "--out", "a.onnx"], "--out must end in .xml; got a.onnx"),
    ],
)
def test_wrong_options_are_refused_in_one_sentence(
    convae: Command, saved: Path, arguments: list[str], text: str
) -> None:
    done = convae("export", saved, *arguments)
    assert done.code == 2
    assert text in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_file_that_is_no_model(convae: Command, tmp_path: Path) -> None:
    (tmp_path / "a.convae").write_bytes(b"nothing")
    done = convae("export", tmp_path / "a.convae")
    assert done.code == 2
    assert "a.convae" in done.err
    assert not (tmp_path / "a.onnx").exists()


def test_nothing_is_left_when_the_answers_differ(
    convae: Command, saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def another(model: ConvAutoencoder, part: str | None) -> Graph:
        graph = graph_of(model, part)
        return replace(graph, answer=lambda given: {"code": graph.answer(given)["code"] + 1})

    monkeypatch.setattr("convae.export.export.graph_of", another)
    done = convae("export", saved, "--part", "encoder", "--out", tmp_path / "b.onnx")
    assert done.code == 2
    assert "no file was written" in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())
