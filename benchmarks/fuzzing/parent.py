"""The process that watches: gives out cases, counts what became of them, ends a child that hangs."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fuzzing.case import Reader
from fuzzing.child import MOST_SECONDS, keep
from fuzzing.mutations import make_case
from fuzzing.readers import READERS, load_seeds

_BATCH = 50  # cases that are ordered at a time
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Tally:
    """What became of the cases of one reader."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    following: int = 0  # number of the next case


class Child:
    """A process of :mod:`fuzzing.child`."""

    def __init__(self, work: Path) -> None:
        command = [sys.executable, str(Path(__file__).parent.parent / "fuzz.py"), "--child"]
        command += ["--work", str(work)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._pending = b""

    def order(self, **values: object) -> None:
        """Ask for cases."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(values).encode() + b"\n")
        self.process.stdin.flush()

    def line(self) -> str | None:
        """The next line; empty if it takes long; None at the end."""
        assert self.process.stdout is not None
        while b"\n" not in self._pending:
            if not select.select([self.process.stdout], [], [], 2)[0]:
                return ""
            block = os.read(self.process.stdout.fileno(), 65536)
            if not block:
                return None
            self._pending += block
        line, _, self._pending = self._pending.partition(b"\n")
        return line.decode()

    def cpu(self) -> float:
        """Seconds of CPU time so far."""
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def end(self) -> int:
        """Its exit status, once it has ended, by itself or not."""
        try:
            return self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Campaign:
    """A run of fuzzing.

    Arguments:
        work: the folder for seeds and findings.
        seed: of the mutations.
    """

    def __init__(self, work: Path, seed: int) -> None:
        self.work, self.seed = work, seed
        self.tallies: dict[str, Tally] = {}
        self._child: Child | None = None

    def run(self, readers: list[Reader], seconds: float) -> None:
        """Read mutated inputs until so many seconds of CPU time are spent, shared out among readers."""
        self.tallies = {reader.name: Tally() for reader in readers}
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while sum(tally.seconds for tally in self.tallies.values()) < seconds:
                reader = min(readers, key=lambda r: self.tallies[r.name].seconds / r.share)
                self._batch(reader, self.tallies[reader.name])
        except KeyboardInterrupt:  # what was counted so far counts
            print("interrupted", flush=True)
        if self._child is not None:
            self._child.process.kill()
            self._child.process.wait()

    def _batch(self, reader: Reader, tally: Tally) -> None:
        if self._child is None:
            self._child = Child(self.work)
        child, first = self._child, tally.following
        child.order(reader=reader.name, first=first, count=_BATCH, seed=self.seed)
        tally.following = first + _BATCH
        began, current, since = child.cpu(), -1, time.monotonic()
        while True:
            line = child.line()
            if line == "done":
                break
            if line is None or (line == "" and current >= 0 and self._hangs(child, began, since)):
                tally.following = max(first, current) + 1
                how = "hangs" if line == "" else "crash"
                self._lost(reader, tally, how, current, child.end())
                tally.seconds += MOST_SECONDS if line == "" else 0.1
                return
            words = line.split()
            if words[:1] == ["begin"]:
                current, began, since = int(words[1]), child.cpu(), time.monotonic()
            elif words[:1] == ["end"]:
                tally.counts[words[2]] += 1
                tally.seconds += float(words[3])

    def _hangs(self, child: Child, began: float, since: float) -> bool:
        """Whether a case takes too much CPU time, or waits for something."""
        return child.cpu() - began > MOST_SECONDS or time.monotonic() - since > 60 * MOST_SECONDS

    def _lost(self, reader: Reader, tally: Tally, how: str, number: int, status: int) -> None:
        self._child = None
        tally.counts[how] += 1
        case, said = make_case(
            reader, load_seeds(reader, self.work / "seeds"), self.seed, max(number, 0)
        )
        fault = f"Killed{how}: exit status {status}"
        keep(self.work / "findings", reader.name, case, fault, f"{said} (case {number})")
        print(f"{reader.name} case {number}: {how}, exit status {status}", flush=True)


def chosen(names: list[str]) -> list[Reader]:
    """Readers by name; all without one."""
    unknown = set(names) - set(READERS)
    if unknown:
        sys.exit(f"no reader {', '.join(sorted(unknown))}; there are: {', '.join(READERS)}")
    return [READERS[name] for name in names or READERS]
