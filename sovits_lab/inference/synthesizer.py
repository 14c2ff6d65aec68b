"""Text and references -> speech."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray

from sovits_lab.checkpoints.networks import OuterNetworks
from sovits_lab.inference.clips import ClipLike, shown
from sovits_lab.inference.flow_settings import FlowSettings
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.part_styles import style_of_part
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import Clips, Emotion, Request, Speech, SpeechLimits
from sovits_lab.inference.starter import starter_folder
from sovits_lab.inference.streaming import SpokenPiece, check_chunked, check_streamed, stream_pieces, timed_stream
from sovits_lab.inference.styles import NEUTRAL, VoiceStyle
from sovits_lab.inference.tokens import generate_tokens
from sovits_lab.inference.utterances import SpokenUtterance, utterances_of
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.inference.waveforms import speech_of
from sovits_lab.models.contracts import Bounds, StreamingModel
from sovits_lab.models.gpt.packed import Precision
from sovits_lab.pipeline.memory import keep_freed_memory
from sovits_lab.types import InputError, got

__all__ = ["NEUTRAL", "Request", "Speech", "Synthesizer"]


class Synthesizer:
    """A bundle that speaks. Many threads may share one: a request depends on its own seed alone.

    >>> with Synthesizer.load() as voice:                                               # doctest: +SKIP
    ...     voice.speak("I never thought so.", emotion="sad")                          # the starter voice
    >>> with Synthesizer.load("runs/sad_transfer/...") as voice:                       # doctest: +SKIP
    ...     voice.speak("The river is cold.", speaker="a.wav", style="b.wav", strength=0.8)

    Args:
        voice: a loaded bundle.
        guard: bounds of tokens per phone.
        limits: bounds of a request.
    """

    def __init__(self, voice: LoadedVoice, guard: Bounds | None = None, limits: SpeechLimits | None = None) -> None:
        self.guard, self.limits = guard or voice.gpt.bounds, limits or SpeechLimits()
        self._clips: VoiceClips | None = VoiceClips(voice)

    @classmethod
    def load(
        cls,
        folder: str | Path | None = None,
        device: str | torch.device | None = None,
        dtype: str | torch.dtype | None = None,
        limits: SpeechLimits | None = None,
        precision: Precision = "fp32",
        adapters: str | Path | None = None,
        steps: int | None = None,
        solver: str | None = None,
        **networks: Any,
    ) -> Synthesizer:
        """Load a run folder, a voice bundle, or a bundle of the released family.

        Args:
            folder: of the run or the bundle; None is the starter voice.
            device: where the networks run, such as "cuda"; None is the CPU.
            dtype: their precision, such as "bfloat16"; None is float32.
            limits: bounds of a request.
            precision: of a released model's weights on a CPU: "fp32", "bf16" (the GPT, and the flow of v3 and v4) or
                "int8" (the GPT).
            adapters: a bundle of style adapters; None: those beside the bundle, if any.
            steps, solver: of the flow of v3 and v4, see `FlowSettings`; None is as the bundle says.
            networks: what released models hear through: `content`, `speaker_network`, `bert`, `g2pw`, see
                `OuterNetworks`.

        Raises:
            InputError: neither a run nor a bundle, a device that this machine lacks, a network that is missing.
        """
        keep_freed_memory()
        place, beside = starter_folder() if folder is None else Path(folder), Path(adapters) if adapters else None
        flow = FlowSettings(steps, solver)
        return cls(load_voice(place, device, dtype, OuterNetworks(**networks), precision, beside, flow), limits=limits)

    @property
    def clips(self) -> VoiceClips:
        """The clips heard so far. Raises InputError after `close`."""
        if self._clips is None:
            raise InputError("synthesizer: got a request after close(), expected it before; load the bundle again")
        return self._clips

    @property
    def voice(self) -> LoadedVoice:
        """The loaded bundle. Raises InputError after `close`."""
        return self.clips.voice

    def close(self) -> None:
        """Let go of the models and of every clip; closing twice is as closing once."""
        if self._clips is not None:
            self._clips.clear()
        self._clips = None

    def __enter__(self) -> Synthesizer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __getstate__(self) -> NoReturn:
        """Refuse to be copied or sent to another process, which would hold a second model all the same.

        Raises:
            TypeError: always, as `pickle` and `copy` expect.
        """
        raise TypeError(
            "Synthesizer: it cannot be pickled or copied; load the bundle in each process, threads share one"
        )

    def speak(
        self,
        text: str,
        speaker: ClipLike | None = None,
        style: Clips | None = None,
        emotion: Emotion | None = None,
        strength: float = 1.0,
        rate: float = 1.0,
        seed: int = 0,
        language: str | None = None,
        **controls: Any,
    ) -> Speech:
        """Speak one request; arguments and further `controls` as the attributes of `Request`.

        Raises:
            InputError: text without anything to say, a reference or curve that cannot be used, an unknown name, a
                control that this voice lacks.
        """
        return self.speak_all([Request(text, speaker, style, emotion, strength, rate, seed, language, **controls)])[0]

    def speak_all(self, requests: Iterable[Request], batch: int = 16) -> list[Speech]:
        """Speak many requests; the tokens of up to `batch` utterances are generated together."""
        asked, batch = checked_requests(requests), checked_batch(batch)
        clips = self.clips
        plans = [utterances_of(request, clips, self.limits) for request in asked]
        spoken = generate_tokens(clips.voice, plans, asked, batch, self.guard)
        return [
            speech_of(clips, request, plan, tokens) for request, plan, tokens in zip(asked, plans, spoken, strict=True)
        ]

    def stream(
        self, request: Request, chunk: int | None = None, cancelled: Callable[[], bool] | None = None
    ) -> Generator[NDArray[np.float32], None, tuple[str, ...]]:
        """Return the pieces of the waveform as soon as they are made; the generator's return value is the flags.

        Closing the generator, or an answer of True from `cancelled`, ends the work within one token.

        Args:
            request: as for `speak_all`; curves and a prosody clip, which hold for the whole text, are refused.
            chunk: None gives a pause or a clause at a time, which joined are what `speak` gives. A number gives pieces
                of so many tokens (25 a second): our voices cut their clauses, which stay the same; released ones make
                each piece as soon as its tokens are there, v3 and v4 the first one of a clause, then longer ones.
            cancelled: asked before every token.

        Raises:
            InputError: as `speak`, before the first piece.
        """
        plan = self._streamed_plan(request, chunk)
        return stream_pieces(self.clips, request, plan, self.guard, chunk, cancelled)

    def stream_timed(
        self, request: Request, chunk: int | None = None, cancelled: Callable[[], bool] | None = None
    ) -> Generator[SpokenPiece, None, tuple[str, ...]]:
        """Return pieces as `stream` does, each with the times of the phones and words that are over with it.

        In chunks of a released voice they come from the tokens so far; a phone's end may lie a piece before or behind.

        Raises:
            InputError: as `stream`.
        """
        plan = self._streamed_plan(request, chunk)
        return timed_stream(self.clips, request, plan, self.guard, chunk, cancelled)

    def _streamed_plan(self, request: Request, chunk: int | None) -> list[SpokenUtterance]:
        checked_requests([request])
        decoded_in_pieces = isinstance(self.voice.sovits, StreamingModel)
        check_streamed(request, chunk, decoded_in_pieces)
        plan = utterances_of(request, self.clips, self.limits)
        if chunk is not None and decoded_in_pieces:
            check_chunked(plan)
        return plan

    def style(self, request: Request) -> VoiceStyle:
        """Return the style of a request without markup, moved towards or beyond neutral by its strength."""
        return style_of_part(request, self.clips).value


def checked_requests(requests: object) -> list[Request]:
    """Return a list of requests, or raise an InputError for something else, or something else in it."""
    if isinstance(requests, str | bytes | Request) or not isinstance(requests, Iterable):
        raise got("requests", shown(requests), "a list of Request")
    asked = list(requests)
    for place, one in enumerate(asked):
        if not isinstance(one, Request):
            raise got(f"request {place}", shown(one), "a Request")
    return asked


def checked_batch(batch: object) -> int:
    """Return how many utterances go together, or raise an InputError: no whole number, or less than 1."""
    if not isinstance(batch, int) or batch < 1:
        raise got("batch", shown(batch), "a whole number of utterances, 1 or more")
    return batch
