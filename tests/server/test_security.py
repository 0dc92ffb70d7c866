"""Who may ask, and what every response says."""

from typing import Any

import pytest
from tests.server.conftest import Start

from convae.errors import InputError
from convae.server.security import CONTENT_POLICY
from convae.server.settings import Settings

LOCAL = "http://127.0.0.1"


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example", "a@127.0.0.1", "[::1"]
)
def test_a_foreign_host_is_refused(start: Start, host: str) -> None:
    response = start().get("/v1/models", headers={"Host": host})
    assert response.status_code == 400
    assert "no name of this server" in response.json()["error"]["message"]


@pytest.mark.parametrize(
    "host", ["localhost:8765", "127.0.0.1:1", "[::1]:9", "LOCALHOST", "proxy.example"]
)
def test_own_names_are_accepted(start: Start, host: str) -> None:
    client = start(allowed_hosts=("proxy.example",))
    assert client.get("/v1/models", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:99", "file://"]
)
def test_a_foreign_origin_is_refused(start: Start, origin: str) -> None:
    response = start().post("/v1/models/auto/encode", content=b"x", headers={"Origin": origin})
    assert response.status_code == 403


def test_the_own_page_may_ask_and_a_link_may_lead_to_it(start: Start) -> None:
    client = start()
    assert client.get("/v1/models", headers={"Origin": LOCAL}).status_code == 200
    cross = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert client.get("/v1/models", headers=cross).status_code == 403
    assert client.get("/", headers=cross).status_code in (200, 404)


def test_without_the_token_nothing_of_models_is_told(start: Start) -> None:
    client = start(token="correct-horse")
    for path in ("/v1/models", "/v1/models/auto", "/metrics", "/openapi.json", "/v1/models/none"):
        response = client.get(path)
        assert response.status_code == 401, path
        assert response.headers["www-authenticate"] == "Bearer"
    for wrong in (
        "Bearer wrong-horse",
        "Bearer ",
        "correct-horse",
        "Bearer correct-horsf",
        "Bearer é",
    ):
        headers: Any = {b"Authorization": wrong.encode()}
        assert client.get("/v1/models", headers=headers).status_code == 401
    assert client.get("/healthz").status_code == 200
    right = {"Authorization": "Bearer correct-horse"}
    assert client.get("/v1/models", headers=right).status_code == 200


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/models", 200), ("/none", 404), ("/v1/models/auto/encode", 405)]
)
def test_every_response_has_the_headers(start: Start, path: str, status: int) -> None:
    response = start().get(path)
    assert response.status_code == status
    assert response.headers["content-security-policy"] == CONTENT_POLICY
    assert response.headers["x-content-type-options"] == "nosniff"
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["cache-control"]
    assert "server" not in response.headers


@pytest.mark.parametrize(
    "path",
    [
        "/v1/models/../../etc/passwd",
        "/v1/models/%2e%2e/%2e%2e/etc/passwd",
        "/v1/models/..%2f..%2fetc%2fpasswd",
        "/page/..%2findex.html",
        "/page/%2e%2e/settings.py",
        "/page/settings.py",
        "/v1/models/auto%00",
        "/v1/models/..%5c..%5cx",
        "//etc/passwd",
    ],
)
def test_no_path_reaches_the_file_system(start: Start, path: str) -> None:
    response = start().get(path)
    assert response.status_code == 404
    assert set(response.json()["error"]) == {"status", "message", "request_id"}


def test_a_request_has_an_id_in_response_and_log(start: Start, lines: list[dict[str, Any]]) -> None:
    client = start()
    response = client.get("/v1/models/none", headers={"X-Request-ID": "order-7"})
    assert response.headers["x-request-id"] == response.json()["error"]["request_id"] == "order-7"
    (line,) = [one for one in lines if one["event"] == "request"]
    assert (line["request_id"], line["status"], line["path"]) == ("order-7", 404, "/v1/models/none")
    other = client.get("/v1/models", headers={"X-Request-ID": "<script>"})
    assert other.headers["x-request-id"] != "<script>"


def test_an_unexpected_fault_is_a_sentence_and_the_trace_is_in_the_log(
    start: Start, lines: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    client = start()
    context: Any = client.app.state.context  # type: ignore[attr-defined]
    monkeypatch.setattr(type(context.models), "get", lambda *_: 1 / 0)
    response = client.get("/v1/models/auto")
    assert response.status_code == 500
    assert "ZeroDivisionError" not in response.text
    (line,) = [one for one in lines if one["event"] == "request"]
    assert any("ZeroDivisionError" in one for one in line["trace"])
    assert line["request_id"] in response.json()["error"]["message"]


def test_other_machines_need_a_token() -> None:
    with pytest.raises(InputError, match=r"--host 0\.0\.0\.0 can be reached .* give a --token"):
        Settings(host="0.0.0.0")
    assert Settings(host="0.0.0.0", token="12345678").hosts == {"127.0.0.1", "localhost", "::1"}
    for token in ("short", "with space", "ümlautümlaut", ""):
        with pytest.raises(InputError, match="--token must be"):
            Settings(token=token)
    assert "12345678" not in repr(Settings(token="12345678"))
