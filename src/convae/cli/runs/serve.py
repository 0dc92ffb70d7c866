"""Serve models over HTTP."""

import gc
import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from convae.cli.gc_tuning import loaded
from convae.cli.terminal.output import Voice
from convae.errors import InputError, MissingExtraError


@dataclass(frozen=True, kw_only=True)
class Serving:
    """The options of ``convae serve``; sizes are in MiB, times in seconds."""

    host: str
    port: int
    token: str | None = field(repr=False)
    hosts: tuple[str, ...]
    max_body: int
    max_pixels: int
    max_images: int
    queue: int
    max_memory: int
    timeout: int
    device: str


def require_web() -> None:
    """Check that the packages of the server are installed.

    Raises:
        MissingExtraError: one is not.
    """
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("convae serve", "convae[web]")


def serve(models: Sequence[str], how: Serving, voice: Voice) -> None:
    """Run ``convae serve``."""
    require_web()
    from convae.server.application import make_app
    from convae.server.models import Models
    from convae.server.running import address_of, listen
    from convae.server.running import serve as run
    from convae.server.settings import MIB, Settings

    if how.max_memory < how.max_body:
        raise InputError(
            f"--max-memory {how.max_memory} must be at least --max-body {how.max_body}, or no request of "
            "that size is ever accepted"
        )
    settings = Settings(
        host=how.host,
        port=how.port,
        token=how.token,
        allowed_hosts=how.hosts,
        max_body=how.max_body * MIB,
        max_pixels=how.max_pixels,
        max_images=how.max_images,
        queue=how.queue,
        held=how.max_memory * MIB,
        body_seconds=float(how.timeout),
    )
    loaded()
    served = Models(models, how.device)
    app = make_app(served, settings)
    with listen(settings) as listener:
        address = address_of(listener, settings)
        names = [one.name for one in served]

        def started() -> None:
            for name in names:
                voice.say(f"serving {name}: {address}v1/models/{name}")
            _now(voice, {"address": address, "models": names})

        run(app, listener, settings, started)
    gc.freeze()  # what lives until the end need not be searched for garbage: that took seconds with torch
    voice.say("stopped")


def _now(voice: Voice, values: dict[str, Any]) -> None:
    """Print the address for programs at once, not at the end."""
    if voice.json:
        print(json.dumps(values), flush=True)
    else:
        print(end="", flush=True)
