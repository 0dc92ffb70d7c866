import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as PillowImage

from convae.images.check.check_up import CheckUp, check_images
from convae.images.sources.open_source import open_source


def picture(seed: int, size: tuple[int, int] = (64, 64)) -> np.ndarray:
    """A smooth random picture: what real images are like."""
    rough = np.random.default_rng(seed).integers(0, 256, (8, 8), np.uint8)
    return np.asarray(
        PillowImage.fromarray(rough).resize(size[::-1], PillowImage.Resampling.BICUBIC)
    )


def save(path: Path, pixels: np.ndarray, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(pixels).save(path, **options)
    return path


def said(found: CheckUp, *words: str) -> bool:
    return any(all(word in advice.text for word in words) for advice in found.advice)


def problem(found: CheckUp, *words: str) -> bool:
    texts = [advice.text for advice in found.advice if advice.severity == "problem"]
    return any(all(word in text for word in words) for text in texts)


def test_a_clean_set_has_no_problem() -> None:
    found = check_images(open_source([picture(seed) for seed in range(30)]))
    assert (found.images, found.checked, found.readable) == (30, 30, 30)
    assert found.sizes == (((64, 64), 30),)
    assert found.channels == {1: 30}
    assert found.depths == {"uint8": 30}
    assert found.formats == {"array": 30}
    assert found.advice == ()
    assert found.problems == 0
    assert found.groups().tolist() == list(range(30))


def test_mixed_sizes_channels_and_depths_get_the_way_out() -> None:
    images = [picture(1), picture(2), picture(3, (32, 40)), np.zeros((64, 64, 3), np.uint16)]
    found = check_images(open_source(images))
    assert problem(found, "2 sizes", "64x64, 3 times", "--size 64 64 --framing resize")
    assert problem(found, "3 of 1, 1 of 3", "--channels 1 (grey) or --channels 3")
    assert said(found, "8-bit and 16-bit images are mixed")
    found = check_images(open_source([picture(1), picture(2).astype(np.float32)]))
    assert problem(found, "no common scale")
    found = check_images(open_source([np.zeros((5, 5, 5)), np.zeros((5, 5, 6))]))
    assert problem(found, "keep one kind")


def test_unreadable_files_are_counted_with_their_reason(tmp_path: Path) -> None:
    save(tmp_path / "good.png", picture(0))
    (tmp_path / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\nno")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "what.xyz").write_bytes(b"\x00\xff\x00\x01")
    found = check_images(open_source(tmp_path))
    assert found.readable == 1
    assert {item.name: bool(item.reason) for item in found.unreadable} == {
        "bad.png": True,
        "empty.png": True,
    }
    assert [item.name for item in found.skipped] == ["what.xyz"]
    assert said(found, "Cannot be read: 2 images", "--strict")
    (tmp_path / "good.png").unlink()
    assert problem(check_images(open_source(tmp_path)), "No image can be read")


def test_exact_duplicates_across_classes_and_splits(tmp_path: Path) -> None:
    for name, seed in {"a/1": 1, "a/2": 2, "b/3": 1, "b/4": 4, "b/5": 4}.items():
        save(tmp_path / f"{name}.png", picture(seed))
    found = check_images(open_source(tmp_path))
    assert [group.names for group in found.duplicate_groups] == [
        ("a/1.png", "b/3.png"),
        ("b/4.png", "b/5.png"),
    ]
    assert all(group.exact for group in found.duplicate_groups)
    assert [group.labels for group in found.duplicate_groups] == [("a", "b"), ("b",)]
    assert problem(found, "more than one class: 1 group")
    assert said(found, "Repeated: 4 images in 2 group(s), 2 of them with equal pixels")
    assert found.classes == {"a": 2, "b": 3}
    assert found.groups().tolist() == [0, 1, 0, 3, 3]
    (tmp_path / "a").rename(tmp_path / "train")
    (tmp_path / "b").rename(tmp_path / "test")
    assert problem(check_images(open_source(tmp_path)), "both train and test", "leak")


def jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    PillowImage.fromarray(pixels).save(buffer, "JPEG", quality=quality)
    return np.asarray(PillowImage.open(buffer))


def resized(pixels: np.ndarray, factor: float) -> np.ndarray:
    size = tuple(round(side * factor) for side in pixels.shape[::-1])
    return np.asarray(PillowImage.fromarray(pixels).resize(size, PillowImage.Resampling.BILINEAR))


@pytest.mark.parametrize(
    "change",
    [
        lambda p: jpeg(p, 40),
        lambda p: resized(p, 0.6),
        lambda p: resized(p, 2),
        lambda p: (p * 0.7).astype(np.uint8),
        lambda p: np.stack([p] * 3, axis=2),
        lambda p: p.astype(np.uint16) * 257,
        lambda p: p.astype(np.float32) / 255,
        lambda p: np.clip(p + np.random.default_rng(1).normal(0, 6, p.shape), 0, 255).astype(
            np.uint8
        ),
    ],
)
def test_the_same_picture_saved_again_is_a_near_duplicate(change: Any) -> None:
    pictures = [picture(seed, (96, 80)) for seed in range(25)]
    found = check_images(open_source([*pictures, change(pictures[7])]))
    assert [(g.indices, g.exact) for g in found.duplicate_groups] == [((7, 25), False)]


def test_different_pictures_on_a_plain_ground_are_no_duplicates() -> None:
    random = np.random.default_rng(0)
    images = []
    for _ in range(60):
        pixels = np.full((64, 64), 200.0) + random.normal(0, 2, (64, 64))
        row, column = random.integers(4, 56, 2)
        pixels[row : row + 4, column : column + 4] = 50
        images.append(pixels.astype(np.uint8))
    assert check_images(open_source(images)).duplicate_groups == ()


def test_noise_alone_is_no_duplicate() -> None:
    noise = np.random.default_rng(0).normal(100, 3, (200, 64, 64)).astype(np.uint8)
    assert check_images(open_source(noise)).duplicate_groups == ()


def test_near_duplicates_are_few_among_real_digits(shared_data: Path) -> None:
    source = open_source("mnist", data_dir=shared_data, split="test").select(range(3000))
    assert check_images(source).duplicate_groups == ()


def test_shots_of_one_scene_are_found(shared_data: Path) -> None:
    folder = shared_data / "microscopy" / "w2s_pairs"
    found = check_images(open_source(folder))
    pairs = {tuple(name.split("_", 2)[2] for name in g.names) for g in found.duplicate_groups}
    assert pairs
    assert all(len(set(pair)) == 1 for pair in pairs)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.ones((3, 8, 8), np.uint8), ("All 8-bit values are 0 or 1",)),
        (
            np.stack([picture(1) > 99, picture(2) > 99, picture(3)]).astype(np.uint8),
            ("2 of 3 8-bit",),
        ),
        (np.stack([picture(1), picture(2)]).astype(np.uint16), ("8-bit images stored in 16 bits",)),
        (np.stack([picture(1) / 255.0, picture(2)]), ("1 of 2 float images end at 1",)),
        (np.full((2, 4, 4), 7, np.uint8), ("Every image is constant",)),
    ],
)
def test_wrong_scaling_is_a_problem(images: np.ndarray, words: tuple[str, ...]) -> None:
    assert problem(check_images(open_source(images)), *words)


@pytest.mark.parametrize(
    ("images", "words"),
    [
        (np.stack([picture(1)] * 2).astype(np.uint16) * 16, ("12-bit cameras",)),
        (np.stack([picture(1), picture(2)]).astype(np.float32), ("look like 8-bit values",)),
        ((np.stack([picture(1), picture(2)]) > 99).astype(np.uint8) * 255, ("two values only",)),
        (np.stack([picture(1), picture(2)]) // 32, ("label images",)),
    ],
)
def test_odd_scaling_is_a_note(images: np.ndarray, words: tuple[str, ...]) -> None:
    found = check_images(open_source(images))
    assert said(found, *words)
    assert found.problems == 0


def test_constant_black_and_missing() -> None:
    images = [picture(1).astype(np.float32) / 255 for _ in range(1)]
    images += [np.zeros((64, 64), np.float32), np.full((64, 64), 0.5, np.float32)]
    images.append(np.where(picture(2) > 128, np.nan, 0.5).astype(np.float32))
    images.append(np.full((64, 64), np.nan, np.float32))
    found = check_images(open_source(images))
    assert found.constant == ("array[1]", "array[2]")
    assert found.black == ("array[1]",)
    assert [name for name, _ in found.missing] == ["array[3]", "array[4]"]
    assert found.missing[1][1] == 64 * 64
    assert problem(found, "Missing pixels")
    assert said(found, "Black (zero everywhere): 1 image.")


def test_conversions_are_counted(tmp_path: Path) -> None:
    for index in range(3):
        PillowImage.fromarray(picture(index)).convert("P").save(tmp_path / f"{index}.png")
    found = check_images(open_source(tmp_path))
    assert sum(found.conversions.values()) == 3
    assert said(found, "alette", "3 images")


def test_max_images_spreads_and_progress_counts() -> None:
    steps: list[tuple[int, int]] = []
    images = np.stack([picture(seed) for seed in range(30)])
    found = check_images(
        open_source(images), max_images=5, progress=lambda done, total: steps.append((done, total))
    )
    assert (found.images, found.checked) == (30, 5)
    assert steps == [(i, 5) for i in range(1, 6)]
    assert said(found, "Looked at 5 of 30 images only")


def test_the_findings_are_plain_json(shared_data: Path) -> None:
    found = check_images(open_source(shared_data / "robustness"))
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["images"] == found.images
    assert plain["readable"] + len(plain["unreadable"]) == plain["checked"]
    assert plain["problems"] == len([a for a in plain["advice"] if a["severity"] == "problem"])
    assert [a["severity"] for a in plain["advice"]] == sorted(
        (a["severity"] for a in plain["advice"]), reverse=True
    )


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 64), (3, 64, 1, 2), (2, 3, 3, 2)])
def test_any_size(shape: tuple[int, ...]) -> None:
    found = check_images(open_source(np.random.default_rng(0).random(shape)))
    assert found.readable == shape[0]
