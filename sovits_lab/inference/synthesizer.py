"""Text and references -> speech."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch

from sovits_lab.inference.clips import ClipLike, shown
from sovits_lab.inference.references import References
from sovits_lab.inference.request import NEUTRAL, Clips, Emotion, Request, Speech, SpeechLimits
from sovits_lab.inference.tokens import spoken_tokens
from sovits_lab.inference.utterances import manner_of, utterances_of
from sovits_lab.inference.voice import Style, Voice, load_voice
from sovits_lab.inference.waveforms import speech_of
from sovits_lab.models.contracts import Bounds
from sovits_lab.pipeline.memory import keep_freed_memory
from sovits_lab.types import InputError, got

__all__ = ["NEUTRAL", "Request", "Speech", "Synthesizer"]


class Synthesizer:
    """A bundle that speaks. Many threads may share one: a request depends on its own seed alone.

    >>> with Synthesizer.load("runs/sad_transfer/...") as voice:                       # doctest: +SKIP
    ...     voice.speak("The river is cold.", speaker="a.wav", style="b.wav", strength=0.8)

    Args:
        voice: a loaded bundle.
        guard: bounds of tokens per phone.
        limits: bounds of a request.
    """

    def __init__(self, voice: Voice, guard: Bounds | None = None, limits: SpeechLimits | None = None) -> None:
        self.guard, self.limits = guard or voice.gpt.bounds, limits or SpeechLimits()
        self._references: References | None = References(voice)

    @classmethod
    def load(
        cls,
        folder: str | Path,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        limits: SpeechLimits | None = None,
    ) -> Synthesizer:
        """From a run folder or a voice bundle.

        Args:
            folder: of the run or the bundle.
            device: where the networks run, such as "cuda"; None is the CPU.
            dtype: their precision, such as "bfloat16"; None is float32.
            limits: bounds of a request.

        Raises:
            InputError: neither a run nor a bundle, or a device that this machine lacks.
        """
        keep_freed_memory()
        return cls(load_voice(Path(folder), device, dtype), limits=limits)

    @property
    def references(self) -> References:
        """The clips heard so far. Raises InputError after `close`."""
        if self._references is None:
            raise InputError("synthesizer: got a request after close(), expected it before; load the bundle again")
        return self._references

    @property
    def voice(self) -> Voice:
        """The loaded bundle. Raises InputError after `close`."""
        return self.references.voice

    def close(self) -> None:
        """Let go of the models and of every clip; closing twice is as closing once."""
        if self._references is not None:
            self._references.clear()
        self._references = None

    def __enter__(self) -> Synthesizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def speak(
        self,
        text: str,
        speaker: ClipLike,
        style: Clips | None = None,
        emotion: Emotion | None = None,
        strength: float = 1.0,
        rate: float = 1.0,
        seed: int = 0,
        language: str | None = None,
        **controls: Any,
    ) -> Speech:
        """One request; arguments and further `controls` as the attributes of `Request`.

        Raises:
            InputError: text without anything to say, a reference or curve that cannot be used, an unknown name, a
                control that this voice lacks.
        """
        return self.speak_all([Request(text, speaker, style, emotion, strength, rate, seed, language, **controls)])[0]

    def speak_all(self, requests: Iterable[Request], batch: int = 16) -> list[Speech]:
        """Many requests; the tokens of up to `batch` utterances are generated together."""
        asked, batch = checked_requests(requests), checked_batch(batch)
        references = self.references
        plans = [utterances_of(request, references, self.limits) for request in asked]
        every = [one for plan in plans for one in plan]
        spoken = iter(spoken_tokens(references.voice, every, batch, self.guard))
        return [
            speech_of(references, request, plan, [next(spoken) for _ in plan])
            for request, plan in zip(asked, plans, strict=True)
        ]

    def style(self, request: Request) -> Style:
        """The style of a request without markup, moved towards or beyond neutral by its strength."""
        return manner_of(request, self.references).style


def checked_requests(requests: object) -> list[Request]:
    """A list of requests. Raises InputError: something else, or something else in it."""
    if isinstance(requests, str | bytes | Request) or not isinstance(requests, Iterable):
        raise got("requests", shown(requests), "a list of Request")
    asked = list(requests)
    for place, one in enumerate(asked):
        if not isinstance(one, Request):
            raise got(f"request {place}", shown(one), "a Request")
    return asked


def checked_batch(batch: object) -> int:
    """How many utterances together. Raises InputError: no whole number, or less than 1."""
    if not isinstance(batch, int) or batch < 1:
        raise got("batch", shown(batch), "a whole number of utterances, 1 or more")
    return batch
