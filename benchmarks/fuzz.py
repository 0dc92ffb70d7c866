"""Fuzzing of all readers: ``python benchmarks/fuzz.py [READER...] [--cpu-seconds 600] [--seed 0]``.

Valid inputs of every kind that convae reads are changed at random and read in a process with limited memory.
An input must be read, or refused by one of convae's errors. Everything else (another exception, a crash, more
than 400 MiB of memory, 2 GiB for kinds that compress, or 20 s of CPU time) is a finding: its input and
traceback are kept in benchmarks/.work/fuzz/findings, and --replay tries them again. Ctrl-C or SIGTERM ends a
run early.
"""

import argparse
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
sys.path[:0] = [str(ROOT)]

from fuzzing.case import Seed  # noqa: E402
from fuzzing.child import attempt, main, prepare  # noqa: E402
from fuzzing.parent import Campaign, chosen  # noqa: E402
from fuzzing.readers import READERS, load_seeds  # noqa: E402
from record import Section, note  # noqa: E402

FAULTS = ("finding", "crash", "hangs")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("readers", nargs="*", metavar="READER", help=", ".join(READERS))
    parser.add_argument("--cpu-seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=ROOT / ".work" / "fuzz")
    parser.add_argument("--write", action="store_true", help="replace the section of RESULTS.md")
    parser.add_argument("--replay", action="store_true", help="only try earlier findings again")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def replay(work: Path) -> int:
    """Try earlier findings again; what is read or refused now is removed. How many remain."""
    prepare()
    left = 0
    for record in sorted((work / "findings").glob("*/*/*/finding.txt")):
        place = record.parent
        reader = READERS[place.parts[-3]]
        names = [p.name for p in place.iterdir() if p != record]
        names.sort(key=lambda name: (name.endswith((".names.csv", "labels-idx1-ubyte")), name))
        files = {name: (place / name).read_bytes() for name in names}
        folder = reader.name == "checkpoints"
        outcome, fault = attempt(reader, Seed("earlier", files, folder=folder), work / "again")
        if outcome == "finding":
            left += 1
            last = (fault.strip().splitlines() or [""])[-1]
            note(f"still a finding: {place}: {last:.150}")
        else:
            shutil.rmtree(place)
    return left


def fuzz(options: argparse.Namespace) -> int:
    """One run; how many findings there were."""
    section = Section(
        "fuzz",
        "Fuzzing of all readers",
        ("reader", "inputs", "read", "refused in a sentence", "other errors", "crashes", "too slow", "CPU s"),
        seed=options.seed,
        command="fuzz.py" + "".join(f" {a}" for a in sys.argv[1:]),
    )  # fmt: skip
    readers = chosen(options.readers)
    for reader in readers:  # before there is a child that would make them too
        load_seeds(reader, options.work / "seeds")
    campaign = Campaign(options.work, options.seed)
    campaign.run(readers, options.cpu_seconds)
    total = [0] * 6 + [0.0]
    for name, tally in campaign.tallies.items():
        counts = tally.counts
        row = [counts.total(), *(counts[n] for n in ("read", "refused", *FAULTS)), tally.seconds]
        section.row(name, *row)
        total = [a + b for a, b in zip(total, row, strict=True)]
    section.row("all", *total)
    section.remarks.append(
        "Small valid inputs of every kind, changed at random: bits, bytes, lengths, cuts, splices, and what "
        "stands in headers with checksums that fit. Other errors: any exception that is not one of convae's, "
        "and more than 400 MiB of memory for one input (2 GiB for kinds of images that compress). Too slow: "
        "more than 20 s of CPU time for one input."
    )
    if options.write:
        section.write()
    return int(sum(total[3:6]))


if __name__ == "__main__":
    given = arguments()
    if given.child:
        main(given.work)
        sys.exit()
    shutil.rmtree(given.work / "seeds", ignore_errors=True)
    sys.exit(1 if (replay(given.work) if given.replay else fuzz(given)) else 0)
