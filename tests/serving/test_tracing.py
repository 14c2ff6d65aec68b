"""Traces of orders: what they say, and what they do not."""

from __future__ import annotations

import asyncio

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from sovits_lab.serving.order import SpeechFacts, VoiceOrder
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import OrderTask, SpokenNot, SpokenWhole, TaskEvent
from sovits_lab.serving.tracing import CollectedTraces, NoTraces, traces_of
from sovits_lab.types import InputError


def traced(event: TaskEvent, began: float = 1.0) -> InMemorySpanExporter:
    async def task() -> OrderTask:
        return OrderTask(VoiceOrder("req", "ann", "key", "A secret text.", "ann-1", speaker="ann"))

    one, exporter = asyncio.run(task()), InMemorySpanExporter()
    one.began = one.submitted + began if began else 0.0
    one.sounded = one.submitted + 1.5 if began else 0.0
    one.stopped_at = one.submitted + 3.0
    traces = CollectedTraces(exporter)
    traces.ended(one, event)
    traces.close()
    return exporter


def test_an_order_is_a_span_with_its_wait_and_its_synthesis() -> None:
    spans = {one.name: one for one in traced(SpokenWhole(SpeechFacts(4, 2.0, model="abc"))).get_finished_spans()}
    lengths = {name: (one.end_time - one.start_time) / 1e9 for name, one in spans.items()}
    assert lengths == pytest.approx({"queue": 1.0, "synthesis": 2.0, "speech": 3.0}, abs=0.05)
    whole = spans["speech"]
    assert spans["queue"].parent.span_id == spans["synthesis"].parent.span_id == whole.context.span_id
    assert whole.attributes["model"] == "abc" and whole.attributes["text.letters"] == 14
    assert [one.name for one in whole.events] == ["first sound"] and whole.status.is_ok
    assert "secret" not in "".join(one.to_json() for one in spans.values())


def test_an_order_that_never_began_has_failed_in_the_queue() -> None:
    spans = traced(SpokenNot(ProblemError(503, "waited_too_long", "too long")), began=0.0).get_finished_spans()
    assert [one.name for one in spans] == ["queue", "speech"]
    assert not spans[1].status.is_ok and spans[1].status.description == "waited_too_long"


def test_traces_are_an_option() -> None:
    assert isinstance(traces_of(""), NoTraces)
    with pytest.raises(InputError, match="expected an address"):
        traces_of("collector")
