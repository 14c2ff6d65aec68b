"""Saying what one voice said in another voice: content to tokens, F0 kept, moved or drawn, in windows.

A recording is cut into windows at its pauses (`conversion_windows`), each heard with some context before and after it,
and neighbouring windows are faded into each other. Whole and streamed are the same windows, so they are the same
samples; what a stream waits for is one window and its look-ahead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from sovits_lab.audio.baseline import FEWEST
from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.files import resample
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.inference.conversion_windows import FADE, TOKEN_SECONDS, ConversionWindows, Wave, Window, windows
from sovits_lab.inference.curves import HIGHEST_F0, LOWEST_F0
from sovits_lab.inference.loudness import LevelSoFar, headroom, voiced_levels
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.voice import LoadedVoice, Speaker
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.types import got

STRETCH_SECONDS = 60.0  # of a long recording that are measured at once
PITCHES = ("keep", "transpose", "draw")


class SourceContent(NamedTuple):
    """What is said in a stretch: semantic tokens [S], none where nothing is said, and ids of phones [P]."""

    tokens: Tensor
    phones: Tensor


ContentOf = Callable[[Wave, int], SourceContent]  # samples and their rate -> what is said in them


class SourceProsody(NamedTuple):
    """How the source speaks on the whole: mean F0 in Hz (0: hardly voiced), and the level of its voiced frames.

    The level is the log of their root-mean-square energy, as in a `Baseline`: a mean of logs would be moved by how many
    of the soft frames between vowels are taken for voiced, which noise decides.
    """

    f0: float
    level: float


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
    windows: ConversionWindows = field(default_factory=ConversionWindows)
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
        level = np.log(np.exp(2 * energy[voiced].astype(np.float64)).mean()) / 2
        return SourceProsody(float(np.exp(np.log(pitch[voiced]).mean())), float(level))

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
            source: how the source speaks; None measures it in the first window that is voiced.
        """
        known = source is not None
        level, tail = LevelSoFar(), np.zeros(0, np.float32)
        for window in windows(blocks, rate, self.windows):
            if source is None or not (known or source.f0):
                source = self.prosody_of(window.wav, rate)
            own, following = self._own(window, self._spoken(window, rate, source, level))
            yield _faded(tail, own)
            tail = following

    def convert(self, wav: Wave, rate: int, source: SourceProsody | None = None) -> Wave:
        """Return the whole recording in the other voice; its mean F0 is measured over all of it unless given."""
        return np.concatenate([np.zeros(0, np.float32), *self.pieces(wav, rate, source)])

    def pieces(self, wav: Wave, rate: int, source: SourceProsody | None = None) -> Iterator[Wave]:
        """Yield what `convert` returns, one window at a time."""
        source = self.prosody_of(wav, rate) if source is None else source
        return self.stream((wav[i : i + rate] for i in range(0, len(wav), rate)), rate, source)

    def _own(self, window: Window, wav: Wave) -> tuple[Wave, Wave]:
        """The window's own samples, and `FADE` tokens after it for the next one to fade from."""
        unit = round(self.voice.sample_rate * TOKEN_SECONDS)
        begin = window.before * unit
        end = begin + round(window.own * self.voice.sample_rate)
        return wav[begin:end], wav[end : end + FADE * unit]

    @torch.no_grad()
    def _spoken(self, window: Window, rate: int, source: SourceProsody, level: LevelSoFar) -> Wave:
        """A window with its context in the other voice, as loud as that voice speaks."""
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
            spoken = voice.sovits.render(planned, None, prosody, draws)
        wav = np.asarray(spoken.wav[0].float().cpu().numpy(), dtype=np.float32)
        if spoken.prosody is not None:
            levels = voiced_levels(wav, voice.spec, Prosody(*(value.float().cpu() for value in spoken.prosody)))
            if levels is not None:
                level.add(levels)
        return wav * np.float32(math.exp(min(level.gain, headroom(wav))))

    def _conditions(self) -> Conditions:
        vectors = {**self.style.sovits, SPEAKER: self.speaker.acoustic_vector}
        known = {name: vector for name, vector in vectors.items() if name in self.voice.sovits.conditions.widths}
        return given(**{name: vector[None].to(self.voice.device) for name, vector in known.items()})

    def _prosody(self, planned: object, wav: Wave, rate: int, source: SourceProsody) -> Prosody | None:
        """The source's movements of F0 and energy, around the target's mean F0, unless that is kept, and its level."""
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
        loud = energy + (target.level - source.level)
        return Prosody(*(torch.from_numpy(x.astype(np.float32))[None].to(voice.device) for x in (moved, loud)))


def _faded(tail: Wave, wav: Wave) -> Wave:
    """What the window before said after its end, faded into the beginning of this one."""
    size = min(len(tail), len(wav))
    rise = np.linspace(0, 1, size, dtype=np.float32)
    return np.concatenate([tail[:size] * (1 - rise) + wav[:size] * rise, wav[size:]])


def _fitted(values: Wave, frames: int) -> Wave:
    """Cut or extend values to the number of frames; the last one is repeated."""
    if len(values) >= frames:
        return values[:frames]
    return np.pad(values, (0, frames - len(values)), mode="edge") if len(values) else np.zeros(frames, np.float32)
