"""Denoisers measured: made noise, pairs, noisy images alone."""

import math

import numpy as np
import pytest
from tests.estimators.conftest import blobs
from tests.estimators.restoration.test_denoiser import TINY, noisy

import convae
from convae import Denoiser, InputError
from convae.evaluation.denoising import evaluate_denoiser
from convae.evaluation.results.denoising import LEFT, MEDIAN, NLM, PSNR, SSIM, WHITE
from convae.evaluation.results.scores import GIVEN, MODEL


@pytest.fixture(autouse=True)
def without_bm3d(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is slow, and not installed everywhere."""
    monkeypatch.setattr("convae.evaluation.denoising.has_bm3d", lambda: False)


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    return blobs(48, 24, 24)


@pytest.fixture(scope="module")
def model(clean: np.ndarray) -> Denoiser:
    return Denoiser.from_options({**{**TINY, "epochs": 8, "batch_size": 8}, "sigma": "0..0.2"}).fit(
        clean[:40]
    )


def test_made_noise_at_three_levels(model: Denoiser, clean: np.ndarray) -> None:
    found = evaluate_denoiser(model, clean[40:])
    assert found.made
    assert found.compared
    assert not found.seen
    assert found.images == 8
    assert [done.noise for done in found.rounds] == [
        "noise of 12.8/255", "noise of 25.5/255", "noise of 51/255"
    ]  # fmt: skip
    given = [done.scores[PSNR][GIVEN] for done in found.rounds]
    # white noise of a deviation s alone is -20 log10 s; clipping at black and white takes some away
    expected = [-20 * math.log10(0.2 * part) for part in (0.25, 0.5, 1)]
    assert given == pytest.approx(expected, abs=1.5)
    for done in found.rounds:
        assert set(done.scores[PSNR]) == set(done.scores[SSIM]) == {MODEL, GIVEN, MEDIAN, NLM}
        assert done.scores[PSNR][MODEL] > done.scores[PSNR][GIVEN]
    assert found.level == pytest.approx(0.1, rel=0.05)
    assert [one.clean is not None for one in found.pictures] == [True] * 8
    assert found.rounds[0].best_other(PSNR)[0] in (MEDIAN, NLM)


def test_the_same_every_time(model: Denoiser, clean: np.ndarray) -> None:
    one, two = (evaluate_denoiser(model, clean[40:44]) for _ in range(2))
    assert one.rounds == two.rounds


def test_images_trained_on_are_left_out_unless_there_are_no_others(
    model: Denoiser, clean: np.ndarray
) -> None:
    assert evaluate_denoiser(model, clean).images == 48 - len(model.seen_)
    assert evaluate_denoiser(model, clean, include_seen=True).images == 48

    assert model.held_out_ is not None
    trained = np.setdiff1d(np.arange(40), model.held_out_)
    seen = evaluate_denoiser(model, clean[trained])
    assert seen.seen
    assert seen.images == len(trained)


def test_targets_tell_how_close_it_comes(model: Denoiser, clean: np.ndarray) -> None:
    given = noisy(clean[40:], 0.1)
    found = evaluate_denoiser(model, given, target=clean[40:])
    assert not found.made
    assert found.compared
    (only,) = found.rounds
    errors = np.mean((given.astype(float) - clean[40:]) ** 2 / 255**2, axis=(1, 2))
    assert only.scores[PSNR][GIVEN] == pytest.approx(np.mean(-10 * np.log10(errors)), abs=1e-3)
    restored = model.denoise(given)
    errors = np.mean((restored.astype(float) - clean[40:]) ** 2 / 255**2, axis=(1, 2))
    assert only.scores[PSNR][MODEL] == pytest.approx(np.mean(-10 * np.log10(errors)), abs=0.05)


def test_pairs_and_their_held_out_ones(clean: np.ndarray) -> None:
    given = noisy(clean, 0.15)
    model = Denoiser.from_options(TINY).fit(given, target=clean)
    assert model.held_out_ is not None
    found = evaluate_denoiser(model, given, target=clean)
    assert found.images == len(model.held_out_)
    assert not found.seen
    by_position = evaluate_denoiser(model, given, target=clean, positions=model.held_out_)
    assert by_position.rounds == found.rounds


def test_other_channels_have_no_classical_methods_beside_them() -> None:
    colours = blobs(30, 16, 16, 3)
    grey = colours.mean(axis=3).astype(np.uint8)
    model = Denoiser.from_options(TINY).fit(grey, target=colours)
    (done,) = evaluate_denoiser(model, grey, target=colours).rounds
    assert set(done.scores[PSNR]) == {MODEL, GIVEN}


def test_without_clean_images_only_what_the_noisy_ones_say(clean: np.ndarray) -> None:
    given = noisy(clean, 0.15)
    model = Denoiser.from_options(
        {**{**TINY, "epochs": 20, "batch_size": 8}, "learn": "noisy", "noise": "gaussian"}
    )
    model.fit(given)
    found = evaluate_denoiser(model, given, include_seen=True)
    assert not found.compared
    (done,) = found.rounds
    assert set(done.scores) == {LEFT, WHITE}
    assert done.scores[LEFT][MODEL] < 0.7 * done.scores[LEFT][GIVEN]
    assert GIVEN not in done.scores[WHITE]
    assert 0 <= done.scores[WHITE][MODEL] <= 1


def test_only_the_middle_of_large_images_and_only_so_many(
    model: Denoiser, clean: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("convae.evaluation.denoising.MOST_PIXELS", 3 * 16 * 16)
    monkeypatch.setattr("convae.evaluation.denoising.SIDE", 16)
    found = evaluate_denoiser(model, clean[40:])
    assert found.images == 3
    assert found.pictures[0].noisy.shape == (1, 16, 16)


def test_nothing_to_measure_is_an_error(model: Denoiser) -> None:
    with pytest.raises(InputError, match="no image in it can be measured"):
        evaluate_denoiser(model, blobs(2, 16, 16, 3))


def test_a_loaded_model_measures_the_same(
    model: Denoiser, clean: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("models") / "m.convae"
    model.save(path)
    loaded = convae.load(path)
    assert isinstance(loaded, Denoiser)
    assert (
        evaluate_denoiser(loaded, clean[40:44]).rounds
        == evaluate_denoiser(model, clean[40:44]).rounds
    )
