"""Stage directions of a line: the tags that stand after it in ink, as `# emotion: sad # strength: 0.7`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sovits_lab.types import InputError, got

LONGEST_PAUSE = 10.0  # s
STRENGTHS = (0.0, 3.0)
RATES = (0.5, 2.0)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True)
class Direction:
    """How a line is to be given.

    Attributes:
        id: of the line, the same in every language; empty where the writer gave none.
        emotion: a label, or None for what the character's mood says.
        strength: of the emotion, or None for what the mood says.
        rate: speed, 1 is the character's own.
        pause: seconds of silence before the line.
        write: what a line writer is asked for; the line as it stands is the authored one that it may replace.
        feels: events that move moods, character -> (emotion, amount).
        keywords: words of a player's free text that choose this choice.
        ending: the name of the ending that the line belongs to.
        other: tags with other names, for an engine.
    """

    id: str = ""
    emotion: str | None = None
    strength: float | None = None
    rate: float = 1.0
    pause: float = 0.0
    write: str = ""
    feels: Mapping[str, tuple[str, float]] = field(default_factory=lambda: MappingProxyType({}))
    keywords: tuple[str, ...] = ()
    ending: str = ""
    other: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def read_direction(tags: Iterable[str], where: str) -> Direction:
    """Read the tags of a line or choice.

    Args:
        tags: each `name: value`, or a name alone.
        where: story and knot, for errors.

    Raises:
        InputError: a value that its tag cannot have, or a tag that stands twice.
    """
    found: dict[str, str] = {}
    feels: dict[str, tuple[str, float]] = {}
    for tag in tags:
        name, _, value = (part.strip() for part in tag.partition(":"))
        if name == "feels":
            character, event = _feeling(value, where)
            feels[character] = event
        elif name == "heard":
            raise got(f"{where}: tag", name, "keywords, as it is called now")
        elif name in found:
            raise InputError(f"{where}: got the tag {name!r} twice on one line, expected it once")
        else:
            found[name] = value
    take = found.pop
    return Direction(
        id=_name(take("id", ""), "id", where),
        emotion=_name(take("emotion", ""), "emotion", where) or None,
        strength=_number(take("strength", None), "strength", STRENGTHS, where),
        rate=_number(take("rate", None), "rate", RATES, where) or 1.0,
        pause=_number(take("pause", None), "pause", (0.0, LONGEST_PAUSE), where) or 0.0,
        write=take("write", ""),
        feels=MappingProxyType(feels),
        keywords=tuple(word.strip().lower() for word in take("keywords", "").split(",") if word.strip()),
        ending=take("ending", ""),
        other=MappingProxyType(found),
    )


def _name(value: str, tag: str, where: str) -> str:
    if value and not _NAME.fullmatch(value):
        raise got(f"{where}: tag {tag}", value, "a name of letters, digits, _ and -")
    return value


def _number(value: str | None, tag: str, limits: tuple[float, float], where: str) -> float | None:
    if value is None:
        return None
    expected = f"a number from {limits[0]:g} to {limits[1]:g}"
    try:
        number = float(value)
    except ValueError:
        raise got(f"{where}: tag {tag}", value, expected) from None
    if not limits[0] <= number <= limits[1]:
        raise got(f"{where}: tag {tag}", value, expected)
    return number


def _feeling(value: str, where: str) -> tuple[str, tuple[str, float]]:
    """`TOM angry 0.5` -> what TOM feels."""
    parts = value.split()
    if len(parts) != 3:
        raise got(f"{where}: tag feels", value, "a character, an emotion and an amount, such as TOM angry 0.5")
    amount = _number(parts[2], "feels", (0.0, 1.0), where)
    assert amount is not None
    return _name(parts[0], "feels", where), (_name(parts[1], "feels", where), amount)
