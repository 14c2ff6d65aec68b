"""What a recording sounds like, in numbers: bandwidth, clipping, noise, reverberation, tonal background, speech."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from jaxtyping import Float, Float32

Wave = Float32[np.ndarray, " T"]
FRAME = 0.02  # seconds
EMPTY_DB = -120.0


def frame_levels(wav: Wave, rate: int, seconds: float = FRAME) -> Float[np.ndarray, " L"]:
    """Return the level of each frame in dB relative to full scale."""
    hop = round(rate * seconds)
    frames = wav[: len(wav) // hop * hop].reshape(-1, hop).astype(np.float64)
    return 10 * np.log10(np.mean(np.square(frames), axis=1) + 10 ** (EMPTY_DB / 10))


def power_spectra(wav: Wave, rate: int, seconds: float = 0.064) -> Float[np.ndarray, "L F"]:
    """Return the power of Hann windows over the whole recording; a shorter one is padded."""
    size = round(rate * seconds)
    padded = np.pad(wav, (0, max(0, size - len(wav)))).astype(np.float64)
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 4]
    return np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)) ** 2


def clipped_fraction(wav: Wave) -> float:
    """Return the share of samples in flat tops: three or more equal samples in a row at nearly the largest value.

    A recording that was clipped and made quieter afterwards has flat tops too.
    """
    peak = float(np.abs(wav).max(initial=0.0))
    if peak < 1e-4:
        return 0.0
    flat = (np.abs(np.diff(wav)) < 1e-3 * peak) & (np.abs(wav[1:]) > 0.97 * peak)
    return float(np.mean(flat[1:] & flat[:-1]))


def bandwidth(wav: Wave, rate: int) -> float:
    """Return the frequency in Hz up to which there is sound: where the mean spectrum falls to a steady floor or ends.

    A recording that was once at 8 kHz has nothing above 4 kHz, whatever its rate is now.
    """
    spectrum = power_spectra(wav, rate).mean(0)
    bins = np.linspace(0, rate / 2, len(spectrum))
    smooth = 10 * np.log10(np.convolve(spectrum, np.ones(5) / 5, mode="same") + 1e-20)
    audible = np.flatnonzero(smooth > smooth.max() - 75)
    return float(bins[audible[-1]]) if audible.size else 0.0


def signal_to_noise(wav: Wave, rate: int) -> float:
    """Measure the level of speech above that of pauses in dB, by the loud and the quiet ends of the frames' levels.

    A recording without any pause has none to measure by; its value is then too low.
    """
    levels = frame_levels(wav, rate)
    levels = levels[levels > EMPTY_DB + 20]  # digital silence is no pause of the room
    if levels.size < 10:
        return 0.0
    quiet, loud = np.quantile(levels, [0.05, 0.9])
    return float(loud - quiet)


def decay_seconds(wav: Wave, rate: int) -> float:
    """Return how long sound needs to fall by 60 dB after it stops, from the steepest falls of the level.

    In a room no fall is steeper than the room's own decay; dry speech falls much faster at some of its stops.
    """
    levels = frame_levels(wav, rate, 0.01)
    span = 8
    if levels.size < 4 * span:
        return 0.0
    windows = np.lib.stride_tricks.sliding_window_view(levels, span)
    floor = np.quantile(levels, 0.05)
    fit = np.arange(span) - (span - 1) / 2
    slopes = windows @ fit / (fit @ fit) * 100  # dB a second
    falling = slopes[(windows[:, 0] > levels.max() - 25) & (windows[:, -1] > floor + 3) & (slopes < 0)]
    return float(60 / -np.quantile(falling, 0.05)) if falling.size >= 10 else 0.0


def echo_strength(wav: Wave, rate: int) -> float:
    """Measure the cepstrum's largest peak from 50 to 400 ms over its spread there: a repeated sound stands out."""
    size = 1 << (len(wav) - 1).bit_length() if len(wav) > 1 else 2
    power = np.abs(np.fft.rfft(wav.astype(np.float64), size)) ** 2
    log = np.log(power + 1e-5 * power.mean() + 1e-20)  # an empty band has no echo
    cepstrum = np.fft.irfft(log - log.mean())
    inside = cepstrum[round(0.05 * rate) : min(round(0.4 * rate), size // 2)]
    return float(inside.max() / (inside.std() + 1e-12)) if inside.size else 0.0


def tonal_background(wav: Wave, rate: int) -> float:
    """Return how far lines of the spectrum stand above their surroundings in the quietest fifth of the frames, in dB.

    Pauses of clean or noisy speech are smooth; music or hum behind the voice leaves lines.
    """
    spectra = power_spectra(wav, rate, 0.128)
    order = np.argsort(spectra.sum(1))
    quiet = spectra[order[: max(1, len(order) // 5)]]
    low, high = (round(f * 2 * (quiet.shape[1] - 1) / rate) for f in (90, 4000))
    level = 10 * np.log10(quiet[:, low:high] + 1e-20)
    width = 41
    padded = np.pad(level, ((0, 0), (width // 2, width // 2)), mode="reflect")
    around = np.median(np.lib.stride_tricks.sliding_window_view(padded, width, axis=1), axis=-1)
    above = np.sort(level - around, axis=1)[:, -8:]
    return float(np.median(above.mean(1)))


def speech_activity(wav: Wave, rate: int) -> Float[np.ndarray, " L"]:
    """Return 1 for each 20 ms frame within 30 dB of the loud ones that is voiced or beside a voiced one, else 0."""
    levels = frame_levels(wav, rate)
    if levels.size == 0:
        return np.zeros(0)
    loud = levels > np.quantile(levels, 0.95) - 30
    near = np.convolve(voiced(wav, rate, levels.size), np.ones(11), mode="same") > 0
    return (loud & near).astype(float)


def voiced(wav: Wave, rate: int, frames: int) -> Float[np.ndarray, " L"]:
    """Return 1 for each 20 ms frame whose normalised autocorrelation has a peak above 0.5 between 70 and 400 Hz."""
    size, hop = round(0.04 * rate), round(FRAME * rate)
    padded = np.pad(wav, (0, size)).astype(np.float64)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop][:frames]
    windows = windows - windows.mean(1, keepdims=True)
    spectrum = np.abs(np.fft.rfft(windows, 2 * size)) ** 2
    correlation = np.fft.irfft(spectrum)[:, :size]
    lags = slice(round(rate / 400), round(rate / 70))
    share = correlation[:, lags] / (correlation[:, :1] + 1e-12) / _window_loss(size)[lags]
    return (share.max(1) > 0.5).astype(float)


@lru_cache(maxsize=8)
def _window_loss(size: int) -> Float[np.ndarray, " S"]:
    return 1 - np.arange(size) / size
