"""What the results of a denoiser say: the verdict, the caveats, the metrics."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from convae.evaluation.results.denoising import DenoisingEvaluation, NoiseScores, Pictures

NAMES = ("model", "noisy", "median", "non-local means")


def found(
    rounds: Sequence[Mapping[str, tuple[float, ...]]], *, seen: bool = False, noise: str = ""
) -> DenoisingEvaluation:
    scores = [
        {measure: dict(zip(NAMES, values, strict=False)) for measure, values in one.items()}
        for one in rounds
    ]
    rng = np.random.default_rng(0)
    pictures = [
        Pictures(
            name=f"{i}.png",
            noisy=rng.random((1, 20 + i, 30)),
            restored=np.full((1, 20 + i, 30), 0.5),
        )
        for i in range(3)
    ]
    return DenoisingEvaluation(
        images=3, seen=seen, made=bool(noise), skipped=[], pictures=pictures, level=0.1, depth="uint8",
        rounds=[NoiseScores(noise=noise, scores=one) for one in scores],
    )  # fmt: skip


def test_who_wins_at_the_middle_level() -> None:
    one = {"PSNR (dB)": (30.0, 20.0, 25.0, 29.0), "SSIM": (0.9, 0.5, 0.7, 0.8)}
    (sentence,) = found([one], noise="noise of 25/255").verdicts()
    assert sentence == (
        "Noise of 25/255: from 20.00 dB to 30.00 dB, 1.00 dB above the best classical method here "
        "(non-local means)."
    )
    (sentence,) = found([one]).verdicts()
    assert sentence.startswith(
        "The noise: from 20.00 dB to 30.00 dB, 1.00 dB above the best classical method here "
        "(non-local means). Non-local means were given the noise level that is estimated in each image, "
        "which is too low"
    )
    (sentence,) = found([{"PSNR (dB)": (26.0, 20.0, 25.0, 29.0), "SSIM": (0.9,) * 4}]).verdicts()
    assert sentence.startswith(
        "The noise: from 20.00 dB to 26.00 dB, 3.00 dB below non-local means, which"
    )


@pytest.mark.parametrize(
    ("white", "words"), [(0.97, "looks like noise"), (0.6, "still shows structure of the images")]
)
def test_without_clean_images(white: float, words: str) -> None:
    one = {
        "noise left": (0.01, 0.1, 0.04, 0.02),
        "whiteness of what was removed": (white, float("nan"), 0.5, 0.8),
    }
    measured = found([one])
    (sentence,) = measured.verdicts()
    assert sentence.startswith("Of noise of 25.5/255, estimated in the images, 10 % is left")
    assert words in sentence
    assert any("nobody can say" in line for line in measured.caveats())


def test_training_images_are_warned_of() -> None:
    one = {"PSNR (dB)": (30.0, 20.0, 25.0, 29.0), "SSIM": (0.9, 0.5, 0.7, 0.8)}
    assert "were trained on" in found([one], seen=True).caveats()[0]
    assert found([one]).caveats() == []


def test_a_row_for_each_measure_and_level() -> None:
    one = {"PSNR (dB)": (30.0, 20.0, 25.0, 29.0), "SSIM": (0.9, 0.5, 0.7, 0.8)}
    rows = found([one, one], noise="noise of 25/255").metrics()
    assert [row.name for row in rows[:2]] == ["PSNR (dB), noise of 25/255", "SSIM, noise of 25/255"]
    assert len(rows) == 4
    assert rows[0].baselines == {"noisy": 20.0, "median": 25.0, "non-local means": 29.0}
