"""Whether a plain value fits the annotation of the argument that it is given for."""

from __future__ import annotations

import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from itertools import repeat
from typing import Any

from sovits_lab.types import ArgumentsOf, Range, got

# Hydra's own keys in a node with `_target_`.
MARKERS = frozenset({"_target_", "_partial_", "_recursive_", "_convert_"})
SEQUENCES = (Sequence, list, tuple)
MAPPINGS = (Mapping, dict)
SCALARS: dict[type, tuple[type, ...]] = {int: (int,), float: (int, float), str: (str,), bool: (bool,)}
CheckArguments = Callable[[str, Any, ArgumentsOf], None]  # path, value, whose arguments they are


def hints_of(target: Any) -> dict[str, Any]:
    """Return the hints of a constructor or function; empty where they cannot be evaluated (jaxtyping's axes, say)."""
    try:
        if dataclasses.is_dataclass(target):  # inherited fields are evaluated where they were written
            return typing.get_type_hints(target, include_extras=True)
        return typing.get_type_hints(target.__init__ if inspect.isclass(target) else target, include_extras=True)
    except (NameError, SyntaxError, TypeError, AttributeError):
        return {}


def check_value(path: str, value: object, hint: Any, arguments_of: CheckArguments | None = None) -> None:
    """Refuse what does not fit an annotation of plain types, lists and mappings; the rest is the constructor's.

    Args:
        path: of the value, for the message.
        value: as a configuration or a bundle holds it.
        hint: the annotation.
        arguments_of: checks a mapping that holds somebody's arguments.

    Raises:
        InputError: it does not fit.
    """
    options = options_of(hint)
    if any(_name(option) is None for option in options):
        return
    if isinstance(value, Mapping):
        fitting = [option for option in options if typing.get_origin(_bare(option)) in MAPPINGS]
        inner = {f"{path}.{key}": one for key, one in value.items() if key not in MARKERS}
    elif isinstance(value, list | tuple):
        fitting = [option for option in options if typing.get_origin(option) in SEQUENCES]
        inner = {f"{path}[{index}]": one for index, one in enumerate(value)}
    else:
        fitting, inner = [option for option in options if _fits(value, option)], {}
    if not fitting:
        kind = "" if any(typing.get_origin(option) is typing.Literal for option in options) else "a value of type "
        raise got(path, value, kind + " or ".join(str(_name(option)) for option in options))
    if len(fitting) == 1:
        for note in getattr(fitting[0], "__metadata__", ()):
            if isinstance(note, ArgumentsOf):
                if arguments_of is not None:
                    arguments_of(path, value, note)
            elif isinstance(note, Range) and value not in note:
                raise got(path, value, str(note))
        fitting = [_bare(fitting[0])]
        arguments = typing.get_args(fitting[0]) or (Any,)
        fixed = typing.get_origin(fitting[0]) is tuple and Ellipsis not in arguments
        if fixed and len(inner) != len(arguments):
            raise got(path, value, f"a list of {len(arguments)}")
        each = arguments if fixed else repeat([one for one in arguments if one is not Ellipsis][-1], len(inner))
        for (below, one), its in zip(inner.items(), each, strict=True):
            check_value(below, one, its, arguments_of)


def options_of(hint: Any) -> tuple[Any, ...]:
    return typing.get_args(hint) if typing.get_origin(hint) in (typing.Union, types.UnionType) else (hint,)


def is_plain(hint: Any) -> bool:
    """Tell whether an annotation is of numbers, texts, flags or fixed words alone."""
    return all(
        _bare(option) in SCALARS or option is type(None) or typing.get_origin(option) is typing.Literal
        for option in options_of(hint)
    )


def _bare(hint: Any) -> Any:
    return typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint


def _name(hint: Any) -> str | None:
    """Name a plain type as a message writes it; None for a type that no configuration can write plainly."""
    hint = _bare(hint)
    if hint in SCALARS:
        return str(hint.__name__)
    if hint is type(None):
        return "null"
    origin_of = typing.get_origin(hint)
    if origin_of is typing.Literal:
        return " or ".join(map(str, typing.get_args(hint)))
    return "list" if origin_of in SEQUENCES else "mapping" if origin_of in MAPPINGS else None


def _fits(value: object, option: Any) -> bool:
    if value is None:
        return option is type(None)
    if isinstance(value, bool):  # a bool is an int to Python, not to a config
        return _bare(option) is bool
    option = _bare(option)
    if typing.get_origin(option) is typing.Literal:
        return value in typing.get_args(option)
    return option in SCALARS and isinstance(value, SCALARS[option])
