"""What is to be spoken, once it has been checked: plain values that can go to another process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any
from unicodedata import east_asian_width

from sovits_lab.inference.clips import ClipLike
from sovits_lab.inference.curves import Curve
from sovits_lab.inference.request import Request
from sovits_lab.text.limits import TextLimits
from sovits_lab.text.markup import DEFAULT_LIMITS
from sovits_lab.types import InputError

PRIORITIES = {"high": 4.0, "normal": 1.0, "low": 0.25}  # shares of the processor
LETTERS_PER_SECOND = 14.0  # of usual speech, for estimates before anything is spoken
LONGEST = 900.0  # seconds of speech of one order, which is held in memory until it is marked
LATER_SEED = 7919  # between the seeds of one order's attempts


def spoken_letters(text: str) -> int:
    """Return how many letters of an alphabet take about as long to say: digits are words, ideographs syllables."""
    digits = sum(letter.isdigit() for letter in text)
    syllables = 0 if text.isascii() else sum(east_asian_width(letter) in "WF" for letter in text)
    return len(text) + 3 * digits + 2 * syllables


@dataclass(frozen=True)
class OrderedCurve:
    """A curve by hand, see `sovits_lab.inference.curves.Curve`.

    Attributes:
        values: of F0 or energy.
        seconds: when; None is a value for each 20 ms.
        relative: to what the model says.
    """

    values: tuple[float, ...]
    seconds: tuple[float, ...] | None = None
    relative: bool = False

    def curve(self) -> Curve:
        """Return it as a request takes it."""
        return Curve(list(self.values), None if self.seconds is None else list(self.seconds), self.relative)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> OrderedCurve:
        """Return the curve of plain JSON values."""
        seconds = values["seconds"]
        return cls(tuple(values["values"]), None if seconds is None else tuple(seconds), values["relative"])


@dataclass(frozen=True)
class VoiceOrder:
    """One thing to say, for whom, with which voice.

    Attributes:
        request_id, owner, key_id: whose it is.
        text: with markup where the request allows some.
        voice_id: as the request named it; `speaker` is its name in the bundle, or `clip` the hash of its recording.
        clip_text: what is said in the recording.
        style: hashes of the recordings that say how.
        emotion, strength, rate, seed, language, guidance, pitch_shift, energy_shift, temperature, top_k, top_p, f0,
            energy: as in `sovits_lab.inference.request.Request`.
        consent_id: that allows the voice.
        chunk: tokens of a piece of sound; None is a clause at a time.
        markup: how much the text may ask for.
        streamed: pieces are wanted as soon as they are there, at the pace of listening.
        timed: with the times of phones and words.
        priority: a key of `PRIORITIES`.
        allow_light: a lighter model may speak when the load is too high.
        mark: name of the inaudible mark that its speech must carry; "none" for none.
    """

    request_id: str
    owner: str
    key_id: str
    text: str
    voice_id: str
    speaker: str | None = None
    clip: str | None = None
    clip_text: str | None = None
    style: tuple[str, ...] = ()
    emotion: str | Mapping[str, float] | None = None
    strength: float = 1.0
    rate: float = 1.0
    seed: int = 0
    language: str | None = None
    guidance: float = 1.0
    pitch_shift: float = 0.0
    energy_shift: float = 0.0
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None
    f0: OrderedCurve | None = None
    energy: OrderedCurve | None = None
    consent_id: str = ""
    chunk: int | None = None
    streamed: bool = False
    timed: bool = False
    priority: str = "normal"
    allow_light: bool = True
    mark: str = "none"
    markup: TextLimits = DEFAULT_LIMITS

    @cached_property
    def estimated_seconds(self) -> float:
        """About how long the speech will be."""
        return max(0.5, spoken_letters(self.text) / LETTERS_PER_SECOND / self.rate)

    @property
    def whole_only(self) -> bool:
        """Whether it cannot be made in pieces: curves hold for the whole text."""
        return self.f0 is not None or self.energy is not None

    def request(self, clip_of: Callable[[str], bytes], attempt: int = 0) -> Request:
        """Return the request to a synthesizer.

        Args:
            clip_of: the bytes of a recording, by its hash.
            attempt: 0 first; every further one has a seed of its own.

        Raises:
            InputError: a recording that is gone, as after a revocation.
        """
        speaker: ClipLike | None = self.speaker if self.clip is None else clip_of(self.clip)
        if speaker is None:
            raise InputError(f"voice {self.voice_id}: got neither a name nor a recording, expected one of them")
        return Request(
            self.text,
            speaker,
            style=[clip_of(one) for one in self.style] or None,
            emotion=self.emotion,
            strength=self.strength,
            rate=self.rate,
            seed=self.seed_of(attempt),
            language=self.language,
            speaker_text=self.clip_text,
            temperature=self.temperature,
            top_k=self.top_k,
            top_p=self.top_p,
            guidance=self.guidance,
            f0=None if self.f0 is None else self.f0.curve(),
            energy=None if self.energy is None else self.energy.curve(),
            pitch_shift=self.pitch_shift,
            energy_shift=self.energy_shift,
            markup=self.markup,
        )

    def seed_of(self, attempt: int) -> int:
        """Return the seed of an attempt."""
        return (self.seed + attempt * LATER_SEED) % 2**63

    def values(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> VoiceOrder:
        """Return the order of plain JSON values."""
        curves = {name: OrderedCurve.of(values[name]) for name in ("f0", "energy") if values.get(name) is not None}
        markup = TextLimits(**values.get("markup") or {})
        return cls(**{**values, "style": tuple(values.get("style") or ()), "markup": markup, **curves})


@dataclass(frozen=True)
class SpeechFacts:
    """What is known when an order has been spoken.

    Attributes:
        seed: that the speech came of; another than the order's where the first attempt was bad.
        seconds: of speech.
        flags: the guard's and the gate's.
        attempts: how many times it was spoken.
        degraded: what spoke in place of the model; "" where it was the model.
        waited, first, took: seconds in the queue, to the first sound, and of computing.
        model: hash of the bundle.
    """

    seed: int
    seconds: float
    flags: tuple[str, ...] = field(default=())
    attempts: int = 1
    degraded: str = ""
    waited: float = 0.0
    first: float = 0.0
    took: float = 0.0
    model: str = ""
