"""Middleware around the whole application: who may ask, what every response says, and the log.

A page of another site that is open in the same browser must not be able to use the server. So a request must
be addressed to a name that the server knows (against DNS rebinding), and must not come from another origin.
"""

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from convae.server.failures import GoneError, RequestError
from convae.server.formats import json_bytes
from convae.server.logs import Log, request_id, trace_of
from convae.server.metrics import Metrics
from convae.server.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CONTENT_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
# Paths that need no token: they say nothing of models or images. The page asks the user for the token.
OPEN = ("/", "/healthz", "/readyz", "/favicon.ico")
OPEN_BELOW = "/page/"


class Guard:
    """Checks every request, adds headers to every response, counts and logs both.

    Args:
        app: the application.
        settings: names of this server, and the token.
        metrics: counts the requests.
        log: writes a line for each request.
    """

    def __init__(self, app: App, settings: Settings, metrics: Metrics, log: Log) -> None:
        self.app, self._settings, self._metrics, self._log = app, settings, metrics, log
        token = settings.token
        self._wanted = None if token is None else f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # nothing here speaks over web sockets
            return
        await _Exchange(self, scope, send).run(receive)

    def check(self, scope: Scope) -> None:
        """Check host, origin and token.

        Raises:
            RequestError: 400, 401 or 403.
        """
        headers: dict[bytes, bytes] = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1").lower()
        if _name_of(host) not in self._settings.hosts:
            raise RequestError(
                400,
                "the Host of the request is no name of this server; see 'convae serve --allow-host'",
            )
        self._check_origin(scope, headers, host)
        if self._wanted is None or scope["path"] in OPEN or scope["path"].startswith(OPEN_BELOW):
            return
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._wanted):
            raise RequestError(
                401,
                "the token is missing or wrong: send the header 'Authorization: Bearer TOKEN'",
                {"WWW-Authenticate": "Bearer"},
            )

    def _check_origin(self, scope: Scope, headers: dict[bytes, bytes], host: str) -> None:
        origin = headers.get(b"origin")
        if origin is not None and _netloc(origin.decode("latin-1")) != host:
            raise RequestError(403, "requests of pages of other sites are refused (Origin)")
        if headers.get(b"sec-fetch-site") == b"cross-site":
            opened = scope["method"] == "GET" and headers.get(b"sec-fetch-mode") == b"navigate"
            if not (opened and scope["path"] == "/"):  # a link to the page is harmless
                raise RequestError(403, "requests of pages of other sites are refused")


class _Exchange:
    """One request and its response."""

    def __init__(self, guard: Guard, scope: Scope, send: Send) -> None:
        self._guard, self._scope, self._send = guard, scope, send
        headers: dict[bytes, bytes] = dict(scope["headers"])
        given = headers.get(b"x-request-id")
        self._id = request_id(None if given is None else given.decode("latin-1"))
        self._began = time.perf_counter()
        self._status = self._sent = 0
        self._state: dict[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = self._id

    async def run(self, receive: Receive) -> None:
        """Answer the request; errors of any kind become a response or, if it has begun, end it."""
        trace: list[str] | None = None
        try:
            self._guard.check(self._scope)
            await self._guard.app(self._scope, receive, self._guarded)
        except RequestError as error:
            await self._fail(error)
        except GoneError:
            self._state["gone"] = True
        except Exception as error:
            trace = trace_of(error)
            message = (
                "a fault of convae, not of yours; the log of the server has the details of request "
                f"{self._id}"
            )
            await self._fail(RequestError(500, message))
        finally:
            self._account(trace)

    async def _guarded(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            own = {name for name, _ in HEADERS}
            headers = [(n, v) for n, v in message.get("headers", []) if n.lower() not in own]
            headers += [*HEADERS, (b"x-request-id", self._id.encode())]
            if not any(name.lower() == b"cache-control" for name, _ in headers):
                headers.append((b"cache-control", b"no-store"))
            message = {**message, "headers": headers}
        else:
            self._sent += len(message.get("body", b""))
        await self._send(message)

    async def _fail(self, error: RequestError) -> None:
        if self._status:
            return
        self._state["reason"] = error.message
        body = error_body(error.status, error.message, self._id)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            *((n.lower().encode(), v.encode()) for n, v in error.headers.items()),
        ]
        start = {"type": "http.response.start", "status": error.status, "headers": headers}
        await self._guarded(start)
        await self._guarded({"type": "http.response.body", "body": body})

    def _account(self, trace: list[str] | None) -> None:
        seconds = time.perf_counter() - self._began
        labels = {
            "model": str(self._state.get("model", "")),
            "verb": str(self._state.get("verb", "")),
        }
        status = self._status or 499  # the client has gone
        metrics = self._guard._metrics
        metrics.requests.add(1, **labels, status=str(status))
        metrics.seconds.observe(seconds, **labels)
        found: dict[str, Any] = {
            "request_id": self._id,
            "method": self._scope["method"],
            "path": self._scope["path"][:200],
            "status": status,
            "ms": round(1000 * seconds, 1),
            "bytes_in": self._state.get("bytes_in", 0),
            "bytes_out": self._sent,
            "client": (self._scope.get("client") or ("", 0))[0],
            **{name: value for name, value in labels.items() if value},
        }
        if "reason" in self._state:
            found["reason"] = self._state["reason"]
        if trace is not None:
            found["trace"] = trace
        level = "error" if status >= 500 and status != 503 else "info"
        self._guard._log("request", level, **found)


def error_body(status: int, message: str, request: str) -> bytes:
    """Return the body of every response that is an error."""
    return json_bytes({"error": {"status": status, "message": message, "request_id": request}})


def _name_of(host: str) -> str:
    """Return the name in a ``Host`` header, without the port; empty if it is malformed.

    >>> _name_of("localhost:80"), _name_of("[::1]:8765"), _name_of("a@b")
    ('localhost', '::1', '')
    """
    try:
        parts = urlsplit(f"//{host}")
        plain = parts.username is None and not parts.path and not parts.query
        return (parts.hostname or "") if plain and parts.port != -1 else ""
    except ValueError:
        return ""


def _netloc(origin: str) -> str:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return ""
    return parts.netloc.lower() if parts.scheme in ("http", "https") else ""
