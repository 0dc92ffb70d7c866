"""The variational autoencoder: it draws, tells likelihoods, and says when its code is ignored."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from tests.estimators.conftest import blobs

import convae
from convae import ConvAutoencoder, VariationalAutoencoder
from convae.errors import InputError
from convae.estimators.autoencoders.variational import FROM, Collapse, between

SMALL: dict[str, Any] = {
    "widths": (8, 8), "blocks": 1, "latent_dim": 4, "epochs": 40, "patience": 0, "random_state": 0,
}  # fmt: skip
IMAGES = blobs(200, 12, 12)


@pytest.fixture(scope="module")
def model() -> VariationalAutoencoder:
    return VariationalAutoencoder.from_options(SMALL).fit(IMAGES[:160])


def distance(images: np.ndarray, others: np.ndarray) -> float:
    """How far the mean and the deviation of images are from those of others, in grey values."""
    parts = [np.abs(f(images, axis=0) - f(others, axis=0)).mean() for f in (np.mean, np.std)]
    return float(sum(parts))


def test_what_is_drawn_looks_like_what_was_learnt(model: VariationalAutoencoder) -> None:
    others = np.random.default_rng(0).integers(0, 256, (200, 12, 12))
    for from_ in FROM:
        drawn = model.sample(200, from_=from_, random_state=1)
        assert drawn.shape == (200, 12, 12)
        assert drawn.dtype == np.uint8
        if from_ != "prior":  # which holds after longer training
            assert distance(drawn, IMAGES) < 0.5 * distance(others, IMAGES)
        assert np.array_equal(drawn, model.sample(200, from_=from_, random_state=1))
        assert not np.array_equal(drawn, model.sample(200, from_=from_, random_state=2))


def test_fitted_densities_are_those_of_the_codes(model: VariationalAutoencoder) -> None:
    codes = model.transform(IMAGES[:160])
    for from_ in ("gaussian", "mixture"):
        drawn = model.sample_codes(4000, from_=from_)
        assert drawn.mean(axis=0) == pytest.approx(codes.mean(axis=0), abs=0.3)
        assert (drawn.std(axis=0) > 0.8 * codes.std(axis=0)).all()


def test_likely_images_are_those_that_were_learnt(model: VariationalAutoencoder) -> None:
    known, new = IMAGES[160:], np.random.default_rng(0).integers(0, 256, (40, 12, 12), np.uint8)
    likely = model.log_likelihood(known, samples=20)
    assert likely.shape == (40,)
    assert likely.min() > model.log_likelihood(new, samples=20).max()
    tight, elbo = model.bounds(known, samples=50)
    assert (elbo <= tight).all()
    assert tight.mean() >= model.log_likelihood(known, samples=1).mean()


def test_the_width_of_the_likelihood_is_the_error_of_drawn_codes(
    model: VariationalAutoencoder,
) -> None:
    assert model.scale_ >= 0.9 * model.validation_mse_
    assert model.collapse_.kl.shape == (4,)
    assert 1 <= model.collapse_.active <= 4


def test_a_code_that_is_ignored_is_called_so() -> None:
    ignored = VariationalAutoencoder.from_options(
        {**{**SMALL, "epochs": 5}, "bottleneck": "gaussian:10000,warmup=0"}
    )
    told = ignored.fit(IMAGES[:60]).collapse_.summary()
    assert "in 0 of 4 numbers" in told
    assert "free_bits=0.1" in told
    assert "ignored" not in Collapse(np.array([1.0]), np.array([0.5])).summary()


def test_a_way_between_two_images(model: VariationalAutoencoder) -> None:
    for path in ("linear", "spherical"):
        way = model.interpolate(IMAGES[:1], IMAGES[1:2], steps=5, path=path)
        ends = model.reconstruct(IMAGES[:2])
        assert way.shape == (5, 12, 12)
        assert np.abs(way[[0, -1]].astype(int) - ends).max() <= 1


def test_spherical_ways_keep_their_length() -> None:
    first, last = np.array([3.0, 0, 0], np.float32), np.array([0, 3.0, 0], np.float32)
    assert np.linalg.norm(between(first, last, 9, "spherical"), axis=1) == pytest.approx([3] * 9)
    assert np.linalg.norm(between(first, last, 3, "linear")[1]) == pytest.approx(3 / np.sqrt(2))
    assert between(first, first, 4, "spherical") == pytest.approx(np.tile(first, (4, 1)))


@pytest.mark.parametrize("loss", ["bce", "l1", "mse"])
def test_a_file_gives_it_back(loss: str, tmp_path: Path) -> None:
    few = VariationalAutoencoder.from_options({**{**SMALL, "epochs": 1}, "loss": loss}).fit(
        IMAGES[:40]
    )
    few.save(tmp_path / "v.convae")
    again = convae.load(tmp_path / "v.convae")
    assert isinstance(again, VariationalAutoencoder)
    for from_ in FROM:
        assert np.array_equal(few.sample(4, from_=from_), again.sample(4, from_=from_))
    ours, theirs = (m.log_likelihood(IMAGES[:5], samples=3) for m in (few, again))
    assert np.array_equal(ours, theirs)


def test_its_parameters_are_those_of_the_plain_one() -> None:
    plain, ours = ConvAutoencoder().get_params(), VariationalAutoencoder().get_params()
    own = {n: ours.pop(n) for n in ("bottleneck", "levels", "binarise")}
    alone = ("bottleneck", "encoder", "decoder")  # modules of one's own are for the plain one
    assert ours == {n: v for n, v in plain.items() if n not in alone}
    assert own == {"bottleneck": "gaussian", "levels": None, "binarise": False}
    copy = clone(VariationalAutoencoder(latent_dim=3, bottleneck="gaussian:2"))
    assert (copy.latent_dim, copy.bottleneck) == (3, "gaussian:2")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.sample(0), "n must be a whole number of at least 1; got 0"),
        (lambda m: m.sample(2, from_="mixtre"), "did you mean 'mixture'?"),
        (lambda m: m.interpolate(IMAGES[:2], IMAGES[:1]), "first must be one image; got 2"),
        (lambda m: m.interpolate(IMAGES[:1], IMAGES[:1], steps=1), "steps must be a whole number"),
        (lambda m: m.interpolate(IMAGES[:1], IMAGES[:1], path="straight"), "unknown path"),
        (lambda m: m.log_likelihood(IMAGES[:1], samples=0), "samples must be a whole number"),
    ],
)
def test_wrong_questions_are_answered(
    model: VariationalAutoencoder, call: Any, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        call(model)
    assert sentence in str(caught.value)


def test_another_bottleneck_is_refused() -> None:
    with pytest.raises(
        InputError, match="has a bottleneck 'gaussian', whose codes are distributions; got 'top-k'"
    ):
        VariationalAutoencoder(bottleneck="top-k").fit(IMAGES)


def test_a_loss_without_likelihood_still_draws() -> None:
    few = VariationalAutoencoder.from_options({**{**SMALL, "epochs": 1}, "loss": "ssim"}).fit(
        IMAGES[:40]
    )
    assert few.sample(2).shape == (2, 12, 12)
    with pytest.raises(InputError, match="says nothing about likelihood"):
        few.log_likelihood(IMAGES[:2])


def test_along_a_number_of_the_code_the_others_stay(model: VariationalAutoencoder) -> None:
    codes = model.codes_along(IMAGES[:1], numbers=[2, 0], steps=5, span=3)
    assert codes.shape == (2, 5, 4)
    assert codes[0, :, 2].tolist() == [-3, -1.5, 0, 1.5, 3]
    own = model.transform(IMAGES[:1])[0]
    assert np.array_equal(np.delete(codes[1], 0, axis=1), np.tile(own[1:], (5, 1)))
    images = model.traverse(IMAGES[:1], numbers=[2, 0], steps=5, span=3)
    assert images.shape == (2, 5, 12, 12)
    assert np.array_equal(images[1, 4], model.inverse_transform(codes[1, 4:])[0])
    most = int(model.collapse_.kl.argmax())
    assert np.ptp(model.codes_along(IMAGES[:1])[0, :, most]) == 4


def test_codes_are_added_and_taken_away(model: VariationalAutoencoder) -> None:
    codes = model.transform(IMAGES[:6])
    expected = model.inverse_transform((codes[0] + codes[1:3].mean(0) - codes[3:6].mean(0))[None])[
        0
    ]
    made = model.combine([IMAGES[:1], IMAGES[1:3]], [IMAGES[3:6]])
    assert np.abs(made.astype(int) - expected).max() <= 1
    assert np.array_equal(model.combine([IMAGES[:1]]), model.reconstruct(IMAGES[:1])[0])


def test_uncertainty_is_the_spread_of_reconstructions(model: VariationalAutoencoder) -> None:
    found = model.uncertainty(IMAGES[:3], samples=64)
    assert found.shape == (3, 1, 12, 12)
    assert found.min() >= 0
    assert found.max() > 0
    again = model.uncertainty(IMAGES[:3], samples=64, random_state=1)
    # a deviation from 64 draws is known to about 9 %; of all pixels together much better
    assert again.mean() == pytest.approx(found.mean(), rel=0.1)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda m: m.traverse(IMAGES[:2]), "X must be one image; got 2"),
        (lambda m: m.traverse(IMAGES[:1], numbers=[4]), "numbers must be one or more of 0 to 3"),
        (lambda m: m.traverse(IMAGES[:1], numbers=[]), "numbers must be one or more of 0 to 3"),
        (lambda m: m.traverse(IMAGES[:1], steps=1), "steps must be"),
        (lambda m: m.traverse(IMAGES[:1], span=-1), "span must be a number above 0"),
        (lambda m: m.combine([]), "plus needs one source"),
        (
            lambda m: m.uncertainty(IMAGES, samples=1),
            "samples must be a whole number of at least 2",
        ),
    ],
)
def test_what_cannot_be_drawn_along_is_said(
    model: VariationalAutoencoder, call: Any, sentence: str
) -> None:
    with pytest.raises(InputError) as caught:
        call(model)
    assert sentence in str(caught.value)


SHORT: dict[str, Any] = {**SMALL, "epochs": 8}


def test_finer_levels_hold_what_the_code_does_not(tmp_path: Path) -> None:
    model = VariationalAutoencoder.from_options({**{**SMALL, "epochs": 25}, "levels": 2}).fit(
        IMAGES[:160]
    )
    assert model.architecture_.levels == 2
    assert model.collapse_.finer.shape == (1,)
    assert "Finer levels hold" in model.collapse_.summary()
    assert model.transform(IMAGES[:3]).shape == (3, 4)
    tight, elbo = model.bounds(IMAGES[160:], samples=20)
    assert (elbo <= tight).all()
    noise = np.random.default_rng(0).integers(0, 256, (10, 12, 12), np.uint8)
    assert tight.min() > model.log_likelihood(noise, samples=20).max()
    drawn = model.sample(5, random_state=1)
    assert np.array_equal(drawn, model.sample(5, random_state=1))
    # what is drawn is not only the code: the likeliest image of the same codes is another
    assert not np.array_equal(drawn, model.inverse_transform(model.sample_codes(5, random_state=1)))
    model.save(tmp_path / "m.convae")
    again = convae.load(tmp_path / "m.convae")
    assert isinstance(again, VariationalAutoencoder)
    assert np.array_equal(drawn, again.sample(5, random_state=1))
    assert again.collapse_.summary() == model.collapse_.summary()


def test_8_bit_values_have_chances() -> None:
    model = VariationalAutoencoder.from_options(
        {**{**SMALL, "epochs": 20}, "loss": "logistic"}
    ).fit(IMAGES[:160])
    likely = model.log_likelihood(IMAGES[160:], samples=20)
    assert likely.max() < 0
    uniform = -IMAGES[0].size * np.log(256)
    assert likely.mean() > 0.8 * uniform  # a fifth fewer bits than values of any image take
    with pytest.raises(InputError, match="likelihood of the 256 values of 8-bit images"):
        VariationalAutoencoder.from_options({**SMALL, "loss": "logistic"}).fit(
            IMAGES.astype(np.uint16) * 257
        )


def test_grey_values_as_chances_of_white() -> None:
    model = VariationalAutoencoder.from_options({**SHORT, "loss": "bce", "binarise": True}).fit(
        IMAGES[:160]
    )
    assert np.array_equal(
        model.transform(IMAGES[:5]),
        VariationalAutoencoder.from_options({**SHORT, "loss": "bce", "binarise": True})
        .fit(IMAGES[:160])
        .transform(IMAGES[:5]),
    )
    with pytest.raises(InputError, match="requires loss 'bce'; got 'mse'"):
        VariationalAutoencoder.from_options({**SHORT, "binarise": True}).fit(IMAGES)


def test_levels_are_said_once() -> None:
    with pytest.raises(InputError, match="contradict each other"):
        VariationalAutoencoder.from_options(
            {**SHORT, "bottleneck": "gaussian:levels=2", "levels": 3}
        ).fit(IMAGES)
    with pytest.raises(InputError, match="levels must be at most 2"):
        VariationalAutoencoder.from_options({**SHORT, "levels": 3}).fit(IMAGES)
    with pytest.raises(InputError, match="levels are those of a Gaussian code"):
        ConvAutoencoder.from_options({**SHORT, "bottleneck": "l1:0.1,levels=2"}).fit(IMAGES)


def test_every_epoch_tells_what_the_code_holds() -> None:
    row = VariationalAutoencoder.from_options(SHORT).fit(IMAGES[:60]).history_[-1]
    assert row["code_nats"] > 0
    assert 0 <= row["active_numbers"] <= row["code_numbers"] == 4
    assert "code_nats" not in ConvAutoencoder.from_options(SHORT).fit(IMAGES[:60]).history_[-1]
