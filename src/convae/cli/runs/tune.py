"""Search settings from the command line: print the trials and the verdict, write the report."""

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from convae.cli.fit_options import command_line
from convae.cli.io.image_tables import read_groups
from convae.cli.io.output_files import output_folder
from convae.cli.main import Interrupted, Terminated
from convae.cli.terminal.output import Voice
from convae.cli.terminal.progress import training
from convae.cli.tune_options import Tune
from convae.config.durations import parse_duration
from convae.config.setting import Setting
from convae.errors import InputError
from convae.estimators.base import ImageEstimator
from convae.estimators.registry import ESTIMATORS, estimator_class
from convae.evaluation.results.tuning import Tuning
from convae.evaluation.tuning.search_folder import BEST, CONFIG, JOURNAL
from convae.evaluation.tuning.study import load_optuna
from convae.evaluation.tuning.tune import tune
from convae.filesystem.result_folders import ResultFolder
from convae.filesystem.run_files import current_run
from convae.model_reports.tuning import report_of
from convae.report.page.folder import write_folder
from convae.report.page.heading import Occasion
from convae.report.plain_text import aligned
from convae.report.text import ascii_text


def run_tune(
    kind: str, given: Tune, table: Sequence[Setting], flags: dict[str, Any], voice: Voice
) -> None:
    """Run ``convae tune``."""
    load_optuna()
    if given.budget is not None:
        parse_duration(given.budget, "--budget")
    parameters, search = given.parameters(table, flags), given.search(table)
    estimator = _class_of(kind).from_options(parameters)
    estimator.check_parameters()
    _check_folder(given)
    source = given.data.open(shape=parameters.get("image_shape"))
    for note in source.notes:
        voice.note(note)
    groups = None if given.groups is None else read_groups(given.groups, source)
    folder = _folder(given)
    try:
        with training(voice, runs=True) as observers:
            found = tune(
                estimator,
                source,
                trials=given.trials,
                budget=given.budget,
                search=search,
                folder=given.out,
                resume=given.resume,
                groups=groups,
                most=given.most,
                observers=observers,
            )
    except (KeyboardInterrupt, Terminated) as stop:
        if not (given.out / BEST).is_file():
            raise
        if folder is not None:
            folder.settle()
        number = getattr(stop, "signal", 0) or signal.SIGINT
        raise Interrupted(
            "interrupted; the trials that are done are kept, and the best settings so far are in "
            f"{given.out / CONFIG}; go on with: {command_line(resume=True)}",
            number,
        ) from stop
    page = write_folder(given.out, report_of(found, _occasion(kind, found, source.description)))
    _summarize(found, given.out, page, voice)


def _class_of(kind: str) -> type[ImageEstimator]:
    return next(one for one in map(estimator_class, ESTIMATORS) if one.member == kind)


def _folder(given: Tune) -> ResultFolder | None:
    """Mark the folder as one of results."""
    run = current_run()
    output_folder(given.out)
    return None if run is None else ResultFolder(given.out, run, what="--out", resume=given.resume)


def _check_folder(given: Tune) -> None:
    """Check ``--resume`` and ``--overwrite``.

    Raises:
        InputError: there is nothing to resume, or a search is there and neither option is given.
    """
    run = current_run()
    if given.resume and not (given.out / JOURNAL).is_file():
        raise InputError(
            f"--out {given.out}: there is no search to go on with; leave out --resume to start"
        )
    if run is not None and run.overwrite and given.resume:
        raise InputError("--resume and --overwrite exclude each other")
    if (
        (given.out / JOURNAL).is_file()
        and not given.resume
        and run is not None
        and not run.overwrite
    ):
        raise InputError(
            f"--out {given.out}: holds a search already: go on with --resume, or start afresh with "
            "--overwrite"
        )


def _occasion(kind: str, found: Tuning, images: str) -> Occasion:
    return Occasion(
        title=f"Settings for {kind}",
        subtitle=f"{len(found.trials):,} trials on {images}",
        measured_on=f"{found.held_out:,} images held out from training",
        command=command_line(),
    )


def _summarize(found: Tuning, out: Path, page: Path, voice: Voice) -> None:
    for table in found.tables():
        for line in aligned([table.columns, *table.rows]):
            voice.say(line)
        voice.say()
    for sentence in (*found.verdicts(), *found.caveats()):
        voice.answer(ascii_text(sentence))
    voice.say()
    files = {"settings": out / CONFIG, "model": out / BEST, "report": page}
    for name, path in files.items():
        voice.say(f"{name + ':':10}{path}")
    voice.result({**found.values(), **files, "out": out})
