"""More than the limits is refused, and nothing stays behind."""

from typing import Any

import numpy as np
import pytest
from tests.server.conftest import Start
from tests.server.test_routes_verbs import TAR, message, post, tar

from convae.images.files.writing import encode_image


def test_more_requests_than_the_queue_are_told_to_come_again(
    start: Start, images: list[bytes]
) -> None:
    client = start(queue=1)
    context: Any = client.app.state.context  # type: ignore[attr-defined]
    context.admission.enter()
    response = post(client, "denoiser", "denoise", images[0])
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert "1 requests are being answered; try again" in message(response)
    context.admission.leave(0, 0.1)
    assert post(client, "denoiser", "denoise", images[0]).status_code == 200
    assert (context.admission.requests, context.admission.bytes) == (0, 0)


def test_bodies_and_memory_are_bounded(start: Start, images: list[bytes]) -> None:
    client = start(max_body=1000, held=1500)
    context: Any = client.app.state.context  # type: ignore[attr-defined]
    assert post(client, "denoiser", "denoise", b"x" * 1001).status_code == 413
    context.admission.hold(1400)
    response = post(client, "denoiser", "denoise", images[0])
    assert response.status_code == 503
    assert "fill the memory" in message(response)
    context.admission.bytes = 0

    def chunks() -> Any:
        for _ in range(5):
            yield b"x" * 300

    response = client.post("/v1/models/denoiser/denoise", content=chunks())
    assert response.status_code == 413
    assert (context.admission.requests, context.admission.bytes) == (0, 0)


def test_large_images_are_refused_by_their_header(start: Start) -> None:
    client = start(max_pixels=5000)
    data, _ = encode_image(np.zeros((100, 51, 1), np.uint8), format="PNG")
    response = post(client, "denoiser", "denoise", data)
    assert response.status_code == 422
    assert "100 x 51 pixels, more than the limit of 5,000" in message(response)


def test_tars_and_results_are_bounded(start: Start, images: list[bytes]) -> None:
    client = start(max_images=2, max_body=50_000)
    many = tar(**{f"{n}.png": images[0] for n in range(3)})
    assert "more than 2 files" in message(post(client, "denoiser", "denoise", many, **TAR))
    small, _ = encode_image(np.zeros((200, 150, 1), np.uint8), format="PNG")
    response = post(client, "denoiser", "denoise", small, Accept="application/x-npy")
    assert response.status_code == 200
    two = tar(**{f"{n}.png": small for n in range(2)})
    response = post(client, "detector", "detect?heatmap=true&overlay=true", two, **TAR)
    assert response.status_code in (200, 413)


def test_no_request_is_taken_while_the_server_stops(start: Start, images: list[bytes]) -> None:
    client = start()
    context: Any = client.app.state.context  # type: ignore[attr-defined]
    context.draining = True
    assert post(client, "denoiser", "denoise", images[0]).status_code == 503
    assert client.get("/readyz").status_code == 503
    assert client.get("/healthz").status_code == 200
    context.draining = False
    assert client.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("detect?rate=2", "rate: input should be less than or equal to 1; got '2'"),
        ("detect?rate=0.001", "cannot be promised"),
        ("detect?rate=0.5&threshold=1", "exclude each other"),
        ("detect?threshold=nan", "threshold"),
        ("detect?treshold=1", "did you mean 'threshold'"),
        ("detect?page=-1", "page"),
    ],
)
def test_options_that_cannot_be_are_refused(
    start: Start, images: list[bytes], query: str, words: str
) -> None:
    response = post(start(), "detector", query, images[0])
    assert response.status_code == 422
    assert words in message(response)
