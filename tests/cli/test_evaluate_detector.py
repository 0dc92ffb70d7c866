"""``convae evaluate`` with an anomaly detector: labels, masks, figures, and sets that lack something."""

import csv
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Command, fill, waves

from convae.cli import run
from convae.metrics.proportions import clopper_pearson
from convae.metrics.ranking import auroc, average_precision

SMALL = ["--latent-dim", "8", "--widths", "8", "--blocks", "1", "--batch-size", "8"]
ANOMALY = ["--epochs", "12", *SMALL, "--quiet"]
SHAPE = (20, 16, 1)


def normal(count: int, seed: int = 9) -> np.ndarray:
    return waves(count, SHAPE, seed=seed) // 2 + 100


def barred(images: np.ndarray) -> np.ndarray:
    odd = images.copy()
    odd[:, 5:9, 3:12] = 0
    return odd


def bars(count: int) -> np.ndarray:
    mask = np.zeros((count, *SHAPE), np.uint8)
    mask[:, 5:9, 3:12] = 255
    return mask


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("evaluated")
    good = fill(folder / "good", normal(40, seed=0))
    path = folder / "ok.convae"
    rate = ["--false-alarm-rate", "0.2"]
    assert run(["fit", "anomaly", str(good), "--out", str(path), *rate, *ANOMALY]) == 0
    return path


@pytest.fixture
def mvtec(tmp_path: Path) -> Path:
    """Six normal images, four with a bar, three with a faint one; masks in MVTec's layout."""
    root = tmp_path / "set"
    images = normal(13)
    fill(root / "test" / "good", images[:6])
    fill(root / "test" / "bar", barred(images[6:10]))
    faint = images[10:].copy()
    faint[:, 5:9, 3:12] -= 1
    fill(root / "test" / "faint", faint)
    for kind, count in (("bar", 4), ("faint", 3)):
        folder = fill(root / "ground_truth" / kind, bars(count))
        for path in list(folder.iterdir()):
            path.rename(path.with_name(f"{path.stem}_mask.png"))
    return root


@pytest.mark.parametrize("inside", [".", "test"])
def test_the_figures_are_those_of_the_scores(
    convae: Command, detector: Path, mvtec: Path, tmp_path: Path, inside: str
) -> None:
    out = tmp_path / "report"
    done = convae("evaluate", detector, mvtec / inside, "--report", out, "--json")
    assert done.code == 0, done.err
    found = done.json
    rows = rows_of(out / "scores.csv")
    scores = np.array([float(row["score"]) for row in rows])
    odd = np.array([row["label"] == "anomalous" for row in rows])
    called = np.array([row["called_anomalous"] == "1" for row in rows])
    assert [row["kind"] for row in rows] == ["bar"] * 4 + ["faint"] * 3 + ["normal"] * 6
    assert (called == (scores > found["threshold"])).all()
    assert found["auroc"] == pytest.approx(auroc(scores, odd))
    assert found["average_precision"] == pytest.approx(average_precision(scores, odd))
    low, high = found["auroc_interval"]
    assert low <= found["auroc"] <= high
    for figure, chosen in (("false_alarms", ~odd), ("detected", odd)):
        hits, total = int(called[chosen].sum()), int(chosen.sum())
        ends = list(clopper_pearson(hits, total))
        assert found[figure] == {
            "count": hits, "of": total, "rate": hits / total, "interval": pytest.approx(ends),
        }  # fmt: skip
    bar = found["kinds"]["bar"]
    some = (np.arange(13) < 4) | ~odd
    assert bar["auroc"] == pytest.approx(auroc(scores[some], odd[some]))
    assert bar["masks"] == 4
    assert found["masks"] == 7
    assert bar["pixel_auroc"] > 0.8
    assert bar["aupro"] > 0.5
    assert bar["pixel_auroc"] > found["kinds"]["faint"]["pixel_auroc"]
    assert [row["pixel_auroc"] != "" for row in rows] == odd.tolist()


def test_the_report_shows_curve_scores_tables_and_the_worst(
    convae: Command, detector: Path, mvtec: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    done = convae("evaluate", detector, mvtec, "--report", out)
    assert done.code == 0, done.err
    page = (out / "report.html").read_text()
    for text in ("ROC curve", "Verdicts", "Kinds of defects", "faint", "threshold"):
        assert text in page
    assert "nan" not in done.out.lower()
    assert (out / "roc.svg").is_file()
    assert (out / "scores.svg").is_file()
    lines = done.out.splitlines()
    assert lines[0].split()[:2] == ["label", "called"]
    assert lines[1].split()[0] == "normal"
    assert any(line.startswith("faint ") for line in lines)
    assert "of 7 anomalous images are detected" in done.out
    assert "of 6 normal images are false alarms" in done.out


def test_the_worst_misses_and_false_alarms_are_shown(
    convae: Command, detector: Path, tmp_path: Path
) -> None:
    """Labels the wrong way around, on training images, which are left out unless they are asked for."""
    fill(tmp_path / "set" / "good", barred(normal(4)))
    fill(tmp_path / "set" / "bar", normal(40, seed=0)[:32])
    left = convae("evaluate", detector, tmp_path / "set", "--json")
    assert left.json["left_out_because_trained_on"] == 32 - left.json["detected"]["of"] > 0
    out = tmp_path / "report"
    done = convae("evaluate", detector, tmp_path / "set", "--all", "--report", out)
    assert done.code == 0, done.err
    assert "of the images were trained on" in done.out
    page = (out / "report.html").read_text()
    misses, alarms = page.index("Worst misses"), page.index("Worst false alarms")
    rows = rows_of(out / "scores.csv")
    missed = sorted(
        (float(row["score"]), row["name"]) for row in rows
        if row["kind"] == "bar" and row["called_anomalous"] == "0"
    )  # fmt: skip
    named = [name for _, name in missed]
    assert len(named) > 6
    assert all(f'title="{name}"' in page[misses:alarms] for name in named[:6])
    assert not any(f'title="{name}"' in page for name in named[6:])
    assert 'title="good/0.png"' in page[alarms:]
    assert (out / "pictures-2.png").is_file()


def test_labels_of_a_table_and_masks_of_a_folder(
    convae: Command, detector: Path, tmp_path: Path
) -> None:
    images = normal(8)
    folder = fill(tmp_path / "flat", np.concatenate([images[:4], barred(images[4:])]))
    masks = fill(tmp_path / "masks", bars(8) // 255)
    table = tmp_path / "labels.csv"
    labels = ["0", "good", "OK", "", "1", "1", "1", "crack"]
    lines = [f"{i}.png,{label}" for i, label in enumerate(labels)]
    table.write_text("\n".join(["name,label", *lines]))
    done = convae(
        "evaluate", detector, folder, "--labels", table, "--masks", masks, "--json"
    )  # fmt: skip
    assert done.code == 0, done.err
    found = done.json
    assert (found["normal_images"], found["without_label"]) == (3, 1)
    assert {kind: one["images"] for kind, one in found["kinds"].items()} == {"1": 3, "crack": 1}
    assert found["masks"] == 4
    assert found["kinds"]["crack"]["auroc_interval"] is None  # of one image


@pytest.mark.parametrize(
    ("good", "bad", "sentence"),
    [
        (3, 0, "No image is labelled as anomalous"),
        (0, 3, "No image is labelled as normal"),
        (1, 0, "No image is labelled as anomalous"),
        (0, 1, "No image is labelled as normal"),
        (1, 1, "1 normal images are"),
    ],
)
def test_sets_that_lack_a_kind_say_so(
    convae: Command, detector: Path, tmp_path: Path, good: int, bad: int, sentence: str
) -> None:
    images = normal(6)
    folder = tmp_path / "set" / "test"
    (tmp_path / "set" / "ground_truth").mkdir(parents=True)
    if good:
        fill(folder / "good", images[:good])
    if bad:
        fill(folder / "bar", barred(images[3 : 3 + bad]))
        fill(tmp_path / "set" / "ground_truth" / "bar", bars(bad))
    done = convae("evaluate", detector, folder, "--report", tmp_path / "report")
    assert done.code == 0, done.err
    assert sentence in done.out
    assert "nan" not in done.out.lower()
    assert "nan" not in (tmp_path / "report" / "scores.csv").read_text()
    if not (good and bad):
        assert " - " in done.out
        assert not (tmp_path / "report" / "roc.svg").exists()


def test_bad_files_and_masks_are_named_and_left_out(
    convae: Command, detector: Path, mvtec: Path, tmp_path: Path
) -> None:
    truth = mvtec / "ground_truth" / "bar"
    (truth / "0_mask.png").write_bytes(b"no image")
    (truth / "1_mask.png").unlink()
    fill(tmp_path / "odd", bars(1)[:, :10])
    (tmp_path / "odd" / "0.png").rename(truth / "2_mask.png")
    fill(tmp_path / "empty", 0 * bars(1))
    (tmp_path / "empty" / "0.png").rename(truth / "3_mask.png")
    (mvtec / "test" / "good" / "broken.png").write_bytes(b"no image")
    out = tmp_path / "report"
    done = convae("evaluate", detector, mvtec, "--report", out)
    assert done.code == 0, done.err
    assert "3 masks cannot be used: " in done.out
    assert "the mask is 10x16 and its image 20x16" in done.out
    assert "1 of 7 anomalous images have no mask" in done.out
    bar = next(line for line in done.out.splitlines() if line.startswith("bar "))
    assert bar.split()[-2:] == ["-", "-"]
    assert "the mask is empty" in (out / "skipped.csv").read_text()
    assert "good/broken.png" in (out / "skipped.csv").read_text()
    rows = rows_of(out / "scores.csv")
    assert [row["pixel_auroc"] for row in rows[:4]] == [""] * 4
    assert len(rows) == 13


def test_what_is_refused(
    convae: Command, detector: Path, mvtec: Path, tmp_path: Path, model: Path
) -> None:
    flat = fill(tmp_path / "flat", normal(2))
    table = tmp_path / "labels.csv"
    table.write_text("name,label\nelsewhere.png,good\n")
    cases = [
        ((detector, flat), "its images have no labels: put normal images into a sub-folder good"),
        ((detector, flat, "--labels", table), "none of 2 images has a label in it, such as 0.png"),
        (
            (detector, mvtec, "--masks", fill(tmp_path / "m", bars(1))),
            "none of its names is that of",
        ),
        ((model, flat, "--labels", table), "--labels is for anomaly detectors"),
        ((model, flat, "--masks", flat), "--masks is for anomaly detectors"),
    ]
    for words, text in cases:
        done = convae("evaluate", *words)
        assert done.code == 2, words
        assert text in done.err
