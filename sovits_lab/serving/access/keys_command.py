"""`python -m sovits_lab keys list|add|disable`: who may use a service."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

if TYPE_CHECKING:
    from sovits_lab.serving.access.keys import ApiKeys

FOLDER = Path("runs/serving")  # of a service, by default


@dataclass(frozen=True)
class KeysList:
    """`list` prints every key's id, account, scopes and limits; the keys themselves are kept as hashes only."""

    folder: Path = option("of the service", FOLDER)


@dataclass(frozen=True)
class KeysAdd:
    """`add` makes a key and prints it, this once."""

    owner: str = option("the account: whose voices, jobs and seconds these are")
    scopes: list[str] = option("that it has", ["speak"], choices=("speak", "voices:write", "admin"))
    requests_per_minute: int = option("at most; 0 is no limit", 120, least=0)
    seconds_per_day: int = option("of speech at most, of all keys of the account; 0 is no limit", 36_000, least=0)
    priority: str = option("the highest that its requests may ask for", "normal", choices=("low", "normal", "high"))
    folder: Path = option("of the service", FOLDER)


@dataclass(frozen=True)
class KeysDisable:
    """`disable` takes a key out of use; a running service refuses it at once."""

    id: str = option("of the key, as `list` shows it", bare=True)
    folder: Path = option("of the service", FOLDER)


OPTIONS: dict[str, type] = {"list": KeysList, "add": KeysAdd, "disable": KeysDisable}


def main(argv: list[str]) -> int:
    """Run the command."""
    if not argv or wants_help(argv):
        print("\n\n".join(describe(kind, f"keys {name}") for name, kind in OPTIONS.items()))
        return 0
    if argv[0] not in OPTIONS:
        raise got("keys", argv[0], f"one of {', '.join(OPTIONS)}")
    asked: object = read_options(OPTIONS[argv[0]], argv[1:])
    if isinstance(asked, KeysAdd):
        return _add(asked)
    if isinstance(asked, KeysDisable):
        return _disable(asked)
    assert isinstance(asked, KeysList)
    return _list(asked)


def _add(asked: KeysAdd) -> int:
    from sovits_lab.serving.access.keys import ApiKeys
    from sovits_lab.serving.access.principal import Allowance

    allowance = Allowance(asked.requests_per_minute, asked.seconds_per_day, asked.priority)
    print(ApiKeys(asked.folder / "keys.sqlite").add(asked.owner, asked.scopes, allowance))
    return 0


def _list(asked: KeysList) -> int:
    from sovits_lab.files import printable

    for who, disabled in _kept(asked.folder).listed():
        state = "in use" if disabled is None else f"disabled on {time.strftime('%Y-%m-%d', time.gmtime(disabled))}"
        may = who.allowance
        limits = f"{may.requests_per_minute} a minute, {may.seconds_per_day} s a day, {may.priority}"
        print(printable(f"{who.key_id}  {who.owner}  {','.join(sorted(who.scopes))}  {limits}  {state}"))
    return 0


def _disable(asked: KeysDisable) -> int:
    _kept(asked.folder).disable(asked.id)
    print(f"{asked.id}: disabled")
    return 0


def _kept(folder: Path) -> ApiKeys:
    from sovits_lab.serving.access.keys import ApiKeys

    if not (file := folder / "keys.sqlite").is_file():
        raise got("keys, folder", str(folder), "that of a service, which has a keys.sqlite")
    return ApiKeys(file)
