"""``/v1/models``: which models there are, what each is, and loading one again."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request

from convae.errors import InputError
from convae.server.context import Context
from convae.server.failures import RequestError
from convae.server.formats import plain
from convae.server.models import Served
from convae.server.openapi import ALWAYS, errors


def reload_model(context: Context, name: str) -> Served:
    """Load a model again, and write it to the log and to the metrics.

    Raises:
        RequestError: 404, there is no such model.
        ModelFileError: the file cannot be loaded; the earlier model stays.
    """
    try:
        served = context.models.reload(name)
    except InputError as error:
        context.metrics.reloads.add(model=name, result="refused")
        context.log("reload", "error", model=name, reason=" ".join(str(error).split()))
        raise
    context.metrics.reloads.add(model=name, result="loaded")
    context.metrics.loaded.set(served.loaded, model=name)
    context.log("reload", model=name)
    return served


def model_routes(context: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(prefix="/v1/models", tags=["models"])

    @router.get("", responses=errors(*ALWAYS), summary="List the models.")
    async def models() -> dict[str, Any]:
        listed = [
            {key: one.facts[key] for key in ("name", "kind", "job", "verbs")}
            for one in context.models
        ]
        return {"models": listed}

    @router.get(
        "/{name}",
        responses=errors(*ALWAYS, 404),
        summary="Describe a model: kind, job, images that it takes, facts, calibration.",
    )
    async def model(name: str, request: Request) -> Any:
        request.state.model = context.models.get(name).name
        served = context.models.get(name)
        return plain({**served.facts, "loaded": served.loaded})

    @router.post(
        "/{name}/reload",
        responses=errors(*ALWAYS, 404, 409),
        summary="Load the file of a model again.",
    )
    async def reload(name: str, request: Request) -> Any:
        request.state.model = context.models.get(name).name
        try:
            served = await asyncio.to_thread(reload_model, context, name)
        except InputError as error:
            # the path of the file is nobody's business
            reason = " ".join(str(error).split()).replace(
                str(context.models.get(name).path), "its file"
            )
            raise RequestError(409, f"the earlier model stays: {reason}") from error
        return plain({**served.facts, "loaded": served.loaded})

    return router
