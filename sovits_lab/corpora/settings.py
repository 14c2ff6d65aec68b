"""Configuration dicts to records, with a clear word about a key that is wrong."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, TypeVar

from sovits_lab.types import got

Record = TypeVar("Record")
Value = TypeVar("Value", int, float)


def read_fields(record: type[Record], values: Mapping[str, Any], where: str) -> Record:
    """Build a dataclass from a mapping.

    Args:
        record: the dataclass.
        values: its fields.
        where: the configuration key of `values`, for messages.

    Raises:
        InputError: an unknown key, or a missing one without default.
    """
    known = {item.name: item for item in fields(record)}  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            raise got(f"{where}.{key}", values[key], f"one of the keys {', '.join(near or sorted(known))}")
    for key, item in known.items():
        if key not in values and item.default is MISSING and item.default_factory is MISSING:
            raise got(f"{where}.{key}", None, "a value")
    return record(**{key: _number(value, known[key].type, f"{where}.{key}") for key, value in values.items()})


def within(where: str, value: Value, least: float, most: float) -> Value:
    """Return the number itself.

    Raises:
        InputError: it is not from `least` to `most`.
    """
    if not least <= value <= most:
        raise got(where, value, f"a number from {least:g} to {most:g}")
    return value


def _number(value: Any, kind: Any, where: str) -> Any:
    """Whole numbers stand for floats in YAML; anything else in their or a switch's place is the user's mistake."""
    if kind == "bool" and not isinstance(value, bool):
        raise got(where, value, "true or false")
    if kind not in ("int", "float"):
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind == "float" else int):
        raise got(where, value, "a number" if kind == "float" else "a whole number")
    return float(value) if kind == "float" else value
