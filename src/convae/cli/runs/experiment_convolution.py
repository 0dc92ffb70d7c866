"""The convolution experiment from the command line: print table and verdict, write the results."""

from convae.cli.experiment_options import Experiment
from convae.cli.io.experiment_files import check_files, write_files
from convae.cli.io.image_tables import read_groups
from convae.cli.settings import Values
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.evaluation.experiments.convolution import (
    CONVOLUTIONAL,
    DENSE,
    PCA,
    Convolution,
    compare_convolution,
    networks_to_compare,
)
from convae.evaluation.experiments.size_tables import convolution_chart, convolution_table
from convae.evaluation.experiments.size_verdicts import convolution_cautions, convolution_verdict
from convae.report.page.experiment_page import ExperimentPage
from convae.report.plain_text import aligned
from convae.report.text import ascii_text


def run_convolution(experiment: Experiment, parameters: Values, seeds: int, voice: Voice) -> None:
    """Run ``convae experiment convolution``."""
    own = {name: parameters.pop(name) for name in ("counts", "steps") if name in parameters}
    models = networks_to_compare(**parameters)
    for model in models.values():
        model.check_parameters()
    check_files(experiment.out)
    source, test = experiment.sources(parameters.get("image_shape"), voice)
    groups = None if experiment.groups is None else read_groups(experiment.groups, source)
    with training(voice, runs=True) as observers:
        found = compare_convolution(
            source,
            test=test,
            models=models,
            seeds=seeds,
            groups=groups,
            most=experiment.most,
            observers=observers,
            **own,
        )
    verdict = convolution_verdict(found)
    differences = {
        against: [dict(zip(("value", "low", "high"), found.difference(i, CONVOLUTIONAL, against),
                           strict=True)) for i in range(len(found.counts))]
        for against in (DENSE, PCA)
    }  # fmt: skip
    head, rows = convolution_table(found)
    page = ExperimentPage(
        title="Do convolutions help?",
        data=source.description,
        verdict=verdict,
        notes=convolution_cautions(found),
        chart=convolution_chart(found, standalone=False),
        head=head,
        rows=rows,
    )
    write_files(experiment.out, page, convolution_chart(found), _figures(found))
    values = {"data": source.description, **found.to_dict(), "differences": differences}
    experiment.report(lines_of(found), {**values, "verdict": " ".join(verdict)}, voice)


def lines_of(found: Convolution) -> list[str]:
    """Return the lines of the table, the verdict and its caveats."""
    head, rows = convolution_table(found)
    parameters = {name: plans[0].parameters for name, plans in found.plans.items()}
    return [
        *(ascii_text(line) for line in aligned([head, *rows], right=False)),
        "",
        f"Codes of {found.latent_dim} number{'s' * (found.latent_dim != 1)}, measured on "
        f"{found.tested_on:,} other images.",
        f"Weights: {parameters[CONVOLUTIONAL]:,} of the convolutional network, {parameters[DENSE]:,} of the "
        "dense one.",
        "",
        *convolution_verdict(found),
        *convolution_cautions(found),
    ]


def _figures(found: Convolution) -> list[dict[str, object]]:
    """Return a row for each number of images, method and seed."""
    return [
        {"training_images": count, "method": name, "seed": seed, "test_mse": float(each[i, j])}
        for i, count in enumerate(found.counts)
        for name, each in found.errors.items()
        for j, seed in enumerate(found.seeds)
    ]
