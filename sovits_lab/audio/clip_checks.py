"""Is a recording fit to be a reference or training speech? Pure functions: a waveform in, findings out.

The limits separate clean recordings of four corpora from the same recordings with known damage; docs/corpora.md has the
figures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from sovits_lab.audio import clip_measures as measures
from sovits_lab.audio.energy import level_dbfs

Verdict = Literal["good", "doubtful", "bad"]
Wave = Float32[np.ndarray, " T"]
Embed = Callable[[Sequence[np.ndarray]], np.ndarray]
WINDOW, STEP = 2.0, 1.0  # seconds of a window that a speaker judge hears
FEWEST_WINDOWS = 4
QUIET_ENOUGH_DB = 20.0  # below this ratio the falls of the level say nothing about the room


@dataclass(frozen=True)
class ClipFinding:
    """What one check found.

    Attributes:
        name: of the check.
        value: what was measured.
        unit: of the value.
        verdict: `doubtful` recordings can be used, `bad` ones should not be.
        advice: what is wrong and what to do, empty where all is well.
    """

    name: str
    value: float
    unit: str
    verdict: Verdict
    advice: str = ""


def check_clip(
    wav: Float[np.ndarray, " T"] | Float[np.ndarray, "T C"], rate: int, embed: Embed | None = None
) -> list[ClipFinding]:
    """Make all checks of one recording.

    Args:
        wav: mono, or a column for each channel; in [-1, 1].
        rate: in Hz, as stored.
        embed: speaker vectors of unit length [N, D] of recordings at 16 kHz; without it speakers are not counted.
    """
    channels = 1 if wav.ndim == 1 else wav.shape[1]
    mono = np.ascontiguousarray(wav if wav.ndim == 1 else wav.mean(1), dtype=np.float32)
    found = [check_channels(channels), check_rate(rate), check_length(len(mono) / rate), check_level(mono)]
    if any(one.verdict == "bad" for one in found[2:]):
        return found  # nothing to measure
    noise = check_noise(mono, rate)
    found += [check_bandwidth(mono, rate), check_clipping(wav), noise, check_echo(mono, rate)]
    if noise.value >= QUIET_ENOUGH_DB:
        found.append(check_room(mono, rate))
    found += [check_music(mono, rate), check_speech(mono, rate)]
    if embed is not None:
        found.append(check_speakers(mono, rate, embed))
    return found


def _graded(name: str, value: float, unit: str, doubtful: bool, bad: bool, advice: str) -> ClipFinding:
    verdict: Verdict = "bad" if bad else "doubtful" if doubtful else "good"
    return ClipFinding(name, value, unit, verdict, advice if verdict != "good" else "")


def check_channels(channels: int) -> ClipFinding:
    """Check the number of channels: mixing down is right for one voice and wrong for a dialogue on two tracks."""
    advice = "the channels are mixed; export one where each has a speaker of his own"
    return _graded("channels", channels, "", channels > 1, channels > 2, advice)


def check_length(seconds: float) -> ClipFinding:
    """Check the length: references of 3 to 10 s say most; beyond 30 s they are cut."""
    advice = "take 3 to 10 s of speech" if seconds < 3 else "only the first 30 s are heard: choose the best part"
    return _graded("length", seconds, "s", seconds < 3 or seconds > 30, seconds < 1, advice)


def check_level(wav: Wave) -> ClipFinding:
    """Check the level over the whole recording."""
    level = level_dbfs(wav)
    return _graded("level", level, "dBFS", level < -42, level < -60, "record louder, or nearer to the microphone")


def check_rate(rate: int) -> ClipFinding:
    """Check the stored sampling rate alone."""
    return _graded("rate", rate, "Hz", rate < 16000, rate < 11000, "record at 24 kHz or more")


def check_bandwidth(wav: Wave, rate: int) -> ClipFinding:
    """Check up to which frequency there is sound: a telephone recording stays one at any stored rate."""
    top = measures.bandwidth(wav, rate)
    advice = "no sound above: a telephone or heavily compressed recording; find the original"
    return _graded("bandwidth", top, "Hz", top < 7000, top < 5000, advice)


def check_clipping(wav: np.ndarray) -> ClipFinding:
    """Check the share of samples in flat tops, of the worst channel."""
    columns = [wav] if wav.ndim == 1 else list(wav.T)
    share = 100 * max(measures.clipped_fraction(np.asarray(one, dtype=np.float32)) for one in columns)
    return _graded("clipping", share, "%", share > 0.02, share > 0.3, "recorded too loud: record again with less gain")


def check_noise(wav: Wave, rate: int) -> ClipFinding:
    """Check how far speech stands above its pauses."""
    ratio = measures.signal_to_noise(wav, rate)
    advice = "noise, or speech without any pause: record in a quiet room"
    return _graded("speech above noise", ratio, "dB", ratio < 20, ratio < 10, advice)


def check_room(wav: Wave, rate: int) -> ClipFinding:
    """Check the reverberation, from the steepest falls of the level."""
    decay = measures.decay_seconds(wav, rate)
    advice = "a reverberant room: record nearer to the microphone, among soft furniture"
    return _graded("decay", decay, "s", decay > 0.32, decay > 0.5, advice)


def check_echo(wav: Wave, rate: int) -> ClipFinding:
    """Check whether the whole sound is repeated 50 to 400 ms later."""
    strength = measures.echo_strength(wav, rate)
    return _graded("echo", strength, "times the spread", strength > 15, strength > 25, "an echo: switch the effect off")


def check_music(wav: Wave, rate: int) -> ClipFinding:
    """Check for lines of the spectrum that stay in the pauses: music or hum."""
    above = measures.tonal_background(wav, rate)
    return _graded(
        "tones in pauses", above, "dB", above > 22, above > 35, "music or hum behind the voice: find another clip"
    )


def check_speech(wav: Wave, rate: int) -> ClipFinding:
    """Check how much of the recording is speech."""
    share = 100 * float(np.mean(measures.speech_activity(wav, rate)))
    advice = "little speech: cut the silence away" if share >= 10 else "no speech was found"
    return _graded("speech", share, "%", share < 30, share < 10, advice)


def check_speakers(wav: Wave, rate: int, embed: Embed) -> ClipFinding:
    """Check the likeness of the two halves into which windows of the recording fall by their speaker vectors."""
    from sovits_lab.audio.files import resample

    likeness = speaker_likeness(resample(wav, rate, 16_000), embed)
    if likeness is None:
        return ClipFinding("one speaker", 1.0, "cosine", "good", "too short to tell")
    advice = "two voices, or one that changes very much: cut to one speaker"
    return _graded("one speaker", likeness, "cosine", likeness < 0.4, likeness < 0.3, advice)


def speaker_likeness(wav: Wave, embed: Embed) -> float | None:
    """Return the mean cosine of two groups of windows, 16 kHz, as far apart as may be; None where they are too few.

    A group of a single window does not count: a cough or a laugh is no second speaker, and the clip is all alike.
    """
    size, step = round(WINDOW * 16_000), round(STEP * 16_000)
    windows = [wav[start : start + size] for start in range(0, len(wav) - size + 1, step)]
    if len(windows) < FEWEST_WINDOWS:
        return None
    vectors = embed(windows).astype(np.float64)
    first = np.linalg.svd(vectors - vectors.mean(0), full_matrices=False)[0][:, 0] > 0
    for _ in range(5):  # two means on the sphere
        centres = np.stack([vectors[first].mean(0), vectors[~first].mean(0)])
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        nearer = vectors @ centres[0] > vectors @ centres[1]
        if nearer.all() or not nearer.any() or (nearer == first).all():
            break
        first = nearer
    if min(first.sum(), (~first).sum()) < 2:
        return 1.0
    return float((vectors[first] @ vectors[~first].T).mean())


def worst(found: Sequence[ClipFinding]) -> Verdict:
    """Return the verdict over all findings."""
    order: tuple[Verdict, ...] = ("bad", "doubtful", "good")
    return next(one for one in order if one == "good" or any(each.verdict == one for each in found))
