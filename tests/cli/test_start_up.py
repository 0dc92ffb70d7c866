"""What is loaded when: nobody waits for torch to read a help text."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "numpy", "PIL", "sklearn", "rich", "scipy")
RUN = """
import sys
from convae.cli import main
code = main(sys.argv[1:])
heavy = [name for name in {heavy} if name in sys.modules]
print("code", code, heavy, file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["--versoin"], 2),
        (["fti"], 2),
        (["fit", "--help"], 0),
        (["fit", "autoencoder", "--help"], 0),
        (["fit", "autoencoder", "x", "--out", "y.convae", "--epoch", "3"], 2),
        (["fit", "autoencoder", "x", "--out", "y.convae", "--preset", "resdual"], 2),
        (["evaluate", "--help"], 0),
        (["experiment", "stacking", "--help"], 0),
        (["fit", "denoiser", "--help-all"], 0),
        (["help", "fit", "anomaly"], 0),
        (["train", "x"], 2),
        (["experiment", "robustness", "--help-all"], 0),
        (["reconstruct"], 2),
        (["demo", "--help"], 0),
    ],
)
def test_answers_without_loading_anything_heavy(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", RUN.format(heavy=HEAVY), *arguments],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.splitlines()[-1] == f"code {code} []"


def test_importing_convae_loads_nothing_heavy() -> None:
    program = f"import convae, sys; print([n for n in {HEAVY} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_training_progress_needs_no_torch() -> None:
    program = "import convae.cli.terminal.progress, sys; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_training_does_not_load_the_compiler() -> None:
    """PyTorch's own optimizers do, for a second or two before the first step."""
    program = """
import sys
import numpy as np
from convae import ConvAutoencoder
images = np.random.default_rng(0).integers(0, 256, (16, 8, 8), dtype=np.uint8)
for optimizer in ("muon", "adam"):
    ConvAutoencoder(preset="tutorial", epochs=1, latent_dim=2, training={"optimizer": optimizer}).fit(images)
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
