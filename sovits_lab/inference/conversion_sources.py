"""What a conversion hears: content tokens of either family, who the target is, what is said, and how."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.audio.energy import frame_rms_db
from sovits_lab.audio.files import audio_info, load_audio, resample
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.corpora.transcripts import RATE as RECOGNISED_RATE
from sovits_lab.corpora.transcripts import Transcriber
from sovits_lab.inference.aligned_tokens import laid_upon, own_speech, pause_token
from sovits_lab.inference.clips import AudioArray, shown
from sovits_lab.inference.conversion import ContentOf, Conversion, SourceContent
from sovits_lab.inference.conversion_windows import SILENT_DB, ConversionWindows, Wave
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import Request
from sovits_lab.inference.speakers import NETWORK_RATE, clip_target, read_text
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.voice import LoadedVoice, Speaker
from sovits_lab.text.checks import require_speech
from sovits_lab.types import InputError, got

KEEP = "keep"
QUICKEST = 40  # phones a second; hurried speech has 25
TokensOf = Callable[[Wave, int], Tensor]  # samples and their rate -> semantic tokens


def released_tokens(voice: LoadedVoice) -> TokensOf:
    """Return what hears content through the released family's own encoder and quantizer."""
    content, model = voice.content, voice.sovits
    assert content is not None

    def tokens(wav: Wave, rate: int) -> Tensor:
        narrow = torch.from_numpy(resample(wav, rate, NETWORK_RATE))
        size = max(1, round(len(wav) / rate * 25))
        features = content(F.pad(narrow, (0, 640))).to(voice.device)
        made: Tensor = model.tokens(features.T[None])[0]  # type: ignore[attr-defined]
        return made[:size].cpu()

    return tokens


def native_tokens(folder: Path) -> TokensOf:
    """Return what hears content through a content stage: the tokenizer that a native voice was trained with."""
    from sovits_lab.checkpoints.content import load_content

    model: Any = load_content(folder)

    @torch.no_grad()
    def tokens(wav: Wave, rate: int) -> Tensor:
        if model.input_kind == "mel":
            features = log_mel(resample(wav, rate, model.spec.sample_rate), model.spec).T
        else:
            features = resample(wav, rate, NETWORK_RATE)
        return torch.as_tensor(model.listen([features])[0].tokens, dtype=torch.long)

    return tokens


def warped_tokens(voice: LoadedVoice, text: str, language: str | None, wav: Wave, rate: int) -> Tensor:
    """Return tokens without a content encoder: the voice says the text, and its saying is laid upon a recording.

    For native voices whose tokenizer is not at hand, or was one of phones. The recording must hold the whole text.
    """
    synthesizer, request = Synthesizer(voice), Request(text, next(iter(voice.speakers)), language=language)
    mel = log_mel(resample(wav, rate, voice.spec.sample_rate), voice.spec)
    frames = laid_upon(own_speech(synthesizer, request), mel, pause_token(synthesizer, request)).tokens
    return torch.as_tensor(frames[: len(frames) // 2 * 2 : 2], dtype=torch.long)


def known_words(voice: LoadedVoice, tokens_of: TokensOf | None, text: str | None, language: str | None) -> ContentOf:
    """Return what hears content where the words are given for all of the recording, or nobody knows them.

    Args:
        tokens_of: None lays the voice's own saying of the text upon the recording.
    """
    phones = phones_of(voice, text, language)

    def content(wav: Wave, rate: int) -> SourceContent:
        if tokens_of is not None:
            return SourceContent(tokens_of(wav, rate), phones)
        assert text is not None
        return SourceContent(warped_tokens(voice, text, language, wav, rate), phones)

    return content


def recognised_words(
    voice: LoadedVoice, tokens_of: TokensOf | None, transcribe: Transcriber, language: str | None
) -> ContentOf:
    """Return what hears content where a recogniser tells the words of each stretch.

    Args:
        tokens_of: None lays the voice's own saying of the words upon the stretch, which is silent where there are none.
        transcribe: the recogniser.
    """

    def content(wav: Wave, rate: int) -> SourceContent:
        words = "" if is_silent(wav, rate) else transcribe(resample(wav, rate, RECOGNISED_RATE), language).strip()
        text = words if words and not read_text(voice, words, language).is_silent else None
        phones = phones_of(voice, text, language)
        if tokens_of is not None:
            return SourceContent(tokens_of(wav, rate), phones)
        nothing = torch.zeros(0, dtype=torch.long)
        return SourceContent(nothing if text is None else warped_tokens(voice, text, language, wav, rate), phones)

    return content


def style_of(clips: VoiceClips, source: Wave, style: Path | None, emotion: str) -> VoiceStyle:
    """Return how it is spoken: a clip's way, an emotion's, or the source's own (`keep`).

    Raises:
        InputError: a style and an emotion, or a voice that hears none.
    """
    voice = clips.voice
    if style is not None and emotion != KEEP:
        raise InputError("style and emotion: got both, expected one of them")
    if style is not None:
        voice.require("style", "style", str(style))
        return clips.style(style, None).value
    if emotion != KEEP:
        voice.require("emotion", "emotion", emotion)
        return voice.emotion(emotion)
    if not voice.takes_style:  # tokens, and F0 and energy where the head takes them, keep what they keep
        return voice.neutral
    return clips.style(AudioArray(source, voice.spec.sample_rate), None).value


def phones_of(voice: LoadedVoice, text: str | None, language: str | None) -> Tensor:
    """Return ids of what is said; a pause stands for words that nobody knows."""
    if text is None:
        pause = next(name for name in (".", "SP", "sil", "_", *voice.symbols) if name in voice.symbols)
        return torch.tensor([voice.symbols[pause]])
    reading = require_speech(read_text(voice, text, language))
    return torch.tensor([voice.symbols[phone] for phone in reading.phones])


def target_of(clips: VoiceClips, who: str | Path, text: str | None, language: str | None) -> Speaker:
    """Return the target: a named speaker, or a clip, with or without its transcript."""
    if clips.is_name(who) and not clips.voice.prompted:
        return clips.speaker(who).value
    return clip_target(clips.voice, Path(who), text, language)


def conversion_of(
    voice: LoadedVoice,
    source: Path,
    speaker: str | Path,
    content: Path | Callable[[Wave, int], Tensor] | None = None,
    style: Path | None = None,
    emotion: str = KEEP,
    text: str | None = None,
    speaker_text: str | None = None,
    language: str | None = None,
    pitch: str = "transpose",
    windows: ConversionWindows | None = None,
    seed: int = 0,
    transcribe: Transcriber | None = None,
) -> Conversion:
    """Prepare a conversion.

    Args:
        voice: of either family.
        source: the recording; its first 30 s say how it is spoken.
        speaker: a clip of the target or a name.
        content: a native voice's content stage, or what hears tokens; released voices have theirs. A native voice
            without one lays its own saying of the words upon the recording.
        text, speaker_text: what the source, and the target's clip, say.
        transcribe: a recogniser, which hears the words of each window where no `text` is given.
        others: see `Conversion`.

    Raises:
        InputError: what the voice lacks, or a clip that cannot be used.
    """
    clips = VoiceClips(voice)
    if text is not None and transcribe is not None:
        raise InputError("text and recogniser: got both, expected one of them")
    hears: TokensOf | None = None
    if callable(content):
        hears = content
    elif voice.content is not None:
        hears = released_tokens(voice)
    elif content is not None:
        hears = native_tokens(content)
    elif text is not None:
        require_one_window(source, windows or ConversionWindows())
    elif transcribe is None:
        needed = "the run's content stage, whose tokens this voice speaks, text=WORDS or recogniser=whisper-base"
        raise got("content", "nothing", needed)
    begin = first_seconds(source, voice.spec.sample_rate)
    how = style_of(clips, begin, style, emotion)
    who = target_of(clips, speaker, speaker_text, language)
    if text is not None:
        require_time_for(source, phones_of(voice, text, language), text)
    if transcribe is None:
        words = known_words(voice, hears, text, language)
    else:
        words = recognised_words(voice, hears, transcribe, language)
    return Conversion(voice, words, who, how, pitch, windows or ConversionWindows(), seed)


def require_one_window(source: Path, windows: ConversionWindows) -> None:
    """Refuse a recording that is cut into windows where the text belongs to it as a whole.

    Raises:
        InputError: it is longer than a window.
    """
    if (seconds := audio_info(source).seconds) > windows.seconds:
        expected = f"at most the {windows.seconds:g} s of a window with text=: recogniser=whisper-base, or seconds=30"
        raise got(f"source {source}", f"{seconds:.1f} s", expected)


def require_time_for(source: Path, phones: Tensor, text: str) -> None:
    """Refuse a text that nobody can have said in a recording.

    Raises:
        InputError: more phones a second than anybody speaks.
    """
    if len(phones) > QUICKEST * (seconds := audio_info(source).seconds) + 1:
        raise got("text", shown(text), f"what is said in the {seconds:.1f} s of {source}: fewer words, or all of it")


def is_silent(wav: Wave, rate: int) -> bool:
    """Return whether nothing in a recording is loud enough to be speech."""
    return bool(max(frame_rms_db(wav, max(1, rate // 50)), default=SILENT_DB - 1) < SILENT_DB)


def first_seconds(path: Path, rate: int, seconds: float = 30.0) -> Wave:
    """Read the beginning of a recording."""
    return load_audio(path, rate, mix_down=True, rate="any", first_seconds=seconds)


def read_source(path: Path, rate: int) -> Wave:
    """Read a recording of any length at a rate.

    Raises:
        InputError: no recording, or a silent one.
    """
    wav = load_audio(path, rate, mix_down=True, rate="any")
    if is_silent(wav, rate):
        raise InputError(
            f"recording {path}: got silence, nothing above {SILENT_DB:g} dB of full scale, expected speech"
        )
    return wav
