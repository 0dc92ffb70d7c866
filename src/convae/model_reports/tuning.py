"""The report of a search of settings."""

from convae.evaluation.results.figures import LIKELIHOOD, Figure
from convae.evaluation.results.tuning import PRUNED, Tuning
from convae.report.page.contents import DataFacts, Drawing, Report
from convae.report.page.heading import Occasion
from convae.report.svg.trial_curves import TrialCurve, trial_curves_svg


def report_of(found: Tuning, occasion: Occasion) -> Report:
    """Build the report: verdict, winner and defaults, all trials and their curves, the best settings.

    Args:
        found: the result of the search.
        occasion: titles, commands and other words of the report.
    """
    return Report(
        title=occasion.title,
        subtitle=occasion.subtitle,
        summary=[found.verdict(), *found.caveats()],
        tables=found.tables(),
        drawings=[curves_of(found)],
        data=DataFacts(
            facts={
                "images of each training": found.training_images,
                "held-out images, on which trials are compared": found.held_out,
                "images that no trial saw": found.kept_back,
                "searched": "; ".join(map(str, found.search)),
                "measured with": found.conditions or None,
            },
            skipped=[(one.name, one.reason) for one in found.skipped],
        ),
        settings=found.options,
        command=occasion.command,
    )


def curves_of(found: Tuning) -> Drawing:
    """Return the chart of all trials by epoch."""
    curves = [
        TrialCurve(
            label="defaults" if not trial.number else f"trial {trial.number}",
            values=trial.curve,
            role="best"
            if trial.number == found.best.number
            else "defaults"
            if not trial.number
            else "",
            stopped=trial.state == PRUNED,
        )
        for trial in found.trials
    ]
    name = curve_name(found.figure)

    def draw(standalone: bool) -> str:
        heading = "Trials by epoch" if standalone else ""
        log = found.figure.better == "lower"
        return trial_curves_svg(curves, name=name, log=log, heading=heading, standalone=standalone)

    return Drawing(
        name="curves",
        heading="Trials by epoch",
        draw=draw,
        note=f"The {name} during training, by which bad trials are stopped.",
    )


def curve_name(figure: Figure) -> str:
    """Return what the curves show."""
    if figure == LIKELIHOOD:
        return "validation loss, negated"
    return "validation PSNR (dB)" if figure.better == "higher" else "validation MSE"
