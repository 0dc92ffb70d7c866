"""Fixtures that every room of the tests may use."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real images; the test is skipped where it is absent."""
    folder = Path(os.environ.get("CONVAE_DATA_DIR", ROOT.parent / "shared" / "data"))
    if not (folder / "README.md").is_file():
        pytest.skip(f"real images are not at {folder} (set CONVAE_DATA_DIR to where they are)")
    return folder
