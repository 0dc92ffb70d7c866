"""What the results of an inpainter say: which fill is better, and by how much."""

import pytest

from convae.evaluation.inpainting import BIHARMONIC, HARMONIC
from convae.evaluation.results.inpainting import PSNR, HoleScores, InpaintingEvaluation
from convae.evaluation.results.scores import MODEL


@pytest.mark.parametrize(
    ("ours", "words"),
    [
        (30.0, "30.00 dB, 2.00 dB above the best classical fill here (biharmonic)."),
        (28.02, "no better than the biharmonic fill"),
        (25.0, "3.00 dB below the biharmonic fill, which needs no training"),
    ],
)
def test_the_verdict_says_who_wins(ours: float, words: str) -> None:
    scores = {PSNR: {MODEL: ours, BIHARMONIC: 28.0, HARMONIC: 27.0}}
    done = HoleScores(holes="pixels", missing=0.5, scores=scores)
    found = InpaintingEvaluation(images=1, seen=False, rounds=[done], pictures=[], skipped=[])
    (sentence,) = found.verdicts()
    assert sentence.startswith("Holes of the kind scattered pixels (50 % missing): ")
    assert words in sentence
