"""What the description of the API (OpenAPI) says of bodies, answers and errors."""

from collections.abc import Sequence
from typing import Any

from convae.server.formats import MEDIA

ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["status", "message", "request_id"],
            "properties": {
                "status": {"type": "integer"},
                "message": {"type": "string", "description": "What is wrong, and what to do."},
                "request_id": {"type": "string"},
            },
        }
    },
}
_REASONS = {
    400: "The request is malformed.",
    401: "The token is missing or wrong.",
    403: "The request comes from a page of another site.",
    404: "There is no model of this name.",
    406: "The answer cannot be given in an accepted kind.",
    408: "The body did not arrive in time.",
    409: "The model file cannot be loaded; the earlier model stays.",
    413: "The body, or the result, is too large.",
    415: "Bodies of this type are not read.",
    422: "The image or an option cannot be used.",
    503: "The server has as much to do as it accepts, or is stopping.",
}
_BINARY = {"type": "string", "format": "binary"}
SENT = ("image/png", "image/jpeg", "image/tiff", "application/octet-stream", MEDIA["tar"])


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the description of the errors of a route."""
    return {
        status: {
            "description": _REASONS[status],
            "content": {"application/json": {"schema": ERROR}},
        }
        for status in statuses
    }


ALWAYS = (400, 401, 403)
OF_VERB = (*ALWAYS, 404, 406, 408, 413, 415, 422, 503)


def answers(kinds: Sequence[str], *others: str) -> dict[int | str, dict[str, Any]]:
    """Return the description of the answers of a verb.

    Args:
        kinds: such as ``json`` and ``png``.
        others: media types of answers of the kind of file that was sent.
    """
    content: dict[str, Any] = {}
    for media in (*(MEDIA[kind] for kind in kinds), *others):
        json = media == MEDIA["json"]
        content[media] = {"schema": {"type": "object"} if json else _BINARY}
    return {200: {"description": "The result.", "content": content}, **errors(*OF_VERB)}


def body(description: str, *media: str, json: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the description of a request body."""
    content: dict[str, Any] = {one: {"schema": _BINARY} for one in media}
    if json is not None:
        content["application/json"] = {"schema": json}
    return {"requestBody": {"description": description, "required": True, "content": content}}
