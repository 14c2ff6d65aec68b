"""The espeak-ng library through ctypes, made safe to call: bounded text, and one thread at a time.

The library keeps one global state per process and checks few bounds of its own: a word of 300 letters and points
overruns its buffers and ends the process, and so do two threads that call it at once. Every call into it is in this
module: `synthesise` cleans and cuts the text and holds a lock of the whole process around all calls.
"""

from __future__ import annotations

import ctypes
import re
import threading
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sovits_lab.types import InputError, got

WORD = "|"  # stands for the beginning of a word among the mnemonics
LONGEST_PIECE, LONGEST_WORD = 200, 60  # characters; the library's buffers overrun at about 300
_SYNCHRONOUS, _PHONEME_EVENTS, _UTF8 = 2, 1, 1
_EVENT_END, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "range": 4, "word_gap": 7}
_LOCK = threading.Lock()
_BREAKS = (re.compile(r"[.!?…。！？]\s+"), re.compile(r"[,;:，；：]\s+"), re.compile(r"\s+"))
_LONG_WORD = re.compile(rf"\S{{{LONGEST_WORD}}}(?=\S)")


class EspeakSound(NamedTuple):
    """What the library said: samples as it gives them, and mnemonics with the sample where each begins."""

    samples: np.ndarray
    events: tuple[tuple[str, int], ...]
    sample_rate: int


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
                self.events.append((WORD, int(event.sample)))
            elif event.type == _EVENT_PHONEME:
                self.events.append((event.id.string.decode("utf-8"), int(event.sample)))
            index += 1
        return 0

    def say(self, text: str) -> tuple[np.ndarray, list[tuple[str, int]]]:
        """Samples and events of one piece of text, spoken with the settings at hand."""
        self.blocks, self.events = [], []
        encoded = text.encode()
        self.functions.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self.functions.espeak_Synchronize()
        samples = np.concatenate(self.blocks) if self.blocks else np.zeros(0, np.int16)
        return samples, self.events


@lru_cache(maxsize=1)
def _library() -> _Library:
    return _Library()


def synthesise(text: str, voice: str, settings: Mapping[str, float]) -> EspeakSound:
    """Say a text of any length in any thread; without a word in it there are no events.

    Args:
        text: characters that stand for no text (control characters, the NUL byte) count as spaces.
        voice: espeak-ng voice, with an optional variant as in "en-us+f3".
        settings: rate, volume, pitch, range and word_gap in the library's own units.

    Raises:
        InputError: library not installed or unknown voice.
    """
    with _LOCK:
        library = _library()
        variant = voice.partition("+")[2]
        # The library takes an unknown variant without a word and speaks with the plain voice.
        unknown = "\0" in voice or (bool(variant) and variant not in library.variants)
        if unknown or library.functions.espeak_SetVoiceByName(voice.encode()) != 0:
            raise got("espeak-ng voice", voice, "a voice or voice+variant that espeak-ng knows")
        for name, value in settings.items():
            library.functions.espeak_SetParameter(_PARAMETERS[name], round(value), 0)
        library.functions.espeak_ng_SetRandSeed(1)  # the noise of breathy voices; otherwise seeded by the clock
        blocks, events, at = [np.zeros(0, np.int16)], list[tuple[str, int]](), 0
        for piece in pieces(text):
            samples, marks = library.say(piece)
            blocks.append(samples)
            events += [(mnemonic, at + start) for mnemonic, start in marks]
            at += len(samples)
        return EspeakSound(np.concatenate(blocks), tuple(events), library.sample_rate)


def pieces(text: str) -> Iterator[str]:
    """Yield pieces that the library can take: cut after a sentence, a clause or a space, with long words broken."""
    clean = "".join(" " if unicodedata.category(char)[0] == "C" else char for char in text)
    clean = _LONG_WORD.sub(lambda run: run[0] + " ", clean)
    start = 0
    while len(clean) - start > LONGEST_PIECE:
        limit = start + LONGEST_PIECE
        ends = ([match.end() for match in breaks.finditer(clean, start, limit)] for breaks in _BREAKS)
        end = next((places[-1] for places in ends if places), limit)
        yield clean[start:end]
        start = end
    yield clean[start:]
