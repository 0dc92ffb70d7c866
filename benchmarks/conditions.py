"""Figures of reach and reliability: any shape, damaged files, constant memory."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path

import numpy as np

import convae
from convae.images.files.writing import write_image
from record import Section, note

SIZES = ((28, 28), (79, 79), (97, 131), (256, 512), (480, 480), (1, 64), (1, 1))
KINDS = (
    (1, "uint8"),
    (3, "uint8"),
    (4, "uint8"),
    (1, "uint16"),
    (3, "uint16"),
    (5, "float32"),
    (13, "float32"),
)


@contextmanager
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="convae-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def pictures(count: int, size: tuple[int, int], channels: int, depth: str) -> np.ndarray:
    """Smooth random images (n, H, W, C) over the whole range of a depth."""
    rng = np.random.default_rng(0)
    rows = np.linspace(0, np.pi, size[0])[:, None, None] * rng.uniform(
        0.5, 3, (count, 1, 1, channels)
    )
    columns = np.linspace(0, np.pi, size[1])[None, :, None] * rng.uniform(
        0.5, 3, (count, 1, 1, channels)
    )
    values = 0.5 + 0.5 * np.sin(rows + columns + rng.uniform(0, 6, (count, 1, 1, channels)))
    if depth == "float32":
        return (values * 40 - 7).astype(np.float32)
    return np.rint(values * np.iinfo(depth).max).astype(depth)


def shapes() -> None:
    """Every size, channel count and depth through fit, save, load and reconstruct, from and to files."""
    section = Section(
        "shapes",
        "Any size, channels and depth: fit, save, load, reconstruct from and to files",
        ("preset", "code", "size", "channels and depth", "same shape, depth, kind and range back"),
    )
    failures = 0
    for preset, code, size in product(
        ("tutorial", "pooled", "residual"), ("dense", "spatial"), SIZES
    ):
        kinds = KINDS if max(size) <= 131 else KINDS[:1] + KINDS[4:5]
        good = [_round_trip(preset, code, size, *kind) for kind in kinds]
        failures += len(good) - sum(good)
        named = ", ".join(f"{c}x{d}" for c, d in kinds)
        section.row(preset, code, f"{size[0]}x{size[1]}", named, f"{sum(good)} of {len(good)}")
    section.remarks.append(f"{failures} failures.")
    section.write()


def _round_trip(preset: str, code: str, size: tuple[int, int], channels: int, depth: str) -> bool:
    images = pictures(6, size, channels, depth)
    suffix = ".png" if depth != "float32" and channels <= 4 else ".tif"
    with folder() as path:
        for i, image in enumerate(images):
            write_image(path / "in" / f"{i}{suffix}", image)
        model = convae.ConvAutoencoder(
            preset=preset,
            latent_dim=2,
            epochs=1,
            architecture={"code": code},
            training={"batch_size": 3},
        )
        model.fit(path / "in").save(path / "m.convae")
        loaded = convae.load(path / "m.convae")
        (path / "out").mkdir()
        for done in loaded.iter_reconstruct(convae.open_source(path / "in")):
            image, back = done.image, done.pixels
            write_image(path / "out" / image.info.name, back, like=image.info)
        before, after = convae.open_source(path / "in"), convae.open_source(path / "out")
        if list(before.names) != list(after.names):
            return False
        low, high = float(images.min()), float(images.max())
        room = 0.5 * (high - low)
        for i in range(len(before)):
            a, b = before.read(i), after.read(i)
            same = a.pixels.shape == b.pixels.shape and a.pixels.dtype == b.pixels.dtype
            within = low - room <= float(b.pixels.min()) and float(b.pixels.max()) <= high + room
            if not (same and within and a.info.format == b.info.format):
                return False
    return True


def robustness() -> None:
    """Damaged and hostile files among good ones, through the command line."""
    section = Section(
        "robustness",
        "A folder of good images with 81 damaged and 62 odd files in it",
        ("command", "exit code", "listed in skipped.csv", "without a reason", "message"),
    )
    bad = Path(os.environ["CONVAE_DATA_DIR"]) / "robustness"
    with folder() as path:
        for i, image in enumerate(pictures(60, (48, 48), 3, "uint8")):
            write_image(path / "mixed" / f"good{i}.png", image)
        for kind in ("broken", "odd_valid"):
            shutil.copytree(bad / kind, path / "mixed" / kind)
        fit = ["fit", "autoencoder", str(path / "mixed"), "--epochs", "2", "--size", "48", "48"]
        fit += ["--channels", "3", "--out", str(path / "m.convae"), "--no-report"]
        fit += ["--overwrite"]  # the second fit would be refused for the first one's model
        for extra in ([], ["--strict"]):
            done = _command([*fit, *extra])
            lines = (path / "m.skipped.csv").read_text().splitlines()[1:] if not extra else []
            bare = sum(not line.partition(",")[2].strip() for line in lines)
            last = (done.stderr.strip().splitlines() or [""])[-1].replace(str(path), "DIR")[:160]
            shown = " ".join(["convae", *fit[:2], "DIR/mixed", *extra])
            section.row(shown, done.returncode, len(lines) if not extra else "-", bare, last)
    section.write()


def _command(arguments: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "convae", *arguments], capture_output=True, text=True, check=False
    )


FIT = """
import convae, sys
epochs = int(sys.argv[4])
model = convae.ConvAutoencoder(latent_dim=8, epochs=epochs,
                               training={'batch_size': 64}, preparation={'storage': 'streamed'})
model.fit(sys.argv[1])
"""
ENCODE = """
import sys
from convae.cli import main
sys.exit(main(['encode', sys.argv[2], sys.argv[1], '--out', sys.argv[3], '--quiet']))
"""


def memory() -> None:
    """Peak memory for 1,000 and for 100,000 images: it must be the same within 10 %."""
    section = Section(
        "memory",
        "Peak memory (resident set) of a process, streamed from PNG files of 32x32",
        ("what", "1,000 images, MB", "100,000 images, MB", "ratio", "goal"),
    )
    runs = (
        ("fit, streamed, one epoch each", FIT, ("1", "1")),
        ("fit, streamed, twelve epochs of 1,000 and one of 100,000", FIT, ("12", "1")),
        ("convae encode", ENCODE, ("", "")),
    )
    with folder() as path:
        base = pictures(500, (32, 32), 1, "uint8")
        for count in (1_000, 100_000):
            note(f"  writing {count:,} files")
            _write_many(path / str(count), base, count)
        model = path / "m.convae"
        convae.ConvAutoencoder(latent_dim=8, epochs=1).fit(path / "1000").save(model)
        large: dict[str, float] = {}
        for what, program, epochs in runs:
            arguments = [str(model), str(path / "codes.npy")]
            small = _peak(program, [str(path / "1000"), *arguments, epochs[0]])
            if program not in large:
                large[program] = _peak(program, [str(path / "100000"), *arguments, epochs[1]])
            ratio = f"{large[program] / small:.3f}"
            section.row(what, small, large[program], ratio, "at most 1.10")
    section.remarks.append(
        "The allocator's pools fill during the first hundred steps or so, whatever the number of images: "
        "one epoch of 1,000 images is 15 steps, twelve are 180, one of 100,000 is 1,500 (batch of 64)."
    )
    section.write()


def _write_many(path: Path, base: np.ndarray, count: int) -> None:
    from PIL import Image

    for i in range(count):
        target = path / f"{i // 1000:03d}"
        target.mkdir(parents=True, exist_ok=True)
        pixels = np.roll(base[i % len(base), :, :, 0], i // len(base), axis=1)
        Image.fromarray(pixels).save(target / f"{i:06d}.png", compress_level=1)


def _peak(program: str, arguments: list[str]) -> float:
    """Peak resident set of a child, in MB."""
    child = (
        "import json, os, resource, subprocess, sys\n"
        "code = subprocess.run([sys.executable, '-c', *sys.argv[1:]]).returncode\n"
        "print(json.dumps([code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", child, program, *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    code, peak = json.loads(done.stdout.strip().splitlines()[-1])
    if code:
        raise SystemExit(f"the measured process failed: {done.stderr}")
    return float(peak) / 1024


__all__ = ["memory", "robustness", "shapes"]
