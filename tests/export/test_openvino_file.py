"""Files of OpenVINO: both files are written, they give the model's answers, and say what they are."""

import json
from pathlib import Path

import numpy as np
import pytest
from tests.storage.make_old_models import drawn

import convae
from convae.export.openvino_file import OpenvinoRunner

FILE = (
    Path(__file__).parent.parent / "storage" / "old_models" / "0.1.0" / "autoencoder-dense.convae"
)


@pytest.mark.slow
def test_an_autoencoder_gives_the_answers_of_the_model(tmp_path: Path) -> None:
    import openvino

    done = convae.export_model(FILE, tmp_path / "a.xml", to="openvino")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.bin", "a.xml"]
    assert done.bytes == sum(one.stat().st_size for one in tmp_path.iterdir())
    model, images = convae.load(FILE, device="cpu"), drawn(3)
    found = OpenvinoRunner(str(done.path))({"image": images[:, None]})
    assert {"reconstruction", "code", "error"} <= found.keys()
    np.testing.assert_allclose(found["reconstruction"][:, 0], model.reconstruct(images), atol=1e-4)
    np.testing.assert_allclose(found["code"], model.transform(images), atol=1e-4)
    stated = openvino.Core().read_model(done.path).get_rt_info(["convae"]).astype(str)
    assert json.loads(stated)["job"] == "reconstruct and encode"
