"""Units of a code: what is kept of the images, and what the page is made of."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from convae import ConvAutoencoder, SparseAutoencoder
from convae.errors import ImageError
from convae.estimators.streaming import iter_codes
from convae.images.sources.array_sources import ArraySource
from convae.images.sources.base import ImageSource
from convae.images.sources.open_source import open_source
from convae.metrics.sparsity import selectivity, sparsity
from convae.model_reports import units
from convae.model_reports.units import AT_ONCE, STRONGEST, Strongest, Units, cards, units_of

SMALL: dict[str, Any] = {"widths": (4,), "blocks": 1, "latent_dim": 6, "epochs": 2}
IMAGES = np.random.default_rng(0).integers(0, 256, (150, 8, 8), dtype=np.uint8)
LABELS = np.arange(150) % 3


@pytest.fixture(scope="module")
def model() -> SparseAutoencoder:
    return SparseAutoencoder.from_options({"bottleneck": "top-k:0.5", "hidden": 0, **SMALL}).fit(
        IMAGES
    )


@pytest.fixture(scope="module")
def maps() -> SparseAutoencoder:
    return SparseAutoencoder.from_options(
        {"bottleneck": "winners:0.5", "code": "spatial", **SMALL}
    ).fit(IMAGES)


def read(model: ConvAutoencoder, source: ImageSource) -> Units:
    bad, told = list[ImageError](), list[int]()
    found = units_of(model, source, bad.append, told.append)
    assert told[-1] == found.count == len(source)
    assert not bad
    return found


def test_the_strongest_are_those_of_a_sort_over_all() -> None:
    rng = np.random.default_rng(1)
    strengths = rng.integers(0, 5, (70, 4)).astype(np.float32)  # ties: the first image stays first
    places, images = rng.integers(0, 9, (70, 4)), 10 + np.arange(70)
    kept = Strongest(STRONGEST)
    for part in np.array_split(np.arange(70), 9):
        kept.add(images[part], strengths[part], places[part])
    first = np.argsort(-strengths, axis=0, kind="stable")[:STRONGEST]
    assert np.array_equal(kept.images, images[first])
    assert np.array_equal(kept.strengths, np.take_along_axis(strengths, first, axis=0))
    assert np.array_equal(kept.places, np.take_along_axis(places, first, axis=0))


def test_units_are_those_of_all_codes_at_once(
    model: SparseAutoencoder, maps: SparseAutoencoder
) -> None:
    source = ArraySource(IMAGES, labels=LABELS)
    for one in (model, maps):
        codes = one.transform(IMAGES).reshape(len(IMAGES), *one.architecture_.code_shape)
        found, whole = read(one, source), sparsity(codes)
        assert np.array_equal(found.sparsity.rate, whole.rate)
        assert found.sparsity.hoyer == pytest.approx(whole.hoyer)
        strengths = codes.reshape(len(codes), codes.shape[1], -1).max(axis=2)
        assert found.answers is not None
        whole_by = selectivity(strengths, LABELS)
        assert found.answers.selectivity.values == pytest.approx(whole_by.values)


def test_codes_are_not_kept(model: SparseAutoencoder, monkeypatch: pytest.MonkeyPatch) -> None:
    alive, most = list[weakref.ref[np.ndarray]](), 0
    real = iter_codes

    def watched(*arguments: Any) -> Iterator[tuple[int, np.ndarray]]:
        nonlocal most
        for place, code in real(*arguments):
            own = code.copy()
            alive.append(weakref.ref(own))
            most = max(most, sum(one() is not None for one in alive))
            yield place, own
            del own

    monkeypatch.setattr(units, "iter_codes", watched)
    read(model, open_source(IMAGES))
    assert most <= AT_ONCE + 1


def test_cards_show_the_images_that_switch_a_unit_on(model: SparseAutoencoder) -> None:
    source = open_source(IMAGES)
    found, codes = read(model, source), model.transform(IMAGES)
    shown = list(cards(model, source, found, found.order))
    assert [card.number for card in shown] == found.order.tolist()
    for card in shown:
        first = np.argsort(-codes[:, card.number], kind="stable")[:STRONGEST]
        first = first[codes[first, card.number] > 0]
        assert list(card.names) == [source.names[i] for i in first]
        assert len(card.pictures) == len(card.boxes) == len(first)
        assert card.rate == pytest.approx((codes[:, card.number] > 0).mean())
