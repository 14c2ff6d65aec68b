"""`python -m sovits_lab bench serve`: a running service under load, and while its processes are killed.

The service runs in processes of its own on this machine, with marks and log as by default, and is asked over HTTP.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from websockets.sync.client import ClientConnection, connect

from sovits_lab.bench.memory_watch import MemoryWatch, slope_in_words
from sovits_lab.bench.service_crossed import measure_crossed
from sovits_lab.bench.service_stack import ServiceStack, until
from sovits_lab.inference.starter import starter_folder
from sovits_lab.options import option, read_options
from sovits_lab.provenance.audit import read_events
from sovits_lab.types import InputError

TEXTS = ("The river is cold and the boat is old.", "Nobody went there any more.", "Seven men walked home in the rain.",
         "She asked why, and he said nothing.")  # fmt: skip
LONG = "The river is cold and nobody went there any more, and nobody asked why. " * 6
WAV = {"response_format": "wav"}
ROOMY = ("queue.waiting=200", "queue.waiting_per_owner=200", "queue.patience=120")
WIDE = ("serving.engine.streams=16",)  # of one process; by default eight are in work and the others wait
MEASURES = ("first", "cancel", "soak", "chaos", "overload", "crossed")
LIMIT = 5.0  # seconds that an order may wait under overload
TIGHT = ("queue.waiting=8", f"queue.patience={LIMIT}")  # so that what is too much is refused


@dataclass(frozen=True)
class ServiceBench:
    """Measure a service: first audio by the number of streams, cancels, a soak, kills, overload, voices apart."""

    bundle: Path | None = option("a run folder or a bundle", None, shown="the starter voice")
    what: list[str] = option("is measured", ["first"], choices=MEASURES)
    streams: list[int] = option("at once, of different voices", [1, 4, 8, 16])
    rounds: int = option("requests of each stream", 6, least=1)
    requests: int = option("of the soak", 2000, least=10)
    warm: int = option("requests before the soak, until which connections, threads and caches are made", 500, least=0)
    cancels: int = option("of streams that are under way", 20, least=1)
    kills: int = option("of random processes", 20, least=1)
    cluster: bool = option("gateway, Redis, workers and nginx instead of one process", False)
    workers: int = option("of the cluster, or threads of the one process", 1, least=1)
    seed: int = option("of the kills, and of the moments of cancels", 0)


class FirstAudio(NamedTuple):
    """Times of one stream: seconds to its first sound, seconds in all, seconds of speech."""

    first: float
    whole: float
    speech: float


@contextmanager
def start_service(options: ServiceBench, queue: Sequence[str]) -> Iterator[ServiceStack]:
    """Start the service in a temporary folder, with settings of its queue."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["light=none", *queue]
        if not options.cluster:
            words += [f"serving.engine.workers={options.workers}"]
        bundle = options.bundle or starter_folder()
        stack = ServiceStack(bundle.resolve(), Path(folder), *words)
        try:
            if options.cluster:
                stack.start(options.workers)
            else:
                stack.start_alone()
            yield stack
        finally:
            stack.stop()


def voices_of(stack: ServiceStack) -> list[str]:
    """Return the voices that the service has."""
    with stack.client() as client:
        return [one["id"] for one in client.get("/v1/audio/voices").json()["voices"]]


def stream_once(client: httpx.Client, voice: str, seed: int) -> FirstAudio:
    """Stream one text, and time it."""
    body = {"input": TEXTS[seed % len(TEXTS)], "voice": voice, "seed": seed, "response_format": "pcm",
            "stream_format": "audio", "chunk": 8}  # fmt: skip
    began, first, size = time.perf_counter(), 0.0, 0
    with client.stream("POST", "/v1/audio/speech", json=body) as reply:
        reply.raise_for_status()
        for data in reply.iter_raw():
            first = first or time.perf_counter() - began
            size += len(data)
    return FirstAudio(first, time.perf_counter() - began, size / 2 / 24_000)


def measure_first(stack: ServiceStack, options: ServiceBench) -> None:
    """Print the time to the first sound at each number of streams."""
    voices = voices_of(stack)
    with stack.client() as client:
        for voice in voices[:2]:
            stream_once(client, voice, 0)
        for count in options.streams:

            def one(number: int) -> list[FirstAudio]:
                return [
                    stream_once(client, voices[number % len(voices)], number * 100 + i) for i in range(options.rounds)
                ]

            began = time.perf_counter()
            with ThreadPoolExecutor(count) as pool:
                every = [each for row in pool.map(one, range(count)) for each in row]
            took = time.perf_counter() - began
            firsts = np.array([each.first for each in every]) * 1000
            speech = sum(each.speech for each in every)
            p50, p95 = np.percentile(firsts, [50, 95])
            print(f"first audio, {count:>2} streams: p50 {p50:.0f} ms, p95 {p95:.0f} ms, n {len(every)}; "
                  f"RTF {took / speech:.3f} in all", flush=True)  # fmt: skip


def measure_soak(stack: ServiceStack, options: ServiceBench) -> None:
    """Print what many requests lost, repeated and left in memory."""
    voices, firsts = voices_of(stack), list[float]()
    lock = threading.Lock()
    processes = {name: one.pid for name, one in stack.processes.items() if name != "nginx"}

    with stack.client() as client, MemoryWatch(processes, lambda: len(firsts)) as watch:

        def one(number: int) -> None:
            first = asked_once(client, voices[number % len(voices)], number)
            with lock:
                firsts.append(first)
                if len(firsts) >= options.warm:
                    watch.begin()
                if len(firsts) % 500 == 0:
                    print(f"soak: {len(firsts)} answered", flush=True)

        began, count = time.perf_counter(), options.warm + options.requests
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(one, range(count)))
    took = time.perf_counter() - began
    events = [line["event"] for line in read_events(stack.folder / "audit.jsonl")]
    spoken = Counter(event["request_id"] for event in events if event["kind"] == "speech")
    speech = sum(event["seconds"] for event in events if event["kind"] in ("speech", "speech_end"))
    p50, p95 = np.percentile(np.array(firsts[options.warm :]) * 1000, [50, 95])
    print(f"soak: {len(firsts)} of {count} answered in {took:.0f} s, the first {options.warm} to warm up; the log "
          f"has {len(spoken)}, {sum(times > 1 for times in spoken.values())} of them twice; "
          f"first sound p50 {p50:.0f} ms, p95 {p95:.0f} ms; RTF {took / speech:.3f} in all", flush=True)  # fmt: skip
    for name, measured in watch.samples().items():
        print(f"soak: {name}: {slope_in_words(measured)}", flush=True)


def asked_once(client: httpx.Client, voice: str, number: int) -> float:
    """Ask for speech, every other time as a stream, and return the seconds to its first sound."""
    if number % 2:
        return stream_once(client, voice, number).first
    body = {"input": TEXTS[number % 4], "voice": voice, "seed": number, "response_format": "wav"}
    began = time.perf_counter()
    client.post("/v1/audio/speech", json=body).raise_for_status()
    return time.perf_counter() - began


def measure_cancels(stack: ServiceStack, options: ServiceBench) -> None:
    """Print how long it takes from a cancel over the socket until the decoder has let go, and until that is told.

    Every other cancel comes with the first sound, when the decoder has mostly made its clause and is idle, and every
    other before it, at any moment of the time that the first sound took.
    """
    url = stack.url.replace("http", "ws", 1) + "/v1/audio/stream"
    voice = voices_of(stack)[0]
    delays, stopped, first, draw = [], [], 0.0, random.Random(options.seed)
    with connect(url, additional_headers={"Authorization": f"Bearer {stack.key}"}) as socket:
        socket.send(json.dumps({"type": "session.update", "voice": voice}))
        for turn in range(options.cancels):
            name = f"turn-{turn}"
            socket.send(json.dumps({"type": "input_text.append", "text": LONG * 4, "context_id": name}))
            began = time.perf_counter()
            if turn % 2:
                time.sleep(draw.uniform(0.0, first))
            else:
                next_event(socket, "speech.audio.delta")
                first = time.perf_counter() - began
            began = time.perf_counter()
            socket.send(json.dumps({"type": "cancel", "context_id": name}))
            stopped.append(float(next_event(socket, "context.cancelled")["stopped_ms"]))
            delays.append(1000 * (time.perf_counter() - began))
    within = sum(one <= 100 for one in delays)
    busy = sum(one >= 1 for one in stopped)  # milliseconds; where nothing is in work there is nothing to wait for
    met = f"decoder at work at {busy} of {len(stopped)}"
    idle = f"idle p50 {np.median(stopped):.0f} ms, most {max(stopped):.0f} ms"
    answered = f"told p50 {np.median(delays):.0f} ms, most {max(delays):.0f} ms"
    print(f"cancel: {met}, {idle}; {answered}; {within} of {len(delays)} told within 100 ms", flush=True)


def next_event(socket: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next event of a kind; others are passed over, and an error is raised."""
    while True:
        event: dict[str, Any] = json.loads(socket.recv(timeout=120))
        if event["type"] == "error":
            raise InputError(f"the service answered: {event['detail']}")
        if event["type"] == kind:
            return event


def chaos(stack: ServiceStack, options: ServiceBench) -> None:
    """Break random processes off while jobs are spoken, and print how the jobs ended."""
    draw = random.Random(options.seed)
    names = ["gateway", *(["redis", *(f"worker-{i}" for i in range(options.workers))] if options.cluster else [])]
    start = {"gateway": stack.start_gateway, "redis": stack.start_redis}
    voices = voices_of(stack)
    jobs: list[str] = []
    killed: Counter[str] = Counter()
    for turn in range(options.kills):
        submit_jobs(stack, voices, turn, jobs)
        time.sleep(draw.uniform(0.2, 1.5))
        victim = draw.choice(names)
        stack.kill(victim)
        killed[victim] += 1
        time.sleep(draw.uniform(0.0, 0.5))
        if victim in start:
            start[victim]()
        else:
            stack.start_worker(victim)
        stack.wait_ready(1)
    with stack.client() as client:

        def look(job: str) -> dict[str, Any]:
            reply = client.get(f"/v1/audio/jobs/{job}")
            reply.raise_for_status()  # the body of a refusal has a `status` as well
            found: dict[str, Any] = reply.json()
            return found

        def is_over() -> bool:  # the last ones end last, so mostly one look is enough
            return all(look(job)["status"] not in ("queued", "running") for job in reversed(jobs))

        until(is_over, 1800, "jobs")  # minutes, where other programs run beside it
        ends = [look(job) for job in jobs]
    files = Counter(path.stem for path in (stack.folder / "results").iterdir())
    events = [line["event"] for line in read_events(stack.folder / "audit.jsonl")]
    spoken = Counter(event["request_id"] for event in events if event["kind"] == "speech")
    print(f"chaos: {dict(killed)} killed; of {len(jobs)} accepted jobs {dict(Counter(one['status'] for one in ends))}, "
          f"{sum(n > 1 for n in files.values())} with two results, {sum(n > 1 for n in spoken.values())} twice in the "
          f"log", flush=True)  # fmt: skip
    for why, many in Counter(one["problem"]["detail"] for one in ends if one["status"] == "failed").items():
        print(f"chaos: {many} failed: {why}", flush=True)


def submit_jobs(stack: ServiceStack, voices: list[str], turn: int, jobs: list[str]) -> None:
    """Give in three jobs; what was not accepted is not counted."""
    with stack.client() as client:
        for i in range(3):
            body = {
                "input": LONG,
                "voice": voices[(turn + i) % len(voices)],
                "seed": turn * 3 + i,
                "response_format": "wav",
            }
            try:
                reply = client.post("/v1/audio/jobs", json=body)
            except httpx.HTTPError:
                continue
            if reply.status_code == 202:
                jobs.append(reply.json()["id"])


def overload(stack: ServiceStack, options: ServiceBench) -> None:
    """Ask for five times of what is spoken at once; print how long what was accepted took and what was refused."""
    voices = voices_of(stack)
    codes: Counter[str] = Counter()
    times: list[float] = []
    with stack.client() as client:
        alone = statistics.median(stream_once(client, voices[0], i).whole for i in range(3))
        stop = time.perf_counter() + 20

        def one(number: int) -> None:
            while time.perf_counter() < stop:
                began = time.perf_counter()
                body = {"input": TEXTS[number % 4], "voice": voices[number % len(voices)], "response_format": "wav"}
                reply = client.post("/v1/audio/speech", json=body)
                if reply.status_code == 200:
                    codes["light" if reply.headers["x-degraded"] else "spoken"] += 1
                    times.append(time.perf_counter() - began)
                else:
                    assert "retry-after" in reply.headers
                    codes[str(reply.status_code)] += 1
                    time.sleep(alone)

        with ThreadPoolExecutor(40) as pool:
            list(pool.map(one, range(40)))
    late = sum(one > LIMIT for one in times)
    p50, p95 = np.percentile(times, [50, 95])
    print(f"overload: {dict(codes)}; of what was spoken p50 {p50:.1f} s, p95 {p95:.1f} s, "
          f"{late} of {len(times)} later than {LIMIT:g} s", flush=True)  # fmt: skip


def measure_service(argv: list[str]) -> int:
    """Start a service, measure it, stop it."""
    options = read_options(ServiceBench, argv)
    measures: dict[str, Callable[[ServiceStack, ServiceBench], None]] = {
        "first": measure_first,
        "cancel": measure_cancels,
        "soak": measure_soak,
        "chaos": chaos,
        "overload": overload,
        "crossed": lambda stack, _: measure_crossed(stack),
    }
    for name in options.what:
        queue = TIGHT if name == "overload" else ROOMY if options.cluster else ROOMY + WIDE
        with start_service(options, queue) as stack:
            measures[name](stack, options)
    return 0
