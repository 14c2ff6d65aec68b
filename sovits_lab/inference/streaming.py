"""Speech in pieces, as soon as they are made."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.inference.clips import shown
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import Request
from sovits_lab.inference.timings import Timings, timings_of
from sovits_lab.inference.tokens import SpokenTokens, ids_of, sampled_tokens, sampler_of
from sovits_lab.inference.utterances import SpokenUtterance
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.inference.waveforms import (
    CancelledSpeechError,
    Wave,
    acoustic_conditions,
    acoustic_inputs,
    not_cancelled,
    speech_of,
)
from sovits_lab.models.contracts import Bounds, StreamingModel
from sovits_lab.models.gpt.generation import flag_of, limits_of
from sovits_lab.models.gpt.streaming import fixed_chunks
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.types import got

FRAMES = 2  # latent frames of a token
OVERLAP = 2  # tokens that neighbouring chunks both decode, and fade into each other
MOST_CHUNK = 1500
Stream = Generator[Wave, None, tuple[str, ...]]
TimedStream = Generator["SpokenPiece", None, tuple[str, ...]]
Cancelled = Callable[[], bool]


class SpokenPiece(NamedTuple):
    """A piece of a waveform, and the phones and words that are over with it, in seconds from the stream's beginning."""

    wav: Wave
    timings: Timings


def check_streamed(request: Request, chunk: int | None, decoded_in_pieces: bool) -> None:
    """Raise an InputError for a control that needs the whole speech, and for a chunk that is no number of tokens."""
    for name in ("f0", "energy", "prosody"):
        if (value := getattr(request, name)) is not None:
            raise got(name, shown(value), "none in a stream: it holds for the whole text; speak it instead")
    if chunk is None:
        return
    if not isinstance(chunk, int) or not 1 <= chunk <= MOST_CHUNK:
        raise got("chunk", shown(chunk), f"a whole number of tokens from 1 to {MOST_CHUNK}")
    if not decoded_in_pieces:
        return
    for name, usual in (("rate", 1), ("guidance", 1), ("pitch_shift", 0), ("energy_shift", 0)):
        if (value := getattr(request, name)) != usual:
            raise got(name, value, f"{usual} beside chunk: chunks sound as they were generated")


def check_chunked(plan: Sequence[SpokenUtterance]) -> None:
    """Raise an InputError for a rate of the markup, which chunks do not have."""
    for utterance in plan:
        if utterance.rate != 1:
            raise got("rate", utterance.rate, "1 beside chunk: chunks sound as they were generated")


def stream_pieces(
    clips: VoiceClips,
    request: Request,
    plan: Sequence[SpokenUtterance],
    guard: Bounds,
    chunk: int | None,
    cancelled: Cancelled | None = None,
) -> Stream:
    """Yield the pieces of a request; see `Synthesizer.stream`."""
    pieces = timed_stream(clips, request, plan, guard, chunk, cancelled, timed=False)
    while True:
        try:
            yield next(pieces).wav
        except StopIteration as end:
            return tuple(end.value)


def timed_stream(
    clips: VoiceClips,
    request: Request,
    plan: Sequence[SpokenUtterance],
    guard: Bounds,
    chunk: int | None,
    cancelled: Cancelled | None = None,
    timed: bool = True,
) -> TimedStream:
    """Yield the pieces with their times, see `Synthesizer.stream_timed`; without `timed` no times are looked for."""
    flags: list[str] = []
    voice = clips.voice
    elapsed = 0.0
    for utterance in plan:
        if silence := round(utterance.pause * voice.spec.frames_per_second):
            yield SpokenPiece(np.zeros(silence * voice.hop, np.float32), Timings())
            elapsed += silence / voice.spec.frames_per_second
        if not utterance.phones:
            flags += ["unread"] if utterance.unread else []
            continue
        steps = _SampledTokens(voice, request, utterance, guard, cancelled or not_cancelled)
        if chunk is None or not isinstance(voice.sovits, StreamingModel | MatchingSynthesizer):
            began = time.perf_counter()
            tokens = torch.tensor(list(steps), dtype=torch.long)
            spoken = SpokenTokens(tokens, steps.flag, time.perf_counter() - began)
            try:
                if steps.stopped:
                    raise CancelledSpeechError
                speech = speech_of(clips, request, [replace(utterance, pause=0.0)], [spoken], steps.cancelled)
                flags += speech.flags
                times = timings_of(voice, utterance, tokens) if timed else Timings()
                first = elapsed
                for piece in _cut(SpokenPiece(speech.wav, times), voice, chunk):
                    if steps.cancelled():
                        raise CancelledSpeechError
                    elapsed += len(piece.wav) / voice.sample_rate
                    yield piece._replace(timings=piece.timings.later(first))
            except CancelledSpeechError:
                flags.append("cancelled")
                break
        else:
            first = elapsed
            made = _chunks if isinstance(voice.sovits, StreamingModel) else _pieces_of_mel
            for piece in made(voice, voice.sovits, utterance, steps, chunk, timed):
                elapsed += len(piece.wav) / voice.sample_rate
                yield piece._replace(timings=piece.timings.later(first))
            flags += [steps.flag, *(["unread"] if utterance.unread else []), *utterance.remarks]
        if steps.stopped:
            flags.append("cancelled")
            break
    return tuple(dict.fromkeys(filter(None, flags)))


def _cut(spoken: SpokenPiece, voice: LoadedVoice, chunk: int | None) -> Iterator[SpokenPiece]:
    """A clause in pieces of `chunk` tokens, so that a listener who interrupts has not been sent all of it."""
    size = len(spoken.wav) if chunk is None else chunk * FRAMES * voice.hop
    known = Timings()
    for first in range(0, len(spoken.wav), max(size, 1)):
        end = min(first + size, len(spoken.wav))
        over = spoken.timings if end == len(spoken.wav) else spoken.timings.until(end / voice.sample_rate)
        yield SpokenPiece(spoken.wav[first:end], over.after(known))
        known = over


class _SampledTokens:
    """Tokens of one utterance as they are sampled; afterwards `flag` says what the guard saw."""

    def __init__(
        self, voice: LoadedVoice, request: Request, utterance: SpokenUtterance, guard: Bounds, cancelled: Cancelled
    ) -> None:
        self.voice, self.utterance, self.guard, self.cancelled = voice, utterance, guard, cancelled
        self.sampler = sampler_of(voice, request)
        self.flag, self.stopped = "", False

    def __iter__(self) -> Iterator[int]:
        count = 0
        phones = torch.ones(1, len(self.utterance.phones), dtype=torch.bool)
        most = self.voice.gpt.max_tokens if self.guard.max_tokens is None else self.guard.max_tokens
        cut = min(most, int(limits_of(phones, self.guard)))
        for token in sampled_tokens(self.voice, self.utterance, self.sampler, self.guard):
            if self.stopped or self.cancelled():
                self.stopped = True
                return
            count += 1
            yield token
        self.flag = flag_of(count, cut, phones.shape[1] * self.guard.least)


def _chunks(
    voice: LoadedVoice,
    model: StreamingModel,
    utterance: SpokenUtterance,
    sampled: _SampledTokens,
    chunk: int,
    timed: bool,
) -> Iterator[SpokenPiece]:
    """The sound of every `chunk` tokens; together as long as the utterance.

    Every piece decodes all tokens so far and keeps the newest. A few tokens are decoded twice: their latents are
    cross-faded by the model, their samples linearly.
    """
    phones = torch.from_numpy(ids_of(voice, utterance))[None].to(voice.device)
    conditions = acoustic_conditions(voice, utterance.style, utterance)
    draws = voice.draws(utterance.seed)
    tokens: list[int] = []
    frames: Tensor | None = None
    held = torch.zeros(0)
    known = Timings()
    for piece in fixed_chunks(sampled, chunk):
        tokens += piece
        again = 0 if frames is None else min(OVERLAP, len(tokens) - len(piece))
        ids = torch.tensor([tokens], device=voice.device)
        tail = None if frames is None or not again else frames[..., -again * FRAMES :]
        with voice.computing():
            newest = len(piece) + again
            decoded = model.stream(ids, phones, conditions, newest, overlap=tail, generator=draws)
        frames = decoded.frames
        wav = decoded.wav[0].float().cpu()
        keep = len(wav) // (len(piece) + again) * OVERLAP
        wav = crossfade(held, wav)
        held = wav[len(wav) - keep :]
        now = timings_of(voice, utterance, ids[0], whole=False) if timed else known
        yield SpokenPiece(wav[: len(wav) - keep].clamp(-1, 1).numpy(), now.after(known))
        known = now if len(now.phones) > len(known.phones) else known
    if len(held):
        last = timings_of(voice, utterance, torch.tensor(tokens)) if timed else known
        yield SpokenPiece(held.clamp(-1, 1).numpy(), last.after(known))


def _pieces_of_mel(
    voice: LoadedVoice,
    model: MatchingSynthesizer,
    utterance: SpokenUtterance,
    sampled: _SampledTokens,
    chunk: int,
    timed: bool,
) -> Iterator[SpokenPiece]:
    """A clause whose tokens are all there, as its mel is made; the first piece is the sound of `chunk` tokens."""
    tokens = torch.tensor(list(sampled), dtype=torch.long)
    if sampled.stopped or not len(tokens):
        return
    first = round(chunk * FRAMES * model.network.upsampling) + int(model.head.context_frames)  # type: ignore[arg-type]
    conditions = acoustic_conditions(voice, utterance.style, utterance)
    inputs, draws = acoustic_inputs(voice, utterance, tokens), voice.draws(utterance.seed)
    more = utterance.rate, draws, utterance.speaker.opening, utterance.guidance
    pieces = model.rendered_in_pieces(*inputs, conditions, first, *more)
    times, known, samples = timings_of(voice, utterance, tokens) if timed else Timings(), Timings(), 0
    while not sampled.cancelled():
        with voice.computing():
            piece = next(pieces, None)
        if piece is None:
            return
        wav = piece.wav[0].float().cpu().clamp(-1, 1).numpy()
        samples += len(wav)
        over = times.until(samples / voice.sample_rate) if piece.left else times
        yield SpokenPiece(wav, over.after(known))
        known = over
    sampled.stopped = True


def crossfade(tail: Float[Tensor, " O"], wav: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """Return `wav` with its beginning faded in over the `tail` that was held back before it."""
    if not len(tail):
        return wav
    rise = torch.linspace(0, 1, len(tail))
    return torch.cat([tail * (1 - rise) + wav[: len(tail)] * rise, wav[len(tail) :]])
