"""What can be asked of a voice, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from numpy.typing import ArrayLike

from sovits_lab.inference.clips import LOW_RATE, MIXED_DOWN, ClipLike, is_clip, shown
from sovits_lab.inference.curves import Curve
from sovits_lab.inference.pieces import LETTERS, SHORTEST_PIECE
from sovits_lab.text.limits import TextLimits
from sovits_lab.text.markup import DEFAULT_LIMITS
from sovits_lab.types import InputError, got

FOREIGN = "foreign"  # a remark on the text
MOST_STRENGTH = 10  # far beyond any style that was ever heard
RATES = (0.25, 4.0)
RANGES = {
    "strength": (0, MOST_STRENGTH),
    "rate": RATES,
    "guidance": (0, MOST_STRENGTH),
    "pitch_shift": (-24, 24),  # semitones
    "energy_shift": (-40, 40),  # dB
    "temperature": (0, 10),
    "top_k": (1, 100_000),
    "top_p": (0, 1),
}
SAMPLING = ("temperature", "top_k", "top_p")
LAST_SEED = 2**63 - 1
STYLES_AS = ("vector", "emotion")
CLIP = "an audio file, its bytes, or an AudioArray"

Clips = ClipLike | Sequence[ClipLike]
Emotion = str | Mapping[str, float]
CurveLike = Curve | str | Path | ArrayLike
Answer = Emotion | Path | Sequence[Path] | None
EmotionHook = Callable[[str, Any], Answer]


@dataclass(frozen=True)
class SpeechLimits:
    """Bounds of one request.

    Attributes:
        seconds: of speech; a longer text is refused before it is spoken.
        letters: of a piece that is spoken at once, see `pieces`.
    """

    seconds: float = 1800.0
    letters: int = LETTERS

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise got("limits.seconds", self.seconds, "a number above 0")
        if not isinstance(self.letters, int) or self.letters < SHORTEST_PIECE:
            raise got("limits.letters", self.letters, f"a whole number of at least {SHORTEST_PIECE}")


@dataclass(frozen=True)
class Request:
    """One text to say, by whom and how. See `docs/controls.md`.

    Attributes:
        text: what; it may hold markup (`docs/markup.md`).
        speaker: who: a clip (a file, the bytes of one, or an `AudioArray`), or the name of a training speaker; None is
            the voice's only one.
        style: how: a clip or several; or None.
        style_as: what of the style's clips counts: "vector", all that the reference encoder hears, or "emotion", only
            which emotion is nearest, whose mean style is then spoken.
        emotion: how: a label of the bundle, or weights of several; or None. With neither it is spoken neutrally.
        strength: how far from neutral: 0 is neutral, 1 the style itself, more exaggerates; F0 and energy move in
            equal steps.
        rate: speed on top of the style's own: 0.8 is slower.
        seed: of everything random; the same request gives the same waveform.
        language: of the text, or None for the front end's own choice.
        speaker_text: what is said in the speaker's clip; voices of the released family go on from it.
        speaker_language: of that text, or None for the front end's own choice.
        temperature, top_k, top_p: of the sampling of tokens; None is the voice's own.
        guidance: classifier-free guidance: 1 is none, more exaggerates what the style changes.
        f0, energy: curves by hand: a `Curve`, a file of one, or a value for each frame (Hz, dB).
        prosody: a clip whose contour of F0 and energy is followed, around the means that the style gives.
        warp: how the clip's time is laid on the speech: "proportional", or "words" where both say the same.
        pitch_shift, energy_shift: of everything, semitones and dB.
        emotion_from: asked with the text and `context` for a label, weights, or clips (as `Path`), where neither the
            request nor the markup says how.
        context: whatever `emotion_from` wants to know.
        markup: how much the text may ask for: its length, its tags, its pauses.
    """

    text: str
    speaker: ClipLike | None = None
    style: Clips | None = None
    emotion: Emotion | None = None
    strength: float = 1.0
    rate: float = 1.0
    seed: int = 0
    language: str | None = None
    speaker_text: str | None = field(default=None, kw_only=True)
    speaker_language: str | None = field(default=None, kw_only=True)
    temperature: float | None = field(default=None, kw_only=True)
    top_k: int | None = field(default=None, kw_only=True)
    top_p: float | None = field(default=None, kw_only=True)
    style_as: str = field(default="vector", kw_only=True)
    guidance: float = field(default=1.0, kw_only=True)
    f0: CurveLike | None = field(default=None, kw_only=True)
    energy: CurveLike | None = field(default=None, kw_only=True)
    prosody: ClipLike | None = field(default=None, kw_only=True)
    warp: str = field(default="proportional", kw_only=True)
    pitch_shift: float = field(default=0.0, kw_only=True)
    energy_shift: float = field(default=0.0, kw_only=True)
    emotion_from: EmotionHook | None = field(default=None, kw_only=True)
    context: Any = field(default=None, kw_only=True)
    markup: TextLimits = field(default=DEFAULT_LIMITS, kw_only=True)

    def check(self) -> None:
        """Raise an InputError for an attribute of the wrong type, or a number that is NaN or out of its range."""
        self._check_kinds()
        check_emotion("emotion", self.emotion)
        for name, (least, most) in RANGES.items():
            value = getattr(self, name)
            if value is None and name in SAMPLING:
                continue
            if not (isinstance(value, Real) and least <= float(value) <= most):
                raise got(name, value, f"a number from {least:g} to {most:g}")
        if self.style_as == "emotion" and self.style is None and self.emotion_from is None:
            raise got("style_as", self.style_as, "a style beside it, whose emotion it takes")
        if self.style_as == "emotion" and self.emotion is not None:
            raise InputError("style_as=emotion and emotion: got both, expected one of them: the clip says which")
        if self.warp == "words" and self.prosody is None:
            raise got("warp", self.warp, "a clip beside it, prosody=, whose time it lays on the speech")

    def _check_kinds(self) -> None:
        whole = isinstance(self.seed, Integral) and 0 <= self.seed <= LAST_SEED
        for name, fits, expected in (
            ("text", isinstance(self.text, str), "a string"),
            ("speaker", _absent_or(is_clip, self.speaker), f"{CLIP}, or the name of a training speaker"),
            ("style", _absent_or(_are_clips, self.style), f"{CLIP}, or a list of them"),
            ("style_as", self.style_as in STYLES_AS, f"one of {', '.join(STYLES_AS)}"),
            ("top_k", self.top_k is None or isinstance(self.top_k, Integral), "a whole number of codes"),
            ("speaker_text", self.speaker_text is None or isinstance(self.speaker_text, str), "a string"),
            ("seed", whole, f"a whole number from 0 to {LAST_SEED}"),
            ("prosody", _absent_or(is_clip, self.prosody), CLIP),
            ("warp", self.warp in ("proportional", "words"), "proportional or words"),
            ("emotion_from", _absent_or(callable, self.emotion_from), "a callable"),
            ("markup", isinstance(self.markup, TextLimits), "a TextLimits"),
        ):
            if not fits:
                raise got(name, shown(getattr(self, name)), expected)


def _absent_or(test: Callable[[Any], bool], value: object) -> bool:
    return value is None or test(value)


def check_emotion(what: str, emotion: object) -> None:
    """Raise an InputError for an emotion that is neither None, nor a label, nor a weight for each of several labels."""
    if emotion is None or isinstance(emotion, str):
        return
    if not isinstance(emotion, Mapping) or not all(isinstance(label, str) for label in emotion):
        raise got(what, shown(emotion), "a label or weights of labels")
    for label, weight in emotion.items():
        if not isinstance(weight, Real):
            raise got(f"{what} weight of {label}", weight, "a number, 0 or more")


def _are_clips(clips: object) -> bool:
    """One clip or several."""
    return all(map(is_clip, clips)) if isinstance(clips, list | tuple) else is_clip(clips)


@dataclass(frozen=True)
class Speech:
    """The speech of one request.

    Attributes:
        wav: mono float32 [T].
        sample_rate: Hz.
        phones: what the text was read as.
        tokens: semantic tokens, 25 Hz.
        f0: Hz per frame, 0 where unvoiced; empty for a voice whose head makes its own.
        energy: log of the mean mel magnitude per frame that the head was given, in dB; likewise.
        flags: what went wrong: "empty", "runaway" or "truncated" speech; "unread" letters of the text, which the front
            end has no phones for; "full_scale" where that made it softer than asked; "soft" where it can hardly be
            heard, as after a clip of that level; "pitch" at which no voice was measured. And remarks,
            which may sound well all the same: "mixed_down" to mono and "low_rate" below the model's own for clips,
            "foreign" for a text that looks like another language than it was read in. Empty when all is well.
        seconds: wall time of the synthesis.
    """

    wav: Float32[np.ndarray, " T"]
    sample_rate: int
    phones: tuple[str, ...]
    tokens: tuple[int, ...]
    f0: Float32[np.ndarray, " L"]
    energy: Float32[np.ndarray, " L"]
    flags: tuple[str, ...] = field(default=())
    seconds: float = 0.0

    @property
    def is_broken(self) -> bool:
        """Whether a flag says more than a remark."""
        return is_broken(self.flags)


def is_broken(flags: Sequence[str]) -> bool:
    """Return whether a flag says more than a remark."""
    return bool(set(flags) - {MIXED_DOWN, LOW_RATE, FOREIGN})
