"""A clip of a speaker -> the `Speaker` that the models of a voice are conditioned on."""

from __future__ import annotations

import threading

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, Baseline, baseline, voiced_frames
from sovits_lab.audio.files import resample
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.checkpoints.networks import fitting
from sovits_lab.inference.clips import ClipLike, MonoClip, read_clip
from sovits_lab.inference.voice import ClipPrompt, LoadedVoice, Speaker, kept
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.mel_plan import SpokenClip
from sovits_lab.models.sovits.mel_windows import Reference
from sovits_lab.text.checks import require_speech
from sovits_lab.text.reading import Reading
from sovits_lab.types import got

LONGEST_REFERENCE = 30.0  # seconds; longer clips say nothing more about who or how
SHORTEST_REFERENCE = 0.5
PROMPT_SECONDS = (3.0, 10.0)  # of a clip that a generation goes on from, as the released family was trained
NETWORK_RATE = 16_000  # Hz that content encoders and speaker networks hear
TAIL = 9600  # zeros that the content encoder hears after a clip, 0.6 s as upstream
# Some front ends hold a library with one state for the whole process (espeak-ng), or load tables at their first text.
ONE_READER = threading.Lock()


def clip_speaker(
    voice: LoadedVoice, who: ClipLike, text: str | None, language: str | None
) -> tuple[Speaker, tuple[str, ...]]:
    """Return the speaker of a clip, and remarks on the clip.

    Args:
        voice: whose models hear it.
        who: the clip.
        text: what is said in it, for models that go on from it.
        language: of the text.

    Raises:
        InputError: a clip or text that cannot be used; networks whose features the models do not take.
    """
    seconds = PROMPT_SECONDS if voice.gpt.takes_prompt else (SHORTEST_REFERENCE, LONGEST_REFERENCE)
    clip = read_clip("speaker reference", who, voice.clip_rate, *seconds)
    mel = log_mel(resample(clip.wav, voice.clip_rate, voice.spec.sample_rate), voice.spec)
    neutral = _baseline(voice, clip, mel) if voice.sovits.explicit_prosody else None
    narrow = torch.from_numpy(resample(clip.wav, voice.clip_rate, NETWORK_RATE))
    vector = voice.speaker_vector(mel)
    acoustic = _acoustic(voice, clip, narrow, vector) if voice.sovits.speaks_from_clip else None
    prompt = _prompt(voice, narrow, text or "", language) if voice.gpt.takes_prompt else None
    opening = None
    if prompt is not None and acoustic is not None and isinstance(voice.sovits, MatchingSynthesizer):
        opening = opening_of(voice, voice.sovits, clip, prompt, acoustic)
    return Speaker(vector, neutral, acoustic, prompt, opening), clip.remarks


def clip_target(voice: LoadedVoice, who: ClipLike, text: str | None, language: str | None) -> Speaker:
    """Return the target of a conversion: as `clip_speaker`, but no transcript is needed, since nothing is generated.

    Without a transcript v3 and v4 have the voice vector alone and nothing to go on from.
    """
    if text is not None or not voice.gpt.takes_prompt:
        return clip_speaker(voice, who, text, language)[0]
    clip = read_clip("speaker reference", who, voice.clip_rate, SHORTEST_REFERENCE, LONGEST_REFERENCE)
    narrow = torch.from_numpy(resample(clip.wav, voice.clip_rate, NETWORK_RATE))
    acoustic = _acoustic(voice, clip, narrow, torch.zeros(0)) if voice.sovits.speaks_from_clip else None
    return Speaker(torch.zeros(0), None, acoustic)


def opening_of(
    voice: LoadedVoice, model: MatchingSynthesizer, clip: MonoClip, prompt: ClipPrompt, acoustic: Tensor
) -> Reference:
    """Return the reference that the flow of v3 and v4 continues: the clip's mel and features, computed once."""
    wav, device = torch.from_numpy(clip.wav), voice.device
    spoken = SpokenClip(wav.to(device), prompt.tokens.to(device), prompt.phones.to(device))
    with voice.computing():
        return model.opening(spoken, acoustic.to(device))


def pitch_of(clip: MonoClip, spec: AudioSpec) -> NDArray[np.float32]:
    """Estimate F0 of a clip. Raises InputError where hardly any frame is voiced."""
    pitch = f0(clip.wav, spec.sample_rate, spec.hop)
    if (pitch > 0).sum() < FEWEST:
        raise got(clip.name, "hardly any voiced frame", "speech")
    return pitch


def _baseline(voice: LoadedVoice, clip: MonoClip, mel: NDArray[np.float32]) -> Baseline:
    neutral = baseline([voiced_frames(pitch_of(clip, voice.spec), mel)])
    if neutral is None:
        raise got(clip.name, "hardly any voiced frame", "speech")
    return neutral


def _acoustic(voice: LoadedVoice, clip: MonoClip, narrow: Tensor, encoded: Tensor) -> Tensor:
    """The speaker condition of a clip; `encoded` is the vector of the voice's own encoder, empty without one."""
    vector = encoded[None].to(voice.device) if len(encoded) else None
    if voice.speaker_network is not None:
        vector = voice.speaker_network(narrow[None])
        width = getattr(getattr(voice.sovits, "reference", None), "speaker", None)
        vector = fitting("speaker network", vector, int(width.in_features)) if width is not None else vector
        vector = vector.to(voice.device)
    with voice.computing():
        return kept(voice.sovits.speaker(torch.from_numpy(clip.wav)[None].to(voice.device), None, vector)[0])


def _prompt(voice: LoadedVoice, narrow: Tensor, text: str, language: str | None) -> ClipPrompt:
    assert voice.content is not None
    reading = require_speech(read_text(voice, text, language))
    with torch.no_grad():
        content = voice.content(F.pad(narrow, (0, TAIL)))
        width = voice.sovits.content.weight.shape[1]  # type: ignore[attr-defined]
        content = fitting("content encoder", content, int(width)).to(voice.device)
        tokens = voice.sovits.tokens(content.T[None])[0].cpu()  # type: ignore[attr-defined]
    phones = torch.tensor([voice.symbols[phone] for phone in reading.phones])
    return ClipPrompt(phones, text_features(voice, reading), tokens)


def read_text(voice: LoadedVoice, text: str, language: str | None) -> Reading:
    """Return a text without phones by hand, as the voice's front end reads it; one thread at a time."""
    with ONE_READER:
        return voice.frontend.read(text, language)


def text_features(voice: LoadedVoice, reading: Reading) -> Tensor | None:
    """Return the features of a Chinese reading, [P, F]; None where there are none or no text encoder."""
    if voice.bert is None or not any(unit.language == "zh" for unit in reading.units):
        return None
    with ONE_READER:
        return fitting("text encoder", voice.bert(reading), voice.gpt.bert_channels)
