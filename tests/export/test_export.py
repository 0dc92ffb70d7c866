"""Exported files: what is in them, and that they give the answers of the model."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from tests.export.conftest import TINY, Case, Fit, pictures

import convae
from convae.errors import InputError
from convae.export.export import metadata_of
from convae.export.metadata import sha256


@pytest.fixture(scope="module")
def autoencoder(exported: Fit) -> Case:
    return exported(convae.ConvAutoencoder(latent_dim=4, epochs=1, architecture=TINY), pictures(24))


@pytest.fixture(scope="module")
def resizing(exported: Fit) -> Case:
    model = convae.ConvAutoencoder(latent_dim=4, epochs=1, size=(12, 10), architecture=TINY)
    return exported(model, pictures(24, channels=3))


def test_an_autoencoder_gives_its_images_codes_and_errors(autoencoder: Case) -> None:
    images = pictures(5)[3:]
    found = autoencoder.run({"image": images[:, None]})
    assert found["reconstruction"].dtype == np.uint8
    assert (found["reconstruction"][:, 0] == autoencoder.model.reconstruct(images)).all()
    np.testing.assert_allclose(found["code"], autoencoder.model.transform(images), atol=1e-4)
    np.testing.assert_allclose(-found["error"], autoencoder.model.score_samples(images), atol=1e-6)
    assert "exact" not in found


def test_images_of_any_size_are_resized_and_back(resizing: Case) -> None:
    for size in ((12, 10), (31, 17), (6, 9)):
        images = pictures(2, channels=3, size=size)
        found = resizing.run({"image": np.moveaxis(images, 3, 1)})["reconstruction"]
        wanted = resizing.model.reconstruct(images)
        apart = np.abs(np.moveaxis(found, 1, 3).astype(int) - wanted.astype(int))
        assert apart.max() <= 1
        assert apart.mean() < 0.01


def test_the_file_says_what_it_is(autoencoder: Case) -> None:
    made = onnx.load(autoencoder.done.path)
    facts = metadata_of(made)
    assert facts["job"] == "reconstruct and encode"
    assert facts["kind"] == "ConvAutoencoder"
    assert facts["input_dtype"] == "uint8"
    assert facts["input_range"] == [0.0, 255.0]
    assert facts["model_sha256"] == sha256(autoencoder.done.path.with_suffix(".convae"))
    assert facts["comparison"]["images"] == 4
    assert [one["name"] for one in facts["outputs"]] == ["reconstruction", "code", "error"]
    assert [one.name for one in made.graph.output] == ["reconstruction", "code", "error"]
    assert made.graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    single = {one.key: one.value for one in made.metadata_props}
    assert single["convae.channels"] == "1"
    assert json.loads(single["convae"]) == facts
    text = autoencoder.done.path.read_bytes()
    assert str(Path(convae.__file__).parent).encode() not in text  # no folder of this computer


def test_nothing_is_written_for_a_format_or_a_name_that_do_not_exist(
    autoencoder: Case, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="unknown format 'onx': did you mean 'onnx'"):
        convae.export_model(autoencoder.model, tmp_path / "a.onnx", to="onx")
    with pytest.raises(InputError, match=r"path must end in \.onnx for the format 'onnx'"):
        convae.export_model(autoencoder.model, tmp_path / "a.bin")
    with pytest.raises(InputError, match="unknown part 'encode': did you mean 'encoder'"):
        convae.export_model(autoencoder.model, tmp_path / "a.onnx", part="encode")
    assert not list(tmp_path.iterdir())


def test_encoder_and_decoder_apart(autoencoder: Case, tmp_path: Path) -> None:
    from convae.export.running import OnnxRunner

    images = pictures(3)
    for part in ("encoder", "decoder"):
        convae.export_model(autoencoder.model, tmp_path / f"{part}.onnx", part=part)
    codes = OnnxRunner(str(tmp_path / "encoder.onnx"))({"image": images[:, None]})
    assert list(codes) == ["code"]
    back = OnnxRunner(str(tmp_path / "decoder.onnx"))(codes)
    assert (back["image"][:, 0] == autoencoder.model.reconstruct(images)).all()
