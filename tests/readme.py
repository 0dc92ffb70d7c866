"""Runs the commands of the README's ``sh`` blocks, in order, in an empty folder with some images."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image


def main(readme: str) -> int:
    text = Path(readme).read_text(encoding="utf-8")
    commands = [
        line
        for block in re.findall(r"```sh\n(.*?)```", text, flags=re.S)
        for line in block.splitlines()
        if line.strip()
    ]
    if not commands:
        print(f"{readme} has no commands", file=sys.stderr)
        return 1
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory() as folder:
        _some_images(Path(folder) / "my_images")
        for command in commands:
            print(f"$ {command}", flush=True)
            done = subprocess.run(command, shell=True, cwd=folder, env=environment, check=False)
            if done.returncode:
                print(f"exit code {done.returncode}: {command}", file=sys.stderr)
                return 1
    print(f"{len(commands)} commands of {readme} work")
    return 0


def _some_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    folder.mkdir()
    y, x = np.mgrid[:28, :28]
    for i in range(60):
        a, b, c = rng.uniform(0.1, 0.6, 3)
        pixels = 127 + 120 * np.sin(a * x + b * y + 6 * c)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"image{i}.png")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
