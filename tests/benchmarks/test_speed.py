"""The parts of the speed benchmark around the races: images, files, tables, the command line."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import record
from contenders import data
from contenders.reading import Files
from race import peers, reading, told
from race.figures import spread
from race.rounds import Result
from race.told import Options, Told, rates

QUICK = Options(
    rounds=1, seconds=0.1, quick=True, most_images=10, files=5, former="", command="--quick"
)


def test_portions_start_again_when_images_run_out() -> None:
    pieces = list(data.portions(np.arange(5), 12))
    assert [len(piece) for piece in pieces] == [5, 5, 2]


@pytest.mark.parametrize("side", [8, 28, 600])
def test_made_images_have_the_size_asked_for_and_repeat(side: int) -> None:
    images = data.made(60, side)
    assert images.shape == (60, side, side)
    assert images.dtype == np.uint8
    assert images.std() > 50
    assert (images == data.made(60, side)).all()


def test_without_mnist_images_are_made(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CONVAE_DATA_DIR", str(tmp_path))
    assert data.mnist("train") is None
    assert data.images(3, 28).shape == (3, 28, 28)


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_folder_holds_as_many_pictures_as_asked_for(
    kind: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reading, "WORK", tmp_path)
    monkeypatch.setattr(reading, "DIFFERENT", 2)
    folder, size = reading.pictures(kind, 40, 30, 5)
    files = sorted(folder.iterdir())
    assert len(files) == 5
    assert size == pytest.approx(np.mean([path.stat().st_size for path in files]))
    with Image.open(files[4]) as image:
        assert (image.size, image.format, image.mode) == ((40, 30), kind, "RGB")


@pytest.mark.parametrize(("kind", "decoded"), [("JPEG", (100, 76)), ("PNG", (400, 304))])
def test_a_loader_may_decode_at_a_reduced_scale(
    kind: str, decoded: tuple[int, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A quarter is the smallest scale of 400x304 that is not below 64x64; PNG files have none."""
    (tmp_path / "a").write_bytes(reading.encoded(kind, 400, 304, 0))
    sizes = []
    resize = Image.Image.resize

    def noted(image: Image.Image, *how: Any) -> Image.Image:
        sizes.append(image.size)
        return resize(image, *how)

    monkeypatch.setattr(Image.Image, "resize", noted)
    whole, reduced = (Files(str(tmp_path), 64, draft=draft)[0] for draft in (False, True))
    assert sizes == [(400, 304), decoded]
    assert whole.shape == reduced.shape == (3, 64, 64)
    assert (whole - reduced).abs().mean() < 0.02


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(record, "RESULTS", tmp_path / "RESULTS.md")
    monkeypatch.setattr(told, "VALUES", tmp_path / "speed.json")
    monkeypatch.setattr(told, "WORK", tmp_path / "work")
    monkeypatch.setattr(peers, "versions", lambda: {"keras": "3"})
    return tmp_path


def raced() -> Result:
    return Result(
        rates={"convae": [200.0, 100.0], "PyTorch": [100.0, 50.0]},
        pairs={"PyTorch": [(200.0, 100.0), (100.0, 50.0)]},
        products=[100.0, 50.0],
        shares={"convae": [2.0, 2.0], "PyTorch": [1.0, 1.0]},
        absent={"Pythae": "no such package"},
    )


def test_a_trial_leaves_the_results_as_they_are(places: Path) -> None:
    table = Told("train", "Training", ("who",), QUICK)
    table.row("convae")
    table.write()
    assert not (places / "RESULTS.md").exists()
    assert not (places / "speed.json").exists()
    assert (places / "work" / "trial.json").exists()


def test_a_table_holds_rates_ratios_shares_and_who_is_absent(places: Path) -> None:
    options = Options(
        rounds=2, seconds=1, quick=False, most_images=1, files=1, former="", command="--rounds 2"
    )
    table = Told("train", "Training", ("network", "who", *told.RATES), options)
    rates(table, ("tutorial",), raced(), 10**8)
    table.write()
    text = (places / "RESULTS.md").read_text()
    assert "| tutorial | PyTorch | 75.0 (62.5 to 87.5) | 2.00 (2.00 to 2.00) | 7.50 | 10% |" in text
    assert "Absent: Pythae: no such package" in text
    assert "`python benchmarks/speed.py train --rounds 2`" in text
    values = json.loads((places / "speed.json").read_text())["train"]
    assert values["values"]["tutorial"]["rates"]["convae"] == [200.0, 100.0]
    assert values["peers"] == {"keras": "3"}


def test_parts_keep_what_others_wrote(places: Path) -> None:
    for part in ("train", "start"):
        Told(part, part, ("who",), QUICK).write()
    assert set(json.loads((places / "work" / "trial.json").read_text())) == {"train", "start"}


def test_a_spread_reads_as_median_and_quartiles() -> None:
    assert str(spread([1.0, 2.0, 3.0])) == "2.00 (1.50 to 2.50)"


def test_the_command_line_names_parts_and_how(monkeypatch: pytest.MonkeyPatch) -> None:
    from speed import PARTS, options

    monkeypatch.setenv("CONVAE_DATA_DIR", "")
    parts, given = options(["train", "growth", "--quick", "--rounds", "3"])
    assert parts == ["train", "growth"]
    assert (given.rounds, given.quick, given.command) == (3, True, "--quick --rounds 3")
    assert {*options(["all"])[0]} == {*PARTS} - {"former"}  # that one needs a commit
    with pytest.raises(SystemExit):
        options(["no-part"])
