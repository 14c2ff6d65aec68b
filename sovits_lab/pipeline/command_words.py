"""Words of a command line as people type them, made into words that Hydra's grammar takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from sovits_lab.pipeline.composition import without_groups
from sovits_lab.types import got

_WORD = re.compile(r"""[^\[\]{},:'"\s]*[^\x00-\x7f][^\[\]{},:'"\s]*""")  # not of ASCII alone, outside quotes


def hydra_words(words: Sequence[str], config: Path) -> list[str]:
    """Return the words of a command line as Hydra takes them.

    A value outside Hydra's grammar, such as a path with Chinese letters, an apostrophe or brackets, is put in quotes,
    and so are names of other letters within a list, a mapping, or the values of a sweep. `GROUP=null` becomes `~GROUP`.

    Args:
        words: of the command line.
        config: folder with a folder for each group.

    Raises:
        InputError: a group is given a number, a flag or a mapping, or a list or mapping cannot be read.
    """
    found, sweeps = [], not {"-m", "--multirun"}.isdisjoint(words)
    for word in words:
        key, equals, value = word.partition("=")
        if word.startswith("-") or not equals or not key:
            found.append(word)
            continue
        if _parsed(word) is None:
            several = value[:1] in ("[", "{") or (sweeps and "," in value)
            word = f"{key}={_quoted_within(value) if several else _quoted(value)}"
        override = _parsed(word)
        if override is None:
            raise got(key.lstrip("+~"), value, f"a list or a mapping; a text in quotes: {key}=\"'...'\"")
        if value != "null":
            _refuse_values(override, value, config)
        found.append(word)
    return without_groups(found, config)


def _parsed(word: str) -> Override | None:
    try:
        return OverridesParser.create().parse_override(word)
    except HydraException:
        return None


def _quoted(value: str) -> str:
    """The value in single quotes: a backslash counts only before a quote, where it is doubled."""
    inner = re.sub(r"(\\*)'", r"\1\1\\'", value)
    ending = re.search(r"\\*$", inner)
    assert ending is not None
    return f"'{inner}{ending[0]}'"


def _quoted_within(value: str) -> str:
    """Values, a list or a mapping with quotes around words that hold more than ASCII, where they have none."""
    parts = re.split(r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""", value)
    return "".join(part if index % 2 else _WORD.sub(lambda m: f"'{m[0]}'", part) for index, part in enumerate(parts))


def _refuse_values(override: Override, value: str, config: Path) -> None:
    """Refuse a number, a flag or a mapping where a group wants the name of an option, or a list of names."""
    group, _, _ = override.key_or_group.partition("@")
    if not re.fullmatch(r"[\w/]+", group) or not (config / group).is_dir():
        return
    given = override.value()
    if any(
        isinstance(one, bool | int | float | dict | list) for one in (given if isinstance(given, list) else [given])
    ):
        options = sorted(path.stem for path in (config / group).glob("*.yaml"))
        raise got(group, value, f"one of {', '.join(options)}")
