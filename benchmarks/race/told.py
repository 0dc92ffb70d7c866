"""What a part of ``benchmarks/speed.py`` tells: a section of RESULTS.md, and all values in a JSON file."""

import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from race import peers
from race.figures import Spread, ratios, short, spread
from race.rounds import Result
from race.workers import BENCHMARKS, WORK
from record import Section, hardware

VALUES = BENCHMARKS / "speed.json"


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the command line says.

    Attributes:
        rounds: portions of each contender, unless a part has reasons for fewer.
        seconds: that a portion should take.
        quick: a trial: few and small, and nothing is written into RESULTS.md.
        most_images: the largest set of the growth part.
        files: images in the folder of the reading part.
        former: the commit that this state is compared with.
        command: as typed after ``python benchmarks/``.
    """

    rounds: int
    seconds: float
    quick: bool
    most_images: int
    files: int
    former: str
    command: str


class Told:
    """The table and the values of one part."""

    def __init__(self, part: str, title: str, columns: Sequence[str], options: Options) -> None:
        self.part, self.options = part, options
        command = shlex.join(["speed.py", part, *shlex.split(options.command)])
        self.section = Section(f"speed-{part}", title, columns, command=command)
        self.values: dict[str, Any] = {}

    def row(self, *values: object) -> None:
        """A row of the table."""
        self.section.row(*values)

    def remark(self, text: str) -> None:
        """A sentence below the table."""
        print(text, flush=True)
        self.section.remarks.append(text)

    def absent(self, reasons: dict[str, str]) -> None:
        """Who is not in the table, and why."""
        for name, reason in reasons.items():
            self.remark(f"Absent: {name}: {reason}")

    def write(self) -> None:
        """The section, unless this is a trial, and the values."""
        found = peers.versions()
        if found:
            named = ", ".join(f"{name} {version}" for name, version in found.items())
            self.remark(f"Peers: {named}.")
        if not self.options.quick:
            self.section.write()
        _keep(
            WORK / "trial.json" if self.options.quick else VALUES,
            self.part,
            {
                "command": f"python benchmarks/{self.section.command}",
                "date": time.strftime("%Y-%m-%d %H:%M:%S"),
                "hardware": hardware(),
                "peers": found,
                "columns": self.section.columns,
                "rows": self.section.rows,
                "remarks": self.section.remarks,
                "values": self.values,
            },
        )


RATES = ("images/s (quartiles)", "convae is faster by (quartiles)", "GFLOP/s", "of the product")


def rates(told: Told, head: Sequence[object], result: Result, operations: int | None) -> None:
    """A row for each who raced: rates, ratios of pairs, and how far from what the machine can do.

    Args:
        head: what stands before the name.
        operations: for one image; None where they cannot be counted.
    """
    for name, values in result.rates.items():
        rate = spread(values)
        pairs = result.pairs.get(name)
        faster = times(ratios(pairs)) if pairs else "-"
        share = spread(result.shares[name]).median if name in result.shares else None
        told.row(*head, name, str(rate), faster, *_reach(rate.median, operations, share))
    told.values["/".join(map(str, head)) or "race"] = vars(result)
    told.absent(result.absent)


def times(ratio: Spread) -> str:
    """A ratio for people: two digits behind the point."""
    return f"{ratio.median:.2f} ({ratio.low:.2f} to {ratio.high:.2f})"


def _reach(rate: float, operations: int | None, share: float | None) -> tuple[str, str]:
    if operations is None:
        return "-", "-"
    part = "-" if share is None else f"{share * operations / 1e9:.0%}"
    return short(rate * operations / 1e9), part


def _keep(path: Path, part: str, values: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(path.read_text()) if path.exists() else {}
    kept[part] = values
    path.write_text(json.dumps(kept, indent=1, default=str) + "\n")
