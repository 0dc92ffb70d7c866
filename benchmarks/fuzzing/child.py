"""The process that reads. It prints a line before and after each case, so that a crash can be told.

Lines out: ``begin NUMBER``, then ``end NUMBER OUTCOME CPU_SECONDS``, OUTCOME one of ``read``, ``refused`` and
``finding``. Lines in: JSON, ``{"reader": ..., "first": ..., "count": ..., "seed": ...}``.
"""

import json
import os
import re
import resource
import shutil
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from fuzzing.case import Reader, Seed
from fuzzing.mutations import make_case
from fuzzing.readers import READERS, load_seeds

MOST_ADDRESSES = 16 * 2**30  # threads and decoders reserve far more than they use
MOST_SECONDS = 20.0  # of CPU time
KEPT = 3  # inputs of one kind of finding


def main(work: Path) -> None:
    """Read lines from standard input until there are no more."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    log = os.open(work / "child.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)  # decoders in C complain there
    prepare()
    for line in sys.stdin:
        order = json.loads(line)
        reader = READERS[order["reader"]]
        seeds = load_seeds(reader, work / "seeds")
        for number in range(order["first"], order["first"] + order["count"]):
            run(reader, seeds, order["seed"], number, work, out)
        print("done", file=out)


def prepare() -> None:
    """Load what is needed, make files cheap to write, and limit the memory."""
    import torch

    import convae

    torch.set_num_threads(1)
    convae.ConvAutoencoder  # noqa: B018 - loads the estimators, so that the first case is like the others
    os.fsync = lambda _: None  # type: ignore[assignment]
    warnings.simplefilter("ignore")
    taken = _status("VmSize")
    resource.setrlimit(resource.RLIMIT_AS, (taken + MOST_ADDRESSES,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**31, 2**31))


def run(reader: Reader, seeds: list[Seed], seed: int, number: int, work: Path, out: TextIO) -> None:
    """One case."""
    print(f"begin {number}", file=out)
    case, said = make_case(reader, seeds, seed, number)
    began = time.process_time()
    outcome, fault = attempt(reader, case, work / "case")
    seconds = time.process_time() - began
    if seconds > MOST_SECONDS:
        outcome, fault = "finding", f"TooSlow: {seconds:.0f} s of CPU time"
    if outcome == "finding":
        keep(work / "findings", reader.name, case, fault, f"{said} (seed {seed}, case {number})")
    print(f"end {number} {outcome} {seconds:.4f}", file=out)


def attempt(reader: Reader, case: Seed, folder: Path) -> tuple[str, str]:
    """Whether the input was read, refused, or is a finding, and the traceback of that."""
    from convae.errors import ConvaeError

    shutil.rmtree(folder, ignore_errors=True)
    path = case.write(folder)
    _forget_peak()
    before = _status("VmRSS")
    try:
        reader.read(path)
        outcome, fault = "read", ""
    except ConvaeError as error:
        outcome, fault = "refused", ""
        if re.search(r"\n|Traceback| at 0x", str(error)):
            outcome, fault = "finding", traceback.format_exc()
        elif len(str(error)) > 1500 + 2 * len(str(path)):
            outcome, fault = (
                "finding",
                f"TooLong: a message of {len(str(error))} characters\n{error!s:.500}",
            )
    except BaseException:
        outcome, fault = "finding", traceback.format_exc()
    taken = _status("VmHWM") - before
    if taken > reader.memory:
        outcome, fault = "finding", f"TooLarge: {taken / 2**20:.0f} MiB more memory\n{fault}"
    return outcome, fault


def keep(folder: Path, reader: str, case: Seed, fault: str, said: str) -> None:
    """Save the input of a finding, a few of each kind."""
    kind = kind_of_finding(fault)
    place = folder / reader / kind
    place.mkdir(parents=True, exist_ok=True)
    number = len(list(place.iterdir()))
    if number < KEPT:
        case.write(place / str(number))
        (place / str(number) / "finding.txt").write_text(
            f"{said}\n\n{fault}", errors="backslashreplace"
        )


def kind_of_finding(fault: str) -> str:
    """The class of the error, and where in convae it was raised."""
    places = re.findall(r'File ".*?/(convae/[^"]*|fuzzing/[^"]*)", line \d+, in (\w+)', fault)
    last = "-".join(places[-1]) if places else "nowhere"
    if fault.startswith(("Too", "Killed")):
        name = fault.split(":")[0]
    else:
        error = r"^([A-Za-z_.]+(?:Error|Exception|Warning|Interrupt|Exit|error))\b"
        name = (re.findall(error, fault, flags=re.M) or ["error"])[-1]
    return re.sub(r"[^\w.-]+", "_", f"{name[:60]}_{last}")


def _status(name: str) -> int:
    """A size from ``/proc/self/status``, in bytes."""
    found: Any = re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found.group(1)) * 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")
