"""The code-size experiment from the command line: print table and verdict, write the results."""

from convae.cli.experiment_options import Experiment
from convae.cli.io.experiment_files import check_files, write_files
from convae.cli.io.image_tables import read_groups
from convae.cli.settings import Values
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.evaluation.experiments.code_size import (
    CodeSizes,
    autoencoder_to_size,
    compare_code_sizes,
)
from convae.evaluation.experiments.size_tables import code_size_chart, code_size_table
from convae.evaluation.experiments.size_verdicts import code_size_cautions, code_size_verdict
from convae.report.page.experiment_page import ExperimentPage
from convae.report.plain_text import aligned
from convae.report.text import ascii_text


def run_code_size(experiment: Experiment, parameters: Values, seeds: int, voice: Voice) -> None:
    """Run ``convae experiment code-size``."""
    own = {name: parameters.pop(name) for name in ("sizes", "steps") if name in parameters}
    model = autoencoder_to_size(**parameters)
    model.check_parameters()
    check_files(experiment.out)
    source, test = experiment.sources(parameters.get("image_shape"), voice)
    groups = None if experiment.groups is None else read_groups(experiment.groups, source)
    with training(voice, runs=True) as observers:
        found = compare_code_sizes(
            source,
            test=test,
            model=model,
            seeds=seeds,
            groups=groups,
            most=experiment.most,
            observers=observers,
            **own,
        )
    verdict = code_size_verdict(found)
    head, rows = code_size_table(found)
    page = ExperimentPage(
        title="How many numbers do these images need?",
        data=source.description,
        verdict=verdict,
        notes=code_size_cautions(found),
        chart=code_size_chart(found, standalone=False),
        head=head,
        rows=rows,
    )
    write_files(experiment.out, page, code_size_chart(found), _figures(found))
    values = {"data": source.description, **found.to_dict(), "verdict": " ".join(verdict)}
    experiment.report(lines_of(found), values, voice)


def lines_of(found: CodeSizes) -> list[str]:
    """Return the lines of the table, the verdict and its caveats."""
    head, rows = code_size_table(found)
    return [
        *(ascii_text(line) for line in aligned([head, *rows], right=False)),
        "",
        f"Trained on {found.trained_on:,} images, measured on {found.tested_on:,} others.",
        "",
        *code_size_verdict(found),
        *code_size_cautions(found),
    ]


def _figures(found: CodeSizes) -> list[dict[str, object]]:
    """Return a row for each size, method and seed."""
    return [
        {"code_size": size, "method": name, "seed": seed, "test_mse": float(each[i, j])}
        for i, size in enumerate(found.sizes)
        for name, each in found.errors.items()
        for j, seed in enumerate(found.seeds)
    ]
