"""A notice that can be heard: the rhythm of GB 45438-2025, or a spoken one.

The rhythm is short long, short short: "AI" in Morse code. A spoken notice must name both AI and that the sound is
generated, as "AI generated" or 人工智能合成 do.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.files import resample

Wave = NDArray[np.float32]
NoticePlace = Literal["start", "end", "both"]
UNIT = 0.08  # seconds of a short tone; a long one takes three, a gap within a letter one, between letters three
TONE = 880.0  # Hz
LEVEL = 0.2  # amplitude
EDGE = 0.005  # seconds of fading
APART = 0.25  # seconds between notice and speech
RHYTHM = ((1, 1), (3, 3), (1, 1), (1, 0))  # units of tone and of the gap after it


def rhythm(sample_rate: int) -> Wave:
    """Return the rhythm short long, short short as tones, about one second."""
    parts = []
    for tone, gap in RHYTHM:
        parts += [_tone(tone * UNIT, sample_rate), np.zeros(round(gap * UNIT * sample_rate), dtype=np.float32)]
    return np.concatenate(parts)


class AudibleNotice(NamedTuple):
    """What is heard before speech and after it, with the gap between; empty where nothing is."""

    before: Wave = np.zeros(0, np.float32)
    after: Wave = np.zeros(0, np.float32)


def audible_notice(sample_rate: int, place: NoticePlace, notice: Wave | None = None, rate: int = 0) -> AudibleNotice:
    """Return a notice as it stands around speech.

    Args:
        sample_rate: of the speech, in Hz.
        place: where the notice stands.
        notice: a spoken one; None is the rhythm.
        rate: of the spoken one.
    """
    sound = rhythm(sample_rate) if notice is None else resample(notice, rate, sample_rate)
    gap, none = np.zeros(round(APART * sample_rate), dtype=np.float32), np.zeros(0, np.float32)
    before = np.concatenate([sound, gap]) if place in ("start", "both") else none
    return AudibleNotice(before, np.concatenate([gap, sound]) if place in ("end", "both") else none)


def add_notice(wav: Wave, sample_rate: int, place: NoticePlace, notice: Wave | None = None, rate: int = 0) -> Wave:
    """Return speech with a notice before it, after it, or both.

    Args:
        wav: the speech.
        sample_rate: in Hz.
        place: where the notice stands.
        notice: a spoken one; None is the rhythm.
        rate: of the spoken one.
    """
    audible = audible_notice(sample_rate, place, notice, rate)
    return np.concatenate([audible.before, wav, audible.after])


def _tone(seconds: float, sample_rate: int) -> Wave:
    time = np.arange(round(seconds * sample_rate)) / sample_rate
    edge = np.clip(np.minimum(time, time[::-1]) / EDGE, 0, 1)
    return np.asarray(LEVEL * edge * np.sin(2 * np.pi * TONE * time), dtype=np.float32)
