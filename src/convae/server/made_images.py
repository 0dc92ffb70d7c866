"""Requests whose images are made by a model: decoded codes and samples."""

from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import Request
from starlette.responses import Response

from convae.server import formats
from convae.server.context import Answer, Context, Entry, computed, deadline
from convae.server.engine import Job
from convae.server.failures import RequestError
from convae.server.formats import JSON, NPY, OWN, PNG, TAR, TIFF, Body
from convae.server.models import Served
from convae.serving.applying import OTHER_VERBS
from convae.serving.outcome import Outcome

KINDS = (PNG, TIFF, NPY, JSON, TAR)


def served_for(context: Context, request: Request, name: str, verb: str) -> Served:
    """Return the model of a verb without images.

    Raises:
        RequestError: 404, there is none; 422, it is of another kind.
    """
    served = context.models.get(name)
    request.state.model, request.state.verb = served.name, verb
    if not isinstance(served.model, OTHER_VERBS[verb]):
        able = ", ".join(served.verbs)
        raise RequestError(
            422, f"this model was fitted to {served.model.job}: it can {able}, not {verb}"
        )
    return served


async def answer_made(
    context: Context,
    request: Request,
    entry: Entry,
    served: Served,
    work: Callable[[], list[Outcome]],
) -> Response:
    """Answer a request for images that are made from codes: one image, or several as NPY, JSON or tar.

    Raises:
        RequestError: 406, several images do not fit the kind that is accepted.
    """
    accept = request.headers.get("accept")
    kind = formats.accepted(accept, KINDS, OWN)

    def alone() -> list[Any]:
        return [_images_body(served, work(), kind)]

    job = Job(key=None, deadline=deadline(context), alone=alone)
    (made,) = await computed(context, request, job)
    return Answer(made, entry, context)


def _images_body(served: Served, made: list[Outcome], kind: str) -> Body:
    if kind == JSON:
        images = [formats.values_of(one) for one in made]
        values = {"model": served.name, "images": images}
        return Body(data=formats.json_bytes(values), media=formats.MEDIA[JSON])
    if kind == NPY:
        stack = np.stack([one.pixels for one in made if one.pixels is not None])
        return Body(data=formats.npy_bytes(stack), media=formats.MEDIA[NPY])
    if len(made) == 1 and kind != TAR:
        return formats.image_body(made[0], kind)
    if kind not in (TAR, OWN):
        raise RequestError(
            406,
            f"{len(made)} images do not fit one {kind.upper()} file: ask for {formats.MEDIA[TAR]}, "
            f"{formats.MEDIA[NPY]} or {formats.MEDIA[JSON]}",
        )
    files = []
    for number, one in enumerate(made):
        file, suffix = formats.file_of(one)
        files.append((f"{number:06d}{suffix}", file.data))
    return Body(data=formats.tar_bytes(files), media=formats.MEDIA[TAR])
