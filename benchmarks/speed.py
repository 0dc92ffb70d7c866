"""How fast convae is beside its peers: ``python benchmarks/speed.py PART...``, of those below, or ``all``.

Every contender is a process of its own, all live side by side and take turns, and ours is measured anew
beside each peer: see ``race/rounds.py``. The peers that are not PyTorch live in an environment which the
command makes in ``benchmarks/.peers``. MNIST is looked for in CONVAE_DATA_DIR, by default ../shared/data from
the project's root; made images stand in for it where it is not.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
os.environ.setdefault("CONVAE_DATA_DIR", str(ROOT.parent / "shared" / "data"))
sys.path.insert(0, str(Path(__file__).parent))

from race.breakdown import breakdown  # noqa: E402
from race.former import former  # noqa: E402
from race.growth import growth  # noqa: E402
from race.inference import inference  # noqa: E402
from race.reading import reading  # noqa: E402
from race.start import start  # noqa: E402
from race.told import Options  # noqa: E402
from race.training import error, progress, train  # noqa: E402
from race.whole_fits import fit, memory  # noqa: E402
from record import note  # noqa: E402

PARTS = {
    f.__name__: f
    for f in (
        train,
        breakdown,
        fit,
        inference,
        reading,
        start,
        progress,
        error,
        memory,
        growth,
        former,
    )
}


def options(arguments: list[str]) -> tuple[list[str], Options]:
    """The parts that are named, and how they are to be run."""
    parser = argparse.ArgumentParser(
        prog="speed.py", description="How fast convae is beside its peers."
    )
    parser.add_argument(
        "parts", nargs="+", choices=[*PARTS, "all"], help="what is measured", metavar="PART"
    )
    parser.add_argument("--rounds", type=int, help="portions of each contender (15)")
    parser.add_argument("--seconds", type=float, help="that a portion takes (1.5)")
    parser.add_argument(
        "--quick", action="store_true", help="a trial: few and small; RESULTS.md stays as it is"
    )
    parser.add_argument("--most-images", type=int, help="the largest set of growth (1,000,000)")
    parser.add_argument("--files", type=int, help="images in the folder of reading (10,000)")
    parser.add_argument(
        "--former", default="HEAD~1", help="the commit that `former` compares with (HEAD~1)"
    )
    given = parser.parse_args(arguments)
    rounds, seconds, most, files = (2, 0.3, 4_000, 300) if given.quick else (15, 1.5, 10**6, 10**4)
    command = " ".join(a for a in arguments if a not in given.parts)
    parts = [p for p in PARTS if p != "former"] if "all" in given.parts else given.parts
    return parts, Options(
        rounds=given.rounds or rounds,
        seconds=given.seconds or seconds,
        quick=given.quick,
        most_images=given.most_images or most,
        files=given.files or files,
        former=given.former,
        command=command,
    )


def main() -> None:
    parts, given = options(sys.argv[1:])
    for part in parts:
        note(f"== {part}")
        PARTS[part](given)


if __name__ == "__main__":
    main()
