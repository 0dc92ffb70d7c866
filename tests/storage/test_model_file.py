"""Model files: everything comes back, and nothing half-written replaces a good one."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.storage.conftest import IMAGES

import convae
from convae import ConvAutoencoder, InputError
from convae.errors import DiskFullError
from convae.networks.autoencoder import Autoencoder
from convae.storage.model_file import describe_model
from convae.storage.sealed_safetensors import read_tensors, write_tensors

# -- round trip ---------------------------------------------------------------------------------------


def test_everything_comes_back(model: ConvAutoencoder, file: Path) -> None:
    loaded = convae.load(file)
    assert isinstance(loaded, ConvAutoencoder)
    assert loaded.to_options() == {**model.to_options(), "random_state": 0}
    for name in (
        "architecture_", "image_shape_", "plan_", "scaling_", "settings_", "n_iter_", "best_epoch_",
        "validation_mse_", "notes_", "skipped_", "channel_axis_",
    ):  # fmt: skip
        assert getattr(loaded, name) == getattr(model, name), name
    assert np.array_equal(loaded.seen_, model.seen_)
    for part in ("mean", "components", "variances"):
        assert torch.equal(getattr(loaded.pca_, part), getattr(model.pca_, part))
    ours, theirs = model.network_.state_dict(), loaded.network_.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert not loaded.network_.training


def test_the_history_comes_back_without_the_clock(model: ConvAutoencoder, file: Path) -> None:
    timings = ("seconds", "images_per_second")
    kept = [{n: v for n, v in row.items() if n not in timings} for row in model.history_]
    assert convae.load(file).history_ == kept


def test_saving_a_loaded_model_gives_the_same_bytes(file: Path, tmp_path: Path) -> None:
    convae.load(file).save(tmp_path / "again.convae")
    assert (tmp_path / "again.convae").read_bytes() == file.read_bytes()


def test_the_same_seed_gives_the_same_bytes(
    model: ConvAutoencoder, file: Path, tmp_path: Path
) -> None:
    ConvAutoencoder.from_options(model.to_options()).fit(IMAGES).save(tmp_path / "twin.convae")
    assert (tmp_path / "twin.convae").read_bytes() == file.read_bytes()
    other = {**model.to_options(), "random_state": 1}
    ConvAutoencoder.from_options(other).fit(IMAGES).save(tmp_path / "other.convae")
    assert (tmp_path / "other.convae").read_bytes() != file.read_bytes()


def test_the_description_names_what_is_inside(file: Path) -> None:
    description = describe_model(file)
    assert description["kind"] == "ConvAutoencoder"
    assert description["architecture"]["image_shape"] == [3, 6, 5]
    facts = description["facts"]
    assert facts["images"] == "array (20, 6, 5, 3)"
    assert facts["training_images"] + facts["validation_images"] == 20
    assert set(facts["versions"]) == {"convae", "torch", "numpy", "python"}
    assert len(facts["fingerprint"]) == len(description["sha256"]) == 64


def test_a_file_from_before_coarse_reading(file: Path, tmp_path: Path) -> None:
    tensors, description = read_tensors(file, lambda _: None)
    assert description["plan"].pop("coarse") is True
    write_tensors(tmp_path / "old.convae", tensors, description)
    assert not convae.load(tmp_path / "old.convae").plan_.coarse


@pytest.mark.parametrize("preset", ["tutorial", "pooled", "residual"])
def test_a_file_from_before_the_choice_of_an_activation_behind_the_code(
    preset: str, tmp_path: Path
) -> None:
    """Those networks had it: the same weights must give what they gave then."""
    small: dict[str, Any] = {"widths": (3, 4), "latent_dim": 2, "code": "dense", "epochs": 0}
    model = ConvAutoencoder.from_options({"preset": preset, **small}).fit(IMAGES)
    then = Autoencoder(replace(model.architecture_, from_latent_activation=True)).eval()
    then.load_state_dict(model.network_.state_dict())
    model.save(tmp_path / "new.convae")
    tensors, description = read_tensors(tmp_path / "new.convae", lambda _: None)
    del description["architecture"]["from_latent_activation"]
    write_tensors(tmp_path / "old.convae", tensors, description)

    x = torch.rand(4, *model.architecture_.image_shape)
    new, old = (convae.load(tmp_path / f"{name}.convae").network_ for name in ("new", "old"))
    with torch.no_grad():
        expected = then(x).reconstruction
        assert torch.equal(old(x).reconstruction, expected)
        assert torch.equal(new(x).reconstruction, expected) == (preset != "tutorial")


def test_others_read_it_as_safetensors(file: Path) -> None:
    from safetensors import safe_open

    with safe_open(file, "pt") as tensors:
        assert "pca.mean" in tensors.keys()  # noqa: SIM118 - it is no dict
        assert json.loads(tensors.metadata()["convae"])["format"] == 1


def test_spaces_emoji_and_links_in_the_path(model: ConvAutoencoder, tmp_path: Path) -> None:
    path = tmp_path / "my model \N{GRINNING FACE}.convae"
    model.save(str(path))
    (tmp_path / "link.convae").symlink_to(path)
    assert convae.load(tmp_path / "link.convae").n_iter_ == 1


# -- saving -------------------------------------------------------------------------------------------


def test_the_old_file_survives_a_write_that_fails(
    model: ConvAutoencoder, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.convae"
    path.write_bytes(file.read_bytes())

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFullError, match=r"the disk is full: \d[\d,]* bytes or more are needed"):
        model.save(path)
    assert path.read_bytes() == file.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.convae"]


def test_a_folder_that_is_not_there(model: ConvAutoencoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder does not exist"):
        model.save(tmp_path / "nowhere" / "a.convae")
