"""`key=value` arguments of the evaluation commands: defaults say which keys exist and of what type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sovits_lab.types import got

TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def parse(argv: list[str], usage: str, defaults: Mapping[str, Any]) -> dict[str, Any] | None:
    """Parse `key=value` arguments; a default that is a list collects repeated keys. Return None after printing `usage`
    for -h.

    Raises InputError for an unknown key, a word without "=", or a value of the wrong type.
    """
    if any(word in ("-h", "--help") for word in argv):
        print(usage)
        return None
    values: dict[str, Any] = {key: list(one) if isinstance(one, list) else one for key, one in defaults.items()}
    for word in argv:
        key, equals, text = word.partition("=")
        if not equals or key not in defaults:
            raise got("argument", word, f"key=value with a key of {', '.join(defaults)}")
        if isinstance(defaults[key], list):
            values[key].append(text)
        else:
            values[key] = _typed(key, text, defaults[key])
    return values


def _typed(key: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in TRUTHS:
            raise got(key, text, "true or false")
        return TRUTHS[text.lower()]
    if isinstance(default, (int, float)):
        try:
            return type(default)(text)
        except ValueError as error:
            raise got(key, text, "a whole number" if isinstance(default, int) else "a number") from error
    return text
