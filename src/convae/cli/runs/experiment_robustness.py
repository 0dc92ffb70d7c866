"""The robustness experiment from the command line: print tables and sentences, write the results."""

from collections.abc import Sequence

from convae.cli.experiment_options import Experiment
from convae.cli.io.image_tables import read_groups
from convae.cli.io.labels import read_labels
from convae.cli.settings import Values
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.evaluation.experiments.corrupted_readouts import (
    CORRUPTIONS,
    Reading,
    Robustness,
    parse_corruptions,
)
from convae.evaluation.experiments.robustness import code_variants, probe_robustness
from convae.evaluation.experiments.verdicts import robustness_cautions, robustness_verdict
from convae.report.plain_text import aligned
from convae.report.text import ascii_text


def run_robustness(
    experiment: Experiment,
    parameters: Values,
    labels: str,
    corruptions: Sequence[str],
    voice: Voice,
) -> None:
    """Run ``convae experiment robustness``."""
    corruptions = corruptions or CORRUPTIONS
    parse_corruptions(corruptions)
    models = code_variants(**parameters)
    for model in models.values():
        model.check_parameters()
    source, test = experiment.sources(parameters.get("image_shape"), voice)
    source, target = read_labels(labels, source, voice)
    of_test = None
    if test is not None:
        test, of_test = read_labels(labels, test, voice)
    groups = None if experiment.groups is None else read_groups(experiment.groups, source)
    with training(voice, runs=True) as observers:
        found = probe_robustness(
            source,
            target,
            test=test,
            test_target=of_test,
            models=models,
            corruptions=corruptions,
            groups=groups,
            most=experiment.most,
            seed=parameters.get("random_state") or 0,
            observers=observers,
        )
    verdict = " ".join(robustness_verdict(found))
    values = {"data": source.description, **found.to_dict(), "verdict": verdict}
    experiment.report(lines_of(found), values, voice)


def lines_of(found: Robustness) -> list[str]:
    """Return the lines: a table for each read-out, the closing sentences and their caveats."""
    lines = [line for reading in found.readings for line in (*_table(found, reading), "")]
    lines += [f"{name}: {what}" for name, what in found.descriptions.items()]
    lines.append(
        f"Fitted on {found.fitted_on:,} clean images, measured on {found.tested_on:,} others."
    )
    sentences = [*robustness_verdict(found), *robustness_cautions(found)]
    return [*lines, "", *map(ascii_text, sentences)]


def _table(found: Robustness, reading: Reading) -> list[str]:
    rows = [(ascii_text(reading.name), *reading.scores)]
    for name in found.descriptions:
        rows.append((name, *(scores[name].text for scores in reading.scores.values())))
    return aligned(rows)
