"""This state of the code beside a former one, by the CPU seconds and the memory of the same work."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from race.figures import ratios, short, spread
from race.told import Options, Told, times
from race.whole_fits import some_mnist
from race.workers import BENCHMARKS, WORK
from record import note

ROOT, IMAGES = BENCHMARKS.parent, 4_000
FIT = """
import sys, time, numpy as np, convae
images, encode = np.load(sys.argv[1]), sys.argv[2] == "encode"
model = convae.ConvAutoencoder(latent_dim=16, epochs=1 if encode else 2, random_state=0)
model.fit(images[:500] if encode else images)
began = time.process_time() if encode else 0
for _ in range(4 * encode):
    model.transform(images)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(time.process_time() - began, peak.split()[1])
"""
MEBI = 2**10  # the kernel counts in KiB


def former(options: Options) -> None:
    """Ratios of the work of this state to that of the commit of ``--former``."""
    told = Told(
        "former",
        f"This state beside commit {options.former}",
        ("work", "CPU s now (quartiles)", "then", "now / then", "MiB now", "then", "now / then"),
        options,
    )
    trees = {"now": ROOT / "src", "then": _checked_out(options.former) / "src"}
    rounds = 3 if options.quick else options.rounds
    for what, words in _work(some_mnist(IMAGES)).items():
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in trees}
        for number in range(rounds):
            for name in list(trees) if number % 2 else reversed(list(trees)):
                found[name].append(_cost(words, trees[name]))
        _row(told, what, found)
    told.remark(
        "The same commands in turn, each in a process of its own, with one thread; CPU seconds of the "
        "process, or of the encoding alone. Memory is the largest resident set, as Linux counts it."
    )
    shutil.rmtree(trees["then"].parent)
    told.write()


def _row(told: Told, what: str, found: dict[str, list[tuple[float, float]]]) -> None:
    cells: list[str] = []
    for part, unit in ((0, 1.0), (1, MEBI)):
        now, then = ([one[part] / unit for one in found[name]] for name in ("now", "then"))
        if not all(now):
            cells += ["-"] * 3
            continue
        ratio = times(ratios(list(zip(now, then, strict=True))))
        cells += [str(spread(now)), short(spread(then).median), ratio]
    told.row(what, *cells)


def _work(images: str) -> dict[str, list[str]]:
    command = [sys.executable, "-m", "convae"]
    return {
        "convae --help": [*command, "--help"],
        "convae fit autoencoder --help": [*command, "fit", "autoencoder", "--help"],
        f"fit on {IMAGES:,} images of 28x28, 2 epochs": [sys.executable, "-c", FIT, images, "fit"],
        f"encode {4 * IMAGES:,} images of 28x28": [sys.executable, "-c", FIT, images, "encode"],
    }


def _cost(words: list[str], source: Path) -> tuple[float, float]:
    """CPU seconds of a process and its memory in KiB, 0 where it does not print it."""
    known = {**os.environ, "PYTHONPATH": str(source), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, env=known, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{words[:4]} ended with {process.returncode} in {source}")
    if FIT in words:
        seconds, peak = map(float, printed.split())
        return seconds, peak
    return used.ru_utime + used.ru_stime, 0.0


def _checked_out(commit: str) -> Path:
    """The files of a commit, in the work folder."""
    folder = WORK / "former"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    note(f"  files of {commit}")
    packed = subprocess.run(["git", "-C", ROOT, "archive", commit], check=True, capture_output=True)
    subprocess.run(["tar", "-x", "-C", folder], input=packed.stdout, check=True)
    return folder
