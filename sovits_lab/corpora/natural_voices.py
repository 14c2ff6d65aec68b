"""Voices of the natural corpus by name."""

from __future__ import annotations

from functools import lru_cache

from sovits_lab.corpora.hibari import HibariVoice
from sovits_lab.corpora.kokoro import KokoroVoice
from sovits_lab.corpora.natural_style import NaturalVoice

HEART = "heart"  # of the package hibari-tts


@lru_cache(maxsize=4)
def voice_named(name: str, folder: str | None = None) -> NaturalVoice:
    """Return a voice; nothing is loaded before it speaks.

    Args:
        name: `heart`, a voice of Kokoro's in the packages, or the name of a voice file.
        folder: of further voice files.
    """
    return HibariVoice() if name == HEART else KokoroVoice(name, folder)


def check_voice(name: str, folder: str | None = None) -> None:
    """Raise an InputError that names the voices there are, for one that is none of them or not installed."""
    if isinstance(voice := voice_named(name, folder), KokoroVoice):
        _ = voice.table
