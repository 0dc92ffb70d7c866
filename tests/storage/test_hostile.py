"""Descriptions that are newer, contradictory or hostile end in one sentence and little memory."""

import copy
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.storage.conftest import refused

from convae import ConvAutoencoder
from convae.storage.model_file import save_model
from convae.storage.sealed_safetensors import read_description, read_tensors, write_tensors


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
    refused(
        path,
        r"written by a newer convae \(format 2, this one reads up to 1\): install a newer convae",
    )
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


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite(value: float, file: Path, tmp_path: Path) -> None:
    tensors, description = read_tensors(file, lambda _: None)
    floats = [name for name, t in tensors.items() if t.is_floating_point() and t.numel()]
    assert {name.split(".")[0] for name in floats} == {"network", "pca"}
    for name in floats:
        changed = tensors[name].clone()
        changed.view(-1)[-1] = value
        path = rewritten(tmp_path / "a.convae", {**tensors, name: changed}, description)
        refused(path, f"its tensor {name} holds values that are not finite .*fit the model again")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_of_a_description_that_are_not_finite(
    value: str, file: Path, tmp_path: Path
) -> None:
    """What JSON has no words for, Python's reader takes all the same."""
    tensors, description = read_tensors(file, lambda _: None)
    facts = {**description["facts"], "best_epoch": "PLACE"}
    path = rewritten(tmp_path / "a.convae", tensors, {**description, "facts": facts})
    content = path.read_bytes()
    assert content.count(b'\\"PLACE\\"') == 1
    path.write_bytes(content.replace(b'\\"PLACE\\"', value.encode().ljust(9)))
    refused(path, "its description is not JSON")


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
        if change[0][0] not in free
        and str(i) not in known
        and change != (("architecture", "custom_code"), [])  # as it is
    ]
    harmless = {("format",), ("plan", "size"), ("plan", "coarse"), ("pca", "exact"), ("extras",)}
    harmless |= {
        ("architecture", name)
        for name in (
            *("blocks", "inputs", "base", "contrast", "fine", "active", "levels", "finer_dim"),
            "pattern",
            "from_latent_activation",
        )
    }
    assert {path for path, _ in read if path[0] != "scaling"} <= harmless


def test_a_model_whose_facts_are_nonsense_is_refused(file: Path, tmp_path: Path) -> None:
    facts = read_description(file)["facts"]
    changes: list[dict[str, Any]] = [
        {"history": []}, {"history": 3}, {"history": [1]}, {"settings": None}, {"settings": {"x": 1}},
        {"settings": {**facts["settings"], "batch_size": 0}}, {"skipped": [1]}, {"notes": None},
        {"validation_mse": 10**400}, {"validation_baseline_mse": -(10**400)},
    ]  # fmt: skip
    for change in changes:
        refused(resealed(file, tmp_path / "a", facts={**facts, **change}))


def test_no_facts_can_be_saved_that_are_not_json(model: ConvAutoencoder, tmp_path: Path) -> None:
    stored = model._stored
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_model(tmp_path / "a", replace(stored, facts={"a": float("nan")}))
    assert not list(tmp_path.iterdir())
