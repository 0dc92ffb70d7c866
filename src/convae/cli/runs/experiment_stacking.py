"""The stacking experiment from the command line: print table and verdict, write the results."""

from convae.cli.experiment_options import Experiment
from convae.cli.io.image_tables import read_groups
from convae.cli.runs.fit import checked_estimator
from convae.cli.settings import Values
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.config.experiments import EQUAL_COST
from convae.estimators.autoencoders.stacked import StackedAutoencoder
from convae.evaluation.experiments.ablation import Ablation, ablate
from convae.evaluation.experiments.verdicts import (
    stacking_cautions,
    stacking_difference,
    stacking_verdict,
)
from convae.report.plain_text import aligned


def run_stacking(experiment: Experiment, parameters: Values, seeds: int, voice: Voice) -> None:
    """Run ``convae experiment stacking``."""
    model = checked_estimator(StackedAutoencoder, {**EQUAL_COST, **parameters})
    source, test = experiment.sources(parameters.get("image_shape"), voice)
    groups = None if experiment.groups is None else read_groups(experiment.groups, source)
    with training(voice, runs=True) as observers:
        found = ablate(
            model,
            source,
            test=test,
            seeds=seeds,
            groups=groups,
            most=experiment.most,
            observers=observers,
        )
    values = {"data": source.description, **found.to_dict(), **_judged(found)}
    experiment.report(lines_of(found), values, voice)


def lines_of(found: Ablation) -> list[str]:
    """Return the lines of the table, the verdict and its caveats."""
    rows = [("test error (MSE)", "mean", "each seed", "cost", "CPU s", "epochs")]
    for name, trial in found.trials.items():
        each = ", ".join(f"{error:.5f}" for error in trial.errors)
        cost, seconds = f"{trial.costs.mean():.2f}", f"{trial.seconds.mean():.1f}"
        rows.append((name, f"{trial.errors.mean():.5f}", each, cost, seconds, str(trial.schedule)))
    each = ", ".join(f"{error:.5f}" for error in found.baseline)
    rows.append((found.baseline_name, f"{found.baseline.mean():.5f}", each, "-", "-", "-"))
    return [
        *aligned(rows, right=False),
        "",
        f"Trained on {found.trained_on:,} images, measured on {found.tested_on:,} others.",
        "Cost: multiplications of training and validation, as a part of those of the budget.",
        "CPU s: of a whole fit, reading and PCA included, a mean over the seeds.",
        "",
        stacking_verdict(found),
        *stacking_cautions(found),
    ]


def _judged(found: Ablation) -> dict[str, object]:
    """Return the verdict and the differences behind it, for programs."""
    last = list(found.trials)[-1]
    names = ("value", "low", "high")
    return {
        "verdict": stacking_verdict(found),
        "differences": {
            name: {
                "against": last,
                **dict(zip(names, stacking_difference(found, name), strict=True)),
            }
            for name in found.trials
            if name != last
        },
    }
