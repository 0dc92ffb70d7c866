"""Codes of corrupted images: all models see the same ones, nothing learns from them; the sentences."""

from typing import Any

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from convae import ConvAutoencoder, SparseAutoencoder, VariationalAutoencoder
from convae.errors import InputError
from convae.evaluation.experiments.corrupted_readouts import (
    CLEAN,
    CORRUPTIONS,
    Reading,
    Robustness,
    read_robustness,
)
from convae.evaluation.experiments.robustness import code_variants, probe_robustness
from convae.evaluation.experiments.verdicts import robustness_cautions, robustness_verdict
from convae.evaluation.probe.probe import Target
from convae.evaluation.probe.readouts import Score
from convae.evaluation.probe.representations import PCA, PIXELS

SMALL: dict[str, Any] = {
    "widths": (4,), "blocks": 1, "latent_dim": 3, "hidden": 8, "batch_size": 16, "epochs": 1,
}  # fmt: skip
LINEAR, NEAREST = "linear classifier, accuracy", "5 nearest neighbours, accuracy"


def stripes(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(count, 8, 8) uint8 images whose stripes lie across (0) or upright (1)."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(2, size=count)
    waves = 128 + 90 * np.sin(np.arange(8) * 1.2 + rng.uniform(0, 6, (count, 1)))
    images = np.where(classes[:, None, None] == 1, waves[:, None, :], waves[:, :, None])
    noisy = images + rng.normal(0, 12, images.shape)
    return noisy.clip(0, 255).astype(np.uint8), classes.astype(np.int64)


IMAGES, CLASSES = stripes(80)
TEST, TRUTH = stripes(60, seed=1)
NAMES = ("across", "upright")


def target(classes: np.ndarray, names: tuple[str, ...] = NAMES) -> Target:
    return Target(values=classes, names=names)


@pytest.fixture(scope="module")
def plain() -> ConvAutoencoder:
    return ConvAutoencoder.from_options({"bypass": "none", **SMALL}).fit(IMAGES)


@pytest.fixture(scope="module")
def found(plain: ConvAutoencoder) -> Robustness:
    models = {"plain": plain, "same": plain}
    return read_robustness(models, (IMAGES, target(CLASSES)), (TEST, target(TRUTH)))


def test_the_four_differ_in_one_thing_each() -> None:
    models = code_variants(noise="blur:1", sparse="l1", sparse_dim=9, variational="gaussian:0.5")
    plain, denoising, sparse, variational = models.values()
    assert type(sparse) is SparseAutoencoder
    assert type(variational) is VariationalAutoencoder
    for model, own in (
        (denoising, {"noise": "blur:1"}),
        (sparse, {"bottleneck": "l1", "latent_dim": 9}),
        (variational, {"bottleneck": "gaussian:0.5"}),
    ):
        others = ("levels", "binarise", "encoder", "decoder")  # of one of the kinds alone
        found = {n: v for n, v in model.get_params().items() if n not in others}
        common = {n: v for n, v in plain.get_params().items() if n not in others}
        assert found == {**common, **own}
    assert plain.to_options()["bypass"] == "none"


def test_read_outs_are_those_of_the_codes_of_clean_training_images(
    plain: ConvAutoencoder, found: Robustness
) -> None:
    codes, others = plain.transform(IMAGES), plain.transform(TEST)
    expected = KNeighborsClassifier(5).fit(codes, CLASSES).score(others, TRUTH)
    assert found.readings[1].name == NEAREST
    assert found.readings[1].scores[CLEAN]["plain"].value == pytest.approx(expected)
    assert (found.fitted_on, found.tested_on) == (80, 60)
    assert found.descriptions[PCA] == "PCA, 3 components"
    assert found.descriptions[PIXELS] == "64 numbers"


def test_all_models_see_the_same_corrupted_images(found: Robustness) -> None:
    for reading in found.readings:
        assert list(reading.scores) == [CLEAN, *CORRUPTIONS]
        for scores in reading.scores.values():
            assert scores["plain"].value == scores["same"].value
            np.testing.assert_array_equal(scores["plain"].samples, scores["same"].samples)


def test_the_same_seed_gives_the_same(plain: ConvAutoencoder, found: Robustness) -> None:
    models = {"plain": plain, "same": plain}
    data = (IMAGES, target(CLASSES)), (TEST, target(TRUTH))
    assert read_robustness(models, *data).to_dict() == found.to_dict()
    assert read_robustness(models, *data, seed=1).to_dict() != found.to_dict()


def test_more_noise_tells_less(plain: ConvAutoencoder) -> None:
    corruptions = ("gaussian:0.01", "salt-and-pepper:1")
    data = (IMAGES, target(CLASSES)), (TEST, target(TRUTH))
    read = read_robustness({"plain": plain}, *data, corruptions=corruptions).readings[0]
    clean, little, all_ = (read.scores[name][PIXELS].value for name in (CLEAN, *corruptions))
    assert abs(clean - little) < 0.1
    assert all_ < 0.75
    assert read.corrupted(PIXELS).value == pytest.approx((little + all_) / 2)


def test_classes_are_known_by_their_names(plain: ConvAutoencoder, found: Robustness) -> None:
    turned = target(1 - TRUTH, NAMES[::-1])
    data = (IMAGES, target(CLASSES)), (TEST, turned)
    assert read_robustness({"plain": plain, "same": plain}, *data).to_dict() == found.to_dict()


def test_numbers_can_be_read_as_well(plain: ConvAutoencoder) -> None:
    light, other = (Target(values=images.mean(axis=(1, 2))) for images in (IMAGES, TEST))
    read = read_robustness({"plain": plain}, (IMAGES, light), (TEST, other))
    assert [reading.name for reading in read.readings] == [
        "ridge regression, R²",
        "5 nearest neighbours, R²",
    ]
    assert read.readings[0].scores[CLEAN][PIXELS].value > 0.99


def test_models_are_fitted_on_the_training_part_alone() -> None:
    images, classes = np.concatenate([IMAGES, TEST]), np.concatenate([CLASSES, TRUTH])
    variants = code_variants(sparse_dim=12, **SMALL)
    held_out = probe_robustness(images, target(classes), models=variants, corruptions=["blur:1"])
    assert (held_out.fitted_on, held_out.tested_on) == (112, 28)
    assert held_out.codes == ("plain", "denoising", "sparse", "variational")
    assert not any(hasattr(model, "network_") for model in variants.values())
    given = probe_robustness(
        IMAGES,
        target(CLASSES),
        test=np.concatenate([TEST, IMAGES[:5]]),
        test_target=target(np.concatenate([TRUTH, CLASSES[:5]])),
        models={"plain": variants["plain"]},
    )
    assert (given.fitted_on, given.tested_on, given.left_out) == (80, 60, 5)


def test_what_cannot_be_compared_is_refused(plain: ConvAutoencoder) -> None:
    ours, theirs = (IMAGES, target(CLASSES)), (TEST, target(TRUTH))
    with pytest.raises(
        InputError, match="corruptions must be one at least, each another; got none"
    ):
        read_robustness({"plain": plain}, ours, theirs, corruptions=[])
    other = ConvAutoencoder.from_options({"scaling": "minmax", **SMALL}).fit(IMAGES // 2)
    with pytest.raises(InputError, match="models that are compared must see images alike"):
        read_robustness({"plain": plain, "other": other}, ours, theirs)
    with pytest.raises(InputError, match="classes that the training images lack: aslant"):
        read_robustness({"plain": plain}, ours, (TEST, target(TRUTH, ("across", "aslant"))))
    with pytest.raises(InputError, match="classes for training and test images, or numbers"):
        read_robustness({"plain": plain}, ours, (TEST, Target(values=TRUTH.astype(float))))
    with pytest.raises(InputError, match="all of one class"):
        probe_robustness(IMAGES, target(CLASSES * 0))
    with pytest.raises(InputError, match="one value only"):
        probe_robustness(IMAGES, Target(values=np.zeros(80)))
    with pytest.raises(InputError, match="80 images and a target of 60"):
        probe_robustness(IMAGES, target(TRUTH))
    with pytest.raises(InputError, match="give test_target with test"):
        probe_robustness(IMAGES, target(CLASSES), test=TEST)


# -- the sentences --------------------------------------------------------------------------------------


def made(*codes: tuple[float, float, float], pixels: float = 0.1) -> Robustness:
    """Figures ± 0.01 of each code: (clean, linear when corrupted, neighbours when corrupted)."""
    sway = np.linspace(-0.01, 0.01, 101)

    def score(value: float, width: float) -> Score:
        return Score(value=value, samples=value + width * sway)

    def reading(name: str, at: int) -> Reading:
        def of(column: int) -> dict[str, Score]:
            scores = {
                f"code {k}": score(code[column], float(k > 0)) for k, code in enumerate(codes)
            }
            return {**scores, PCA: score(0.2, 0), PIXELS: score(pixels, 0)}

        return Reading(name=name, scores={CLEAN: of(0), "gaussian:0.3": of(at), "blur:1": of(at)})

    return Robustness(
        readings=(reading(LINEAR, 1), reading(NEAREST, 2)),
        codes=tuple(f"code {k}" for k in range(len(codes))), descriptions={}, fitted_on=1, tested_on=1,
    )  # fmt: skip


def test_the_sentences_follow_the_numbers() -> None:
    lead, corrupted, clean = robustness_verdict(
        made(
            (0.9, 0.5, 0.6),
            (0.9, 0.6, 0.7),
            (0.8, 0.4, 0.6),
            (0.92, 0.6, 0.6),
            (0.95, 0.4, 0.7),
            (0.9, 0.505, 0.595),
        )
    )
    assert lead == "More robust than code 0 codes here: code 1 and code 3."
    assert corrupted == (
        "Over 2 corruptions code 0 codes reach an accuracy of 0.500 by a linear classifier and 0.600 by 5 "
        "nearest neighbours; code 1 codes are better (0.600 and 0.700); code 2 codes are worse by a linear "
        "classifier (0.400 and 0.600); code 3 codes are better by a linear classifier (0.600 and 0.600); "
        "code 4 codes are better by 5 nearest neighbours and worse by a linear classifier (0.400 and 0.700); "
        "code 5 codes are no different within chance (0.505 and 0.595); PCA 0.200 and 0.200; raw pixels "
        "0.100 and 0.100."
    )
    assert "code 2 codes are worse (0.800 and 0.800); code 3 codes are better (0.920" in clean


def test_where_the_pixels_win_it_is_said() -> None:
    both = robustness_verdict(made((0.9, 0.5, 0.8), (0.9, 0.6, 0.8), pixels=0.9))[0]
    assert both == "More robust than code 0 codes here: code 1; above them all: raw pixels."
    lead, corrupted, _ = robustness_verdict(made((0.9, 0.5, 0.8), (0.9, 0.5, 0.8), pixels=0.7))
    assert lead == "No codes are more robust than code 0 ones here."
    assert corrupted.endswith(
        "raw pixels 0.700 and 0.700, above every code by a linear classifier."
    )


def test_a_corruption_that_does_the_other_way_is_named() -> None:
    mixed = made((0.9, 0.5, 0.5), (0.9, 0.7, 0.7))
    for reading in mixed.readings:
        reading.scores["blur:1"]["code 1"] = Score(value=0.4, samples=np.full(101, 0.4))
    lead, corrupted, _ = robustness_verdict(mixed)
    assert lead == "More robust than code 0 codes here: code 1."
    assert "code 1 codes are better (0.550 and 0.550), worse under blur:1;" in corrupted
    assert robustness_cautions(mixed)[0].startswith("Intervals are over test images")
