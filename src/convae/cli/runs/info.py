"""Describe a model file."""

from pathlib import Path

from convae.cli.terminal.output import Voice, facts
from convae.model_reports.model_facts import main_facts
from convae.networks.architecture import Architecture
from convae.networks.summary import summarize
from convae.storage.model_file import describe_model


def describe(path: Path, voice: Voice) -> None:
    """Run ``convae info``."""
    description = describe_model(path)
    summary = summarize(Architecture.from_dict(description["architecture"]))
    for line in [f"{path}: {description['kind']}", "", *facts(main_facts(description)), ""]:
        voice.answer(line)
    voice.answer(str(summary))
    all_facts = {k: v for k, v in description["facts"].items() if k != "history"}
    voice.result(
        {
            "file": path,
            "kind": description["kind"],
            "format": description["format"],
            "parameters": description["parameters"],
            "architecture": description["architecture"],
            "network": summary.to_dict(),
            "plan": description["plan"],
            "scaling": description["scaling"],
            "facts": all_facts,
            "history": description["facts"].get("history", []),
        }
    )
