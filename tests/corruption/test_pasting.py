"""Real defects: cut out by their masks, put into other images."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from convae.corruption import defects
from convae.corruption.defects import COVERED, Defects
from convae.corruption.pasting import AROUND, Sample, cut, digest_of, paste
from convae.corruption.shapes import Chance


def marked() -> tuple[torch.Tensor, np.ndarray]:
    """A grey image with two bright defects, and their mask."""
    image, mask = torch.full((1, 48, 64), 0.4), np.zeros((48, 64), bool)
    for place in ((slice(5, 12), slice(8, 11)), (slice(30, 34), slice(40, 60))):
        image[(0, *place)] = 0.9
        mask[place] = True
    return image, mask


def test_each_connected_part_is_a_defect_with_what_lies_around() -> None:
    image, mask = marked()
    first, second = cut(image, mask, longest=32)
    assert first.pixels.shape == (1, 5 + 7 + AROUND, AROUND + 3 + AROUND)  # the upper edge is near
    assert second.cover.shape == (AROUND + 4 + AROUND, AROUND + 20 + 4)  # the right one, too
    assert float(first.cover.max()) > 0.7
    assert float(first.cover[-1].max()) < 0.05
    assert float(first.pixels[0, 8, AROUND + 1]) == pytest.approx(0.9)


def test_large_defects_are_taken_in_parts_and_specks_are_not() -> None:
    image, mask = torch.zeros(1, 100, 100), np.zeros((100, 100), bool)
    mask[10:90, 20:30] = True
    mask[95, 95] = True
    parts = cut(image, mask, longest=32)
    assert len(parts) == 3
    assert all(max(part.cover.shape) <= 32 + 2 * AROUND for part in parts)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.integers(4, 40), st.integers(4, 40), st.sampled_from([1, 3]))
def test_what_is_put_in_stays_inside_and_changes_nothing_elsewhere(
    seed: int, height: int, width: int, channels: int
) -> None:
    image, mask = marked()
    samples = cut(image.expand(channels, -1, -1), mask, longest=32)
    target = torch.full((channels, height, width), 0.6)
    before = target.clone()
    cover = paste(target, samples, Chance(torch.Generator().manual_seed(seed)))
    assert cover.shape == (height, width)
    assert 0 <= float(cover.min()) <= float(cover.max()) <= 1
    changed = (target != before).any(dim=0)
    assert not bool((changed & (cover == 0)).any())


def test_a_bright_defect_is_bright_wherever_it_is_put() -> None:
    image, mask = marked()
    samples = cut(image, mask, longest=32)
    for seed in range(20):
        target = torch.full((1, 60, 60), 0.2)
        cover = paste(target, samples, Chance(torch.Generator().manual_seed(seed)))
        assert float(target[0][cover > 0.6].mean()) > 0.2 + 0.15  # at half of its strength, 0.25


def test_every_second_defect_is_a_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    image, mask = marked()
    known = Defects(share=1.0, most=1, samples=tuple(cut(image, mask, longest=32)))
    pasted = []

    def counting(*given: Any) -> torch.Tensor:
        pasted.append(1)
        return paste(*given)

    monkeypatch.setattr(defects, "paste", counting)
    batch = torch.full((200, 1, 64, 64), 0.5)
    damaged, found = known.apply(batch, torch.Generator().manual_seed(0))
    assert 70 <= len(pasted) <= 130
    assert bool(((damaged != batch).flatten(1).any(dim=1) == found.flatten(1).any(dim=1)).all())


def test_a_thin_crack_is_still_a_defect() -> None:
    image, mask = torch.full((1, 40, 40), 0.5), np.zeros((40, 40), bool)
    image[0, 20, 5:35] = 0.1
    mask[20, 5:35] = True
    samples = cut(image, mask, longest=64)
    for seed in range(30):
        target = torch.full((1, 64, 64), 0.5)
        cover = paste(target, samples, Chance(torch.Generator().manual_seed(seed)))
        assert int((cover > COVERED).sum()) >= 15  # of 30 pixels, at 0.7 times the size
        assert float((target - 0.5).abs().max()) > 0.05


def test_a_digest_knows_samples_apart() -> None:
    image, mask = marked()
    samples = cut(image, mask, longest=32)
    assert digest_of(samples) == digest_of(cut(image, mask, longest=32))
    other = Sample(samples[0].pixels + 0.01, samples[0].cover)
    assert len({digest_of(samples), digest_of(samples[:1]), digest_of([other])}) == 3
