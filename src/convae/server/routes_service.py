"""``/healthz``, ``/readyz`` and ``/metrics``: for those who run the server."""

from fastapi import APIRouter
from starlette.responses import PlainTextResponse

from convae.estimators.anomaly.detector import AnomalyDetector
from convae.server.context import Context
from convae.server.failures import RequestError
from convae.server.metrics import resident_bytes
from convae.server.openapi import ALWAYS, errors

_TEXT = "text/plain; version=0.0.4; charset=utf-8"


def service_routes(context: Context) -> APIRouter:
    """Return the routes."""
    router = APIRouter(tags=["service"])

    @router.get("/healthz", responses=errors(*ALWAYS, 503), summary="Whether the process works.")
    async def healthy() -> dict[str, str]:
        if not context.engine.alive:
            raise RequestError(503, "the computing thread has ended: start the server again")
        return {"status": "ok"}

    @router.get("/readyz", responses=errors(*ALWAYS, 503), summary="Whether requests are accepted.")
    async def ready() -> dict[str, str]:
        if context.draining or not context.engine.alive:
            raise RequestError(503, "the server is stopping")
        return {"status": "ready"}

    @router.get(
        "/metrics",
        response_class=PlainTextResponse,
        responses=errors(*ALWAYS),
        summary="Metrics in the text format of Prometheus.",
    )
    def metrics() -> PlainTextResponse:
        return PlainTextResponse(_measured(context), media_type=_TEXT)

    return router


def _measured(context: Context) -> str:
    """Return the metrics, with those that are measured now."""
    metrics, admission = context.metrics, context.admission
    metrics.active.set(admission.requests)
    metrics.held.set(admission.bytes)
    metrics.waiting.set(context.engine.waiting)
    metrics.limit.set(admission.limit)
    metrics.ready.set(float(not context.draining))
    metrics.memory.set(resident_bytes())
    for served in context.models:
        metrics.loaded.set(served.loaded, model=served.name)
        if isinstance(served.model, AnomalyDetector):
            drift = served.latest.drift(served.model)
            moved = float(bool(drift.moved)) if drift.changes else float("nan")
            metrics.drift.set(moved, model=served.name)
            for change in drift.changes:
                metrics.drift_p.set(change.p_value, model=served.name, what=change.what)
    return metrics.text()
