"""The report of a comparison of models."""

from convae.evaluation.results.comparison import ModelComparison
from convae.report.page.contents import DataFacts, Report
from convae.report.page.heading import Occasion


def report_of(found: ModelComparison, occasion: Occasion) -> Report:
    """Build the report: the verdict of each pair, the models, the settings that differ.

    Args:
        found: the result of the comparison.
        occasion: titles, commands and other words of the report.
    """
    return Report(
        title=occasion.title,
        subtitle=occasion.subtitle,
        summary=[*found.verdicts(), *found.caveats()],
        tables=found.tables(""),
        data=DataFacts(
            facts={"images measured": found.images, "of": found.data},
            skipped=[(one.name, one.reason) for one in found.skipped],
        ),
        command=occasion.command,
    )
