"""Two sources as one: matching by name or number, and what does not fit."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from convae.errors import ImageError, InputError
from convae.images.dataset.image_set import prepare
from convae.images.dataset.pairs import PairSource
from convae.images.dataset.preparation import Preparation
from convae.images.sources.open_source import open_source


def written(
    folder: Path, names: list[str], size: tuple[int, int] = (6, 8), mode: str = "L"
) -> Path:
    folder.mkdir()
    for i, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        PillowImage.new(mode, size[::-1], (10 * i,) * len(mode) if mode != "L" else 10 * i).save(
            path
        )
    return folder


def test_files_are_matched_by_their_path_without_suffix(tmp_path: Path) -> None:
    noisy = written(tmp_path / "noisy", ["b/x.png", "a.png", "c.png"])
    clean = written(tmp_path / "clean", ["a.tif", "c.bmp", "b/x.png"])
    pairs = PairSource(open_source(str(noisy)), open_source(str(clean)))
    assert list(pairs.names) == ["a.png", "c.png", "b/x.png"]
    assert [pairs.read(i).pixels[0, 0].tolist() for i in range(3)] == [[10, 0], [20, 10], [0, 20]]
    assert pairs.channels == (1, 1)
    assert pairs.header(0).shape == pairs.read(0).pixels.shape == (6, 8, 2)


def test_arrays_are_matched_by_number() -> None:
    images = np.arange(3 * 6 * 5, dtype=np.uint8).reshape(3, 6, 5)
    targets = np.stack([images, images, images], axis=-1)
    pairs = PairSource(open_source(images), open_source(targets))
    assert pairs.channels == (1, 3)
    assert (pairs.read(2).pixels == images[2][..., None]).all()


def test_what_has_no_partner_is_told(tmp_path: Path) -> None:
    noisy = written(tmp_path / "noisy", ["a.png", "b.png", "c.png"])
    clean = written(tmp_path / "clean", ["b.png", "z.png"])
    pairs = PairSource(open_source(str(noisy)), open_source(str(clean)))
    assert len(pairs) == 1
    told = " / ".join(pairs.notes)
    assert "2 of 3 images have no target and are left out: a.png, c.png" in told
    assert "1 of 2 targets have no image and are left out: z.png" in told


def test_no_pair_at_all_is_an_error_that_names_both(tmp_path: Path) -> None:
    noisy = written(tmp_path / "noisy", ["a.png"])
    clean = written(tmp_path / "clean", ["a_clean.png"])
    with pytest.raises(
        InputError, match=r"images are a\.png, targets a_clean\.png; give both the same"
    ):
        PairSource(open_source(str(noisy)), open_source(str(clean)))


def test_a_pair_of_two_sizes_is_skipped_with_both_named(tmp_path: Path) -> None:
    noisy = written(tmp_path / "noisy", ["a.png", "b.png", "c.png"])
    clean = written(tmp_path / "clean", ["b.png", "c.png"])
    PillowImage.new("L", (9, 7)).save(clean / "a.png")
    pairs = PairSource(open_source(str(noisy)), open_source(str(clean)))
    with pytest.raises(ImageError, match="it is 6x8 and its target 7x9: both must have one size"):
        pairs.read(0)
    prepared = prepare(pairs, Preparation())
    assert [(s.name, s.reason[:9]) for s in prepared.skipped] == [("a.png", "it is 6x8")]
    assert prepared.shape == (2, 6, 8)


def test_pairs_none_of_which_fits_are_an_error() -> None:
    pairs = [np.zeros((3, 4, 5), np.uint8), np.zeros((3, 5, 4), np.uint8)]
    with pytest.raises(
        InputError, match=r"no pair can be used: array\[0\]: it is 4x5 and its target 5x4"
    ):
        PairSource(*map(open_source, pairs))


def test_depths_meet_at_the_deeper_one() -> None:
    images = np.full((2, 4, 4), 255, np.uint8)
    targets = np.full((2, 4, 4), 65535, np.uint16)
    pairs = PairSource(open_source(images), open_source(targets))
    assert pairs.header(0).depth == "uint16"
    assert (pairs.read(0).pixels == 65535).all()
    with pytest.raises(
        InputError, match="uint8 and its target float32: their values have no common"
    ):
        PairSource(open_source(images), open_source(targets.astype(np.float32)))


def test_images_can_be_made_grey_while_targets_stay_coloured() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)
    pairs = PairSource(open_source(colours), open_source(colours), channels=1)
    assert pairs.channels == (1, 3)
    assert pairs.read(0).pixels.shape == pairs.header(0).shape == (4, 4, 4)
    assert (pairs.read(1).pixels[..., 1:] == colours[1]).all()


def test_the_fingerprint_is_that_of_both() -> None:
    a, b = (np.random.default_rng(i).integers(0, 256, (2, 4, 4), np.uint8) for i in (0, 1))
    prints = {
        PairSource(open_source(x), open_source(y)).fingerprint()
        for x, y in ((a, a), (a, b), (b, a))
    }
    assert len(prints) == 3
