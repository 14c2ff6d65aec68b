"""How figures are named and printed for a reader: words, units, signs, intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evaluation.catalogue import find_measure


def label(name: str) -> str:
    """Say a figure's name in words."""
    return find_measure(name).title


def number(name: str, value: float | None) -> str:
    """Print a value: percent, or three significant places, with a sign for shifts; a dash where there is none."""
    return find_measure(name).format(value)


def change(name: str, value: float) -> str:
    """Print a difference with its sign: percentage points for shares."""
    return find_measure(name).format_change(value)


def bounds(figure: Mapping[str, Any]) -> str:
    """Print the 95 % interval, or the reason why there is none."""
    if figure["low"] is None or figure["high"] is None:
        return str(figure["reason"] or "no interval")
    return f"{number(figure['name'], figure['low'])} to {number(figure['name'], figure['high'])}"


def bar_text(bar: Mapping[str, Any]) -> str:
    """Say in words what a bar asks."""
    low, high = (None if bar[key] is None else number(bar["figure"], bar[key]) for key in ("at_least", "at_most"))
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}"


def level_note(figures: Sequence[Mapping[str, Any]]) -> str:
    """Say what the level of the recordings alone tells about their emotion; empty where it was not asked."""
    known = {
        one["name"]: one for one in figures if one["name"].startswith("style_emotion") and one["value"] is not None
    }
    vectors, level = known.get("style_emotion"), known.get("style_emotion_level_alone")
    if vectors is None or level is None:
        return ""
    share = find_measure("style_emotion").format
    note = (
        f"Level alone tells {share(level['value'])} of the emotions of these recordings (speaker held out, "
        f"chance {share(level['truth'])}), the style vectors {share(vectors['value'])}."
    )
    chance = level["truth"] or 0.0
    if level["low"] is not None and level["low"] > chance + (vectors["value"] - chance) / 2:
        note += (
            " So on this corpus level alone separates the emotions, and a high figure for the vectors is no proof that"
        )
        note += " they hold more than loudness."
    return note
