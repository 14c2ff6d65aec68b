"""What gateways and workers say to each other through Redis.

| key or channel | what |
|---|---|
| `speech:events:ATTEMPT` | stream: begun, pieces of sound, the ending |
| `speech:worker:NAME` | a worker's heartbeat: its model's facts, slots and guests; gone soon after the worker |
| `speech:gateway:NAME` | a gateway's heartbeat: work for one that is gone is stopped |
| `speech:clip:HASH` | a recording, for as long as it is used |
| `speech:vector:HASH` | what models made of it: a field for each model |
| `speech:control` | channel: `cancel ATTEMPT`, `forget` |
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import numpy as np
from celery import Celery

from sovits_lab.inference.timings import PhoneTime, Timings, WordTime
from sovits_lab.serving.order import SpeechFacts
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import PieceEvent, SpokenNot, SpokenWhole, TaskEvent
from sovits_lab.types import got

EVENTS, WORKER, GATEWAY, CLIP = "speech:events:", "speech:worker:", "speech:gateway:", "speech:clip:"
VECTOR = "speech:vector:"
CONTROL = "speech:control"
TASK, QUEUE = "sovits_lab.speak", "speech"
GUESTS = 2  # orders that a worker takes beyond its streams, see `SpeechEngine.guests`
BEAT, GONE = 1.0, 8  # seconds between heartbeats, and after the last of which somebody is gone
KEPT = 600  # seconds that the events of an attempt are kept
SCHEMES = ("redis://", "rediss://", "unix://")


def make_celery(redis: str) -> Celery:
    """Return the Celery application of a broker. Raises InputError for an address that is none of Redis."""
    if not redis.startswith(SCHEMES):
        raise got("redis", redis, "redis://HOST:PORT/0, with user and password where it has them")
    app = Celery("sovits_lab", broker=redis)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],  # nothing is ever unpickled
        task_ignore_result=True,
        task_default_queue=QUEUE,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,  # one that is busy would hold orders that another could begin
        worker_enable_remote_control=False,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"socket_timeout": 10, "socket_connect_timeout": 2, "retry_on_timeout": True},
    )
    return app


def pack_event(event: TaskEvent) -> dict[bytes | str, bytes | str]:
    """Return an event as the fields of a stream's entry."""
    if isinstance(event, PieceEvent):
        sound: dict[bytes | str, bytes | str] = {"rate": str(event.rate), "wav": event.wav.astype("<f4").tobytes()}
        return {"kind": "piece", **sound, "timings": json.dumps(event.timings), "mark": event.mark}
    if isinstance(event, SpokenWhole):
        return {"kind": "whole", "facts": json.dumps(asdict(event.facts))}
    problem = event.problem
    facts = {"status": problem.status, "code": problem.code, "detail": problem.detail, "retry": problem.retry_after}
    return {"kind": "not", "problem": json.dumps(facts | {"more": problem.more})}


def unpack_event(fields: dict[bytes, bytes]) -> TaskEvent | None:
    """Return the event of a stream's entry; None for the note that work has begun."""
    kind = fields[b"kind"].decode()
    if kind == "piece":
        phones, words, estimated = json.loads(fields[b"timings"])
        timings = Timings(tuple(PhoneTime(*one) for one in phones), tuple(WordTime(*one) for one in words), estimated)
        wav, mark = np.frombuffer(fields[b"wav"], "<f4").astype(np.float32), fields[b"mark"].decode()
        return PieceEvent(wav, int(fields[b"rate"]), timings, mark=mark)
    if kind == "whole":
        facts: dict[str, Any] = json.loads(fields[b"facts"])
        return SpokenWhole(SpeechFacts(**facts | {"flags": tuple(facts["flags"])}))
    if kind == "not":
        problem = json.loads(fields[b"problem"])
        more = problem["more"]
        return SpokenNot(ProblemError(problem["status"], problem["code"], problem["detail"], problem["retry"], **more))
    return None
