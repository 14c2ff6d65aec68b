"""espeak-ng through ctypes: speech with exact phone times, and the phones of a text.

The shared library comes from the optional package `espeakng-loader` (extra `demo`; GPL-3.0, loaded at run time).
The library keeps one global state per process, and its output depends a little on what it spoke before: whoever needs
repeatable audio speaks in a fresh process in a fixed order (`corpora.toy_shard`). Phones do not depend on it.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from sovits_lab.types import InputError, got

PAUSE = "SP"
# Every symbol that American English comes out in, the pause first: found by reading 16 000 words of a dictionary.
SYMBOLS = (
    "SP", "?", "0", "3", "3:", "@", "@L", "A:", "A@", "D", "E", "I", "N", "O:", "O@", "OI", "S", "T", "U", "U@", "V",
    "Z", "a", "aI", "aI@", "aU", "b", "d", "dZ", "e@", "eI", "f", "g", "h", "i", "i:", "i@", "j", "k", "l", "m", "n",
    "o", "oU", "p", "r", "s", "t", "tS", "u:", "v", "w", "x", "z",
)  # fmt: skip
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_WORD = "|"  # stands for the beginning of a word among the mnemonics
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4, "word_gap": 7}
_VOLUME = 60  # louder settings clip inside the library; level is set afterwards in float

# Variants that sound like another symbol: weak and lengthened vowels, r-coloured diphthongs spelt in two ways.
_SAME = {"a#": "@", "aa": "a", "o@": "O@", "O2": "O:", "O": "O:", "aI3": "aI@", "i@3": "i@"}


class PhoneEvent(NamedTuple):
    """A phone and the sample where it begins."""

    symbol: str
    start: int


class Speech(NamedTuple):
    """Synthesised audio and its phones in order.

    Phone i lasts until phone i + 1 begins, the last one until sample `end`; silence follows.
    """

    wav: Float32[np.ndarray, " T"]
    sample_rate: int
    phones: tuple[PhoneEvent, ...]
    end: int


class _Identity(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Identity),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class _Library:
    """The loaded library with the callback that collects what it says."""

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError as error:
            raise InputError(
                "espeak-ng: package espeakng-loader is not installed, expected pip install 'sovits-lab[demo]'"
            ) from error
        self.functions: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path()
        self.variants = {path.name for path in (Path(data) / "voices" / "!v").iterdir()}
        self.sample_rate = int(self.functions.espeak_Initialize(_SYNCHRONOUS, 0, data.encode(), _PHONEME_EVENTS))
        if self.sample_rate <= 0:
            raise InputError(f"espeak-ng: got status {self.sample_rate} from its start, expected a sample rate")
        self.blocks: list[np.ndarray] = []
        self.events: list[tuple[str, int]] = []
        self._callback = _Callback(self._collect)  # kept alive as long as the library may call it
        self.functions.espeak_SetSynthCallback(self._callback)
        self.functions.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self.blocks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        index = 0
        while events[index].type != _EVENT_END:
            event = events[index]
            if event.type == _EVENT_WORD:
                self.events.append((_WORD, int(event.sample)))
            elif event.type == _EVENT_PHONEME:
                self.events.append((event.id.string.decode("utf-8"), int(event.sample)))
            index += 1
        return 0


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


def speak(
    text: str, *, voice: str = "en-us", rate: float = 170, pitch: float = 50, range: float = 50, word_gap: float = 0
) -> Speech:
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
    library = _library()
    variant = voice.partition("+")[2]
    # The library takes an unknown variant without a word and speaks with the plain voice.
    unknown = bool(variant) and variant not in library.variants
    if unknown or library.functions.espeak_SetVoiceByName(voice.encode()) != 0:
        raise got("espeak-ng voice", voice, "a voice or voice+variant that espeak-ng knows")
    settings = {"rate": rate, "volume": _VOLUME, "pitch": pitch, "range": range, "word_gap": word_gap}
    for name, value in settings.items():
        library.functions.espeak_SetParameter(_PARAMETERS[name], round(value), 0)
    library.functions.espeak_ng_SetRandSeed(1)  # the noise of breathy voices; otherwise seeded by the clock
    library.blocks.clear()
    library.events.clear()
    encoded = text.encode()
    library.functions.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
    library.functions.espeak_Synchronize()
    phones = _phones(library.events)
    if not library.blocks or not phones:
        raise got("text to speak", text, "at least one word")
    wav = np.concatenate(library.blocks).astype(np.float32) / 32768.0
    end = min(_end(library.events), len(wav))
    return Speech(wav, library.sample_rate, _spread(phones, end), end)


@lru_cache(maxsize=4096)
def _read(text: str, voice: str) -> tuple[str, ...]:
    return tuple(phone.symbol for phone in speak(text, voice=voice).phones)


def phonemize(text: str, voice: str = "en-us") -> list[str]:
    """Phones of a text: the very symbols, in the same order, that `speak` aligns for it in any variant and style.

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
    for (mnemonic, start), (following, _) in pairwise([*events, (_WORD, 0)]):
        if mnemonic.startswith("_"):
            silence = start if silence is None else silence
            pause = pause or mnemonic != "_"
            continue
        symbol = "" if mnemonic == _WORD else clean(mnemonic)
        linking = symbol == "r" and following == _WORD and bool(phones) and phones[-1].symbol.endswith(("@", "3", "3:"))
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
        if mnemonic != _WORD and not mnemonic.startswith("_"):
            break
        end = start
    return end


def clean(mnemonic: str) -> str:
    """A compact symbol of an espeak mnemonic: stress marks and variant numbers removed; "" for a mere modifier.

    Stress is left out of the symbols because it would double the vowels while the corpus already says each stressed
    vowel in its own pitch, length and level; fewer symbols mean more examples of each.
    """
    bare = re.sub(r"[',%=;|^]", "", mnemonic)
    return _SAME.get(bare, bare[:1] + re.sub(r"[0-9#-]+$", "", bare[1:]))
