"""One order that is being spoken, a piece at a time."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from sovits_lab.inference.request import Request, Speech
from sovits_lab.serving.engines.contract import ClipStore, ModelFacts
from sovits_lab.serving.marked_text import NO_PHONES
from sovits_lab.serving.order import SpeechFacts
from sovits_lab.serving.problems import ProblemError, cancelled, problem_of
from sovits_lab.serving.quality import QualityGate
from sovits_lab.serving.task import OrderInWork, PieceEvent, SpokenNot, SpokenWhole
from sovits_lab.text import markup

if TYPE_CHECKING:
    from sovits_lab.inference.streaming import TimedStream

Wave = NDArray[np.float32]
PATIENCE = 2.0  # seconds that speech nobody listens to yet may wait behind speech that somebody does
MARKS = re.compile(r"\[/?[a-z][^\[\]]*\]")


class SpeakingModel(Protocol):
    """A synthesizer, or what stands in for one."""

    name: str
    sample_rate: int
    facts: ModelFacts

    def speak_all(self, requests: list[Request]) -> list[Speech]:
        """Speak requests together."""

    def stream(self, request: Request, chunk: int | None, cancelled: Callable[[], bool], timed: bool) -> TimedStream:
        """Speak a request piece by piece, with times where they are asked for; the return value is the flags."""


class SteppedOrder:
    """One order in the hands of a worker; all its methods run on the worker's thread.

    A streamed order hands on every piece at once. Another collects them, passes the gate, and is spoken again with
    another seed where it is bad.

    Args:
        task: the order.
        clips: where its recordings are.
        gate: what its speech must pass.
    """

    def __init__(self, task: OrderInWork, clips: ClipStore, gate: QualityGate) -> None:
        self.task, self.order, self.gate, self._clips = task, task.order, gate, clips
        self.attempt, self.samples = 0, 0
        self.took = 0.0
        self.began = time.perf_counter()
        self._pieces: list[Wave] = []
        self._stream: TimedStream | None = None
        task.began = self.began

    @property
    def is_short(self) -> bool:
        """Whether it can be spoken together with others: whole, of one piece, on its first attempt."""
        return not self.order.streamed and self._stream is None and len(self.order.text) <= 200

    def due(self, rate: int, now: float) -> float:
        """Return when its next sound is needed: a listener will have heard all, or else patience will have ended.

        What is late already is due now and no sooner: with more work than can be done, orders that are far behind would
        else keep new ones from ever beginning.
        """
        if self.task.is_cancelled():
            return 0.0
        if not self.order.streamed:
            return max(self.began + PATIENCE, now)
        return max(self.task.sounded + self.samples / rate, now) if self.task.sounded else self.began

    def request(self) -> Request:
        """Return what the model is asked for. Raises InputError for a recording that is gone."""
        return self.order.request(self._clips.get, self.attempt)

    def step(self, model: SpeakingModel) -> bool:
        """Make the next piece, or all of what can only be made at once; return whether the order has ended."""
        began = time.perf_counter()
        try:
            if self.task.is_cancelled():
                return self.fail(cancelled())
            if self.order.whole_only:
                (speech,) = model.speak_all([self.request()])
                return self.finish(model, [speech.wav], speech.flags)
            if self._stream is None:
                self._stream = model.stream(self.request(), self.order.chunk, self.task.is_cancelled, self.order.timed)
            try:
                piece, timings = next(self._stream)
            except StopIteration as end:
                return self._exhausted(model, end.value)
            if not np.isfinite(piece).all():
                raise ProblemError(500, "not_finite", "the model made sound that is not finite; try another seed")
            self.samples += len(piece)
            if self.order.streamed:
                self.task.tell(PieceEvent(piece, model.sample_rate, timings, model.name))
            else:
                self._pieces.append(piece)
            return False
        except Exception as error:
            return self.fail(error)
        finally:
            self.took += time.perf_counter() - began

    def finish(self, model: SpeakingModel, pieces: list[Wave], flags: tuple[str, ...]) -> bool:
        """Let speech through the gate, or begin again; return whether the order has ended."""
        wav = np.concatenate([*pieces, np.zeros(0, np.float32)])
        marked = markup.parse(self.order.text, NO_PHONES, strict=False, limits=self.order.markup)
        pauses = sum(pause.seconds for pause in marked.pauses)
        only = model.facts.languages[0] if len(model.facts.languages) == 1 else None
        flags = self.gate.flags(wav, model.sample_rate, marked.text, flags, self.order.language or only, pauses)
        if self.gate.is_bad(flags) and self.attempt < self.gate.retries and not self.order.streamed:
            self.attempt, self._stream, self._pieces, self.samples = self.attempt + 1, None, [], 0
            return False
        if "not_finite" in flags or not wav.any():
            return self.fail(ProblemError(500, "no_speech", "the model made no speech of this; try another seed"))
        if not self.order.streamed:
            self.task.tell(PieceEvent(wav, model.sample_rate, degraded=model.name))
        facts = SpeechFacts(
            seed=self.order.seed_of(self.attempt),
            seconds=len(wav) / model.sample_rate,
            flags=flags,
            attempts=self.attempt + 1,
            degraded=model.name,
            took=self.took,
            model=model.facts.hash,
        )
        self.task.tell(SpokenWhole(facts))
        return True

    def fail(self, error: Exception) -> bool:
        """End the order with an error."""
        if self._stream is not None:
            self._stream.close()
        self.task.tell(SpokenNot(problem_of(error)))
        return True

    def _exhausted(self, model: SpeakingModel, flags: tuple[str, ...]) -> bool:
        if "cancelled" in flags:
            return self.fail(cancelled())
        return self.finish(model, self._pieces, flags) if not self.order.streamed else self._streamed(model, flags)

    def _streamed(self, model: SpeakingModel, flags: tuple[str, ...]) -> bool:
        if not self.task.sounded:
            return self.fail(ProblemError(500, "no_speech", "the model made no speech of this; try another seed"))
        seconds = self.samples / model.sample_rate
        facts = SpeechFacts(self.order.seed, seconds, flags, 1, model.name, took=self.took, model=model.facts.hash)
        self.task.tell(SpokenWhole(facts))
        return True
