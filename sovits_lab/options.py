"""Options of a command, declared once as a dataclass: their names, types, defaults, units and help.

    @dataclass(frozen=True)
    class Greeting:
        "Greet somebody."
        name: str = option("who is greeted")
        times: int = option("how often", 1, least=1, most=9)
        warmth: float = option("of the voice", 20.0, unit="degrees")

`read_options(Greeting, ["name=Ann", "times=3"])` is an instance. A word is `key=value`, `--key=value` or `--key value`;
a switch may stand alone as `--key`; a list is `key=a,b` or `key=a key=b`. What has no default must be given. NaN is no
number.
"""

from __future__ import annotations

import difflib
import errno
import inspect
import os
import re
import select
import signal
import sys
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, TypeVar

from sovits_lab.extras import missing_extra
from sovits_lab.types import InputError, got

Made = TypeVar("Made")
YES, NO = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
STDOUT = 1  # file descriptor
HELP = ("-h", "--help", "help")
REFUSED = {
    errno.ENAMETOOLONG, errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ELOOP,
    errno.EEXIST, errno.ENOTDIR, errno.EISDIR,
}  # fmt: skip
SHOWN = 200  # characters of a name


class _Facts(typing.NamedTuple):
    """What an option says of itself beyond its type and default."""

    about: str
    unit: str
    shown: str | None
    least: float | None
    most: float | None
    choices: tuple[str, ...]
    bare: bool


def option(
    about: str,
    default: Any = MISSING,
    *,
    unit: str = "",
    shown: str | None = None,
    least: float | None = None,
    most: float | None = None,
    choices: Sequence[str] = (),
    bare: bool = False,
) -> Any:
    """Return a field of a dataclass of options.

    Args:
        about: what it is, in a few words.
        default: none means that it must be given.
        unit: of a number.
        shown: how help shows the default, where its value says little.
        least, most: range of a number, ends included.
        choices: the only words that it takes.
        bare: it also takes words without a key, in their order.
    """
    facts = _Facts(about, unit, shown, least, most, tuple(choices), bare)
    if isinstance(default, list):
        return field(default_factory=lambda: list(default), metadata={"facts": facts})
    return field(default=default, metadata={"facts": facts})


@dataclass(frozen=True)
class _Option:
    """One option with its type taken apart."""

    name: str
    kind: type
    many: bool
    default: Any
    facts: _Facts

    @property
    def required(self) -> bool:
        return self.default is MISSING

    def read(self, word: str) -> Any:
        """Convert a word of the command line to the field's type; a list is separated by commas."""
        if self.many:
            return [self._one(part) for part in word.split(",")]
        return self._one(word)

    def _one(self, word: str) -> Any:
        if self.facts.choices and word not in self.facts.choices:
            raise got(self.name, word, f"one of {', '.join(self.facts.choices)}")
        if self.kind is bool:
            if word.lower() not in YES + NO:
                raise got(self.name, word, "yes or no")
            return word.lower() in YES
        if self.kind in (int, float):
            return self._in_range(word)
        return self.kind(word)

    def _in_range(self, word: str) -> float | int:
        least, most = self.facts.least, self.facts.most
        expected = "a whole number" if self.kind is int else "a number"
        if least is not None and most is not None:
            expected += f" from {_number(least)} to {_number(most)}"
        elif least is not None or most is not None:
            expected += f" of at least {_number(least)}" if least is not None else f" of at most {_number(most)}"
        try:
            value = self.kind(word)
        except ValueError as error:
            raise got(self.name, word, expected) from error
        inside = (least is None or value >= least) and (most is None or value <= most)
        if not inside or value != value:
            raise got(self.name, word, expected)
        return value

    def described(self, width: int) -> str:
        """The option's line of help, with its name in a column of `width`."""
        facts = self.facts
        extra = [facts.unit] if facts.unit else []
        if facts.choices:
            extra.append(f"one of {', '.join(facts.choices)}")
        if facts.shown is not None:
            extra.append(f"default {facts.shown}")
        elif self.required:
            extra.append("required")
        elif self.default not in (None, "", []):
            shown = ",".join(map(str, self.default)) if self.many else self.default
            extra.append(f"default {'yes' if shown is True else 'no' if shown is False else shown}")
        remarks = f" ({'; '.join(extra)})" if extra else ""
        return f"  {self.name:<{width}} {facts.about}{remarks}"


def _number(value: float | None) -> str:
    return str(value) if isinstance(value, int) else f"{value:g}"


def _options(kind: type) -> dict[str, _Option]:
    hints = typing.get_type_hints(kind)
    return {one.name: _option(one, hints[one.name]) for one in fields(kind)}


def _option(one: Field[Any], hint: Any) -> _Option:
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        (hint,) = [part for part in typing.get_args(hint) if part is not type(None)]
    facts = one.metadata["facts"]
    many = typing.get_origin(hint) in (list, tuple)
    hint = typing.get_args(hint)[0] if many else hint
    if typing.get_origin(hint) is Literal:
        facts, hint = facts._replace(choices=tuple(typing.get_args(hint))), str
    default = one.default_factory() if one.default_factory is not MISSING else one.default
    assert hint in (str, int, float, bool, Path), f"option {one.name}: no words can be read as {hint}"
    return _Option(one.name, hint, many, default, facts)


def wants_help(argv: Sequence[str]) -> bool:
    """Return whether the words ask how the command is used."""
    return any(word in HELP[:2] for word in argv)


def describe(kind: type, command: str, more: str = "", program: str = "python -m sovits_lab") -> str:
    """Return the help of a command: what it does, and a line for each option."""
    options = _options(kind)
    bare = "".join(f" {one.name.upper()}" for one in options.values() if one.facts.bare)
    width = max(map(len, options), default=0)
    lines = [f"usage: {program} {command}{bare} key=value ...", "", inspect.cleandoc(kind.__doc__ or ""), ""]
    lines += [one.described(width) for one in options.values()]
    return "\n".join(lines + (["", more] if more else []))


def read_options(kind: type[Made], argv: Sequence[str]) -> Made:
    """Return an instance of the dataclass from words.

    Raises:
        InputError: a word without a key, an unknown, repeated or missing key, a value that is not of its type.
    """
    options = _options(kind)
    words = _words(options, argv)
    if missing := [one for one in options.values() if one.required and one.name not in words]:
        raise InputError(f"{missing[0].name}=: got nothing, expected {missing[0].facts.about}")
    return kind(**{name: options[name].read(word) for name, word in words.items()})


def split_words(kind: type, argv: Sequence[str], configured: Sequence[str] = ()) -> tuple[list[str], list[str]]:
    """Split the words of the dataclass's options from others, such as overrides of a configuration.

    Args:
        kind: the dataclass.
        argv: the words.
        configured: first parts of the keys of the configuration; none named means any.

    Raises:
        InputError: a key of neither.
    """
    names = [one.name for one in fields(kind)]
    own = [word for word in argv if _key(word) in names]
    others = [word for word in argv if word not in own]
    for word in others if configured else ():
        key = word.lstrip("+~").partition("=")[0]
        if re.split(r"[.@]", key)[0] not in configured:
            near = difflib.get_close_matches(key, [*names, *configured], n=1)
            hint = f" (did you mean {near[0]}?)" if near else ""
            raise got("key", key, f"one of {', '.join(names)}, or of the configuration: {', '.join(configured)}{hint}")
    return own, others


def _key(word: str) -> str:
    key = word.partition("=")[0]
    return key.removeprefix("--").replace("-", "_") if key.startswith("--") else key


def _words(options: dict[str, _Option], argv: Sequence[str]) -> dict[str, str]:
    """Key and value of each option that is given; only the first `=` of a word counts."""
    found: dict[str, str] = {}
    bare = [one for one in options.values() if one.facts.bare]
    left = list(argv)
    while left:
        word = left.pop(0)
        _, sign, value = word.partition("=")
        key = _key(word)
        if not sign and word.startswith("--"):
            value = _following(options, _known(options, key), left)
        elif not sign or (bare and key not in options and not key.isidentifier()):
            if not bare:
                raise got("argument", word, "key=value")
            key, value = bare[0].name, word
            bare = bare if bare[0].many else bare[1:]
            if options[key].many and key in found:
                found[key] += f",{word}"
                continue
        _known(options, key)
        if key in found and options[key].many and value:
            found[key] += f",{value}"
            continue
        if key in found:
            raise InputError(f"key {key}: got it twice, expected it once")
        if not value:
            raise InputError(f"{key}=: got nothing, expected {options[key].facts.about}")
        found[key] = value
    return found


def _known(options: dict[str, _Option], key: str) -> _Option:
    if key in options:
        return options[key]
    near = difflib.get_close_matches(key, options, n=1)
    raise got("key", key, f"one of {', '.join(options)}" + (f" (did you mean {near[0]}?)" if near else ""))


def _following(options: dict[str, _Option], one: _Option, left: list[str]) -> str:
    """The words after `--key`: one value, several of a list, none of a switch."""
    if one.kind is bool and not (left and left[0].lower() in YES + NO):
        return "yes"
    values = []
    while left and not left[0].startswith("--") and left[0].partition("=")[0] not in options:
        values.append(left.pop(0))
        if not one.many:
            break
    return ",".join(values)


def exit_status(command: Callable[[], int]) -> int:
    """Run a command: a user's mistake is one line on stderr and status 2, a reader of its output who left 141."""
    try:
        status = command()
        sys.stdout.flush()
        return status
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        output = select.poll()
        output.register(STDOUT, 0)
        if not output.poll(0):  # it was another pipe
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), STDOUT)  # the interpreter flushes once more
        return 128 + signal.SIGPIPE
    except (OSError, ModuleNotFoundError) as error:
        if (refused := refusal(error)) is None:
            raise
        print(f"error: {refused}", file=sys.stderr)
        return 2


def refusal(error: BaseException) -> InputError | None:
    """Return the one line for an error that a user can mend; None for others.

    That is the user's input, what the system refuses of a name or a disk, and a package that an extra brings.
    """
    if isinstance(error, InputError):
        return error
    if missing := missing_extra(error):
        return InputError(missing)
    if not isinstance(error, OSError) or error.errno not in REFUSED or error.filename is None:
        return None
    name = ascii(os.fsdecode(error.filename))[1:-1]
    return InputError(f"{name[:SHOWN]}{'...' if len(name) > SHOWN else ''}: {error.strerror}")
