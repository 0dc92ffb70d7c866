"""The models that are served, described and loaded again."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.server.conftest import Start

from convae.errors import InputError, ModelFileError
from convae.server.models import Models


def test_models_are_listed_and_described(start: Start, folder: Path) -> None:
    client = start()
    listed = {one["name"]: one for one in client.get("/v1/models").json()["models"]}
    assert listed["detector"]["verbs"] == ["detect"]
    assert listed["vae"]["verbs"] == ["reconstruct", "encode", "decode", "sample"]
    facts = client.get("/v1/models/detector").json()
    assert facts["kind"] == "AnomalyDetector"
    assert facts["images"]["depth"] == "uint8"
    assert facts["calibration"]["calibration_images"] > 0
    assert client.get("/v1/models/auto").json()["calibration"] is None
    assert str(folder) not in client.get("/v1/models/detector").text


def test_names_come_from_files_or_are_given(folder: Path, tmp_path: Path) -> None:
    odd = tmp_path / "my model (1).convae"
    shutil.copy(folder / "auto.convae", odd)
    with pytest.raises(InputError, match=r"give it one: NAME=.*my model \(1\)\.convae"):
        Models([str(odd)])
    assert [one.name for one in Models([f"mine={odd}"], "cpu")] == ["mine"]
    with pytest.raises(InputError, match="a model of the name auto is given already"):
        Models([str(folder / "auto.convae"), f"auto={odd}"], "cpu")
    with pytest.raises(ModelFileError, match=r"none\.convae"):
        Models([str(tmp_path / "none.convae")])


def test_a_model_is_replaced_only_by_one_that_loads(
    start: Start, folder: Path, tmp_path: Path, lines: list[dict[str, Any]], images: list[bytes]
) -> None:
    path = tmp_path / "m.convae"
    shutil.copy(folder / "auto.convae", path)
    client = start(Models([str(path)], "cpu"), watch_seconds=3600)
    before = client.post("/v1/models/m/encode", content=images[0]).json()
    path.write_bytes(path.read_bytes()[:-200])
    response = client.post("/v1/models/m/reload")
    assert response.status_code == 409
    message = response.json()["error"]["message"]
    assert message.startswith("the earlier model stays: its file: ")
    assert str(tmp_path) not in message
    assert client.post("/v1/models/m/encode", content=images[0]).json() == before
    shutil.copy(folder / "vae.convae", path)
    assert client.post("/v1/models/m/reload").json()["kind"] == "VariationalAutoencoder"
    after = client.post("/v1/models/m/encode", content=images[0]).json()
    assert after["made_by"] != before["made_by"]
    assert [one["level"] for one in lines if one["event"] == "reload"] == ["error", "info"]
    text = client.get("/metrics").text
    assert 'convae_model_reloads_total{model="m",result="refused"} 1' in text


def test_a_changed_file_is_noticed_once(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.convae"
    shutil.copy(folder / "auto.convae", path)
    models = Models([str(path)], "cpu")
    assert models.changed() == []
    path.write_bytes(b"half of a file")
    assert models.changed() == ["m"]
    with pytest.raises(InputError):
        models.reload("m")
    assert models.changed() == []  # it is not tried again until it changes
    shutil.copy(folder / "vae.convae", path)
    assert models.changed() == ["m"]
    models.reload("m")
    assert models.changed() == []
    path.unlink()
    assert models.changed() == []  # the loaded model goes on


def test_metrics_count_requests_images_and_drift(start: Start, images: list[bytes]) -> None:
    client = start()
    name = "/v1/models/detector/detect"
    headers = {"Content-Type": "image/png"}
    for _ in range(2):
        for data in images:
            assert client.post(name, content=data, headers=headers).status_code == 200
    assert client.post(name, content=b"text", headers=headers).status_code == 422
    text = client.get("/metrics").text
    labels = 'model="detector",status="200",verb="detect"'
    assert f"convae_requests_total{{{labels}}} {2 * len(images)}" in text
    assert f'convae_p_value_count{{model="detector"}} {2 * len(images)}' in text
    assert 'convae_bad_images_total{model="detector",verb="detect"} 1' in text
    assert 'convae_drift_p_value{model="detector",what="brightness"}' in text
    lines = text.splitlines()
    assert all(line.startswith("#") or len(line.rsplit(" ", 1)) == 2 for line in lines)
    names = {line.split(" ")[2] for line in lines if line.startswith("# TYPE")}
    assert all(line.startswith(("#", *names)) for line in lines)
