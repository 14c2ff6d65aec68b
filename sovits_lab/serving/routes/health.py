"""Whether the service lives, whether it is ready, and its counts."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from sovits_lab.serving.problems import refusals
from sovits_lab.serving.routes.doors import Admin, Service

router = APIRouter(tags=["health"])


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "live"}


@router.get("/health/ready", responses=refusals(503))  # type: ignore[arg-type]
async def ready(service: Service) -> dict[str, str]:
    """Say that a request would be spoken; 503 while the model is being loaded or no worker is there."""
    facts = service.dispatcher.facts()
    return {"status": "ready", "model": facts.name, "hash": facts.hash}


@router.get("/health/state", responses=refusals(401, 403, 503))  # type: ignore[arg-type]
async def state(who: Admin, service: Service) -> dict[str, Any]:
    """Say how the queue and the workers stand."""
    return dict(service.dispatcher.describe())


@router.get("/metrics", responses=refusals(401, 403), response_class=Response)  # type: ignore[arg-type]
async def metrics(who: Admin, service: Service) -> Response:
    """Give the counts in Prometheus' text format."""
    return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")
