"""The checker that jaxtyping runs over `sovits_lab` under pytest: an int is a float, as Python's typing says."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, runtime_checkable

from beartype import BeartypeConf, beartype
from beartype.roar import BeartypeDecorHintPep3119Exception

_typed = beartype(conf=BeartypeConf(is_pep484_tower=True))


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    """Beartype, for which every protocol of ours is checked by its methods' names."""
    try:
        return _typed(function)
    except BeartypeDecorHintPep3119Exception:
        _make_protocols_checkable()
        return _typed(function)


def _make_protocols_checkable() -> None:
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] == "sovits_lab":
            for value in list(vars(module).values()):
                if isinstance(value, type) and getattr(value, "_is_protocol", False):
                    runtime_checkable(value)
