"""The application: routes, answers to errors, and a background task that watches the model files.

Tests use it without a socket.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from convae.errors import InputError
from convae.server.context import Context
from convae.server.failures import RequestError
from convae.server.logs import Log, log
from convae.server.models import Models
from convae.server.routes_models import model_routes, reload_model
from convae.server.routes_page import page_files, page_routes
from convae.server.routes_service import service_routes
from convae.server.routes_verbs import verb_routes
from convae.server.security import Guard, error_body
from convae.server.settings import Settings
from convae.version import __version__

LAST_SECONDS = 1.0  # for the image that is computed when everything else has ended
_ABOUT = """Apply models of convae to images. The body of a request is an image file; the answer is JSON, PNG,
TIFF or NPY, as the header Accept asks. Results are the same to the last bit as those of the command line."""


def make_app(models: Models, settings: Settings | None = None, *, write_log: Log = log) -> FastAPI:
    """Return the application.

    Args:
        models: the models to serve.
        settings: addresses and limits; None for the defaults.
        write_log: writes a line of the log.
    """
    settings = Settings() if settings is None else settings
    context = Context(settings=settings, models=models, log=write_log)
    telemetry: Any = {"tracing": False}
    app = FastAPI(
        title="convae",
        version=__version__,
        description=_ABOUT,
        docs_url=None,  # they load scripts of other sites
        redoc_url=None,
        redirect_slashes=False,
        telemetry=telemetry,
        lifespan=_running,
    )
    app.state.context = context
    for router in (
        model_routes(context),
        verb_routes(context),
        service_routes(context),
        page_routes(page_files()),
    ):
        app.include_router(router)
    app.add_exception_handler(RequestError, _request_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(Guard, settings=settings, metrics=context.metrics, log=write_log)
    return app


@contextlib.asynccontextmanager
async def _running(app: FastAPI) -> AsyncIterator[None]:
    """Run the computing thread, and look at the model files now and then."""
    context: Context = app.state.context
    context.engine.start()
    context.log("started", models=[one.name for one in context.models])
    watching = asyncio.create_task(_watch(context))
    try:
        yield
    finally:
        context.draining = True
        context.log("stopping")
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        await asyncio.to_thread(context.engine.stop, LAST_SECONDS)
        context.log("stopped")


async def _watch(context: Context) -> None:
    """Load models again whose files were changed; a file that cannot be loaded is tried once."""
    while True:
        await asyncio.sleep(context.settings.watch_seconds)
        for name in await asyncio.to_thread(context.models.changed):
            with contextlib.suppress(InputError, RequestError):
                await asyncio.to_thread(reload_model, context, name)


def _response(request: Request, error: RequestError) -> Response:
    request.state.reason = error.message
    body = error_body(error.status, error.message, request.state.request_id)
    return Response(
        body, status_code=error.status, media_type="application/json", headers=error.headers
    )


async def _request_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestError)
    return _response(request, error)


async def _invalid(request: Request, error: Exception) -> Response:
    """Answer a request whose options have wrong values: which one, what must hold, what came."""
    assert isinstance(error, RequestValidationError)
    faults = [
        f"{fault['loc'][-1]}: {fault['msg'][:1].lower()}{fault['msg'][1:]}; "
        f"got {str(fault.get('input'))[:60]!r}"
        for fault in error.errors()
    ]
    return _response(request, RequestError(422, "; ".join(faults)))


async def _refused(request: Request, error: Exception) -> Response:
    """Answer a request to an address or with a method that there is not."""
    assert isinstance(error, HTTPException)
    sentences = {
        404: "there is nothing at this address; GET /v1/models lists the models",
        405: f"the method {request.method[:20]} is not for this address",
    }
    message = sentences.get(error.status_code, str(error.detail))
    return _response(request, RequestError(error.status_code, message, error.headers))
