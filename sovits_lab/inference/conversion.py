"""Saying what one voice said in another voice: content to tokens, F0 kept, moved or drawn, in windows.

A recording is cut into windows of fixed length, each heard with some context before and after it, and neighbouring
windows are faded into each other. Whole and streamed are the same windows, so they are the same samples; what a stream
waits for is one window and its look-ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.audio.baseline import FEWEST
from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.files import resample
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.inference.curves import HIGHEST_F0, LOWEST_F0
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.voice import LoadedVoice, Speaker
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.types import got

TOKEN_SECONDS = 0.04
STRETCH_SECONDS = 60.0  # of a long recording that are measured at once
FADE = 1  # tokens over which neighbouring windows are faded
PITCHES = ("keep", "transpose", "draw")
Wave = NDArray[np.float32]


class SourceContent(NamedTuple):
    """What is said in a stretch: semantic tokens [S], none where nothing is said, and ids of phones [P]."""

    tokens: Tensor
    phones: Tensor


ContentOf = Callable[[Wave, int], SourceContent]  # samples and their rate -> what is said in them


@dataclass(frozen=True)
class ConversionWindows:
    """Seconds of a window, of what is heard before it, and of what is heard after it.

    Raises:
        InputError: no multiples of a token, or too short.
    """

    seconds: float = 8.0
    before: float = 1.0
    after: float = 0.4

    def __post_init__(self) -> None:
        for name, least in (("seconds", 0.2), ("before", 0.0), ("after", FADE * TOKEN_SECONDS)):
            value = getattr(self, name)
            if not least <= value <= 30 or abs(value / TOKEN_SECONDS - round(value / TOKEN_SECONDS)) > 1e-6:
                raise got(f"windows.{name}", value, f"a multiple of {TOKEN_SECONDS} s from {least:g} to 30")

    @property
    def latency(self) -> float:
        """Seconds of sound that a stream waits for before its first piece, the computing aside."""
        return self.seconds + self.after


class SourceProsody(NamedTuple):
    """How the source speaks on the whole: mean F0 in Hz (0: hardly voiced) and mean log energy of voiced frames."""

    f0: float
    energy: float


@dataclass(frozen=True)
class Conversion:
    """Everything that is fixed while a recording is converted.

    Attributes:
        voice: whose acoustic model speaks.
        content_of: hears content; one pause stands for phones that nobody knows.
        speaker: the target.
        style: how it is spoken; empty for a model that hears no style.
        pitch: "keep" the source's F0, "transpose" it to the target's range, or "draw" it anew. Models that make their
            own pitch always draw.
        windows: see `ConversionWindows`.
        seed: of everything random.
    """

    voice: LoadedVoice
    content_of: ContentOf
    speaker: Speaker
    style: VoiceStyle
    pitch: str = "transpose"
    windows: ConversionWindows = ConversionWindows()
    seed: int = 0

    def __post_init__(self) -> None:
        if self.pitch not in PITCHES:
            raise got("pitch", self.pitch, f"one of {', '.join(PITCHES)}")

    def prosody_of(self, wav: Wave, rate: int) -> SourceProsody:
        """Measure how a recording is spoken on the whole; in stretches, so that memory does not grow with it."""
        stretches = np.array_split(wav, math.ceil(len(wav) / rate / STRETCH_SECONDS) or 1)
        measured = [self._measured(stretch, rate) for stretch in stretches]
        pitch, energy = (np.concatenate(values) for values in zip(*measured, strict=True))
        voiced = pitch > 0
        if voiced.sum() < FEWEST:
            return SourceProsody(0.0, 0.0)
        return SourceProsody(float(np.exp(np.log(pitch[voiced]).mean())), float(energy[voiced].mean()))

    def _measured(self, wav: Wave, rate: int) -> tuple[Wave, Wave]:
        """F0 in Hz and energy of each frame."""
        spec = self.voice.spec
        wav = resample(wav, rate, spec.sample_rate)
        pitch, energy = f0(wav, spec.sample_rate, spec.hop), mel_energy(log_mel(wav, spec))
        frames = min(len(pitch), len(energy))
        return pitch[:frames], energy[:frames]

    def stream(self, blocks: Iterator[Wave], rate: int, source: SourceProsody | None = None) -> Iterator[Wave]:
        """Yield the converted sound while the recording comes in.

        Args:
            blocks: samples as they come, of any lengths.
            rate: their rate.
            source: how the source speaks; None measures it in the first window.
        """
        for window in _windows(blocks, rate, self.windows):
            source = self.prosody_of(window.wav, rate) if source is None else source
            yield from self._faded(window, self._spoken(window, rate, source))

    def convert(self, wav: Wave, rate: int, source: SourceProsody | None = None) -> Wave:
        """Return the whole recording in the other voice; its mean F0 is measured over all of it unless given."""
        source = self.prosody_of(wav, rate) if source is None else source
        return np.concatenate([np.zeros(0, np.float32), *self.stream(iter([wav]), rate, source)])

    def _faded(self, window: _Window, wav: Wave) -> Iterator[Wave]:
        """The window's own samples, and `FADE` tokens after it for the next one to fade from."""
        unit = round(self.voice.sample_rate * TOKEN_SECONDS)
        begin, fade = window.before * unit, FADE * unit
        own = wav[begin : begin + round(window.own * self.voice.sample_rate)].copy()
        if window.held is not None and len(window.held[0]):
            tail = window.held[0]
            size = min(len(tail), len(own))
            rise = np.linspace(0, 1, size, dtype=np.float32)
            own[:size] = tail[:size] * (1 - rise) + own[:size] * rise
        if window.hold is not None:
            window.hold.append(wav[begin + len(own) : begin + len(own) + fade])
        yield own

    @torch.no_grad()
    def _spoken(self, window: _Window, rate: int, source: SourceProsody) -> Wave:
        """A window with its context in the other voice."""
        voice = self.voice
        content = self.content_of(window.wav, rate)
        if not len(content.tokens):
            return np.zeros(round(len(window.wav) / rate * voice.sample_rate), np.float32)
        tokens, phones = (ids[None].to(voice.device) for ids in content)
        mask = torch.ones(1, 2 * tokens.shape[1], dtype=torch.bool, device=voice.device)
        draws = voice.draws((self.seed + 1_000_003 * window.number) % 2**63)
        arguments = tokens, mask, phones, torch.ones_like(phones, dtype=torch.bool), self._conditions()
        with voice.computing():
            if isinstance(voice.sovits, MatchingSynthesizer):
                planned = voice.sovits.plan(*arguments, generator=draws, opening=self.speaker.opening)
            else:
                planned = voice.sovits.plan(*arguments, generator=draws)
            prosody = self._prosody(planned, window.wav, rate, source)
            wav = voice.sovits.render(planned, None, prosody, draws).wav[0].float().cpu().numpy()
        return np.asarray(wav.clip(-1, 1), dtype=np.float32)

    def _conditions(self) -> Conditions:
        vectors = {**self.style.sovits, SPEAKER: self.speaker.acoustic_vector}
        known = {name: vector for name, vector in vectors.items() if name in self.voice.sovits.conditions.widths}
        return given(**{name: vector[None].to(self.voice.device) for name, vector in known.items()})

    def _prosody(self, planned: object, wav: Wave, rate: int, source: SourceProsody) -> Prosody | None:
        """The source's movements of F0 and energy, around the target's means unless F0 is kept."""
        voice, target = self.voice, self.speaker.baseline
        if not voice.sovits.explicit_prosody:
            return None
        assert target is not None
        drawn: Prosody = planned.prosody(torch.tensor([target], device=voice.device))  # type: ignore[attr-defined]
        if self.pitch == "draw" or not source.f0:
            return drawn
        frames = drawn.f0.shape[1]
        pitch, energy = (_fitted(values, frames) for values in self._measured(wav, rate))
        ratio = target.f0 / source.f0 if self.pitch == "transpose" else 1.0
        moved = np.where(pitch > 0, np.clip(pitch * ratio, LOWEST_F0, HIGHEST_F0), 0.0)
        loud = energy + (target.energy - source.energy)
        return Prosody(*(torch.from_numpy(x.astype(np.float32))[None].to(voice.device) for x in (moved, loud)))


def _fitted(values: Wave, frames: int) -> Wave:
    """Cut or extend values to the number of frames; the last one is repeated."""
    if len(values) >= frames:
        return values[:frames]
    return np.pad(values, (0, frames - len(values)), mode="edge") if len(values) else np.zeros(frames, np.float32)


class _Window(NamedTuple):
    """Samples with context, tokens of context before, seconds of its own, and the sound that neighbours share."""

    number: int
    wav: Wave
    before: int
    own: float
    held: list[Wave] | None
    hold: list[Wave] | None


def _windows(blocks: Iterator[Wave], rate: int, sizes: ConversionWindows) -> Iterator[_Window]:
    """Cut what comes in; places are whole tokens, so that every rate has whole samples."""
    size, before, after = (round(s * rate) for s in (sizes.seconds, sizes.before, sizes.after))
    buffer, index, held = np.zeros(0, np.float32), 0, None
    start = 0  # of the window's own part within `buffer`
    ended = False
    while not ended:
        while len(buffer) < start + size + after:
            block = next(blocks, None)
            if block is None:
                ended = True
                break
            buffer = np.concatenate([buffer, np.asarray(block, np.float32)])
        if ended:  # the rest, perhaps longer than a window by its look-ahead
            remaining = len(buffer) - start
            ended = remaining <= size
        own = min(size, len(buffer) - start)
        if own <= 0:
            return
        first = max(0, start - before)
        hold: list[Wave] = []
        context = round((start - first) / rate / TOKEN_SECONDS)
        yield _Window(index, buffer[first : start + size + after], context, own / rate, held, None if ended else hold)
        held, index = hold, index + 1
        buffer, start = buffer[max(0, start + size - before) :], min(before, start + size)
