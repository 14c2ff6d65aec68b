"""Text and references -> speech."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.audio.baseline import FEWEST, level_of
from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.conditioning.conditions import given
from sovits_lab.data.batches import mask_of, pad
from sovits_lab.inference.curves import NATS_PER_DB
from sovits_lab.inference.guidance import GuidedGpt, guided_plan
from sovits_lab.inference.prosody import Track, beyond, shaped
from sovits_lab.inference.references import References
from sovits_lab.inference.request import NEUTRAL, Clips, Emotion, Request, Speech
from sovits_lab.inference.utterances import Utterance, manner_of, utterances_of
from sovits_lab.inference.voice import Style, Voice, load_voice
from sovits_lab.models.contracts import Bounds
from sovits_lab.models.gpt.generation import speak_tokens
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.acoustic import Planned
from sovits_lab.types import InputError

__all__ = ["NEUTRAL", "Request", "Speech", "Synthesizer"]

QUIETER_DB = 3.0  # what full scale may cost of the level that was asked before it is told
SILENCE = np.float32(-11.5)  # energy of a pause, nats: the floor of log mels


class Synthesizer:
    """A bundle that speaks.

    >>> voice = Synthesizer.load("runs/sad_transfer/...")             # doctest: +SKIP
    >>> voice.speak("The river is cold.", speaker="a.wav", style="b.wav", strength=0.8)  # doctest: +SKIP
    """

    def __init__(self, voice: Voice, guard: Bounds | None = None) -> None:
        self.voice, self.guard = voice, guard or Bounds()
        self.references = References(voice)

    @classmethod
    def load(cls, folder: str | Path) -> Synthesizer:
        """From a run folder or a voice bundle. Raises InputError when it is neither."""
        return cls(load_voice(Path(folder)))

    def speak(
        self,
        text: str,
        speaker: str | Path,
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

    def speak_all(self, requests: Sequence[Request], batch: int = 16) -> list[Speech]:
        """Many requests; the tokens of up to `batch` utterances are generated together."""
        plans = [utterances_of(request, self.references) for request in requests]
        every = [one for plan in plans for one in plan]
        told = iter(self._tokens(every, batch))
        return [
            self._decode(request, plan, [next(told) for _ in plan])
            for request, plan in zip(requests, plans, strict=True)
        ]

    def style(self, request: Request) -> Style:
        """The style of a request without markup, moved towards or beyond neutral by its strength."""
        return manner_of(request, self.references).style

    @torch.no_grad()
    def _tokens(self, utterances: Sequence[Utterance], batch: int) -> list[tuple[Tensor, str, float]]:
        """Tokens, the guard's flag and the seconds of each."""
        made = [(torch.zeros(0, dtype=torch.long), "", 0.0)] * len(utterances)
        spoken = [i for i, one in enumerate(utterances) if one.phones]
        order = sorted(spoken, key=lambda i: len(utterances[i].phones))
        for chosen in _batches(order, [one.guidance != 1 for one in utterances], batch):
            begin = time.perf_counter()
            rows = [utterances[i] for i in chosen]
            ids = [self._ids(row) for row in rows]
            scale = torch.tensor([row.guidance for row in rows], dtype=torch.float32)
            model = GuidedGpt(self.voice.gpt, scale) if (scale != 1).any() else self.voice.gpt
            styles = [row.manner.style.gpt for row in rows]
            stacked = {name: torch.stack([one[name] for one in styles]) for name in styles[0]}
            told = given(speaker=torch.stack([row.speaker.vector for row in rows]), **stacked)
            generated = speak_tokens(
                model, pad(ids), mask_of(ids), told, self.voice.sampler, [row.seed for row in rows], self.guard
            )
            seconds = (time.perf_counter() - begin) / len(chosen)
            for i, tokens, flag in zip(chosen, generated.tokens, generated.flags, strict=True):
                made[i] = (tokens, flag, seconds)
        return made

    def _ids(self, utterance: Utterance) -> NDArray[np.int64]:
        return np.array([self.voice.symbols[phone] for phone in utterance.phones], dtype=np.int64)

    @torch.no_grad()
    def _decode(self, request: Request, plan: Sequence[Utterance], told: Sequence[tuple[Tensor, str, float]]) -> Speech:
        """One request at a time, so that nothing depends on its neighbours."""
        began = time.perf_counter()
        voice = self.voice
        planned, tracks = [], []
        for utterance, (tokens, _, _) in zip(plan, told, strict=True):
            silence = round(utterance.pause * voice.spec.frames_per_second)
            tracks.append(Track(np.zeros(silence, np.float32), np.full(silence, SILENCE)))
            planned.append(self._plan(utterance, tokens) if len(tokens) else None)
            tracks.append(self._predicted(planned[-1], utterance))
        predicted = _joined(tracks)

        def speech(track: Track) -> tuple[NDArray[np.float32], float]:
            return self._render(plan, planned, track, [len(one.f0) for one in tracks])

        wanted = shaped(
            predicted,
            request,
            self.references,
            voice.spec.frames_per_second,
            lambda: log_mel(speech(predicted)[0], voice.spec),
        )
        wav, lost = speech(wanted)
        flags = [flag for _, flag, _ in told]
        flags += ["unread"] if any(one.unread for one in plan) else []
        flags += ["full_scale"] if lost > QUIETER_DB else []
        flags += ["pitch"] if beyond(wanted.f0) else []
        return Speech(
            wav,
            voice.spec.sample_rate,
            tuple(phone for utterance in plan for phone in utterance.phones),
            tuple(token for tokens, _, _ in told for token in tokens.tolist()),
            wanted.f0,
            (wanted.energy / NATS_PER_DB).astype(np.float32),
            tuple(dict.fromkeys(filter(None, flags))),
            sum(seconds for _, _, seconds in told) + time.perf_counter() - began,
        )

    def _plan(self, utterance: Utterance, tokens: Tensor) -> Planned:
        """Latents and prosody of one utterance, at the rate that it is asked for.

        Tokens are those of the style's own tempo: a GPT that is told of other positions than it learned keeps half of
        its tempo and loses words.

        Between neutral and a style the latents are those of the style in between, but F0 and energy go straight from
        one to the other: a network answers little to the first and last steps of its input, and what is left would be
        drowned by the chance of other tokens.
        """
        manner = utterance.manner
        planned = self._plan_in(manner.style, utterance, tokens)
        if manner.strength not in (0, 1):
            a, b = (self._plan_in(style, utterance, tokens) for style in (manner.neutral, manner.full))
            planned = planned._replace(
                pitch=torch.lerp(a.pitch, b.pitch, manner.strength),
                voiced=torch.lerp(a.voiced, b.voiced, manner.strength),
                energy=torch.lerp(a.energy, b.energy, manner.strength),
                extent=torch.lerp(a.extent, b.extent, manner.strength),
            )
        return planned.lasting(max(1, round(planned.z.shape[2] / utterance.rate)))

    def _plan_in(self, style: Style, utterance: Utterance, tokens: Tensor) -> Planned:
        ids = torch.from_numpy(self._ids(utterance))[None]
        mask = torch.ones(1, 2 * len(tokens), dtype=torch.bool)
        vectors = {name: vector[None] for name, vector in style.sovits.items()}
        told = given(speaker=utterance.speaker.vector[None], **vectors)
        arguments = tokens[None], mask, ids, torch.ones_like(ids, dtype=torch.bool), told
        draws = torch.Generator().manual_seed(utterance.seed)
        if utterance.guidance != 1:
            return guided_plan(self.voice.sovits, *arguments, utterance.guidance, draws)
        return self.voice.sovits.plan(*arguments, generator=draws)

    def _predicted(self, planned: Planned | None, utterance: Utterance) -> Track:
        if planned is None:
            return Track(np.zeros(0, np.float32), np.zeros(0, np.float32))
        speaker = utterance.speaker
        prosody = planned.prosody(torch.tensor([speaker.baseline]))
        return Track(prosody.f0[0].float().numpy(), prosody.energy[0].float().numpy())

    def _as_loud_as_asked(self, wav: NDArray[np.float32], asked: Prosody) -> tuple[NDArray[np.float32], float]:
        """A head that blurs is too soft: one gain brings voiced frames to the level of the energy that was asked.

        Nothing is louder than full scale: with the waveform, how many dB that cost.
        """
        voiced, energy = asked.f0 > 0, torch.from_numpy(mel_energy(log_mel(wav, self.voice.spec)))[None]
        if voiced.sum() < FEWEST:
            return wav.clip(-1, 1), 0.0
        frames = min(energy.shape[1], voiced.shape[1])
        want, have = (level_of(x[:, :frames], voiced[:, :frames]).item() for x in (asked.energy, energy))
        gain, most = want - have, -math.log(max(float(np.abs(wav).max()), 1e-6))
        return wav * np.float32(math.exp(min(gain, most))), max(gain - most, 0.0) / NATS_PER_DB

    def _render(
        self, plan: Sequence[Utterance], planned: Sequence[Planned | None], track: Track, lengths: Sequence[int]
    ) -> tuple[NDArray[np.float32], float]:
        """Pauses and utterances by turns, each of `lengths` frames, with the prosody of the track.

        And what full scale cost of the level, dB, at most.
        """
        hop, place, waves, lost = self.voice.spec.hop, 0, [np.zeros(0, np.float32)], 0.0
        for i, frames in enumerate(lengths):
            f0, energy = (torch.from_numpy(values[None, place : place + frames]) for values in track)
            place += frames
            one = planned[i // 2]
            if i % 2 == 0 or one is None:
                waves.append(np.zeros(frames * hop, np.float32))
                continue
            draws = torch.Generator().manual_seed(plan[i // 2].seed)  # the head's noise depends on the seed alone
            mask = torch.ones(1, frames, dtype=torch.bool)
            spoken = self.voice.sovits.render(one, mask, Prosody(f0, energy), draws)
            assert spoken.prosody is not None
            wav, less = self._as_loud_as_asked(spoken.wav[0].float().numpy(), spoken.prosody)
            waves.append(wav)
            lost = max(lost, less)
        wav = np.concatenate(waves)
        if not np.isfinite(wav).all():
            raise InputError(
                "bundle: the decoder gave NaN or infinite samples, expected finite ones; the weights are broken"
            )
        return wav, lost


def _joined(tracks: Sequence[Track]) -> Track:
    return Track(np.concatenate([one.f0 for one in tracks]), np.concatenate([one.energy for one in tracks]))


def _batches(order: Sequence[int], guided: Sequence[bool], size: int) -> Iterator[Sequence[int]]:
    """At most `size` at a time, guided utterances never with others: their rows are computed twice."""
    for kind in (False, True):
        alike = [i for i in order if guided[i] is kind]
        for first in range(0, len(alike), size):
            yield alike[first : first + size]
