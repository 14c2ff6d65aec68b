"""Tokens of a request's utterances -> its speech: latents and prosody, what the request asks of them, the waveform."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sovits_lab.audio.baseline import FEWEST
from sovits_lab.audio.energy import NATS_PER_DB, frame_rms_db
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.conditioning.conditions import SPEAKER, Conditions, given
from sovits_lab.inference.guidance import guided_plan
from sovits_lab.inference.loudness import headroom, voiced_levels
from sovits_lab.inference.prosody import Track, is_unusual_pitch, shape_prosody
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import Request, Speech
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.tokens import SpokenTokens, ids_of
from sovits_lab.inference.utterances import SpokenUtterance
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.models.contracts import AcousticPlan
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.acoustic import Planned, SoVits
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.prior import Contours
from sovits_lab.types import InputError

QUIETER_DB = 3.0  # what full scale may cost of the level that was asked before it is told
SOFT_DB = -45.0  # of the loudest frame, relative to full scale: below it speech can hardly be heard
Wave = NDArray[np.float32]
SILENCE = np.float32(-11.5)  # energy of a pause, nats: the floor of log mels


class CancelledSpeechError(Exception):
    """Ends the synthesis of a speech that was cancelled."""


def not_cancelled() -> bool:
    """Return False: nothing was cancelled."""
    return False


def speech_of(
    clips: VoiceClips,
    request: Request,
    plan: Sequence[SpokenUtterance],
    spoken: Sequence[SpokenTokens],
    cancelled: Callable[[], bool] = not_cancelled,
) -> Speech:
    """Return the speech of one request; nothing in it depends on other requests.

    Args:
        cancelled: asked between planning and rendering.

    Raises:
        InputError: a curve or clip that cannot be followed; a bundle whose weights are broken.
        CancelledSpeechError: it was cancelled.
    """
    began = time.perf_counter()
    voice = clips.voice
    planned: list[AcousticPlan | None] = []
    tracks: list[Track] = []
    for utterance, one in zip(plan, spoken, strict=True):
        silence = round(utterance.pause * voice.spec.frames_per_second)
        tracks.append(Track(np.zeros(silence, np.float32), np.full(silence, SILENCE)))
        planned.append(planned_utterance(voice, utterance, one.tokens) if len(one.tokens) else None)
        tracks.append(_predicted(voice, planned[-1], utterance))
        if cancelled():
            raise CancelledSpeechError
    predicted = Track(*(np.concatenate(values) for values in zip(*tracks, strict=True)))
    lengths = [len(one.f0) for one in tracks]

    def mel() -> Wave:
        return log_mel(_rendered(voice, plan, planned, predicted, lengths)[0], voice.spec)

    wanted = shape_prosody(predicted, request, clips, voice.spec.frames_per_second, mel)
    wav, lost = _rendered(voice, plan, planned, wanted, lengths)
    return Speech(
        wav,
        voice.sample_rate,
        tuple(phone for utterance in plan for phone in utterance.phones),
        tuple(token for one in spoken for token in one.tokens.tolist()),
        wanted.f0 if voice.sovits.explicit_prosody else np.zeros(0, np.float32),
        (wanted.energy / NATS_PER_DB).astype(np.float32) if voice.sovits.explicit_prosody else np.zeros(0, np.float32),
        _flags(clips, request, plan, spoken, wav, wanted, lost),
        sum(one.seconds for one in spoken) + time.perf_counter() - began,
    )


def _flags(
    clips: VoiceClips,
    request: Request,
    plan: Sequence[SpokenUtterance],
    spoken: Sequence[SpokenTokens],
    wav: Wave,
    track: Track,
    lost: float,
) -> tuple[str, ...]:
    """What a listener should know, each word once."""
    flags = [one.flag for one in spoken]
    flags += ["unread"] if any(one.unread for one in plan) else []
    flags += ["full_scale"] if lost > QUIETER_DB else []
    flags += ["pitch"] if is_unusual_pitch(track.f0) else []
    loud_enough = request.energy is not None or request.energy_shift < 0
    if not loud_enough and ((track.f0 > 0).sum() >= FEWEST or not clips.voice.sovits.explicit_prosody):
        loudest = max(frame_rms_db(wav, clips.voice.hop), default=0.0)
        flags += ["soft"] if loudest < SOFT_DB and len(wav) else []
    flags += [remark for one in plan for remark in one.remarks]
    flags += clips.melody(request.prosody).remarks if request.prosody is not None else ()
    return tuple(dict.fromkeys(filter(None, flags)))


def planned_utterance(voice: LoadedVoice, utterance: SpokenUtterance, tokens: Tensor) -> AcousticPlan:
    """Plan latents and prosody of one utterance, at the rate that it is asked for.

    Tokens are those of the style's own tempo: a GPT that is given other positions than it learned keeps half of
    its tempo and loses words.

    Between neutral and a style the latents are those of the style in between, but F0 and energy go straight from
    one to the other: a network answers little to the first and last steps of its input, and what is left would be
    drowned by the chance of other tokens.
    """
    planned = _planned_in(voice, utterance.style, utterance, tokens)
    if not isinstance(planned, Planned):
        return planned  # its head makes its own prosody, at the rate that the prior was asked for
    if (ends := utterance.style.ends) is not None:
        neutral, full = _contours_in(voice, (ends.neutral, ends.full), utterance, tokens)
        planned = planned._replace(**neutral.towards(full, ends.strength)._asdict())
    return planned.lasting(max(1, round(planned.z.shape[2] / utterance.rate)))


def _contours_in(
    voice: LoadedVoice, styles: Sequence[VoiceStyle], utterance: SpokenUtterance, tokens: Tensor
) -> list[Contours]:
    """The prosody of one utterance in other styles."""
    assert isinstance(voice.sovits, SoVits)
    if utterance.guidance != 1:
        plans = [_planned_in(voice, style, utterance, tokens) for style in styles]
        return [plan.contours for plan in plans if isinstance(plan, Planned)]
    conditions = [acoustic_conditions(voice, style, utterance) for style in styles]
    with voice.computing():
        return voice.sovits.contours(*acoustic_inputs(voice, utterance, tokens), conditions)


def acoustic_inputs(
    voice: LoadedVoice, utterance: SpokenUtterance, tokens: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return tokens, phones and their masks, as an acoustic model takes them."""
    ids = torch.from_numpy(ids_of(voice, utterance))[None].to(voice.device)
    mask = torch.ones(1, 2 * len(tokens), dtype=torch.bool, device=voice.device)  # two frames a token
    return tokens[None].to(voice.device), mask, ids, torch.ones_like(ids, dtype=torch.bool)


def _planned_in(voice: LoadedVoice, style: VoiceStyle, utterance: SpokenUtterance, tokens: Tensor) -> AcousticPlan:
    arguments = *acoustic_inputs(voice, utterance, tokens), acoustic_conditions(voice, style, utterance)
    draws = voice.draws(utterance.seed)
    with voice.computing():
        rate = 1.0 if voice.sovits.explicit_prosody else utterance.rate
        if isinstance(voice.sovits, MatchingSynthesizer):
            more: dict[str, Any] = {"opening": utterance.speaker.opening, "guidance": utterance.guidance}
            return voice.sovits.plan(*arguments, rate=rate, generator=draws, **more)
        if utterance.guidance != 1:
            assert isinstance(voice.sovits, SoVits)  # others are refused, see `utterances`
            return guided_plan(voice.sovits, *arguments, utterance.guidance, draws)
        return voice.sovits.plan(*arguments, rate=rate, generator=draws)


def acoustic_conditions(voice: LoadedVoice, style: VoiceStyle, utterance: SpokenUtterance) -> Conditions:
    """Return the acoustic model's conditions of one utterance."""
    vectors = {**style.sovits, SPEAKER: utterance.speaker.acoustic_vector}
    known = {name: vector for name, vector in vectors.items() if name in voice.sovits.conditions.widths}
    return given(**{name: vector[None].to(voice.device) for name, vector in known.items()})


def _predicted(voice: LoadedVoice, planned: AcousticPlan | None, utterance: SpokenUtterance) -> Track:
    """The planned prosody; of a head that makes its own, as many frames that say nothing."""
    if planned is None or not voice.sovits.explicit_prosody:
        frames = 0 if planned is None else planned.frames
        return Track(np.zeros(frames, np.float32), np.full(frames, SILENCE))
    prosody = planned.prosody(torch.tensor([utterance.speaker.baseline], device=voice.device))
    assert prosody is not None
    return Track(prosody.f0[0].float().cpu().numpy(), prosody.energy[0].float().cpu().numpy())


def _rendered(
    voice: LoadedVoice,
    plan: Sequence[SpokenUtterance],
    planned: Sequence[AcousticPlan | None],
    track: Track,
    lengths: Sequence[int],
) -> tuple[Wave, float]:
    """Render pauses and utterances by turns, each of `lengths` frames, with the prosody of the track.

    Returns:
        The waveform, and by how many dB at most it had to be softer than asked, so as not to clip.
    """
    place, waves, lost = 0, [np.zeros(0, np.float32)], 0.0
    for i, frames in enumerate(lengths):
        part = Track(*(values[place : place + frames] for values in track))
        place += frames
        one = planned[i // 2]
        if i % 2 == 0 or one is None:
            waves.append(np.zeros(frames * voice.hop, np.float32))
            continue
        wav, less = _rendered_one(voice, one, part, plan[i // 2].seed)
        waves.append(wav)
        lost = max(lost, less)
    wav = np.concatenate(waves)
    if not np.isfinite(wav).all():
        raise InputError(
            "bundle: the decoder gave NaN or infinite samples, expected finite ones; its weights are broken"
        )
    return wav, lost


def _rendered_one(voice: LoadedVoice, planned: AcousticPlan, track: Track, seed: int) -> tuple[Wave, float]:
    """The waveform of one utterance, as loud as asked; the head's noise depends on the seed alone."""
    prosody = None
    if voice.sovits.explicit_prosody:
        prosody = Prosody(*(torch.from_numpy(values)[None].to(voice.device) for values in track))
    with voice.computing():
        spoken = voice.sovits.render(planned, None, prosody, voice.draws(seed))
    wav = spoken.wav[0].float().cpu().numpy()
    if spoken.prosody is None:
        return np.asarray(wav / max(1.0, float(np.abs(wav).max())), dtype=np.float32), 0.0
    return _as_loud_as_asked(voice, wav, Prosody(*(value.float().cpu() for value in spoken.prosody)))


def _as_loud_as_asked(voice: LoadedVoice, wav: Wave, asked: Prosody) -> tuple[Wave, float]:
    """Bring voiced frames to the level of the energy that was asked, by one gain: a head that blurs is too soft.

    Returns:
        The waveform, and by how many dB it had to be softer than asked, so as not to clip.
    """
    levels = voiced_levels(wav, voice.spec, asked)
    if levels is None:
        return wav.clip(-1, 1), 0.0
    gain, most = levels.asked - levels.made, headroom(wav)
    return wav * np.float32(math.exp(min(gain, most))), max(gain - most, 0.0) / NATS_PER_DB
