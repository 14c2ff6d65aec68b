"""A request -> the utterances that the models speak, each short and in one style, with the silence before it."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sovits_lab.inference.clips import shown
from sovits_lab.inference.curves import curve_of
from sovits_lab.inference.part_styles import style_of_part
from sovits_lab.inference.pieces import QUICK, Room, TextPiece, pieces_of
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import FOREIGN, RATES, Request, SpeechLimits
from sovits_lab.inference.speakers import ONE_READER, text_features
from sovits_lab.inference.styles import VoiceStyle
from sovits_lab.inference.voice import LoadedVoice, Speaker
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.text import markup
from sovits_lab.text.foreign import is_foreign
from sovits_lab.text.frontend import Frontend
from sovits_lab.text.given import Given
from sovits_lab.text.reading import Reading, Span
from sovits_lab.types import InputError, got

# What of a request needs which control of the voice, and the numbers that ask for nothing.
NEEDED = {
    "style": "style", "guidance": "guidance", "f0": "f0", "prosody": "f0", "pitch_shift": "f0", "energy": "energy",
    "energy_shift": "energy",
}  # fmt: skip
PLAIN = {"guidance": 1, "pitch_shift": 0, "energy_shift": 0}
LATER = 1_000_003  # between the seeds of the utterances of one request


@dataclass(frozen=True)
class SpokenUtterance:
    """What the models are asked for at once.

    Attributes:
        phones: names.
        speaker, style: who and how.
        rate, guidance, seed: as in `Request`.
        pause: seconds of silence before it; an utterance without phones is nothing else.
        unread: letters and digits of its text that no phone stands for.
        bert: features of the text, [P, F]; None stands for zeros.
        remarks: on the clips that it is spoken by, see `MonoClip`, and on its text.
        words: what the front end read as one, each with its number of phones.
    """

    phones: tuple[str, ...]
    speaker: Speaker
    style: VoiceStyle
    rate: float
    guidance: float
    seed: int
    pause: float
    unread: str = ""
    remarks: tuple[str, ...] = ()
    bert: Tensor | None = None
    words: tuple[tuple[str, int], ...] = ()


def utterances_of(request: Request, clips: VoiceClips, limits: SpeechLimits | None = None) -> list[SpokenUtterance]:
    """Cut a text into utterances: another emotion or rate, or a pause, begins another, and a long one is cut.

    What is longer than the voice speaks at once is cut into pieces (see `pieces`), an utterance each.

    Raises:
        InputError: nothing to say, wrong markup, an unknown name, a control that the voice lacks.
    """
    request.check()
    limits = limits or SpeechLimits()
    voice = clips.voice
    _refuse(request, clips)
    marked = markup.parse(request.text, voice.frontend.symbols, limits=request.markup)
    tagged = any(part.style.emotion is not None for part in marked.parts())
    if request.strength != 1:
        voice.require("strength", "strength", request.strength)
        if not tagged and request.style is None and request.emotion is None and request.emotion_from is None:
            raise got("strength", request.strength, "a style or an emotion beside it: neutral has no strength")
    speaker = clips.speaker(request.speaker, request.speaker_text, request.speaker_language)
    whole = Span(0, len(marked.text))
    parts = list(marked.parts()) if marked.stretches or marked.pauses else [markup.Part(whole, markup.StyleSpan(), 0.0)]
    room = Room.of(voice.gpt.max_tokens, limits.letters)
    made: list[SpokenUtterance] = []
    pause, unread = 0.0, ""
    for part in parts:
        pause += part.pause
        rate = request.rate * part.style.rate
        pieces = _pieces(voice, marked, part.span, request, room)
        if any(not one.reading.is_silent for one in pieces):
            style = style_of_part(request, clips, part.style, marked.text[part.span.start : part.span.end])
            _check_rate(request.rate, part.style.rate)
        for reading, before in pieces:
            pause += before / rate
            unread += reading.unread
            if reading.is_silent:  # a space or a mark between two spans is no utterance
                continue
            seed = (int(request.seed) + LATER * len(made)) % 2**63
            remarks = (*speaker.remarks, *style.remarks, *([FOREIGN] if is_foreign(reading.notes) else []))
            how = style.value, rate, request.guidance, seed
            phones, features = _phones(voice, reading), text_features(voice, reading)
            words = tuple((unit.text, len(unit.phones)) for unit in reading.units)
            made.append(SpokenUtterance(phones, speaker.value, *how, pause, unread, remarks, features, words))
            pause, unread = 0.0, ""
    if not made:
        needed = "at least one letter or number that can be spoken"
        if any(letter.isalpha() for letter in unread):
            needed = f"a language that this voice reads: its {type(voice.frontend).__name__} can read none of it"
        raise InputError(f"text: got {request.text[:40]!r}, expected {needed}")
    if pause or unread:
        made.append(SpokenUtterance((), speaker.value, made[-1].style, 1.0, 1.0, int(request.seed), pause, unread))
    _check_length(made, limits)
    return made


def _check_rate(asked: float, tagged: float) -> None:
    if not RATES[0] <= asked * tagged <= RATES[1]:
        raise got("rate", f"{asked:g} x [rate:{tagged:g}]", f"{RATES[0]:g} to {RATES[1]:g} in all")


def _check_length(utterances: Sequence[SpokenUtterance], limits: SpeechLimits) -> None:
    seconds = sum(one.pause + len(one.phones) / QUICK / one.rate for one in utterances)
    if seconds > limits.seconds:
        raise got("text", f"at least {seconds:.0f} s of speech", f"at most {limits.seconds:g} s (limits.seconds)")


def _refuse(request: Request, clips: VoiceClips) -> None:
    """What the voice does not accept, and files that cannot be followed: before anything is spoken."""
    voice = clips.voice
    for name, control in NEEDED.items():
        value = getattr(request, name)
        if value != PLAIN[name] if name in PLAIN else value is not None:
            voice.require(control, name, "a curve" if name in ("f0", "energy") else shown(value))
    if request.guidance != 1 and not isinstance(voice.sovits, SoVits | MatchingSynthesizer):
        raise got("guidance", request.guidance, "1: of the released family only the flow of v3 and v4 is extrapolated")
    if request.speaker_text is not None and not voice.gpt.takes_prompt:
        raise got("speaker_text", shown(request.speaker_text), "none: this voice hears who speaks without a transcript")
    if request.f0 is not None and request.prosody is not None:
        raise InputError("f0 and prosody: got both, expected one of them")
    if request.prosody is not None:
        clips.melody(request.prosody)
    for name in ("f0", "energy"):
        if (given := getattr(request, name)) is not None:
            curve_of(name, given).check(name)


def _pieces(voice: LoadedVoice, marked: markup.Marked, span: Span, request: Request, room: Room) -> list[TextPiece]:
    by_hand = [one for one in marked.given if span.start <= one.span.start and one.span.end <= span.end]

    def read(place: Span, language: str | None) -> Reading:
        given = [
            Given(Span(one.span.start - place.start, one.span.end - place.start), one.language, one.phones)
            for one in by_hand
            if place.start <= one.span.start and one.span.end <= place.end
        ]
        return _read(voice.frontend, marked.text[place.start : place.end], language, given)

    known = voice.frontend.languages
    language = known[0] if request.language is None and len(known) == 1 else request.language
    return pieces_of(read, marked.text, span, language, [one.span for one in by_hand], room)


def _read(frontend: Frontend, text: str, language: str | None, given: Sequence[Given]) -> Reading:
    if not given:
        with ONE_READER:
            return frontend.read(text, language)
    if "given" not in inspect.signature(frontend.read).parameters:
        raise got("markup", "[ph:...]", f"none: the front end {frontend.name} takes no phones by hand")
    with ONE_READER:
        return frontend.read(text, language, given)  # type: ignore[call-arg]


def _phones(voice: LoadedVoice, reading: Reading) -> tuple[str, ...]:
    if unknown := sorted(set(reading.phones) - set(voice.symbols)):
        raise got("phones", unknown, "symbols of the bundle's own table")
    return reading.phones
