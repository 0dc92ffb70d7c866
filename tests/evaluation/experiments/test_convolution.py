"""A convolutional and a dense autoencoder and PCA, on the same images for the same steps."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.evaluation.experiments.test_ablation import waves

from convae import ConvAutoencoder
from convae.errors import InputError
from convae.evaluation.experiments.convolution import (
    CONVOLUTIONAL,
    DENSE,
    PCA,
    Convolution,
    compare_convolution,
    counts_of,
    networks_to_compare,
)
from convae.evaluation.experiments.size_tables import convolution_chart, convolution_table
from convae.evaluation.experiments.size_verdicts import convolution_cautions, convolution_verdict

TINY: dict[str, Any] = {
    "widths": (4,),
    "blocks": 1,
    "hidden": 8,
    "dense_widths": (8,),
    "latent_dim": 2,
}
IMAGES, OTHERS = waves(60), waves(20, seed=1)


@pytest.fixture(scope="module")
def found() -> Convolution:
    models = networks_to_compare(**TINY)
    return compare_convolution(
        IMAGES, test=OTHERS, models=models, counts=(40, 20), steps=6, seeds=2
    )


def test_all_are_measured_for_every_count_and_seed(found: Convolution) -> None:
    assert (found.counts, found.seeds, found.latent_dim) == ((20, 40), (0, 1), 2)
    assert set(found.errors) == {CONVOLUTIONAL, DENSE, PCA}
    assert all(each.shape == (2, 2) and (each > 0).all() for each in found.errors.values())
    steps = {name: [plan.steps for plan in plans] for name, plans in found.plans.items()}
    assert steps[CONVOLUTIONAL] == steps[DENSE] == [6, 6]
    assert found.to_dict()["tested_on"] == 20


def test_an_error_is_that_of_a_fit_by_itself(found: Convolution) -> None:
    model = networks_to_compare(**TINY)[DENSE]
    chosen = np.sort(np.random.default_rng(1).permutation(60)[:40])
    fitted = model.set_params(epochs=found.plans[DENSE][1].epochs, random_state=1)
    fitted.fit(IMAGES[chosen])
    assert -fitted.score(OTHERS) == pytest.approx(found.errors[DENSE][1, 1], rel=1e-5)


def test_the_two_networks_differ_in_convolutions_alone() -> None:
    models = networks_to_compare(**TINY, learning_rate=0.01, stride=3, norm="group")
    settings = {name: model.to_options() for name, model in models.items()}
    differ = {
        key for key, value in settings[DENSE].items() if settings[CONVOLUTIONAL][key] != value
    }
    assert differ == {"preset", "widths", "blocks", "hidden", "stride"}
    assert settings[DENSE]["widths"] == (8,)
    assert isinstance(models[DENSE], ConvAutoencoder)


def test_numbers_of_images() -> None:
    assert counts_of(None, 250) == (100, 250)
    assert counts_of(None, 140) == (140,)
    assert counts_of(None, 3000) == (100, 300, 1000, 3000)
    assert counts_of((50, 20, 50), 60) == (20, 50)
    for wrong in ((9,), (61,), (20.0,), ()):
        with pytest.raises(InputError, match="counts must"):
            counts_of(wrong, 60)  # type: ignore[arg-type]


def made(convolutional: Any, dense: Any, pca: Any, found: Convolution) -> Convolution:
    """A result with these errors of two counts and three seeds."""
    errors = {CONVOLUTIONAL: np.array(convolutional), DENSE: np.array(dense), PCA: np.array(pca)}
    return replace(found, errors=errors, seeds=(0, 1, 2))


FLAT = [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]


def test_differences_are_paired_by_seed(found: Convolution) -> None:
    """Ratios 0.7, 0.8, 0.9: mean -0.2, deviation 0.1, t(2) = 4.303: 0.1 / sqrt(3) * 4.303 = 0.248."""
    result = made([[0.7, 1.6, 0.9], [0.5] * 3], [[1.0, 2.0, 1.0], [1.0] * 3], FLAT, found)
    mean, low, high = result.difference(0)
    assert (mean, low, high) == pytest.approx((-0.2, -0.4484, 0.0484), abs=1e-3)


def test_sentences_say_what_can_be_told(found: Convolution) -> None:
    better = made([[0.78, 0.79, 0.80], [0.5, 0.5, 0.5]], FLAT, [[2.0] * 3] * 2, found)
    sentences = convolution_verdict(better)
    assert sentences[0] == "Convolutions helped here, with every number of images."
    assert sentences[1] == (
        "With 20 images the convolutional network's error is 21 % (19 to 23) below the dense one's."
    )
    assert sentences[-1].startswith("The convolutional network's error is below that of PCA")
    mixed = made([[1.2, 1.21, 1.19], [0.5, 0.51, 0.49]], FLAT, [[0.1] * 3, [0.9] * 3], found)
    sentences = convolution_verdict(mixed)
    assert sentences[0] == (
        "Convolutions helped with 40 images; the dense network was better with 20 images."
    )
    assert sentences[-1] == "PCA of the same size has the smallest error with 20 images."
    unclear = made([[0.8, 1.0, 1.1], [0.9, 1.2, 1.0]], FLAT, [[0.1] * 3] * 2, found)
    sentences = convolution_verdict(unclear)
    assert sentences[0] == "Convolutions made no difference here that these seeds can tell."
    assert "not distinguishable from the dense one's" in sentences[1]
    assert (
        sentences[-1] == "PCA of the same size has the smallest error with every number of images."
    )
    assert convolution_cautions(unclear)[-1].startswith("Careful: with 40 images PCA has a smaller")
    assert not any("Careful" in sentence for sentence in convolution_cautions(better))
    one = replace(unclear, seeds=(0,), errors={n: e[:, :1] for n, e in unclear.errors.items()})
    assert convolution_verdict(one)[0] == "One seed cannot tell whether convolutions help here."
    assert convolution_cautions(one)[0] == "With one seed there are no intervals."


def test_the_table_and_the_chart(found: Convolution) -> None:
    head, rows = convolution_table(found)
    assert [row[0] for row in rows] == ["20", "40"]
    assert all(len(row) == len(head) for row in rows)
    svg = convolution_chart(found)
    assert svg.startswith("<svg")
    for words in ("training images", "convolutional", "dense", "PCA", "codes of 2"):
        assert words in svg


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"seeds": 0}, {"steps": 1.5}])
def test_numbers_below_one_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be a whole number of at least 1"):
        compare_convolution(IMAGES, models=networks_to_compare(**TINY), **wrong)


def test_a_dense_network_is_no_convolutional_one() -> None:
    with pytest.raises(InputError, match="'dense' has no convolutions"):
        networks_to_compare(preset="dense")
