"""F0 and energy of a synthesis after the model's prediction: a clip's contour, curves by hand, shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sovits_lab.audio.energy import NATS_PER_DB
from sovits_lab.audio.pitch import CEILING, FLOOR
from sovits_lab.inference.curves import (
    HIGHEST_F0,
    LOWEST_F0,
    Contour,
    Curve,
    align_by_words,
    curve_of,
    proportional,
)
from sovits_lab.inference.references import VoiceClips
from sovits_lab.inference.request import Request


class Track(NamedTuple):
    """Per frame: F0 in Hz, 0 where unvoiced, and log of the mean mel magnitude in nats."""

    f0: NDArray[np.float32]
    energy: NDArray[np.float32]


def shape_prosody(
    track: Track,
    request: Request,
    clips: VoiceClips,
    frames_per_second: float,
    mel: Callable[[], NDArray[np.float32]],
) -> Track:
    """Return what the model predicted, as the request wants it: first the clip's contour, then curves, then shifts.

    Args:
        mel: log-mel [M, L] of the speech as the model would say it; made only where words are aligned.

    Raises:
        InputError: a curve or clip that cannot be followed.
    """
    if request.prosody is not None and (track.f0 > 0).any():
        melody = clips.melody(request.prosody).value
        if request.warp == "words":
            place = align_by_words(mel(), melody.mel)
        else:
            place = proportional(track.f0 > 0, melody.contour.voiced)
        track = follow_contour(track, melody.contour, place)
    f0, energy = track
    if request.f0 is not None:
        f0 = drawn_f0(f0, curve_of("f0", request.f0), frames_per_second)
    if request.energy is not None:
        curve = curve_of("energy", request.energy)
        nats = curve.on_frames("energy", len(energy), frames_per_second) * NATS_PER_DB
        energy = energy + nats if curve.relative else nats
    f0 = f0 * 2 ** (request.pitch_shift / 12)
    f0 = np.where(f0 > 0, np.clip(f0, LOWEST_F0, HIGHEST_F0), 0.0)
    return Track(f0.astype(np.float32), (energy + request.energy_shift * NATS_PER_DB).astype(np.float32))


def is_unusual_pitch(f0: NDArray[np.float32]) -> bool:
    """Return whether the voiced frames' median is where no pitch is looked for: the models learned nothing of it."""
    voiced = f0[f0 > 0]
    return bool(len(voiced)) and not FLOOR <= float(np.median(voiced)) <= CEILING


def drawn_f0(f0: NDArray[np.float32], curve: Curve, frames_per_second: float) -> NDArray[np.float32]:
    """Return the curve where the model's speech is voiced (a line through an s makes it no z); 0 takes voice away."""
    values = curve.on_frames("f0", len(f0), frames_per_second)
    made = f0 * 2 ** (values / 12) if curve.relative else np.where(f0 > 0, values, 0.0)
    return made.astype(np.float32)


def follow_contour(track: Track, contour: Contour, place: NDArray[np.float64]) -> Track:
    """Return the contour's movements around the track's own means over voiced frames.

    Args:
        place: of each frame of the track in the contour. Energy before the first and after the last voiced frame stays.
    """
    voiced = track.f0 > 0
    pitch = np.interp(place, np.arange(len(contour.pitch)), contour.pitch)
    pitch = np.log(track.f0[voiced]).mean() + pitch - pitch[voiced].mean()
    energy = np.interp(place, np.arange(len(contour.energy)), contour.energy)
    energy = track.energy[voiced].mean() + energy - energy[voiced].mean()
    inside = np.zeros(len(voiced), dtype=bool)
    inside[np.flatnonzero(voiced)[0] : np.flatnonzero(voiced)[-1] + 1] = True
    return Track(
        np.where(voiced, np.exp(pitch), 0.0).astype(np.float32),
        np.where(inside, energy, track.energy).astype(np.float32),
    )
