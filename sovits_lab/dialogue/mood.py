"""What a character feels: a small state that events move, that decays, and from which each line's manner is derived."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from sovits_lab.dialogue.cast import Temper
from sovits_lab.dialogue.directions import Direction

NEUTRAL = "neutral"
FAINT = 0.02  # of a feeling: below it there is none
FULL = 1.0


class LineManner(NamedTuple):
    """How a line is spoken: an emotion label ("neutral" or another) and its strength."""

    emotion: str
    strength: float


UNMOVED = LineManner(NEUTRAL, 0.0)


@dataclass(frozen=True)
class Mood:
    """What one character feels now.

    Attributes:
        feelings: emotion -> amount, 0 to 1.
        spoken: the manner of the last line.
    """

    feelings: Mapping[str, float] = field(default_factory=dict)
    spoken: LineManner = UNMOVED

    def felt(self, emotion: str, amount: float) -> Mood:
        """Return the mood after an event: the feeling grows towards 1 by `amount`, the others shrink by as much."""
        weakened = {label: value * (1 - amount) for label, value in self.feelings.items()}
        if emotion != NEUTRAL:
            now = self.feelings.get(emotion, 0.0)
            weakened[emotion] = now + (FULL - now) * amount
        return Mood(_audible(weakened), self.spoken)

    def after_turn(self, temper: Temper) -> Mood:
        """Return the mood a turn later: after `half_life` turns half of a feeling is gone, but for the resting one."""
        left = 0.5 ** (1 / temper.half_life)
        feelings = {label: value * left for label, value in self.feelings.items()}
        if temper.resting is not None:
            label, amount = temper.resting
            feelings[label] = feelings.get(label, 0.0) + amount * (1 - left)
        return Mood(_audible(feelings), self.spoken)

    def manner(self, direction: Direction, temper: Temper) -> LineManner:
        """Derive how the next line is spoken.

        What the line's tags say goes before what is felt. The strength moves by at most `temper.inertia` from that of
        the line before; where the emotion changes, the old one's strength must first be given up.
        """
        emotion, strength = self._wanted(direction)
        before = self.spoken.strength if self.spoken.emotion == emotion else -self.spoken.strength
        reached = before + max(-temper.inertia, min(temper.inertia, strength - before))
        if reached > 0:
            return LineManner(emotion, round(reached, 3)) if emotion != NEUTRAL else LineManner(NEUTRAL, 0.0)
        if reached < 0 and self.spoken.emotion != emotion:
            return LineManner(self.spoken.emotion, round(-reached, 3))
        return LineManner(NEUTRAL, 0.0)

    def having_spoken(self, manner: LineManner) -> Mood:
        """Return the mood after a line in this manner: saying it is feeling it, a little."""
        felt = self.felt(manner.emotion, min(0.5, 0.3 * manner.strength))
        return Mood(felt.feelings, manner)

    def _wanted(self, direction: Direction) -> LineManner:
        if direction.emotion is not None:
            strength = FULL if direction.strength is None else direction.strength
            return LineManner(direction.emotion, 0.0 if direction.emotion == NEUTRAL else strength)
        if not self.feelings:
            return LineManner(NEUTRAL, 0.0)
        emotion = max(sorted(self.feelings), key=lambda label: self.feelings[label])
        amount = self.feelings[emotion]
        return LineManner(emotion, amount if direction.strength is None else amount * direction.strength)


def _audible(feelings: Mapping[str, float]) -> dict[str, float]:
    return {label: round(min(value, FULL), 6) for label, value in feelings.items() if value > FAINT}
