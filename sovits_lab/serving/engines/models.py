"""What speaks: a bundle, or espeak-ng where nothing better is left."""

from __future__ import annotations

import contextlib
import gc
import hashlib
import threading
import time
from collections.abc import Callable, Generator
from http import HTTPStatus
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.files import resample
from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.inference.request import Request, Speech, SpeechLimits
from sovits_lab.inference.speaker_store import SpeakerStore
from sovits_lab.inference.streaming import SpokenPiece, TimedStream
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import Timings
from sovits_lab.pipeline.memory import resident_megabytes, set_objects_aside
from sovits_lab.serving.engines.contract import ModelFacts
from sovits_lab.serving.engines.stepping import MARKS, SpeakingModel
from sovits_lab.serving.order import LONGEST
from sovits_lab.serving.problems import ProblemError
from sovits_lab.text import espeak
from sovits_lab.types import InputError

WARM_UP = "Yes."


class BundleModel:
    """A loaded bundle.

    Args:
        bundle: its folder, or that of a run.
        name: what replies call it where it stands in for the model; "" for the model itself.
        seconds: of speech that a request may ask for.
        vectors: keeps what the model makes of recordings, by the model's hash; None keeps it in memory alone.
        loading: further arguments of `Synthesizer.load`: device, dtype, precision, networks.
    """

    def __init__(
        self,
        bundle: str,
        name: str = "",
        seconds: float = LONGEST,
        vectors: Callable[[str], SpeakerStore] | None = None,
        **loading: Any,
    ) -> None:
        folder = bundle_folder(Path(bundle))
        self.synthesizer = Synthesizer.load(folder, limits=SpeechLimits(seconds), **loading)
        voice = self.synthesizer.voice
        self.name, self.sample_rate = name, voice.sample_rate
        self.facts = ModelFacts(
            name=Path(bundle).resolve().name,
            hash=hashlib.sha256((folder / "bundle.json").read_bytes()).hexdigest()[:16],
            sample_rate=voice.sample_rate,
            speakers=tuple(sorted(voice.speakers)),
            emotions=tuple(sorted(voice.emotions)),
            accepts=voice.accepts,
            prompted=voice.prompted,
            takes_text=voice.gpt.takes_prompt,
            languages=tuple(voice.frontend.languages),
        )
        self.synthesizer.clips.store = None if vectors is None else vectors(self.facts.hash)

    def speak_all(self, requests: list[Request]) -> list[Speech]:
        """Speak requests together."""
        return self.synthesizer.speak_all(requests)

    def stream(self, request: Request, chunk: int | None, cancelled: Callable[[], bool], timed: bool) -> TimedStream:
        """Speak a request piece by piece."""
        if timed:
            return self.synthesizer.stream_timed(request, chunk, cancelled)
        return _untimed(self.synthesizer.stream(request, chunk, cancelled))

    def warm_up(self) -> None:
        """Speak a word, so that the first request does not pay for what is made once."""
        if self.facts.speakers and not self.facts.prompted:
            for _ in self.synthesizer.stream(Request(WARM_UP, self.facts.speakers[0]), 8):
                pass

    def forget(self) -> None:
        """Let go of every recording that it heard, and of what was derived from them."""
        self.synthesizer.clips.clear()

    def close(self) -> None:
        """Let go of the models."""
        self.synthesizer.close()


def _untimed(stream: Generator[NDArray[np.float32], None, tuple[str, ...]]) -> TimedStream:
    """Pieces without times; closing it closes the stream."""
    with contextlib.closing(stream):
        while True:
            try:
                yield SpokenPiece(next(stream), Timings())
            except StopIteration as end:
                return tuple(end.value)


class EspeakModel:
    """espeak-ng in place of the model, as the last resort: it speaks, but with nobody's voice.

    Args:
        voice: espeak-ng's.
        sample_rate: Hz that its speech is brought to.
    """

    name = "espeak"

    def __init__(self, voice: str = "en-us", sample_rate: int = 24_000) -> None:
        self.sample_rate, self.voice = sample_rate, voice
        self.facts = ModelFacts(f"espeak-ng {voice}", "espeak", sample_rate)

    def speak_all(self, requests: list[Request]) -> list[Speech]:
        """Speak requests one after another; everything of them but text and rate is ignored."""
        return [
            Speech(self._wav(one), self.sample_rate, (), (), np.zeros(0, np.float32), np.zeros(0, np.float32))
            for one in requests
        ]

    def stream(self, request: Request, chunk: int | None, cancelled: Callable[[], bool], timed: bool) -> TimedStream:
        """Give the whole speech as one piece, without times."""
        if not cancelled():
            yield SpokenPiece(self._wav(request), Timings())
        return ()

    def warm_up(self) -> None:
        """Load the library. Raises InputError where it is not installed."""
        espeak.speak(WARM_UP, voice=self.voice)

    def forget(self) -> None:
        """Do nothing: it hears no recordings."""

    def close(self) -> None:
        """Do nothing: it holds next to nothing."""

    def _wav(self, request: Request) -> NDArray[np.float32]:
        text = MARKS.sub("", request.text)
        spoken = espeak.speak(text, voice=self.voice, rate=int(170 * min(2.0, request.rate)))
        return resample(spoken.wav, spoken.sample_rate, self.sample_rate)


class HeldModel(SpeakingModel, Protocol):
    """A model that can be let go of."""

    def warm_up(self) -> None:
        """Make ready for the first request."""

    def forget(self) -> None:
        """Let go of every recording that it heard."""

    def close(self) -> None:
        """Let go of everything."""


class ModelHolder:
    """Loads a model when it is needed, again after so many requests or megabytes, and lets go of an idle one.

    Args:
        load: makes the model.
        recycle_after: requests after which it is loaded again; 0 is never.
        recycle_megabytes: resident memory of the process above which it is loaded again; 0 is never.
        unload_after: idle seconds after which it is let go of; 0 is never.
    """

    def __init__(
        self,
        load: Callable[[], HeldModel],
        recycle_after: int = 0,
        recycle_megabytes: float = 0.0,
        unload_after: float = 0.0,
    ) -> None:
        self._load = load
        self._model: HeldModel | None = None
        self.recycle_after, self.recycle_megabytes, self.unload_after = recycle_after, recycle_megabytes, unload_after
        self.served, self.loads, self._of_load = 0, 0, 0
        self.facts: ModelFacts | None = None
        self.error: InputError | None = None
        self._used = time.monotonic()
        self._users = 0
        self._lock = threading.Lock()

    def acquire(self) -> HeldModel:
        """Return the model, loaded where it is not. Raises InputError for a bundle that cannot be loaded."""
        with self._lock:
            if self._model is None:
                try:
                    self._model = self._load()
                except InputError as error:
                    self.error = error
                    raise
                self.facts, self.error = self._model.facts, None
                self.loads += 1
                self._of_load = 0
                self._model.warm_up()
                set_objects_aside()
            self._users += 1
            self._used = time.monotonic()
            return self._model

    def release(self, requests: int) -> None:
        """Give the model back after so many requests."""
        with self._lock:
            self._users -= 1
            self.served += requests
            self._of_load += requests
            self._used = time.monotonic()
            if not self._users and self._is_worn():
                self._drop()

    def unload_idle(self) -> None:
        """Let go of a model that nobody has used for long."""
        with self._lock:
            idle = time.monotonic() - self._used
            if self._model is not None and not self._users and self.unload_after and idle > self.unload_after:
                self._drop()

    def forget(self) -> None:
        """Let the model forget every recording."""
        with self._lock:
            if self._model is not None:
                self._model.forget()

    def known(self) -> ModelFacts:
        """Return the facts of the model. Raises ProblemError 503 before it was ever loaded."""
        if self.facts is None:
            why = "the model is being loaded" if self.error is None else f"the model cannot be loaded ({self.error})"
            raise ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, "not_ready", why, 5)
        return self.facts

    @property
    def is_loaded(self) -> bool:
        """Whether the model is in memory."""
        return self._model is not None

    def _is_worn(self) -> bool:
        many = self.recycle_after and self._of_load >= self.recycle_after
        large = self.recycle_megabytes and resident_megabytes() > self.recycle_megabytes
        return bool(many or large)

    def _drop(self) -> None:
        if self._model is not None:
            self._model.close()
        self._model = None
        gc.unfreeze()  # what was set aside holds the model, where its objects are in rings
        gc.collect()
