"""Small models behind the application, in this process."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import waves

from convae import AnomalyDetector, ConvAutoencoder, Denoiser, Inpainter, VariationalAutoencoder
from convae.images.files.writing import encode_image

pytest.importorskip("fastapi", reason="the extra 'web' is not installed")
pytest.importorskip("httpx2", reason="the client of the tests is not installed")

from starlette.testclient import TestClient

from convae.server.application import make_app
from convae.server.models import Models
from convae.server.settings import Settings

SHAPE = (16, 12, 1)
TINY: dict[str, Any] = {
    "architecture": {"widths": (4,), "blocks": 1},
    "latent_dim": 3,
}


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Small tensors are faster on one thread."""
    import torch

    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model files of all jobs."""
    path = tmp_path_factory.mktemp("models")
    images = waves(40, SHAPE)[..., 0]
    makers: dict[str, Any] = {
        "auto": ConvAutoencoder(epochs=1, **TINY),
        "vae": VariationalAutoencoder(epochs=1, **TINY),
        "denoiser": Denoiser(epochs=1),
        "inpainter": Inpainter(epochs=1),
        "detector": AnomalyDetector(epochs=1),
    }
    for name, maker in makers.items():
        maker.fit(images).save(path / f"{name}.convae")
    return path


@pytest.fixture(scope="session")
def images() -> list[bytes]:
    """New images as PNG files."""
    return [encode_image(image, format="PNG")[0] for image in waves(12, SHAPE, seed=9)]


@pytest.fixture(scope="session")
def models(folder: Path) -> Models:
    """All models, loaded once."""
    return Models([str(path) for path in sorted(folder.glob("*.convae"))], "cpu")


Start = Callable[..., TestClient]


@pytest.fixture
def lines() -> list[dict[str, Any]]:
    """The lines of the log."""
    return []


@pytest.fixture
def start(models: Models, lines: list[dict[str, Any]]) -> Iterator[Start]:
    """Start an application with some settings: ``start(queue=2)``."""
    entered: list[TestClient] = []

    def begin(served: Models | None = None, **settings: Any) -> TestClient:
        def write(event: str, level: str = "info", **values: Any) -> None:
            lines.append(json.loads(json.dumps({"event": event, "level": level, **values})))

        app = make_app(served or models, Settings(**settings), write_log=write)
        client = TestClient(app, base_url="http://127.0.0.1")
        client.__enter__()
        entered.append(client)
        return client

    yield begin
    for client in reversed(entered):
        client.__exit__(None, None, None)


@pytest.fixture(scope="session")
def _shared(models: Models) -> Iterator[TestClient]:
    app = make_app(models, Settings(), write_log=lambda *_, **__: None)
    with TestClient(app, base_url="http://127.0.0.1") as client:
        yield client


@pytest.fixture
def client(_shared: TestClient) -> TestClient:
    """The application with its defaults."""
    return _shared


def npy(data: bytes) -> np.ndarray:
    """The array of the bytes of a ``.npy`` file."""
    import io

    found: np.ndarray = np.load(io.BytesIO(data), allow_pickle=False)
    return found
