"""What Prometheus reads at `/metrics`. No label holds what a user wrote: the number of series is bounded."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sovits_lab.inference.request import is_broken
from sovits_lab.pipeline.memory import resident_megabytes
from sovits_lab.serving.order import SpeechFacts
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.task import OrderTask

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.8, 1.2, 2, 3, 5, 8, 15, 30, 60)
RATIOS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)
PREFIX = "sovits_lab"


class ServiceMetrics:
    """Counters of one service, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.depth = Gauge(f"{PREFIX}_queue_depth", "orders that wait", registry=r)
        self.running = Gauge(f"{PREFIX}_orders_running", "orders in work", registry=r)
        self.wait = Histogram(f"{PREFIX}_queue_wait_seconds", "time in the queue", buckets=SECONDS, registry=r)
        self.first = Histogram(
            f"{PREFIX}_first_audio_seconds", "from request to first sound", ["way"], buckets=SECONDS, registry=r
        )
        self.rtf = Histogram(f"{PREFIX}_real_time_factor", "computing by speech", buckets=RATIOS, registry=r)
        self.seconds = Counter(f"{PREFIX}_speech_seconds", "seconds of speech", registry=r)
        self.orders = Counter(f"{PREFIX}_orders", "orders by their end", ["end"], registry=r)
        self.refused = Counter(f"{PREFIX}_refused", "orders not admitted, by the reason", ["reason"], registry=r)
        self.cancels = Counter(f"{PREFIX}_cancels", "orders that were cancelled", registry=r)
        self.stopping = Histogram(
            f"{PREFIX}_cancel_seconds", "from the wish to stop until the worker let go", buckets=SECONDS, registry=r
        )
        self.retries = Counter(f"{PREFIX}_retries", "orders spoken again with another seed", registry=r)
        self.degraded = Counter(f"{PREFIX}_degraded", "orders the light model spoke", ["reason"], registry=r)
        self.bad = Counter(f"{PREFIX}_bad_cases", "orders whose speech was flagged", ["flag"], registry=r)
        self.replies = Counter(f"{PREFIX}_http_replies", "replies by route and status", ["route", "status"], registry=r)
        memory = Gauge(f"{PREFIX}_resident_megabytes", "memory of this process", registry=r)
        memory.set_function(resident_megabytes)

    def spoken(self, task: OrderTask, facts: SpeechFacts) -> None:
        """Count an order that was spoken."""
        self.orders.labels("spoken").inc()
        self.seconds.inc(facts.seconds)
        if task.sounded:
            way = "stream" if task.order.streamed else "whole"
            self.first.labels(way).observe(task.sounded - task.submitted)
        if facts.seconds:
            self.rtf.observe(facts.took / facts.seconds)
        self.retries.inc(facts.attempts - 1)
        if is_broken(facts.flags):
            for flag in facts.flags:
                self.bad.labels(flag).inc()

    def failed(self, task: OrderTask, problem: ProblemError) -> None:
        """Count an order that was not."""
        self.orders.labels("cancelled" if problem.code == "cancelled" else "failed").inc()
        if problem.code == "cancelled":
            self.cancels.inc()
            if task.cancelled_at:
                self.stopping.observe(task.stopped_at - task.cancelled_at)

    def text(self) -> bytes:
        """Return all of it in Prometheus' text format."""
        return generate_latest(self.registry)
