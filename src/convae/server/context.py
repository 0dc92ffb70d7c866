"""What the routes share: settings, models, the line, counts; and the way of one request through them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from convae.errors import InputError, unknown_name
from convae.images.files.image import ReadLimits
from convae.server.admission import Admission
from convae.server.engine import Engine, Job
from convae.server.failures import BusyError, GoneError, RequestError
from convae.server.formats import Body, json_bytes
from convae.server.logs import Log, log
from convae.server.metrics import Metrics
from convae.server.models import Models
from convae.server.settings import Settings

_CLOSE = {"Connection": "close"}
PIECE = 64 * 1024
MOST_FACTS = 4096  # bytes of the header with the facts of a result
FACTS_HEADER = "Convae-Result"


@dataclass(kw_only=True)
class Context:
    """What the routes share.

    Attributes:
        settings, models, metrics, log: see their modules.
        admission: how many requests and bytes are taken in.
        engine: computes.
        draining: whether the server is stopping.
    """

    settings: Settings
    models: Models
    metrics: Metrics = field(default_factory=Metrics)
    log: Log = log
    draining: bool = False
    admission: Admission = field(init=False)
    engine: Engine = field(init=False)

    def __post_init__(self) -> None:
        self.admission = Admission(self.settings.queue, self.settings.held)
        self.engine = Engine(self.limits, self._count)

    @property
    def limits(self) -> ReadLimits:
        """The limits for one image."""
        most = self.settings.max_pixels
        return ReadLimits(max_pixels=most, max_bytes=16 * most, max_pages=10_000)

    def _count(self, requests: int, images: int) -> None:
        self.metrics.batches.add()
        self.metrics.images.add(float(images))


class Entry:
    """A request that has been taken in; it counts until :meth:`leave` is called.

    Raises:
        BusyError: 503, the server has as much to do as it accepts.
    """

    def __init__(self, context: Context) -> None:
        self._context, self._held, self._began = context, 0, time.monotonic()
        context.admission.enter()
        self._inside = True

    async def body(self, request: Request) -> bytes:
        """Read the body of the request.

        Raises:
            RequestError: 408, it takes too long; 413, it is too large.
            BusyError: 503, there is no memory for it now.
            GoneError: the client has closed the connection.
        """
        settings = self._context.settings
        length = _length(request)
        if length is not None:
            self._check(length)
            self._hold(length)
        parts, total = list[bytes](), 0
        try:
            async with asyncio.timeout(settings.body_seconds):
                async for part in request.stream():
                    total += len(part)
                    self._check(total)
                    if length is None:
                        self._hold(len(part))
                    parts.append(part)
        except TimeoutError:
            raise RequestError(
                408, f"the body did not arrive within {settings.body_seconds:g} seconds", _CLOSE
            ) from None
        except ClientDisconnect:
            raise GoneError from None
        request.state.bytes_in = total
        return b"".join(parts)

    def _check(self, size: int) -> None:
        most = self._context.settings.max_body
        if size > most:
            raise RequestError(
                413,
                f"the body is larger than {most:,} bytes; see 'convae serve --max-body'",
                _CLOSE,
            )

    def _hold(self, count: int) -> None:
        self._context.admission.hold(count)
        self._held += count

    def leave(self) -> None:
        """Let the request go; a second call does nothing."""
        if self._inside:
            self._inside = False
            self._context.admission.leave(self._held, time.monotonic() - self._began)


def _length(request: Request) -> int | None:
    text = request.headers.get("content-length")
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise RequestError(400, "Content-Length must be a whole number", _CLOSE)
    return int(text)


async def computed(context: Context, request: Request, job: Job) -> list[Any]:
    """Put a job in line and wait for its result; give it up if the client goes away.

    Raises:
        GoneError: the client has closed the connection.
        Exception: whatever the computation raises.
    """
    future = asyncio.wrap_future(context.engine.submit(job))
    gone = asyncio.create_task(_gone(request))
    try:
        await asyncio.wait((future, gone), return_when=asyncio.FIRST_COMPLETED)
        if not future.done():
            raise GoneError
        return await future
    finally:
        gone.cancel()
        future.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def deadline(context: Context) -> float:
    """Return until when a job of now may wait."""
    return time.monotonic() + context.settings.wait_seconds


class Answer(Response):
    """A response that is sent in pieces, as fast as the client takes them; its request counts until then."""

    def __init__(self, body: Body, entry: Entry, context: Context) -> None:
        super().__init__(content=body.data, media_type=body.media)
        self._entry, self._seconds = entry, 4 * context.settings.body_seconds
        if body.facts:
            self.headers[FACTS_HEADER] = _header(dict(body.facts))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response.

        Raises:
            GoneError: the client does not take it.
        """
        try:
            async with asyncio.timeout(self._seconds):
                await send(
                    {
                        "type": "http.response.start",
                        "status": self.status_code,
                        "headers": self.raw_headers,
                    }
                )
                for start in range(0, max(1, len(self.body)), PIECE):
                    piece = bytes(self.body[start : start + PIECE])
                    more = start + PIECE < len(self.body)
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
        except TimeoutError:
            raise GoneError from None
        finally:
            self._entry.leave()


def _header(facts: dict[str, Any]) -> str:
    """Return facts as JSON for a header; long ones are left out, the longest first."""
    while True:
        text = json_bytes(facts).decode().strip()
        if len(text) <= MOST_FACTS:
            return text
        facts.pop(max(facts, key=lambda name: len(json_bytes(facts[name]))))


@contextlib.asynccontextmanager
async def entered(context: Context) -> AsyncIterator[Entry]:
    """Take a request in; let it go if the block raises.

    Raises:
        BusyError: 503, the server is stopping or has as much to do as it accepts.
        RequestError: 422, for an InputError.
    """
    if context.draining:
        raise BusyError("the server is stopping", 5)
    entry = Entry(context)
    try:
        yield entry
    except InputError as error:
        entry.leave()
        raise RequestError(422, " ".join(str(error).split())) from error
    except BaseException:
        entry.leave()
        raise


def check_query(request: Request) -> None:
    """Refuse options that a route does not know: a typing error must not pass for a default.

    Raises:
        InputError: names the nearest option that there is.
    """
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    for name in request.query_params:
        if name not in known:
            raise unknown_name("option", name, known or {"(none)"})
