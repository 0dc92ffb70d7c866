"""Inpainters measured: on which images, compared with which fills."""

import numpy as np
import pytest

from convae.errors import InputError
from convae.estimators.restoration.inpainter import Inpainter
from convae.evaluation.inpainting import BIHARMONIC, HARMONIC, TENSION, evaluate_inpainter
from convae.evaluation.results.inpainting import PSNR, SEAM, SSIM
from convae.evaluation.results.scores import MODEL
from convae.model_reports.inpainter import panel


def images(count: int, side: int = 20, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    phases = rng.uniform(0, 6, (count, 1, 1))
    values: np.ndarray = 127 + 90 * np.sin(x / 3 + phases) * np.cos(y / 4)
    return values.astype(np.uint8)


@pytest.fixture(scope="module")
def model() -> Inpainter:
    return Inpainter(epochs=0, latent_dim=4, architecture={"widths": (4,)}).fit(images(12))


def test_an_untrained_model_is_as_good_as_its_fill(model: Inpainter) -> None:
    found = evaluate_inpainter(model, images(3, 30, seed=1))
    assert (found.images, found.seen) == (3, False)
    assert [done.holes for done in found.rounds] == ["pixels", "boxes", "strokes", "text"]
    for done in found.rounds:
        assert 0 < done.missing < 1
        assert set(done.scores) == {PSNR, SSIM, SEAM}
        assert done.scores[PSNR][MODEL] == pytest.approx(done.scores[PSNR][TENSION], abs=1.5)
        assert {BIHARMONIC, HARMONIC} <= set(done.scores[PSNR])
    rows = panel(found.pictures).rows
    assert list(rows) == ["original", "with holes", "filled"]
    assert len(found.metrics()) == 12


def test_training_images_are_measured_only_where_there_are_no_others(model: Inpainter) -> None:
    some = np.concatenate([images(12), images(2, seed=5)])
    held_out = len(model.held_out_) if model.held_out_ is not None else 0
    assert evaluate_inpainter(model, some).images == 2 + held_out
    assert evaluate_inpainter(model, some, include_seen=True).seen
    only = evaluate_inpainter(model, some, positions=[i for i in range(12) if i not in (
        model.held_out_ if model.held_out_ is not None else [])])  # fmt: skip
    assert only.seen
    assert "trained on" in only.caveats()[0]


def test_what_cannot_be_measured_is_refused(model: Inpainter) -> None:
    with pytest.raises(InputError, match="no image in it can be measured"):
        evaluate_inpainter(model, np.zeros((2, 20, 20, 3), np.uint8))
