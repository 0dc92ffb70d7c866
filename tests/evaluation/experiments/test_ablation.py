"""An ablation: three ways at one cost, measured on images that nothing was chosen by, and its sentence."""

from typing import Any

import numpy as np
import pytest

from convae import StackedAutoencoder
from convae.errors import InputError
from convae.evaluation.experiments.ablation import Ablation, Trial, ablate
from convae.evaluation.experiments.schedules import ALONE, BOTH, SCRATCH, Schedule
from convae.evaluation.experiments.verdicts import (
    stacking_cautions,
    stacking_difference,
    stacking_verdict,
)
from convae.evaluation.reconstruction import evaluate
from convae.training.observers import Row, StepProgress

SMALL: dict[str, Any] = {
    "widths": (4,),
    "blocks": 1,
    "latent_dim": 3,
    "hidden": 8,
    "batch_size": 16,
}


def waves(count: int, seed: int = 0) -> np.ndarray:
    """(count, 8, 8) uint8 smooth pictures."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:8, :8]
    a, b, p = rng.uniform(0.1, 0.9, (3, count, 1, 1))
    images: np.ndarray = 127 + 120 * np.sin(a * x + b * y + 9 * p)
    return images.astype(np.uint8)


IMAGES, OTHERS = waves(60), waves(30, seed=1)


class Watch:
    """Keeps what is said, and counts epochs."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.epochs = 0

    def message(self, text: str) -> None:
        self.said.append(text)

    def step(self, moment: StepProgress) -> None:
        pass

    def epoch(self, row: Row) -> None:
        self.epochs += row["epoch"] > 0


def test_three_ways_at_one_cost_each_once_for_every_seed() -> None:
    watch = Watch()
    model = StackedAutoencoder.from_options({"epochs": 4, "random_state": 5, **SMALL})
    found = ablate(model, IMAGES, test=OTHERS, seeds=2, observers=[watch])
    assert list(found.trials) == [ALONE, BOTH, SCRATCH]
    assert (found.trained_on, found.tested_on, found.seeds) == (60, 30, (5, 6))
    done = 0
    for trial in found.trials.values():
        assert trial.errors.shape == trial.seconds.shape == (2,)
        assert trial.costs == pytest.approx(1, abs=0.2)
        done += 2 * (sum(trial.schedule.level_epochs) + trial.schedule.epochs)
    assert watch.epochs == done
    assert found.trials[SCRATCH].costs.tolist() == [1, 1]
    assert len(watch.said) == len(set(watch.said))
    assert not hasattr(model, "network_")


def test_each_error_is_that_of_the_fit_on_the_test_images() -> None:
    model = StackedAutoencoder.from_options({"epochs": 2, **SMALL})
    found = ablate(model, IMAGES, test=OTHERS, seeds=1)
    for trial in found.trials.values():
        levels, epochs = trial.schedule.level_epochs, trial.schedule.epochs
        fitted = StackedAutoencoder.from_options(
            {"level_epochs": levels, "epochs": epochs, **SMALL}
        ).fit(IMAGES)
        assert trial.errors[0] == -fitted.score(OTHERS)
    assert found.baseline[0] == pytest.approx(evaluate(fitted, OTHERS).baseline["mse"], rel=1e-4)


def test_the_cost_is_that_of_the_epochs_done() -> None:
    model = StackedAutoencoder.from_options(
        {"epochs": 40, "patience": 1, "learning_rate": 0.0, **SMALL}
    )
    found = ablate(model, IMAGES, test=OTHERS, seeds=1)
    assert all(trial.costs[0] < 0.5 for trial in found.trials.values())  # each stopped early
    assert stacking_verdict(found).startswith("Costs differ too much to tell")


def test_the_same_seed_gives_the_same() -> None:
    model = StackedAutoencoder.from_options({"epochs": 1, **SMALL})
    one, two = (ablate(model, IMAGES, seeds=1).to_dict() for _ in range(2))
    for found in (one, two):
        for way in found["ways"].values():
            way.pop("cpu_seconds")
    assert one == two
    assert one["tested_on"] == 12


def test_what_is_wrong_is_refused_before_anything_is_trained() -> None:
    with pytest.raises(InputError, match="seeds must be a whole number of at least 1"):
        ablate(StackedAutoencoder.from_options({"epochs": 1, **SMALL}), IMAGES, seeds=0)
    with pytest.raises(InputError, match="one for each of the 2 levels"):
        ablate(
            StackedAutoencoder.from_options({"epochs": 1, "level_epochs": (1, 1, 1), **SMALL}),
            IMAGES,
        )
    with pytest.raises(InputError, match="epochs must be at least 1"):
        ablate(StackedAutoencoder.from_options({"epochs": 0, **SMALL}), IMAGES)
    with pytest.raises(InputError, match="each stage of the decoder has to undo one"):
        ablate(StackedAutoencoder(preset="tutorial", epochs=1), IMAGES)


# -- the sentence -------------------------------------------------------------------------------------


def made(
    both: list[float], alone: list[float], *, cost: float = 1.01, pca: float = 9.0
) -> Ablation:
    """An ablation with these errors, in parts of those together from scratch."""
    scratch = np.linspace(0.01, 0.03, len(both))

    def trial(ratios: list[float], cost: float = 1.0) -> Trial:
        none = Schedule(level_epochs=(0, 0), epochs=1)
        ones = np.ones(len(both))
        errors = scratch * np.array(ratios)
        return Trial(schedule=none, errors=errors, costs=cost * ones, seconds=ones)

    return Ablation(
        trials={ALONE: trial(alone, cost), BOTH: trial(both), SCRATCH: trial([1.0] * len(both))},
        baseline=scratch * pca, baseline_name="PCA, 3 components", seeds=tuple(range(len(both))),
        level_costs=[1], joint_cost=1, trained_on=1, tested_on=1, left_out=0, skipped=[],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("both", "alone", "sentence"),
    [
        (
            [0.89, 0.90, 0.91],
            [1.49, 1.50, 1.51],
            "Stacking helped here: at costs that agree to 1.0 %, the test error of 'levels, then together' "
            "is 10.0 % below that of 'together from scratch' (-12.5 % to -7.5 %), and that of 'levels alone' "
            "50.0 % above it (+47.5 % to +52.5 %); brackets hold 95 % intervals, paired over 3 seeds.",
        ),
        ([1.09, 1.10, 1.11], [1.0, 1.1, 0.9], "Stacking did not help here: "),
        ([1.09, 1.10, 1.11], [0.89, 0.90, 0.91], "Stacking helped here: "),
        ([1.1, 1.0, 0.95], [1.5, 1.4, 1.6], "Stacking made no difference here that these seeds can tell: "),
        (
            [1.1],
            [0.5],
            "One seed cannot tell whether stacking helps here: at costs that agree to 1.0 %, the test error "
            "of 'levels, then together' is 10.0 % above that of 'together from scratch', and that of 'levels "
            "alone' 50.0 % below it.",
        ),
    ],
)  # fmt: skip
def test_the_sentence_follows_the_numbers(
    both: list[float], alone: list[float], sentence: str
) -> None:
    assert stacking_verdict(made(both, alone)).startswith(sentence)


def test_differences_are_paired_and_have_students_interval() -> None:
    value, low, high = stacking_difference(made([0.89, 0.90, 0.91], [1, 1, 1]), BOTH)
    assert value == pytest.approx(-0.1)
    # t of 2 degrees of freedom at 97.5 % is 4.303
    assert high - value == pytest.approx(value - low) == pytest.approx(4.3027 * 0.01 / 3**0.5, 1e-4)


def test_cautions_where_pca_wins_or_costs_differ() -> None:
    assert stacking_cautions(made([1, 1], [1, 1])) == []
    said = stacking_cautions(made([1, 1], [1, 1], cost=1.31, pca=0.5))
    assert said[0].startswith("Careful: PCA, 3 components, has a smaller error than all three")
    assert said[1].startswith("Careful: costs differ because epochs are whole")
    told = stacking_verdict(made([0.89, 0.9, 0.91], [1, 1, 1], cost=1.31))
    assert told.startswith(
        "Costs differ too much to tell whether stacking helps here: at costs that"
    )
    assert "at costs that differ by up to 31.0 %" in told
