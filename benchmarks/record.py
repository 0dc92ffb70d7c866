"""Where benchmark figures go: a table on the screen and a section of RESULTS.md, replaced in place."""

import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

RESULTS = Path(__file__).with_name("RESULTS.md")


@dataclass
class Section:
    """The figures of one command: of ``benchmarks/quality.py``, unless ``command`` names another."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[object]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seed: int = 0
    command: str = ""
    began: float = field(default_factory=time.perf_counter)

    def row(self, *values: object) -> None:
        """Add a row, and show it at once: runs are long."""
        self.rows.append(values)
        print(" | ".join(_text(v) for v in values), flush=True)

    def write(self) -> None:
        """Replace this section in RESULTS.md."""
        seconds = time.perf_counter() - self.began
        lines = [f"## {self.title}", ""]
        lines += ["| " + " | ".join(self.columns) + " |", "|" + "---|" * len(self.columns)]
        lines += ["| " + " | ".join(_text(v) for v in row) + " |" for row in self.rows]
        lines += [""] + [f"{remark}\n" for remark in self.remarks]
        lines += [
            f"`python benchmarks/{self.command or 'quality.py ' + self.name}` · {hardware()} · "
            f"seed {self.seed} · {seconds:.0f} s in all · {time.strftime('%Y-%m-%d')}",
            "",
        ]
        text = RESULTS.read_text() if RESULTS.exists() else "# Results\n"
        start, end = f"<!-- {self.name} -->", f"<!-- end {self.name} -->"
        body = start + "\n" + "\n".join(lines) + "\n" + end
        pattern = re.escape(start) + ".*?" + re.escape(end)
        if re.search(pattern, text, flags=re.S):
            text = re.sub(pattern, lambda _: body, text, flags=re.S)
        else:
            text = text.rstrip() + "\n\n" + body + "\n"
        RESULTS.write_text(text)


def hardware() -> str:
    """Processor, cores and library versions."""
    import torch

    from convae.training.devices import chosen_precision

    cores = len(os.sched_getaffinity(0))
    model = platform.processor() or platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    precision = chosen_precision(torch.device("cpu"), "auto")
    return (
        f"{cores} cores of {model} ({torch.backends.cpu.get_cpu_capability()}, precision auto = "
        f"{precision}), {torch.get_num_threads()} threads, torch {torch.__version__}, "
        f"Python {platform.python_version()}"
    )


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.5f}" if abs(value) < 1 else f"{value:.1f}"
    return str(value)


def decibels(value: float) -> str:
    """Two digits behind the point: differences between methods are of that size."""
    return f"{value:.2f}"


def note(text: str) -> None:
    """Progress, on standard error."""
    print(text, file=sys.stderr, flush=True)
