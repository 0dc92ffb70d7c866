"""Model files: everything comes back; whatever else a file holds ends in one sentence."""

import copy
import io
import json
import os
import struct
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import convae
from convae import ConvAutoencoder, InputError, ModelFileError
from convae.model_file import describe_model, save_model
from convae.safe_tensors import MAX_HEADER, read_description, read_tensors, write_tensors

IMAGES = np.random.default_rng(0).integers(0, 256, (20, 6, 5, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def model() -> ConvAutoencoder:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    parameters: dict[str, Any] = {
        "widths": (3,),
        "latent_dim": 2,
        "blocks": 1,
        "hidden": 4,
        "epochs": 1,
    }
    fitted = ConvAutoencoder(**parameters, size=(6, 5), loss="0.5*mse+0.5*l1").fit(IMAGES)
    torch.set_num_threads(threads)
    return fitted


@pytest.fixture(scope="module")
def file(model: ConvAutoencoder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("models") / "good.convae"
    model.save(path)
    return path


def refused(path: Path, sentence: str = ".") -> str:
    """The one sentence that both readers of the file give."""
    with pytest.raises(ModelFileError, match=sentence) as caught:
        convae.load(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    assert len(message) < len(str(path)) + 700
    return message


# -- round trip ---------------------------------------------------------------------------------------


def test_everything_comes_back(model: ConvAutoencoder, file: Path) -> None:
    loaded = convae.load(file)
    assert isinstance(loaded, ConvAutoencoder)
    assert loaded.get_params() == {**model.get_params(), "random_state": 0}
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
    ConvAutoencoder(**model.get_params()).fit(IMAGES).save(tmp_path / "twin.convae")
    assert (tmp_path / "twin.convae").read_bytes() == file.read_bytes()
    other = {**model.get_params(), "random_state": 1}
    ConvAutoencoder(**other).fit(IMAGES).save(tmp_path / "other.convae")
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
    with pytest.raises(InputError, match="the disk is full"):
        model.save(path)
    assert path.read_bytes() == file.read_bytes()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.convae"]


def test_a_folder_that_is_not_there(model: ConvAutoencoder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its folder does not exist"):
        model.save(tmp_path / "nowhere" / "a.convae")


# -- damage -------------------------------------------------------------------------------------------


def test_a_file_cut_short_anywhere(file: Path, tmp_path: Path) -> None:
    content, path = file.read_bytes(), tmp_path / "cut.convae"
    header = 8 + struct.unpack("<Q", content[:8])[0]
    for length in (0, 1, 7, 8, 9, 100, header - 1, header, header + 1, len(content) - 1):
        path.write_bytes(content[:length])
        refused(path)


def test_a_file_with_more_behind_it(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "long.convae"
    path.write_bytes(file.read_bytes() + b"\0")
    refused(path, r"must be [\d,]+ bytes long")


def test_a_huge_sparse_file_is_not_read(file: Path, tmp_path: Path) -> None:
    path = tmp_path / "sparse.convae"
    path.write_bytes(file.read_bytes())
    os.truncate(path, 2**40)
    refused(path, r"must be [\d,]+ bytes long")


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_flipped_bit_anywhere_is_noticed(data: st.DataObject, file: Path, tmp_path: Path) -> None:
    content = bytearray(file.read_bytes())
    header = 8 + struct.unpack("<Q", content[:8])[0]
    top = data.draw(st.sampled_from([7, header - 1, len(content) - 1]))
    content[data.draw(st.integers(0, top))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped.convae"
    path.write_bytes(content)
    refused(path)


def test_every_byte_of_the_description_counts(file: Path, tmp_path: Path) -> None:
    content, path = file.read_bytes(), tmp_path / "changed.convae"
    for old, new in (
        (b"255.0", b"254.0"),
        (b'\\"epoch\\": 1', b'\\"epoch\\": 2'),
        (b"0.5*mse", b"0.6*mse"),
    ):
        assert old in content
        path.write_bytes(content.replace(old, new, 1))
        refused(path, "do not match its own checksum")


# -- foreign ------------------------------------------------------------------------------------------


class Canary:
    """Unpickling it would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("zipped", [False, True])
def test_a_pickle_is_never_executed(protocol: int, zipped: bool, tmp_path: Path) -> None:
    import pickle  # noqa: TID251 - to show that it is not read

    poison = pickle.dumps(Canary(tmp_path / "canary"), protocol)
    path = tmp_path / "poison.convae"
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", poison)
    else:
        path.write_bytes(poison + b"." * 100)
    message = refused(path)
    if zipped or protocol >= 2:
        assert "a pickle or zip archive, which is never loaded" in message
    assert not (tmp_path / "canary").exists()


def test_what_torch_saves_is_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.zeros(3)}, buffer)  # noqa: TID251 - to show that it is not read
    (tmp_path / "a.convae").write_bytes(buffer.getvalue())
    refused(tmp_path / "a.convae", "zip archive")


@pytest.mark.parametrize("start", [b"PK", b"\x80\x02"])
def test_a_header_whose_length_looks_like_an_archive(
    start: bytes, model: ConvAutoencoder, file: Path, tmp_path: Path
) -> None:
    """Two bytes of a length mean nothing: such headers exist, and these two are whole eights."""
    tensors, description = read_tensors(file, lambda _: None)
    wanted = struct.unpack("<H", start)[0] + 65536 * (start == b"\x80\x02")
    path = tmp_path / "a.convae"
    filling = 0
    for _ in range(3):
        description["facts"]["notes"] = ["x" * filling]
        write_tensors(path, tensors, description)
        filling += wanted - struct.unpack("<Q", path.read_bytes()[:8])[0]
    assert path.read_bytes()[:2] == start
    assert np.array_equal(convae.load(path).transform(IMAGES), model.transform(IMAGES))


def test_other_files(tmp_path: Path, file: Path) -> None:
    from safetensors.torch import save

    path = tmp_path / "other"
    for content, sentence in (
        (b"", "not a file of convae"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 50, "not a file of convae"),
        (b"<!DOCTYPE html><html></html>", "not a file of convae"),
        (save({"a": torch.zeros(3)}), "a safetensors file, but not one of convae"),
        (save({"a": torch.zeros(3)}, {"convae": "1"}), "not a table"),
        (save({"a": torch.zeros(3)}, {"convae": "{"}), "not JSON"),
        (save({"a": torch.zeros(3)}, {"convae": "{}"}), "not a model file"),
        (struct.pack("<Q", 2) + b"[]", "not a table"),
        (struct.pack("<Q", 4) + b"\xff\xfe\xfd\xfc", "not JSON"),
        (struct.pack("<Q", 2**62) + b"{}", "header would be"),
        (struct.pack("<Q", MAX_HEADER) + b"{}", "cut short"),
        (struct.pack("<Q", 200_000) + b"[" * 200_000, "not JSON"),
    ):
        path.write_bytes(content)
        refused(path, sentence)
    write_tensors(path, {"a": torch.zeros(3)}, {"format": 1, "facts": {}})
    refused(path, "damaged or not a model")


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    refused(tmp_path / "missing", "there is no such file")
    refused(tmp_path, "not a file")
    os.mkfifo(tmp_path / "pipe")
    refused(tmp_path / "pipe", "not a file")
    refused(tmp_path / ("x" * 5000), "no such file|cannot be read")
    with pytest.raises(ModelFileError, match="no such file"):
        convae.load("a\0b")


def test_a_checkpoint_is_no_model(tmp_path: Path) -> None:
    run = ConvAutoencoder(widths=(3,), latent_dim=2, blocks=0, epochs=1)
    from convae.training.checkpoint import CheckpointFolder

    run.fit(IMAGES, checkpoint=CheckpointFolder(tmp_path / "run", every=0))
    (state,) = (tmp_path / "run").glob("*.safetensors")
    refused(state)


# -- newer and hostile descriptions -------------------------------------------------------------------


def resealed(file: Path, path: Path, **changes: Any) -> Path:
    """The model with parts of its description replaced, and a checksum that agrees with them."""
    tensors, description = read_tensors(file, lambda _: None)
    return rewritten(path, tensors, {**description, **changes})


def rewritten(path: Path, tensors: dict[str, torch.Tensor], description: dict[str, Any]) -> Path:
    write_tensors(path, tensors, description)
    return path


def test_resealing_alone_is_no_change(file: Path, tmp_path: Path) -> None:
    assert resealed(file, tmp_path / "a").read_bytes() == file.read_bytes()


def test_a_newer_format(file: Path, tmp_path: Path) -> None:
    path = resealed(file, tmp_path / "new.convae", format=2)
    refused(path, r"written by a newer convae \(format 2, this one reads up to 1\): pip install")
    for version in (0, -1, 1.0, "1", None, True, [1]):
        refused(resealed(file, path, format=version), "not a model file")


def test_a_kind_that_is_not_known(file: Path, tmp_path: Path) -> None:
    path = resealed(file, tmp_path / "a", kind="TimeMachine")
    refused(path, "a model of kind 'TimeMachine', which this version does not know")


def test_missing_and_added_parts(file: Path, tmp_path: Path) -> None:
    tensors, description = read_tensors(file, lambda _: None)
    path = tmp_path / "a.convae"
    for name in description:
        if name != "sha256":
            kept = {n: v for n, v in description.items() if n != name}
            refused(rewritten(path, tensors, kept))
    for name in tensors:
        left = {n: t for n, t in tensors.items() if n != name}
        refused(rewritten(path, left, description), f"damaged: tensors {name} missing")
    refused(rewritten(path, {**tensors, "x": torch.zeros(1)}, description), "x not expected")


def test_tensors_of_other_shapes_and_kinds(file: Path, tmp_path: Path) -> None:
    tensors, description = read_tensors(file, lambda _: None)
    path = tmp_path / "a.convae"
    for name, tensor in tensors.items():
        longer = torch.cat([tensor.reshape(-1), tensor.reshape(-1)])
        for wrong in (
            tensor[None],
            longer,
            tensor.long() if tensor.is_floating_point() else tensor.float(),
        ):
            refused(rewritten(path, {**tensors, name: wrong}, description), f"tensor {name} is ")


HOSTILE: dict[str, Any] = {
    "channels": {"image_shape": [10**9, 6, 5]},
    "sides": {"image_shape": [3, 2**40, 2**40]},
    "image": {"image_shape": [1024, 65536, 65536], "latent_dim": 1},
    "widths": {"widths": [8192] * 12},
    "deep": {"widths": [8192] * 12, "blocks": 64, "kernel_size": 31},
    "latent": {"latent_dim": 10**9},
    "spatial": {"code": "spatial", "hidden": 0, "latent_dim": 2**20, "widths": [8192] * 12},
    "wide code": {"latent_dim": 2**20, "hidden": 8192},
    "stages": {"widths": [4] * 10**5},
    "names": {"x" * 10**6: 1},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_architectures_beyond_all_bounds(name: str, file: Path, tmp_path: Path) -> None:
    architecture = {**read_description(file)["architecture"], **HOSTILE[name]}
    refused(resealed(file, tmp_path / "a", architecture=architecture))


def test_parts_that_do_not_agree(file: Path, tmp_path: Path) -> None:
    good = read_description(file)
    for part, change in (
        ("plan", {"channels": 1}),
        ("plan", {"size": [7, 5]}),
        ("plan", {"depth": "uint16"}),
        ("scaling", {"dtype": "float32"}),
        ("scaling", {"low": [0.0] * 2, "high": [1.0] * 2}),
        ("pca", {"components": 3}),
        ("pca", {"components": 1}),
    ):
        refused(resealed(file, tmp_path / "a", **{part: {**good[part], **change}}))
    for count in (-1, 0, 2**28 + 1, 10**30, 1.0, "18", None, True):
        refused(resealed(file, tmp_path / "a", seen=count))


ODD: list[Any] = [
    None, True, -1, 0, 1, 10**9, 2**63, 10**400, 1.5, 1e308, "", "x" * 10**5, "\n", "\0",
    [], [[]], {}, [1, 2, 3], ["a"], {"a": 1}, [None] * 100,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to every value in a description, containers included."""
    if path:
        yield path
    if isinstance(value, dict):
        for name in value:
            yield from places(value[name], (*path, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def replaced(description: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(description)
    inner = changed
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return changed


FUZZ = """
import resource, sys, time
from pathlib import Path
import torch
torch.set_num_threads(1)
import convae
convae.load(sys.argv[1])
taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (taken + 256 * 2**20,) * 2)
for line in sys.stdin:
    path, began = Path(line.rstrip("\\n")), time.monotonic()
    try:
        convae.load(path)
        print("read", path.name)
    except convae.ModelFileError as error:
        print("refused", path.name, len(str(error)))
    except BaseException as error:
        print("BAD", path.name, type(error).__name__, str(error)[:200])
    if time.monotonic() - began > 30:
        print("BAD", path.name, "took too long")
print("done")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited and measured as on Linux")
def test_odd_values_everywhere_end_in_one_sentence_and_little_memory(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each value of the description in turn becomes something else; all of it in a child with a limit."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    tensors, description = read_tensors(file, lambda _: None)
    script, paths, names = tmp_path / "fuzz.py", [], {}
    script.write_text(FUZZ)
    free = {"facts", "parameters"}  # for people, and checked when they are used
    changes = [
        (path, odd)
        for path in places(description)
        if path != ("sha256",)  # writing replaces it
        for odd in (ODD[::4] if path[0] in free else ODD)
    ]
    changes += [
        (("architecture", name), v) for part in HOSTILE.values() for name, v in part.items()
    ]
    for i, (path, odd) in enumerate(changes):
        paths.append(rewritten(tmp_path / str(i), tensors, replaced(description, path, odd)))
        names[str(i)] = f"{path}: {odd!r:.40}"
    done = subprocess.run(
        [sys.executable, str(script), str(file)],
        input="\n".join(map(str, paths)),
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert lines[-1:] == ["done"], done.stderr[-2000:]
    bad = [f"{line} <- {names[line.split()[1]]}" for line in lines if line.startswith("BAD")]
    assert not bad, "\n".join(bad[:40])
    refusals = [line.split() for line in lines if line.startswith("refused")]
    assert max(int(length) for _, _, length in refusals) < 1000
    known = {number for _, number, _ in refusals}
    read = [
        change
        for i, change in enumerate(changes)
        if change[0][0] not in free and str(i) not in known
    ]
    harmless = {("format",), ("architecture", "blocks"), ("plan", "size"), ("pca", "exact")}
    assert {path for path, _ in read if path[0] != "scaling"} <= harmless


def test_a_model_whose_facts_are_nonsense_is_refused(file: Path, tmp_path: Path) -> None:
    facts = read_description(file)["facts"]
    changes: list[dict[str, Any]] = [
        {"history": []}, {"history": 3}, {"history": [1]}, {"settings": None}, {"settings": {"x": 1}},
        {"settings": {**facts["settings"], "batch_size": 0}}, {"skipped": [1]}, {"notes": None},
    ]  # fmt: skip
    for change in changes:
        refused(resealed(file, tmp_path / "a", facts={**facts, **change}))


def test_no_facts_can_be_saved_that_are_not_json(model: ConvAutoencoder, tmp_path: Path) -> None:
    stored = model._stored
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(tmp_path / "a", replace(stored, facts={"a": float("nan")}))
    assert not list(tmp_path.iterdir())
