"""The page and its parts: the files of ``convae/server/page``, read once when the server starts.

No part of a request is ever used as a path: a request names a key of a table.
"""

from collections.abc import Mapping
from importlib import resources

from fastapi import APIRouter
from starlette.responses import Response

from convae.server.failures import RequestError

MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
    ".json": "application/json",
    ".woff2": "font/woff2",
}
INDEX, ICON = "index.html", "favicon.svg"


def page_files() -> dict[str, tuple[bytes, str]]:
    """Return content and media type of the files of the page, by name; other kinds are left out."""
    found: dict[str, tuple[bytes, str]] = {}
    folder = resources.files("convae.server") / "page"
    if not folder.is_dir():
        return found
    for entry in folder.iterdir():
        suffix = entry.name[entry.name.rfind(".") :].lower()
        if entry.is_file() and suffix in MEDIA:
            found[entry.name] = entry.read_bytes(), MEDIA[suffix]
    return found


def page_routes(files: Mapping[str, tuple[bytes, str]]) -> APIRouter:
    """Return the routes: ``/`` is ``index.html``, the other files are below ``/page/``."""
    router = APIRouter(include_in_schema=False)

    def sent(name: str) -> Response:
        if name not in files:
            raise RequestError(404, "there is nothing at this address")
        data, media = files[name]
        return Response(data, media_type=media, headers={"Cache-Control": "no-cache"})

    @router.get("/")
    async def index() -> Response:
        return sent(INDEX)

    @router.get("/page/{name}")
    async def part(name: str) -> Response:
        return sent(name)

    @router.get("/favicon.ico")
    async def icon() -> Response:
        return sent(ICON) if ICON in files else Response(status_code=204)

    return router
