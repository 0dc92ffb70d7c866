"""The server process: one socket, uvicorn, signals; it stops without losing a request."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from convae.errors import InputError
from convae.server.context import Context
from convae.server.logs import JsonHandler
from convae.server.settings import Settings

HEADER_SECONDS = 10.0  # a connection that shows no progress in twice this time is closed
KEEP_ALIVE = 5
MOST_HEADERS = 32 * 1024  # bytes
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class PatientProtocol(H11Protocol):
    """HTTP, without connections that hold a place and do nothing: uvicorn itself waits for ever."""

    _seen: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start to look after the connection."""
        super().connection_made(transport)
        self._seen = object()
        self._look = self.loop.call_later(HEADER_SECONDS, self._check)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop to look."""
        self._look.cancel()
        super().connection_lost(exc)

    def _check(self) -> None:
        """Close the connection if it waits for a request, or for its client, as it did at the last look."""
        waits = self.cycle is None or self.cycle.response_complete
        state = (id(self.cycle), self.transport.get_write_buffer_size()) if waits else object()
        if state == self._seen:
            self.transport.abort()
            return
        self._seen = state
        self._look = self.loop.call_later(HEADER_SECONDS, self._check)


class Server(uvicorn.Server):
    """Stops on Ctrl-C and SIGTERM after the requests at hand; a second signal stops it at once."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle the signals; uvicorn would raise them again at the end, and the exit code would not be 0."""

        def stop(number: int, _: FrameType | None) -> None:
            context: Context = self.config.app.state.context  # type: ignore[union-attr]
            context.draining = True
            self.force_exit = self.should_exit
            self.should_exit = True

        before = {number: signal.signal(number, stop) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def listen(settings: Settings) -> socket.socket:
    """Open the socket of the server.

    Raises:
        InputError: the address is no address of this machine, or is in use.
    """
    host = settings.host.strip("[]")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        raise InputError(
            f"--host {settings.host} --port {settings.port}: cannot be listened on: "
            f"{error.strerror or error}; choose another port, or 0 for a free one"
        ) from error
    return listener


def address_of(listener: socket.socket, settings: Settings) -> str:
    """Return the address of a server for people and programs: ``http://127.0.0.1:8765/``."""
    host = settings.host.strip("[]")
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{listener.getsockname()[1]}/"


def serve(
    app: FastAPI, listener: socket.socket, settings: Settings, started: Callable[[], None]
) -> None:
    """Answer requests until a signal comes.

    Args:
        app: of :func:`convae.server.application.make_app`.
        listener: of :func:`listen`.
        settings: limits.
        started: called once requests are accepted.
    """
    config = uvicorn.Config(
        app,
        http=PatientProtocol,
        ws="none",
        loop="asyncio",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=512,
        limit_concurrency=max(1024, 8 * settings.queue),
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
        h11_max_incomplete_event_size=MOST_HEADERS,
    )
    context: Context = app.state.context
    logger = logging.getLogger("uvicorn.error")
    handler = JsonHandler(context.log)
    logger.addHandler(handler)
    propagates, logger.propagate = logger.propagate, False
    try:
        asyncio.run(_serve(Server(config), listener, started))
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagates


async def _serve(server: Server, listener: socket.socket, started: Callable[[], None]) -> None:
    running = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not running.done():
        await asyncio.sleep(0.01)
    if server.started:
        started()
    await running
