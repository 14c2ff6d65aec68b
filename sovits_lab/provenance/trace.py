"""Which trainings and bundles used what somebody agreed to: consent ids in manifests, runs and bundles."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from sovits_lab.files import read_json, read_packed_lines
from sovits_lab.types import InputError, got

MANIFEST, BUNDLE, STAGES = "cuts.jsonl.gz", "bundle.json", "stages.json"
KEY = "consents"  # of a bundle's facts


class ConsentUse(NamedTuple):
    """A place where a consent was used: of what kind, where, and how."""

    kind: str  # "corpus", "run" or "bundle"
    place: Path
    detail: str


class ConsentTrace(NamedTuple):
    """Where a consent was used; `unread` are files that could not be looked into, with the reason."""

    uses: tuple[ConsentUse, ...]
    unread: tuple[str, ...]


def trace_consent(folder: Path, consent_id: str) -> ConsentTrace:
    """Look through a folder of runs, or any folder with manifests and bundles.

    Raises:
        InputError: no such folder.
    """
    if not folder.is_dir():
        raise got("consent trace, runs", folder, "a folder with runs")
    uses: list[ConsentUse] = []
    unread: list[str] = []
    stained: dict[Path, int] = {}
    for path in _files(folder):
        try:
            if path.name == MANIFEST and (rows := rows_with(path, consent_id)):
                stained[path.parent.resolve()] = rows
                uses.append(ConsentUse("corpus", path, f"{rows} recordings"))
            elif path.name == BUNDLE and consent_id in _consents(read_json(path, "bundle")):
                uses.append(ConsentUse("bundle", path.parent, "its facts name it"))
        except InputError as error:
            unread.append(str(error))
    for path in _files(folder):
        if path.name == STAGES:
            uses += _run_uses(path, stained, unread)
    return ConsentTrace(tuple(uses), tuple(unread))


def rows_with(manifest: Path, consent_id: str) -> int:
    """Count the recordings of a manifest that name a consent."""
    return sum(one == consent_id for one in consents_in(manifest))


def consents_in(manifest: Path) -> Iterator[str]:
    """Yield the consent id of each recording of a manifest that has one.

    Raises:
        InputError: it cannot be read.
    """
    for row in read_packed_lines(manifest, "corpus manifest"):
        spoken = row.get("supervisions")
        custom = (
            spoken[0].get("custom") if isinstance(spoken, list) and spoken and isinstance(spoken[0], dict) else None
        )
        if isinstance(custom, dict) and isinstance(custom.get("consent"), str):
            yield custom["consent"]


def _consents(facts: Any) -> tuple[str, ...]:
    found = facts.get(KEY) if isinstance(facts, dict) else None
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def _run_uses(path: Path, stained: dict[Path, int], unread: list[str]) -> Iterator[ConsentUse]:
    try:
        stages = read_json(path, "stages of a run")
    except InputError as error:
        unread.append(str(error))
        return
    for name, relative in stages.items() if isinstance(stages, dict) else ():
        place = Path(os.path.normpath(path.parent / str(relative))).resolve()
        if place in stained:
            yield ConsentUse("run", path.parent, f"stage {name}, {stained[place]} recordings")


def _files(folder: Path) -> Iterator[Path]:
    """Files of the names that are looked for; links to folders are not followed, so each is seen once."""
    for place, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted({MANIFEST, BUNDLE, STAGES} & set(names)):
            yield Path(place) / name
