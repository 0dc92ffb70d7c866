"""A probe: held out means held out, each representation is what it says, and the verdict follows."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from sklearn import decomposition
from sklearn.manifold import trustworthiness
from sklearn.neighbors import KNeighborsClassifier

from convae import ConvAutoencoder, InputError
from convae.evaluation.probe.probe import Measure, Probe, Target, probe
from convae.evaluation.probe.readouts import Score
from convae.evaluation.probe.representations import (
    MODEL,
    PCA,
    PIXELS,
    RANDOM,
    random_encoder,
    represent,
)
from convae.evaluation.probe.verdict import cautions, verdict
from convae.images.sources.open_source import open_source

SMALL: dict[str, Any] = {"widths": (4,), "blocks": 1, "latent_dim": 3, "epochs": 1}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def stripes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, 8, 8) uint8 images whose stripes lie across (0) or upright (1)."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(2, size=count)
    waves = 128 + 90 * np.sin(np.arange(8) * 1.2 + rng.uniform(0, 6, (count, 1)))
    images = np.where(classes[:, None, None] == 1, waves[:, None, :], waves[:, :, None])
    noisy = images + rng.normal(0, 12, images.shape)
    return noisy.clip(0, 255).astype(np.uint8), classes.astype(np.int64)


TRAIN, _ = stripes(60)
TEST, CLASSES = stripes(120, seed=1)


@pytest.fixture(scope="module")
def model() -> ConvAutoencoder:
    return ConvAutoencoder.from_options(SMALL).fit(TRAIN)


@pytest.fixture(scope="module")
def found(model: ConvAutoencoder) -> Probe:
    return probe(model, open_source(TEST), Target(values=CLASSES, names=("across", "upright")))


def measure(found: Probe, name: str) -> Measure:
    return next(m for m in found.measures if m.name.startswith(name))


# -- representations ----------------------------------------------------------------------------------


def test_each_representation_is_what_it_says(model: ConvAutoencoder) -> None:
    rows = represent(model, open_source(TEST), most=200)
    assert sorted(rows.index) == list(range(120))
    test = TEST[rows.index]
    np.testing.assert_array_equal(rows.numbers[MODEL], model.transform(test))
    unit = test.reshape(120, -1) / np.float32(255)
    np.testing.assert_allclose(rows.numbers[PIXELS], unit, rtol=1e-6)
    assert model.held_out_ is not None
    trained = np.delete(TRAIN, model.held_out_, axis=0).reshape(-1, 64) / 255
    expected = decomposition.PCA(3, svd_solver="full").fit(trained).transform(unit)
    signs = np.sign((expected * rows.numbers[PCA]).sum(axis=0))
    np.testing.assert_allclose(rows.numbers[PCA], expected * signs, atol=1e-4)
    with torch.inference_mode():
        untrained = random_encoder(model, 0).encode(torch.from_numpy(unit).view(-1, 1, 8, 8))
    np.testing.assert_allclose(rows.numbers[RANDOM], untrained, rtol=1e-4, atol=1e-6)
    assert rows.numbers[RANDOM].std(axis=0).min() > 0


def test_of_many_images_a_random_choice_is_taken(model: ConvAutoencoder) -> None:
    mixed = open_source(np.concatenate([TRAIN, TEST]))
    rows = represent(model, mixed, most=30)
    assert len(set(rows.index.tolist())) == 30
    assert rows.numbers[MODEL].shape == (30, 3)
    assert model.held_out_ is not None
    assert not set(rows.index.tolist()) & (set(range(60)) - set(model.held_out_.tolist()))
    assert rows.index.tolist() == represent(model, mixed, most=30).index.tolist()
    assert rows.index.tolist() != represent(model, mixed, most=30, seed=1).index.tolist()


def test_large_maps_and_images_are_averaged_down() -> None:
    images = np.random.default_rng(0).integers(0, 256, (24, 90, 80), dtype=np.uint8)
    parameters = {**SMALL, "code": "spatial", "latent_dim": 4, "epochs": 0}
    spatial = ConvAutoencoder.from_options(parameters).fit(images)
    rows = represent(spatial, open_source(images), most=24, include_seen=True)
    assert all(0 < values.shape[1] <= 4096 for values in rows.numbers.values())
    assert rows.numbers[MODEL].shape == rows.numbers[PCA].shape == rows.numbers[RANDOM].shape
    assert "averaged" in rows.descriptions[MODEL]
    assert "averaged down" in rows.descriptions[PIXELS]


# -- held out -----------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_images_held_out(model: ConvAutoencoder, found: Probe) -> None:
    codes = model.transform(TEST)
    np.testing.assert_array_equal(found.codes, codes[found.test])
    others = np.setdiff1d(np.arange(120), found.test)
    assert (found.fitted_on, found.tested_on) == (len(others), len(found.test))
    reference = KNeighborsClassifier(5).fit(codes[others], CLASSES[others])
    expected = reference.score(codes[found.test], CLASSES[found.test])
    assert measure(found, "5 nearest").scores[MODEL].value == pytest.approx(expected)
    pixels = TEST.reshape(120, -1)[found.test] / 255
    expected = trustworthiness(pixels, codes[found.test], n_neighbors=5)
    assert measure(found, "trustworthiness").scores[MODEL].value == pytest.approx(expected)
    assert PIXELS not in measure(found, "trustworthiness").scores


def test_images_the_model_was_trained_on_are_left_out(model: ConvAutoencoder) -> None:
    both, classes = np.concatenate([TRAIN, TEST]), np.concatenate([stripes(60)[1], CLASSES])
    mixed = probe(model, open_source(both), Target(values=classes))
    assert model.held_out_ is not None
    assert (mixed.left_out, mixed.seen) == (60 - len(model.held_out_), 0)
    assert any("left out because" in text for text in cautions(mixed))
    only = probe(model, open_source(TRAIN), Target(values=stripes(60)[1]))
    assert (only.left_out, only.seen) == (0, 60 - len(model.held_out_))
    assert cautions(only)[0].startswith("Careful: the model was trained on 54 of these images")


def test_doubles_and_groups_stay_on_one_side(model: ConvAutoencoder) -> None:
    doubled, classes = np.repeat(TEST[:40], 3, axis=0), np.repeat(CLASSES[:40], 3)
    found = probe(model, open_source(doubled), Target(values=classes))
    assert found.tested_on % 3 == 0
    assert len(set(found.test // 3)) == found.tested_on // 3
    groups = [str(i // 10) for i in range(120)]
    found = probe(model, open_source(TEST), Target(values=CLASSES), groups=groups)
    assert found.tested_on % 10 == 0
    assert len(set(found.test // 10)) == found.tested_on // 10


def test_the_same_seed_gives_the_same(model: ConvAutoencoder, found: Probe) -> None:
    again = probe(model, open_source(TEST), Target(values=CLASSES))
    assert again.to_dict() == found.to_dict()
    other = probe(model, open_source(TEST), Target(values=CLASSES), seed=1)
    assert other.test.tolist() != found.test.tolist()


def test_a_numeric_target(model: ConvAutoencoder) -> None:
    brightness = TEST.mean(axis=(1, 2)).astype(np.float64)
    found = probe(model, open_source(TEST), Target(values=brightness))
    assert [m.name for m in found.measures][:2] == [
        "5 nearest neighbours, R²",
        "ridge regression, R²",
    ]
    assert measure(found, "ridge").scores[PIXELS].value > 0.99
    low, high = measure(found, "ridge").scores[MODEL].interval
    assert low <= measure(found, "ridge").scores[MODEL].value <= high


def test_too_little_is_refused(model: ConvAutoencoder) -> None:
    with pytest.raises(InputError, match=r"has 7 images to probe with.*20 are the least"):
        probe(model, open_source(TEST[:7]), Target(values=CLASSES[:7]))
    with pytest.raises(InputError, match="all of one class"):
        probe(model, open_source(TEST), Target(values=np.zeros(120, np.int64)))
    with pytest.raises(InputError, match="one value only"):
        probe(model, open_source(TEST), Target(values=np.zeros(120)))
    with pytest.raises(InputError, match=r"has 120 images to probe with.*of two groups at least"):
        probe(model, open_source(TEST), Target(values=CLASSES), groups=["one"] * 120)


# -- the sentence -------------------------------------------------------------------------------------


def judged(*pairs: tuple[float, float]) -> Probe:
    """A probe whose read-outs give (model, PCA) with an interval of ± 0.01."""
    noise = np.linspace(-0.01, 0.01, 101)

    def score(value: float, sway: float = 0.0) -> Score:
        return Score(value=value, samples=value + sway * noise)

    measures = tuple(
        Measure(
            name=f"reader {k}, accuracy",
            scores={MODEL: score(ours, 1), PCA: score(pca), RANDOM: score(0.1), PIXELS: score(0.7)},
            judged=True,
        )
        for k, (ours, pca) in enumerate(pairs)
    )
    empty = np.zeros(0)
    return Probe(
        measures=measures, descriptions={}, fitted_on=1, tested_on=1, left_out=0, seen=0, test=empty,
        codes=empty,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (
            [(0.9, 0.8), (0.8, 0.7)],
            "Yes, it is worth it here: the codes are better for reader 0 (accuracy 0.900, PCA 0.800) and "
            "reader 1 (accuracy 0.800, PCA 0.700); raw pixels reach 0.700 and 0.700.",
        ),
        (
            [(0.9, 0.8), (0.7, 0.7)],
            "Yes, it is worth it here: the codes are better for reader 0 (accuracy 0.900, PCA 0.800), and "
            "within chance the same for reader 1 (accuracy 0.700, PCA 0.700); raw pixels reach 0.700 and "
            "0.700.",
        ),
        ([(0.8, 0.9), (0.7, 0.7)], "No, it is not worth it here: the codes are worse for reader 0"),
        (
            [(0.8, 0.9), (0.8, 0.7)],
            "It depends on what reads the codes: they are better for reader 1",
        ),
        (
            [(0.8, 0.805), (0.7, 0.7)],
            "There is no clear gain here: the differences are within chance for reader 0",
        ),
    ],
)
def test_the_verdict_follows_the_numbers(pairs: list[tuple[float, float]], sentence: str) -> None:
    said = verdict(judged(*pairs))
    assert said.startswith(sentence)
    assert said.endswith(".")
    assert "\n" not in said
