"""How a waveform is cut into frames: one record that every feature, model and bundle shares."""

from __future__ import annotations

from dataclasses import dataclass

from sovits_lab.types import got


@dataclass(frozen=True)
class AudioSpec:
    """Sample rate, short-time Fourier transform and mel bands.

    Attributes:
        sample_rate: samples per second.
        n_fft: points of the transform; F = n_fft // 2 + 1.
        hop: samples between frames; frame i is centred at (i + 0.5) * hop and L = T // hop exactly.
        win: samples under the Hann window.
        n_mels: mel bands M.
        f_min: lowest edge of the mel filters, Hz.
        f_max: highest edge of the mel filters, Hz; None is half the sample rate.

    Raises:
        InputError: when the numbers do not fit together.
    """

    sample_rate: int = 16_000
    n_fft: int = 1024
    hop: int = 320
    win: int = 1024
    n_mels: int = 80
    f_min: float = 0.0
    f_max: float | None = None

    def __post_init__(self) -> None:
        for name in ("sample_rate", "n_fft", "hop", "win", "n_mels"):
            if getattr(self, name) < 1:
                raise got(f"audio.{name}", getattr(self, name), "a positive whole number")
        if self.win > self.n_fft:
            raise got("audio.win", self.win, f"at most n_fft = {self.n_fft}")
        if self.hop > self.win or (self.n_fft - self.hop) % 2:
            raise got("audio.hop", self.hop, f"at most win = {self.win}, and n_fft - hop even")
        if not 0 <= self.f_min < self.top <= self.sample_rate / 2:
            raise got("audio.f_min, f_max", (self.f_min, self.f_max), f"0 <= f_min < f_max <= {self.sample_rate / 2}")

    @property
    def frames_per_second(self) -> float:
        """Frames in a second, for example 50.0."""
        return self.sample_rate / self.hop

    @property
    def top(self) -> float:
        """Highest edge of the mel filters in Hz, with the default filled in."""
        return self.sample_rate / 2 if self.f_max is None else self.f_max

    def frames(self, samples: int) -> int:
        """Return L for a waveform of T samples."""
        return samples // self.hop
