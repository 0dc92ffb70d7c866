"""Requests that a program makes up from the description of the API: no answer is beyond the description."""

from typing import Any

import pytest

schemathesis: Any = pytest.importorskip("schemathesis", reason="schemathesis is not installed")

from hypothesis import HealthCheck, given, settings  # noqa: E402
from tests.server.conftest import Start  # noqa: E402


def test_the_description_names_all_verbs(start: Start) -> None:
    paths = start().get("/openapi.json").json()["paths"]
    verbs = {path.rsplit("/", 1)[1] for path in paths if path.startswith("/v1/models/{name}/")}
    assert verbs == {
        "reconstruct",
        "encode",
        "decode",
        "denoise",
        "inpaint",
        "detect",
        "sample",
        "reload",
    }


@pytest.mark.slow
def test_made_up_requests(start: Start) -> None:
    client = start(allowed_hosts=("testserver",), max_body=100_000)
    described = schemathesis.openapi.from_asgi("/openapi.json", client.app)
    operations = [found.ok() for found in described.get_all_operations()]
    assert len(operations) > 10
    for operation in operations:

        @settings(
            max_examples=4,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            derandomize=True,
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            response = case.call()
            assert response.status_code < 500 or response.status_code == 503, response.text
            if response.status_code >= 400:
                assert set(response.json()["error"]) == {"status", "message", "request_id"}
            case.validate_response(response)

        ask()
