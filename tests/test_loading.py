"""Modules that are loaded when they are needed leave no trace in the user's program."""

import subprocess
import sys

import pytest

USES = {
    "the digits": "convae.open_source('digits')",
    "a linear readout": "readouts.linear_classes(rows, classes, rows, 0)",
    "ridge regression": "readouts.ridge_values(rows, rows[:, :1], rows)",
    "k-means": "readouts.clusters(rows, rows, 2, 0)",
    "a mixture": "densities.Mixture.fit(rows, 2, 0)",
    "t-SNE": "mapping.in_two_dimensions(rows, mapping.Wanted(method='tsne', most=30, seed=0))",
}
PROGRAM = """
import random
import numpy as np
import convae
from convae.cli.runs import map as mapping
from convae.estimators.autoencoders import code_densities as densities
from convae.evaluation.probe import readouts
rows = np.random.default_rng(0).random((30, 3))
classes = np.arange(30) % 2
random.seed(1)
before = random.getstate()
{use}
print(random.getstate() == before)
"""


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_random_numbers_of_the_user_stay_as_they_are(use: str) -> None:
    """In a process of its own, for it is the first loading that matters."""
    program = PROGRAM.replace("{use}", use)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.stdout.strip(), done.returncode) == ("True", 0), done.stderr
