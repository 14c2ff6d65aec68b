"""espeak-ng: speech with exact phone times, and the phones of a text.

The shared library comes from the optional package `espeakng-loader` (extra `demo`; GPL-3.0, loaded at run time).
The library keeps one global state per process, and its output depends a little on what it spoke before: whoever needs
repeatable audio speaks in a fresh process in a fixed order (`corpora.toy_shard`). Phones do not depend on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from sovits_lab.text.espeak_library import WORD, synthesise
from sovits_lab.types import got

PAUSE = "SP"
# Every symbol that American English comes out in, the pause first: found by reading 16 000 words of a dictionary.
SYMBOLS = (
    "SP", "?", "0", "3", "3:", "@", "@L", "A:", "A@", "D", "E", "I", "N", "O:", "O@", "OI", "S", "T", "U", "U@", "V",
    "Z", "a", "aI", "aI@", "aU", "b", "d", "dZ", "e@", "eI", "f", "g", "h", "i", "i:", "i@", "j", "k", "l", "m", "n",
    "o", "oU", "p", "r", "s", "t", "tS", "u:", "v", "w", "x", "z",
)  # fmt: skip
_VOLUME = 60  # louder settings clip inside the library; level is set afterwards in float

# Variants that sound like another symbol: weak and lengthened vowels, r-coloured diphthongs spelt in two ways.
_SAME = {"a#": "@", "aa": "a", "o@": "O@", "O2": "O:", "O": "O:", "aI3": "aI@", "i@3": "i@"}


class PhoneEvent(NamedTuple):
    """A phone and the sample where it begins."""

    symbol: str
    start: int


class EspeakSpeech(NamedTuple):
    """Synthesised audio and its phones in order.

    Phone i lasts until phone i + 1 begins, the last one until sample `end`; silence follows.
    """

    wav: Float32[np.ndarray, " T"]
    sample_rate: int
    phones: tuple[PhoneEvent, ...]
    end: int


def speak(
    text: str, *, voice: str = "en-us", rate: float = 170, pitch: float = 50, range: float = 50, word_gap: float = 0
) -> EspeakSpeech:
    """Synthesise a text.

    Args:
        text: what to say.
        voice: espeak-ng voice, with an optional variant as in "en-us+f3".
        rate: words per minute.
        pitch: base pitch, 0 to 99.
        range: pitch range, 0 to 99.
        word_gap: pause between words in units of 10 ms.

    Raises:
        InputError: library not installed, unknown voice, or nothing to say.
    """
    settings = {"rate": rate, "volume": _VOLUME, "pitch": pitch, "range": range, "word_gap": word_gap}
    sound = synthesise(text, voice, settings)
    phones = _phones(sound.events)
    if not len(sound.samples) or not phones:
        raise got("text to speak", text, "at least one word")
    wav = sound.samples.astype(np.float32) / 32768.0
    end = min(_end(sound.events), len(wav))
    return EspeakSpeech(wav, sound.sample_rate, _spread(phones, end), end)


@lru_cache(maxsize=4096)
def _read(text: str, voice: str) -> tuple[str, ...]:
    return tuple(phone.symbol for phone in speak(text, voice=voice).phones)


def phonemize(text: str, voice: str = "en-us") -> list[str]:
    """Return the phones of a text: the symbols that `speak` aligns for it in any variant and style, in that order.

    It listens to the synthesiser instead of asking for a transcription, because the allophones (flaps, syllabic
    consonants, weak vowels) are only decided while speaking.

    Raises:
        InputError: library not installed, or a text without a word.
    """
    return list(_read(text, voice))


def _spread(phones: Sequence[PhoneEvent], end: int) -> tuple[PhoneEvent, ...]:
    """Give a phone without any time of its own the second half of the phone before it.

    The synthesiser reports a dark l after a vowel so: both sound as one glide, whose time is booked on the vowel.
    """
    starts = [phone.start for phone in phones] + [end]
    for index in range(1, len(phones)):
        if starts[index] >= starts[index + 1]:
            starts[index] = (starts[index - 1] + starts[index]) // 2
    return tuple(PhoneEvent(phone.symbol, start) for phone, start in zip(phones, starts, strict=False))


def _phones(events: Sequence[tuple[str, int]]) -> tuple[PhoneEvent, ...]:
    """Clean mnemonics and merge pauses; no pause at either end.

    A run of silences that holds `_:` is a pause of the text (comma, clause) and becomes one `SP`. A run of `_` alone is
    the word gap, which belongs to a style and not to the text: its time goes to the phone before it. So does the
    linking r between words ("chair after"), which is spoken only where no word gap falls.
    """
    phones: list[PhoneEvent] = []
    silence: int | None = None
    pause = False
    for (mnemonic, start), (following, _) in pairwise([*events, (WORD, 0)]):
        if mnemonic.startswith("_"):
            silence = start if silence is None else silence
            pause = pause or mnemonic != "_"
            continue
        if mnemonic.startswith("("):  # the library changes to the voice of another language and back
            continue
        symbol = "" if mnemonic == WORD else clean(mnemonic)
        linking = symbol == "r" and following == WORD and bool(phones) and phones[-1].symbol.endswith(("@", "3", "3:"))
        if not symbol or linking:
            continue
        if silence is not None and pause and phones:
            phones.append(PhoneEvent(PAUSE, silence))
        phones.append(PhoneEvent(symbol, start))
        silence, pause = None, False
    return tuple(phones)


def _end(events: Sequence[tuple[str, int]]) -> int:
    """Where the closing silence begins."""
    end = events[-1][1]
    for mnemonic, start in reversed(events):
        if mnemonic != WORD and not mnemonic.startswith("_"):
            break
        end = start
    return end


def clean(mnemonic: str) -> str:
    """Return a compact symbol of an espeak mnemonic: stress marks and variant numbers removed; "" for a mere modifier.

    Stress is left out of the symbols because it would double the vowels while the corpus already says each stressed
    vowel in its own pitch, length and level; fewer symbols mean more examples of each.
    """
    bare = re.sub(r"[',%=;|^]", "", mnemonic)
    return _SAME.get(bare, bare[:1] + re.sub(r"[0-9#-]+$", "", bare[1:]))
