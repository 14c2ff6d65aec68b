"""How much one marked text may ask for, so that no request costs hours or gigabytes by mistake."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Upper limits of one marked text; what goes beyond is refused before anything is read or spoken.

    Attributes:
        characters: of the marked text; 50 000 are about an hour of speech.
        spans: emotion, rate and ph tags together.
        pauses: pause tags.
        pause_seconds: of all pauses together.
    """

    characters: int = 50_000
    spans: int = 5_000
    pauses: int = 500
    pause_seconds: float = 300.0
