"""Speaking with a converted bundle: a reference clip and its transcript in, any text out, whole or as a stream."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int
from torch import Tensor

from sovits_lab.audio.files import load_audio, resample
from sovits_lab.audio.upstream import SPEC_32K, spectrogram_32k
from sovits_lab.checkpoints.upstream_bundle import load_bundle
from sovits_lab.models.contracts import Bounds
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.generation import generate, steps
from sovits_lab.models.gpt.packed import Precision, pack
from sovits_lab.models.gpt.prefix import PaddedPrefix
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.streaming import fixed_chunks
from sovits_lab.models.sovits.reference import ReferenceVectors
from sovits_lab.models.sovits.synthesizer import VitsSynthesizer
from sovits_lab.text.checks import require_speech
from sovits_lab.text.frontend import Frontend, ReleasedFrontend
from sovits_lab.text.mandarin.polyphones import Readings
from sovits_lab.text.reading import Reading
from sovits_lab.types import got

CONTENT_RATE = 16_000
PROMPT_SECONDS = (3.0, 10.0)
QUIET = 1e-4  # of full scale
TAIL = 9600  # zeros that the content encoder hears after a prompt, 0.6 s as upstream
Content = Callable[[Float[Tensor, " T"]], Float[Tensor, "L C"]]
Features = Callable[[Reading], Float[Tensor, "P F"]]
SpeakerVector = Callable[[Float[Tensor, "B T"]], Float[Tensor, "B V"]]


class Voice(NamedTuple):
    """What a reference clip contributes: tokens and phones that open the GPT's sequence, vectors for the decoder."""

    tokens: Int[Tensor, " S"]
    phones: Int[Tensor, " P"]
    bert: Float[Tensor, "P F"]
    reference: ReferenceVectors


class Speech(NamedTuple):
    """One utterance. Of `flags`: "runaway" (the token bound cut it), "empty", "unread" (no phones for some letters)."""

    wav: Float32[np.ndarray, " T"]
    tokens: Int[Tensor, " S"]
    flags: tuple[str, ...]


class _Heard(NamedTuple):
    """A text as the GPT hears it."""

    phones: Int[Tensor, " P"]
    bert: Float[Tensor, "P F"]
    is_unread: bool

    def flags(self, tokens: Sequence[int] | Tensor, ended: bool) -> tuple[str, ...]:
        """What went wrong until its end."""
        broken = "empty" if not len(tokens) else "" if ended else "runaway"
        return tuple(filter(None, (broken, "unread" if self.is_unread else "")))


def raw_content(source: str) -> Content:
    """HuBERT as upstream hears through it: the waveform as it is, no normalisation, no padding.

    Args:
        source: hub id or local folder of chinese-hubert-base.
    """
    from sovits_lab.content.transformers_content import TransformersContent

    encoder = TransformersContent(source)
    return lambda wav: encoder.model(wav[None]).last_hidden_state[0]


def fitting(what: str, features: Tensor, width: int) -> Tensor:
    """The features themselves; the user's error where their network is another than the model's."""
    if features.shape[-1] != width:
        raise got(what, f"features of width {features.shape[-1]}", f"{width}, which the bundle was trained with")
    return features


class UpstreamSynthesizer:
    """A GPT and a SoVITS of the upstream family with everything that feeds them.

    Args:
        gpt, sovits: in eval mode.
        frontend: text to phones of the models' symbol table.
        content: 16 kHz waveform to content features at 50 Hz.
        bert: features of a Chinese reading; zeros are used without, as for other languages.
        speaker: 16 kHz waveforms to speaker vectors, for the Pro models.
    """

    def __init__(
        self,
        gpt: PrefixDecoder,
        sovits: VitsSynthesizer,
        frontend: Frontend,
        content: Content,
        bert: Features | None = None,
        speaker: SpeakerVector | None = None,
    ) -> None:
        if sovits.reference.uses_speaker and speaker is None:
            raise got("speaker network", None, "one: the Pro models are conditioned on its vector")
        self.gpt, self.sovits, self.frontend = gpt, sovits, frontend
        self.content, self.bert, self.speaker = content, bert, speaker
        self.sample_rate = SPEC_32K.sample_rate  # Hz of what is spoken

    @classmethod
    def load(
        cls,
        folder: Path,
        content: Content,
        bert: Features | None = None,
        speaker: SpeakerVector | None = None,
        precision: Precision = "fp32",
        readings: Readings | None = None,
    ) -> UpstreamSynthesizer:
        """From a converted bundle, the GPT packed in `precision`; weight norm is folded, the function is the same.

        Args:
            readings: a network for Chinese polyphones such as `G2pw`; None reads by pypinyin.
        """
        bundle = load_bundle(folder)
        if missing := {"gpt", "sovits"} - bundle.parts.keys():
            raise got(f"bundle {folder}: parts", sorted(bundle.parts), f"also {', '.join(sorted(missing))}")
        gpt, sovits = bundle.parts["gpt"], bundle.parts["sovits"]
        assert isinstance(gpt, PrefixDecoder) and isinstance(sovits, VitsSynthesizer)
        if hasattr(sovits.head, "fold_weight_norm"):
            sovits.head.fold_weight_norm()  # type: ignore[operator]
        pack(gpt, precision)
        return cls(gpt, sovits, ReleasedFrontend(bundle.facts["symbols"], readings), content, bert, speaker)

    @torch.no_grad()
    def voice(self, clip: Path, text: str, language: str | None = None) -> Voice:
        """Read a reference clip of 3 to 10 s and its transcript.

        Raises:
            InputError: unreadable, too short, too long or silent; a network whose features the models do not take.
        """
        wav = load_audio(clip, SPEC_32K.sample_rate)
        seconds = len(wav) / SPEC_32K.sample_rate
        if not PROMPT_SECONDS[0] <= seconds <= PROMPT_SECONDS[1]:
            raise got(f"reference {clip}", f"{seconds:.2f} s", f"{PROMPT_SECONDS[0]:g} to {PROMPT_SECONDS[1]:g} s")
        if np.abs(wav).max() < QUIET:
            raise got(f"reference {clip}", "silence", "speech")
        heard = torch.from_numpy(resample(wav, SPEC_32K.sample_rate, CONTENT_RATE))
        content = self.content(torch.nn.functional.pad(heard, (0, TAIL)))
        fitting("content encoder", content, int(self.sovits.content.weight.shape[1]))  # type: ignore[index]
        tokens = self.sovits.tokens(content.T[None])[0]
        spec = spectrogram_32k(torch.from_numpy(wav)[None])
        speakers = None if self.speaker is None else [self._speaker(self.speaker(heard[None]))]
        said = self._read(text, language)
        return Voice(tokens, said.phones, said.bert, self.sovits.reference.average([spec], speakers))

    def _speaker(self, vector: Tensor) -> Tensor:
        width = self.sovits.reference.speaker.weight.shape[1]  # type: ignore[union-attr, index]
        return fitting("speaker network", vector, int(width))

    def _read(self, text: str, language: str | None) -> _Heard:
        reading = require_speech(self.frontend.read(text, language))
        phones = torch.tensor(self.frontend.symbols.ids(reading.phones))
        bert = torch.zeros(len(phones), self.gpt.bert_channels)
        if self.bert is not None and any(unit.language == "zh" for unit in reading.units):
            bert = fitting("text encoder", self.bert(reading), self.gpt.bert_channels)
        return _Heard(phones, bert, bool(reading.unread))

    def _prefix(self, said: _Heard, voice: Voice) -> PaddedPrefix:
        """Prompt and target phones in one row, then the prompt's tokens."""
        features = torch.cat([voice.bert, said.bert])
        return self.gpt.embed_rows([torch.cat([voice.phones, said.phones])], [voice.tokens], [features])

    @torch.no_grad()
    def speak(
        self,
        text: str,
        language: str | None,
        voice: Voice,
        sampler: Sampler | None = None,
        stopping: Bounds | None = None,
        speed: float = 1.0,
        noise_scale: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> Speech:
        """One text as one utterance, 32 kHz; louder than full scale is brought down to it."""
        said = self._read(text, language)
        made = generate(self.gpt, self._prefix(said, voice), sampler or Sampler(), stopping, generator)
        tokens = made.tokens[0]
        flags = said.flags(tokens, made.ended[0])
        if not len(tokens):
            return Speech(np.zeros(0, np.float32), tokens, flags)
        wav = self.sovits.speak(
            tokens[None], said.phones[None], voice.reference, noise_scale=noise_scale, speed=speed, generator=generator
        )[0]
        wav = wav / wav.abs().max().clamp(min=1.0)
        return Speech(wav.numpy(), tokens, flags)

    @torch.no_grad()
    def stream(
        self,
        text: str,
        language: str | None,
        voice: Voice,
        chunk: int = 16,
        overlap: int = 2,
        sampler: Sampler | None = None,
        stopping: Bounds | None = None,
        noise_scale: float = 0.5,
        generator: torch.Generator | None = None,
    ) -> Generator[Float32[np.ndarray, " T"], None, tuple[str, ...]]:
        """Waveform pieces as soon as `chunk` tokens are there; together as long as the utterance. Returns flags.

        Every piece decodes all tokens so far and keeps the newest. `overlap` tokens are decoded twice: their latents
        are cross-faded under a sine window, their samples linearly.
        """
        said = self._read(text, language)
        ended = False

        def new() -> Iterator[int]:
            nonlocal ended
            for step in steps(self.gpt, self._prefix(said, voice), sampler or Sampler(), stopping, generator):
                ended = bool(step.ended[0])
                if not ended:
                    yield int(step.tokens[0])

        tokens: list[int] = []
        frames: Tensor | None = None
        held = torch.zeros(0)
        for piece in fixed_chunks(new(), chunk):
            tokens += piece
            again = 0 if frames is None else min(overlap, len(tokens) - len(piece))
            decoded = self.sovits.speak_chunk(
                torch.tensor([tokens]),
                said.phones[None],
                voice.reference,
                keep_last=len(piece) + again,
                overlap=None if frames is None or not again else frames[..., -again * self.sovits.token_frames :],
                noise_scale=noise_scale,
                generator=generator,
            )
            frames, wav = decoded.frames, decoded.wav[0]
            wav = joined(held, wav)
            keep = len(decoded.wav[0]) // (len(piece) + again) * overlap
            held = wav[len(wav) - keep :]
            yield wav[: len(wav) - keep].numpy()
        if len(held):
            yield held.numpy()
        return said.flags(tokens, ended)


def joined(tail: Float[Tensor, " O"], wav: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """`wav` with its beginning faded in over the `tail` that was held back before it."""
    if not len(tail):
        return wav
    rise = torch.linspace(0, 1, len(tail))
    return torch.cat([tail * (1 - rise) + wav[: len(tail)] * rise, wav[len(tail) :]])
