"""The scripts of ``examples/`` run as they are typed, offline, on the digits."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from tests.conftest import ROOT

import convae

SCRIPTS = ROOT / "examples"


def run(name: str, folder: Path) -> str:
    """Run a script on digits in a folder; return what it printed. Nothing may go to stderr."""
    command = [sys.executable, "-W", "error", str(SCRIPTS / name), "digits"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.mark.slow
def test_the_autoencoder_is_measured_drawn_and_saved(tmp_path: Path) -> None:
    shown = run("autoencoder_mnist.py", tmp_path)
    assert "PCA" in shown
    with Image.open(tmp_path / "autoencoder_mnist.png") as picture:
        assert picture.width > 300
    model = convae.load(tmp_path / "autoencoder_mnist.convae")
    assert model.transform(convae.open_source("digits", split="test")).shape == (360, 16)


@pytest.mark.slow
def test_the_denoiser_removes_noise(tmp_path: Path) -> None:
    shown = run("denoiser_mnist.py", tmp_path)
    before, after = map(float, re.findall(r"mean squared error ([\d.]+)", shown))
    assert after < before / 2
    with Image.open(tmp_path / "denoiser_mnist.png") as picture:
        assert picture.width > 300


@pytest.mark.parametrize("path", sorted(SCRIPTS.glob("*_mnist.py")), ids=lambda path: path.stem)
def test_a_script_is_ten_lines_of_code(path: Path) -> None:
    text = re.sub(r'""".*?"""', "", path.read_text(encoding="utf-8"), flags=re.S)
    code = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    own = [line for line in code if not line.startswith(("import ", "name = ", "print"))]
    assert len(own) <= 12, own
