"""What counts as a bad row, in numbers that a corpus may set."""

from __future__ import annotations

from dataclasses import dataclass, fields

from sovits_lab.types import got


@dataclass(frozen=True)
class Limits:
    """What counts as bad. The doctor and the stages go by the same limits.

    Attributes:
        min_seconds, max_seconds: allowed durations.
        sample_rate: lowest allowed rate, Hz.
        channels: how many are allowed; more than one are mixed down.
        full_scale: a sample at least as large counts as clipped.
        clipped_share: allowed share of clipped samples.
        silence_peak: a recording whose largest sample is smaller is silent (0.001 is -60 dBFS).
        silent_ends: longest silence before or after the speech, seconds.
        speakers_apart: no speaker may be in two splits.
    """

    min_seconds: float = 0.3
    max_seconds: float = 20.0
    sample_rate: int = 16_000
    channels: int = 1
    full_scale: float = 0.999
    clipped_share: float = 0.001
    silence_peak: float = 0.001
    silent_ends: float = 3.0
    speakers_apart: bool = False

    def __post_init__(self) -> None:
        for name in (field.name for field in fields(self) if field.name != "speakers_apart"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise got(f"corpus.limits.{name}", getattr(self, name), "a number of at least 0")
        if self.max_seconds <= self.min_seconds:
            raise got("corpus.limits.max_seconds", self.max_seconds, f"more than min_seconds, {self.min_seconds:g}")
        if self.channels < 1:
            raise got("corpus.limits.channels", self.channels, "at least 1")
