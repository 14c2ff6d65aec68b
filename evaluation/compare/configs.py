"""What arms were configured otherwise: keys whose values differ, those that always differ together in one line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from evaluation.compare.arms import ScoredRun

# How a run ran: without effect on its results.
HOW = ("paths.", "logger.", "sweep.", "trainer.", "publish.")
RESULT_KEYS = ("trainer.precision",)
ABSENT = "–"


class ConfigDifference(NamedTuple):
    """A key, its value in every arm, and the keys that differ in the same way (values handed on by interpolation)."""

    key: str
    values: list[str]
    also: list[str]


def find_config_differences(arms: Sequence[ScoredRun]) -> tuple[list[ConfigDifference], list[str]]:
    """Find the keys that differ, of those that differ alike the shortest first, and the keys of how it
    ran that differ.
    """
    flat = [dict(_leaves(arm.config)) for arm in arms]
    keys = [key for key in dict.fromkeys(key for one in flat for key in one) if len(_values(flat, key)) > 1]
    how = [key for key in keys if key.startswith(HOW) and key not in RESULT_KEYS]
    alike: dict[tuple[str, ...], list[str]] = {}
    for key in keys:
        if key not in how:
            alike.setdefault(tuple(str(one.get(key, ABSENT)) for one in flat), []).append(key)
    made = []
    for values, group in alike.items():
        shortest = min(group, key=lambda key: (key.count("."), len(key)))
        made.append(ConfigDifference(shortest, list(values), [key for key in group if key != shortest]))
    return made, how


def find_other_differences(arms: Sequence[ScoredRun]) -> list[ConfigDifference]:
    """Find what differs between the arms in code, features and packages."""
    made = []
    git = [arm.environment.get("git") or {} for arm in arms]
    for name, found in (
        ("git commit", [(one.get("commit") or "")[:12] for one in git]),
        ("uncommitted changes", [one.get("diff") for one in git]),
        ("features", [arm.stages.get("features") for arm in arms]),
    ):
        values = [str(one or ABSENT)[:20] for one in found]
        if len(set(values)) > 1:
            made.append(ConfigDifference(name, values, []))
    packages = [arm.environment.get("packages") or {} for arm in arms]
    for name in sorted({key for one in packages for key in one}):
        versions = [str(one.get(name, ABSENT)) for one in packages]
        if len(set(versions)) > 1 and all(packages):
            made.append(ConfigDifference(f"package {name}", versions, []))
    return made


def _values(flat: Sequence[Mapping[str, Any]], key: str) -> set[str]:
    return {str(one.get(key, ABSENT)) for one in flat}


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else str(key))
    elif path:
        yield path, value
