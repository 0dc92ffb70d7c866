"""Serve models over HTTP."""

import gc
import importlib.util
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from convae.cli.gc_tuning import loaded
from convae.cli.terminal.output import Voice
from convae.errors import MissingExtraError

if TYPE_CHECKING:
    from convae.server.settings import Settings


def require_web() -> None:
    """Check that the packages of the server are installed.

    Raises:
        MissingExtraError: one is not.
    """
    for package in ("fastapi", "uvicorn"):
        if importlib.util.find_spec(package) is None:
            raise MissingExtraError("convae serve", "fastapi uvicorn")


def serve(models: Sequence[str], settings: "Settings", device: str, voice: Voice) -> None:
    """Run ``convae serve``."""
    require_web()
    from convae.server.application import make_app
    from convae.server.models import Models
    from convae.server.running import address_of, listen
    from convae.server.running import serve as run

    loaded()
    served = Models(models, device)
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
