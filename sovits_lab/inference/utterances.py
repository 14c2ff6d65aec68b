"""A request -> the utterances that the models speak, each short and in one style, with the silence before it."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sovits_lab.inference.clips import shown
from sovits_lab.inference.curves import curve_of
from sovits_lab.inference.pieces import QUICK, Room, TextPiece, pieces_of
from sovits_lab.inference.references import ClipResult, References
from sovits_lab.inference.request import NEUTRAL, RATES, Answer, EmotionHook, Request, SpeechLimits, check_emotion
from sovits_lab.inference.voice import Manner, Speaker, Voice
from sovits_lab.text import markup
from sovits_lab.text.frontend import Frontend
from sovits_lab.text.given import Given
from sovits_lab.text.reading import Reading, Span
from sovits_lab.types import InputError, got

LATER = 1_000_003  # between the seeds of the utterances of one request
# Some front ends hold a library with one state for the whole process (espeak-ng), or load tables at their first text.
_ONE_READER = threading.Lock()


@dataclass(frozen=True)
class Utterance:
    """What the models are asked for at once.

    Attributes:
        phones: names.
        speaker, manner: who and how.
        rate, guidance, seed: as in `Request`.
        pause: seconds of silence before it; an utterance without phones is nothing else.
        unread: letters and digits of its text that no phone stands for.
        remarks: on the clips that it is spoken by, see `MonoClip`.
    """

    phones: tuple[str, ...]
    speaker: Speaker
    manner: Manner
    rate: float
    guidance: float
    seed: int
    pause: float
    unread: str = ""
    remarks: tuple[str, ...] = ()


def utterances_of(request: Request, references: References, limits: SpeechLimits | None = None) -> list[Utterance]:
    """A short text with one style is one utterance; a span of another emotion or rate, or a pause, begins another.

    What is longer than the voice speaks at once is cut into pieces (see `pieces`), an utterance each.

    Raises:
        InputError: nothing to say, wrong markup, an unknown name, a control that the voice lacks.
    """
    request.check()
    limits = limits or SpeechLimits()
    voice = references.voice
    _refuse(request, references)
    marked = markup.parse(request.text, voice.frontend.symbols)
    tagged = any(part.style.emotion is not None for part in marked.parts())
    if request.strength != 1:
        voice.require("strength", "strength", request.strength)
        if not tagged and request.style is None and request.emotion is None and request.emotion_from is None:
            raise got("strength", request.strength, "a style or an emotion beside it: neutral has no strength")
    speaker = references.speaker(request.speaker)
    whole = Span(0, len(marked.text))
    parts = list(marked.parts()) if marked.stretches or marked.pauses else [markup.Part(whole, markup.Style(), 0.0)]
    room = Room.of(voice.gpt.max_tokens, limits.letters)
    made: list[Utterance] = []
    pause, unread = 0.0, ""
    for part in parts:
        pause += part.pause
        rate = request.rate * part.style.rate
        pieces = _pieces(voice, marked, part.span, request, room)
        if any(not one.reading.is_silent for one in pieces):
            manner = heard_manner(request, references, part.style, marked.text[part.span.start : part.span.end])
            _check_rate(request.rate, part.style.rate)
        for reading, before in pieces:
            pause += before / rate
            unread += reading.unread
            if reading.is_silent:  # a space or a mark between two spans is no utterance
                continue
            seed = (int(request.seed) + LATER * len(made)) % 2**63
            remarks = (*speaker.remarks, *manner.remarks)
            how = manner.value, rate, request.guidance, seed
            made.append(Utterance(_phones(voice, reading), speaker.value, *how, pause, unread, remarks))
            pause, unread = 0.0, ""
    if not made:
        raise InputError(f"text: got {request.text[:40]!r}, expected at least one letter or number that can be spoken")
    if pause or unread:
        made.append(Utterance((), speaker.value, made[-1].manner, 1.0, 1.0, int(request.seed), pause, unread))
    _check_length(made, limits)
    return made


def _check_rate(asked: float, tagged: float) -> None:
    if not RATES[0] <= asked * tagged <= RATES[1]:
        raise got("rate", f"{asked:g} x [rate:{tagged:g}]", f"{RATES[0]:g} to {RATES[1]:g} in all")


def _check_length(utterances: Sequence[Utterance], limits: SpeechLimits) -> None:
    seconds = sum(one.pause + len(one.phones) / QUICK / one.rate for one in utterances)
    if seconds > limits.seconds:
        raise got("text", f"at least {seconds:.0f} s of speech", f"at most {limits.seconds:g} s (limits.seconds)")


def _refuse(request: Request, references: References) -> None:
    """What the voice does not accept, and files that cannot be followed: before anything is spoken."""
    voice = references.voice
    if request.style is not None:
        voice.require("style", "style", shown(request.style))
    if request.guidance != 1:
        voice.require("guidance", "guidance", request.guidance)
    if request.f0 is not None:
        voice.require("f0", "f0", "a curve")
    if request.prosody is not None:
        voice.require("f0", "prosody", shown(request.prosody))
    if request.pitch_shift:
        voice.require("f0", "pitch_shift", request.pitch_shift)
    if request.energy is not None:
        voice.require("energy", "energy", "a curve")
    if request.f0 is not None and request.prosody is not None:
        raise InputError("f0 and prosody: got both, expected one of them")
    if request.prosody is not None:
        references.melody(request.prosody)
    for name in ("f0", "energy"):
        if (given := getattr(request, name)) is not None:
            curve_of(name, given).check(name)


def _pieces(voice: Voice, marked: markup.Marked, span: Span, request: Request, room: Room) -> list[TextPiece]:
    by_hand = [one for one in marked.given if span.start <= one.span.start and one.span.end <= span.end]

    def read(place: Span, language: str | None) -> Reading:
        given = [
            Given(Span(one.span.start - place.start, one.span.end - place.start), one.language, one.phones)
            for one in by_hand
            if place.start <= one.span.start and one.span.end <= place.end
        ]
        return _read(voice.frontend, marked.text[place.start : place.end], language, given)

    return pieces_of(read, marked.text, span, request.language, [one.span for one in by_hand], room)


def _read(frontend: Frontend, text: str, language: str | None, given: Sequence[Given]) -> Reading:
    if not given:
        with _ONE_READER:
            return frontend.read(text, language)
    if "given" not in inspect.signature(frontend.read).parameters:
        raise got("markup", "[ph:...]", f"none: the front end {frontend.name} takes no phones by hand")
    with _ONE_READER:
        return frontend.read(text, language, given)  # type: ignore[call-arg]


def _phones(voice: Voice, reading: Reading) -> tuple[str, ...]:
    if unknown := sorted(set(reading.phones) - set(voice.symbols)):
        raise got("phones", unknown, "symbols of the bundle's own table")
    return reading.phones


def manner_of(request: Request, references: References, tag: markup.Style | None = None, text: str = "") -> Manner:
    """How a part is spoken, see `heard_manner`."""
    return heard_manner(request, references, tag, text).value


def heard_manner(
    request: Request, references: References, tag: markup.Style | None = None, text: str = ""
) -> ClipResult[Manner]:
    """How a part of a request is spoken: by its tag, else by the request, else by the request's hook, else neutrally.

    The strengths of the tag and of the request multiply, and so does what neutral leaves of a mix: the mean of a sad
    and a neutral vector is not half sad, half a strength is.
    """
    voice, tag = references.voice, tag or markup.Style()
    clips, emotion = request.style, request.emotion
    if tag.emotion is not None:
        clips, emotion = None, tag.emotion
    elif clips is None and emotion is None and request.emotion_from is not None:
        clips, emotion = _asked(request.emotion_from, text, request)
    if clips is not None:
        voice.require("style", "style", shown(clips))
    if tag.strength != 1:
        voice.require("strength", "strength of a tag", tag.strength)
    if emotion not in (None, NEUTRAL):
        voice.require("mix" if isinstance(emotion, Mapping) else "emotion", "emotion", emotion)
    neutral = voice.emotion(NEUTRAL)
    share = 1.0
    if isinstance(emotion, Mapping) and clips is None:
        emotion, share = _without_neutral(voice, emotion)
    label = None if emotion is None else voice.mixture({emotion: 1.0} if isinstance(emotion, str) else emotion)
    full = label or neutral
    remarks: tuple[str, ...] = ()
    if clips is not None:
        if label is not None and not voice.labelled:
            raise InputError("style and emotion: got both, expected one of them: this voice has no labels of its own")
        heard = references.style(clips, label)
        full, remarks = heard.value, heard.remarks
        if request.style_as == "emotion":
            full = voice.emotion(voice.nearest(full))
    return ClipResult(Manner(neutral, full, request.strength * tag.strength * share), remarks)


def _without_neutral(voice: Voice, weights: Mapping[str, float]) -> tuple[Mapping[str, float], float]:
    """The rest of a mix, and the rest's share of it."""
    voice.mixture(weights)  # refuses what is no mix
    rest = {label: weight for label, weight in weights.items() if label != NEUTRAL}
    if not any(rest.values()) or "strength" not in voice.accepts:
        return weights, 1.0
    return rest, sum(rest.values()) / sum(weights.values())


def _asked(hook: EmotionHook, text: str, request: Request) -> tuple[Sequence[Path] | None, str | Mapping | None]:
    """Clips or emotion that a hook names."""
    try:
        answer: Answer = hook(text, request.context)
    except Exception as error:
        failure = f"{type(error).__name__}: {error}".splitlines()[0]
        raise InputError(f"emotion_from: the callable failed on {text[:40]!r} ({failure})") from error
    if answer is None or isinstance(answer, str | Mapping):
        check_emotion("emotion_from", answer)
        return None, answer
    if isinstance(answer, Path):
        return [answer], None
    if isinstance(answer, list | tuple) and answer and all(isinstance(one, Path) for one in answer):
        return answer, None
    raise got("emotion_from", type(answer).__name__, "a label, weights of labels, a Path or several, or None")
