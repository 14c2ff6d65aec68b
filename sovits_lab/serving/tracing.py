"""OpenTelemetry traces of orders, as an option: one span an order, with its wait and its first sound.

A span is made when its order has ended, from the times that were noted on the way, so nothing has to be carried from
thread to thread. No text and no sound are in it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from sovits_lab.serving.task import OrderInWork, PieceEvent, SpokenNot, SpokenWhole, TaskEvent
from sovits_lab.types import InputError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter


class OrderTraces(Protocol):
    """Takes note of orders that have ended."""

    def ended(self, task: OrderInWork, event: TaskEvent) -> None:
        """Record an order that was spoken, cancelled or failed."""

    def close(self) -> None:
        """Send what has not been sent."""


class NoTraces:
    """Keeps nothing."""

    def ended(self, task: OrderInWork, event: TaskEvent) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class CollectedTraces:
    """Sends spans to a collector.

    Args:
        exporter: where they go.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        self._provider = TracerProvider(resource=Resource.create({"service.name": "sovits_lab"}))
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("sovits_lab.serving")

    def ended(self, task: OrderInWork, event: TaskEvent) -> None:
        """Make the spans of an order."""
        from opentelemetry.trace import Status, StatusCode, set_span_in_context

        began = task.began or task.stopped_at
        span = self._tracer.start_span("speech", start_time=_epoch(task.submitted), attributes=_known(task, event))
        inside = set_span_in_context(span)
        self._tracer.start_span("queue", inside, start_time=_epoch(task.submitted)).end(_epoch(began))
        if task.began:
            self._tracer.start_span("synthesis", inside, start_time=_epoch(began)).end(_epoch(task.stopped_at))
        if task.sounded:
            span.add_event("first sound", timestamp=_epoch(task.sounded))
        if isinstance(event, SpokenNot):
            span.set_status(Status(StatusCode.ERROR, event.problem.code))
        span.end(_epoch(task.stopped_at))

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


def traces_of(collector: str) -> OrderTraces:
    """Return traces that go to a collector by OTLP over HTTP; "" keeps none.

    Raises:
        InputError: an address that is none, or packages that are missing.
    """
    if not collector:
        return NoTraces()
    if not collector.startswith(("http://", "https://")):
        raise InputError(f"traces: got {collector!r}, expected an address such as http://127.0.0.1:4318/v1/traces")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        raise InputError('traces: got no OpenTelemetry, expected the extra: pip install -e ".[traces]"') from error
    return CollectedTraces(OTLPSpanExporter(endpoint=collector))


def _known(task: OrderInWork, event: TaskEvent) -> dict[str, Any]:
    order = task.order
    found: dict[str, Any] = {
        "request.id": order.request_id, "voice.id": order.voice_id, "owner": order.owner, "priority": order.priority,
        "text.letters": len(order.text), "streamed": order.streamed, "cancelled": task.is_cancelled(),
    }  # fmt: skip
    if isinstance(event, SpokenWhole):
        facts = event.facts
        found |= {"speech.seconds": facts.seconds, "speech.flags": list(facts.flags), "attempts": facts.attempts,
                  "degraded": facts.degraded, "model": facts.model}  # fmt: skip
    assert not isinstance(event, PieceEvent), "a piece ends nothing"
    return found


def _epoch(seconds: float) -> int:
    """Nanoseconds since 1970 of a time of `time.perf_counter`."""
    return time.time_ns() - round((time.perf_counter() - seconds) * 1e9)
