"""How a part of a request is spoken: by its tag, its clips, its label, or its hook."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sovits_lab.inference.clips import AudioArray, shown
from sovits_lab.inference.references import ClipResult, VoiceClips
from sovits_lab.inference.request import Answer, Clips, EmotionHook, Request, check_emotion
from sovits_lab.inference.styles import NEUTRAL, VoiceStyle
from sovits_lab.inference.voice import LoadedVoice
from sovits_lab.text import markup
from sovits_lab.types import InputError, got


def style_of_part(
    request: Request, clips: VoiceClips, tag: markup.StyleSpan | None = None, text: str = ""
) -> ClipResult[VoiceStyle]:
    """Find how a part of a request is spoken: by its tag, else the request, else the request's hook, else neutrally.

    The strengths of the tag and of the request multiply, and so does what neutral leaves of a mix: the mean of a sad
    and a neutral vector is not half sad, half a strength is.
    """
    voice, tag = clips.voice, tag or markup.StyleSpan()
    style, emotion = request.style, request.emotion
    if tag.emotion is not None:
        style, emotion = None, tag.emotion
    elif style is None and emotion is None and request.emotion_from is not None:
        style, emotion = _asked(request.emotion_from, text, request)
    if style is not None:
        voice.require("style", "style", shown(style))
    if tag.strength != 1:
        voice.require("strength", "strength of a tag", tag.strength)
    if emotion not in (None, NEUTRAL):
        voice.require("mix" if isinstance(emotion, Mapping) else "emotion", "emotion", emotion)
    neutral = voice.neutral
    share = 1.0
    if isinstance(emotion, Mapping) and style is None:
        emotion, share = _without_neutral(voice, emotion)
    label = None if emotion is None else voice.mixture({emotion: 1.0} if isinstance(emotion, str) else emotion)
    full = label or neutral
    remarks: tuple[str, ...] = ()
    if style is not None:
        if label is not None and not voice.labelled:
            raise InputError("style and emotion: got both, expected one of them: this voice has no labels of its own")
        encoded = clips.style(style, label)
        full, remarks = encoded.value, encoded.remarks
        if request.style_as == "emotion":
            full = voice.emotion(voice.nearest(full))
    return ClipResult(neutral.towards(full, request.strength * tag.strength * share), remarks)


def _without_neutral(voice: LoadedVoice, weights: Mapping[str, float]) -> tuple[Mapping[str, float], float]:
    """The rest of a mix, and the rest's share of it."""
    voice.mixture(weights)  # refuses what is no mix
    rest = {label: weight for label, weight in weights.items() if label != NEUTRAL}
    if not any(rest.values()) or "strength" not in voice.accepts:
        return weights, 1.0
    return rest, sum(rest.values()) / sum(weights.values())


def _asked(hook: EmotionHook, text: str, request: Request) -> tuple[Clips | None, str | Mapping | None]:
    """Clips or emotion that a hook names."""
    try:
        answer: Answer = hook(text, request.context)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"emotion_from: the callable failed on {text[:40]!r} ({failure})") from error
    if answer is None or isinstance(answer, str | Mapping):
        check_emotion("emotion_from", answer)
        return None, answer
    clips = answer if isinstance(answer, list | tuple) else [answer]
    if clips and all(isinstance(one, Path | bytes | AudioArray) for one in clips):
        return list(clips), None
    raise got("emotion_from", type(answer).__name__, "a label, weights of labels, a Path or several, or None")
