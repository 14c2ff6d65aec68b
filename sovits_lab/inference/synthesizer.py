"""Text and references -> speech."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float32

from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.conditioning.conditions import given
from sovits_lab.data.batches import mask_of, pad
from sovits_lab.inference.voice import Speaker, Style, Voice, load_voice
from sovits_lab.models.gpt.speech import Guard, generate
from sovits_lab.text.checks import require_speech
from sovits_lab.types import InputError, got

LONGEST_REFERENCE = 30.0  # seconds; longer clips say nothing more about who or how
SHORTEST_REFERENCE = 0.5
NEUTRAL = "neutral"
MOST_STRENGTH = 10  # far beyond any style that was ever heard


@dataclass(frozen=True)
class Request:
    """One thing to say.

    Attributes:
        text: what.
        speaker: who: an audio file, or the name of a training speaker.
        style: how: an audio file; or None.
        emotion: how: a label of the bundle; or None. With neither it is spoken neutrally.
        strength: how far from neutral: 0 is neutral, 1 the style itself, more exaggerates.
        rate: speed on top of the style's own: 0.8 is slower.
        seed: of everything random; the same request gives the same waveform.
        language: of the text, or None for the front end's own choice.
    """

    text: str
    speaker: str | Path
    style: str | Path | None = None
    emotion: str | None = None
    strength: float = 1.0
    rate: float = 1.0
    seed: int = 0
    language: str | None = None


@dataclass(frozen=True)
class Speech:
    """What was said.

    Attributes:
        wav: mono float32 [T].
        sample_rate: Hz.
        phones: what the text was read as.
        tokens: semantic tokens, 25 Hz.
        f0: Hz per frame, 0 where unvoiced.
        flags: what the guard saw: "empty", "runaway", "truncated". Empty when all is well.
        seconds: wall time of the synthesis.
    """

    wav: Float32[np.ndarray, " T"]
    sample_rate: int
    phones: tuple[str, ...]
    tokens: tuple[int, ...]
    f0: Float32[np.ndarray, " L"]
    flags: tuple[str, ...] = field(default=())
    seconds: float = 0.0


class Synthesizer:
    """A bundle that speaks.

    >>> voice = Synthesizer.load("runs/sad_transfer/...")             # doctest: +SKIP
    >>> voice.speak("The river is cold.", speaker="a.wav", style="b.wav", strength=0.8)  # doctest: +SKIP
    """

    def __init__(self, voice: Voice, guard: Guard | None = None) -> None:
        self.voice, self.guard = voice, guard or Guard()
        self._speakers: dict[str, Speaker] = {}
        self._styles: dict[str, Style] = {}

    @classmethod
    def load(cls, folder: str | Path) -> Synthesizer:
        """From a run folder or a voice bundle. Raises InputError when it is neither."""
        return cls(load_voice(Path(folder)))

    def speak(
        self,
        text: str,
        speaker: str | Path,
        style: str | Path | None = None,
        emotion: str | None = None,
        strength: float = 1.0,
        rate: float = 1.0,
        seed: int = 0,
        language: str | None = None,
    ) -> Speech:
        """One utterance; arguments as `Request`.

        Raises:
            InputError: text without anything to say, a reference that cannot be used, an unknown name.
        """
        return self.speak_all([Request(text, speaker, style, emotion, strength, rate, seed, language)])[0]

    def speak_all(self, requests: Sequence[Request], batch: int = 16) -> list[Speech]:
        """Many utterances; the tokens of up to `batch` are generated together."""
        spoken: dict[int, Speech] = {}
        phones = [self._read(request) for request in requests]
        order = sorted(range(len(requests)), key=lambda i: len(phones[i]))
        for first in range(0, len(order), batch):
            chosen = order[first : first + batch]
            made = self._speak_batch([requests[i] for i in chosen], [phones[i] for i in chosen])
            spoken |= dict(zip(chosen, made, strict=True))
        return [spoken[i] for i in range(len(requests))]

    @torch.no_grad()
    def _speak_batch(self, requests: Sequence[Request], phones: Sequence[tuple[str, ...]]) -> list[Speech]:
        begin = time.perf_counter()
        voice = self.voice
        for request in requests:
            if not 0.25 <= request.rate <= 4:
                raise got("rate", request.rate, "a number from 0.25 to 4")
        speakers = [self.speaker(r.speaker) for r in requests]
        styles = [self.style(r) for r in requests]
        ids = [np.array([voice.symbols[p] for p in row], dtype=np.int64) for row in phones]
        generated = generate(
            voice.gpt,
            pad(ids),
            mask_of(ids),
            given(speaker=torch.stack([s.vector for s in speakers]), style=torch.stack([s.gpt for s in styles])),
            voice.sampler,
            [r.seed for r in requests],
            self.guard,
            torch.tensor([[r.rate] for r in requests]),
        )
        shared = (time.perf_counter() - begin) / len(requests)
        speeches = []
        for i, request in enumerate(requests):
            began = time.perf_counter()
            tokens, flag = generated.tokens[i], generated.flags[i]
            wav, curve = self._decode(tokens, torch.from_numpy(ids[i]), speakers[i], styles[i], request.seed)
            flags = (flag,) if flag else ()
            seconds = shared + time.perf_counter() - began
            rate = voice.spec.sample_rate
            speeches.append(Speech(wav, rate, phones[i], tuple(tokens.tolist()), curve, flags, seconds))
        return speeches

    def _decode(
        self, tokens: torch.Tensor, ids: torch.Tensor, speaker: Speaker, style: Style, seed: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """One utterance at a time, so that nothing depends on its neighbours."""
        if len(tokens) == 0:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            spoken = self.voice.sovits.speak(
                tokens[None],
                torch.ones(1, 2 * len(tokens), dtype=torch.bool),
                ids[None],
                torch.ones(1, len(ids), dtype=torch.bool),
                given(speaker=speaker.vector[None], style=style.sovits[None]),
                torch.tensor([speaker.base_f0]),
                torch.tensor([speaker.base_energy]),
            )
        wav = spoken.wav[0].float().clamp(-1, 1).numpy()
        if not np.isfinite(wav).all():
            raise InputError(
                "bundle: the decoder gave NaN or infinite samples, expected finite ones; the weights are broken"
            )
        return wav, spoken.prosody.f0[0].float().numpy()

    def _read(self, request: Request) -> tuple[str, ...]:
        reading = require_speech(self.voice.frontend.read(request.text, request.language))
        if unknown := sorted(set(reading.phones) - set(self.voice.symbols)):
            raise got("phones", unknown, "symbols of the bundle's own table")
        return reading.phones

    def speaker(self, who: str | Path) -> Speaker:
        """From the name of a training speaker, or a clip of neutral speech."""
        if str(who) in self.voice.speakers:
            return self.voice.speaker(str(who))
        if not Path(who).suffix and not Path(who).exists():
            return self.voice.speaker(str(who))  # raises, naming the speakers
        if str(who) not in self._speakers:
            wav = self._reference(who)
            pitch = f0(wav, self.voice.spec.sample_rate, self.voice.spec.hop)
            if not (pitch > 0).any():
                raise got(f"speaker reference {who}", "no voiced frame", "speech")
            mel, mask = self._mel(wav)
            with torch.no_grad():
                vector = self.voice.encoder(mel, mask)[0]
            energy = mel_energy(mel[0].numpy())[pitch > 0]
            self._speakers[str(who)] = Speaker(
                vector, float(np.exp(np.log(pitch[pitch > 0]).mean())), float(energy.mean())
            )
        return self._speakers[str(who)]

    def style(self, request: Request) -> Style:
        """The style of a request, moved towards or beyond neutral by its strength."""
        if request.style is not None and request.emotion is not None:
            raise InputError("style and emotion: got both, expected one of them")
        if not self.voice.hears and (request.style is not None or request.emotion not in (None, NEUTRAL)):
            what, value = ("style", request.style) if request.style is not None else ("emotion", request.emotion)
            raise got(what, value, "none: this voice was trained without a reference encoder (reference=none)")
        if not 0 <= request.strength <= MOST_STRENGTH:
            raise got("strength", request.strength, f"a number from 0 to {MOST_STRENGTH}")
        if request.style is not None:
            full = self._clip_style(request.style)
        else:
            full = self.voice.emotion(request.emotion or NEUTRAL)
        if request.strength == 1.0:
            return full
        return self.voice.emotion(NEUTRAL).towards(full, request.strength)

    def _clip_style(self, path: str | Path) -> Style:
        if str(path) not in self._styles:
            mel, mask = self._mel(self._reference(path))
            with torch.no_grad():
                made = Style(self.voice.gpt.reference(mel, mask)[0], self.voice.sovits.reference(mel, mask)[0])
            self._styles[str(path)] = made
        return self._styles[str(path)]

    def _reference(self, path: str | Path) -> np.ndarray:
        wav = load_audio(path, self.voice.spec.sample_rate, max_seconds=LONGEST_REFERENCE)
        if len(wav) < SHORTEST_REFERENCE * self.voice.spec.sample_rate:
            seconds = len(wav) / self.voice.spec.sample_rate
            raise got(f"reference {path}", f"{seconds:.2f} s", f"at least {SHORTEST_REFERENCE} s of speech")
        if np.abs(wav).max() < 1e-4:
            raise got(f"reference {path}", "silence", "speech")
        return wav

    def _mel(self, wav: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        mel = torch.from_numpy(log_mel(wav, self.voice.spec))[None]
        return mel, torch.ones(1, mel.shape[-1], dtype=torch.bool)
