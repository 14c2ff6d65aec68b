"""Several corpora in one run: the emotions of one and the voice of another."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import Diagnosis, Problem, Readable
from sovits_lab.corpora.manifest import Progress, Record
from sovits_lab.corpora.names import RULE, is_name
from sovits_lab.corpora.recorded import RecordedCorpus, once_each
from sovits_lab.types import InputError, got


class CombinedCorpus(RecordedCorpus):
    """A stage over several corpora, each with splits, limits and conditions of its own.

    Speakers, ids and sentences are called `NAME-SPEAKER` and so on, with the name that the corpus has here.

    Args:
        corpora: name -> node of a corpus of recordings.
    """

    def __init__(self, corpora: Mapping[str, Any]) -> None:
        self.parts = {name: _part(name, node) for name, node in corpora.items()}
        for name in self.parts:  # `a-b` with speaker `c` and `a` with speaker `b-c` would be one
            if longer := [other for other in self.parts if other.startswith(f"{name}-")]:
                raise got(f"corpus.corpora.{longer[0]}", longer[0], f"a name that does not begin with that of {name!r}")
        super().__init__(" + ".join(self.parts) or "combined")

    @property
    def roots(self) -> tuple[Path, ...]:
        """Return the folders of all corpora."""
        return tuple(root for part in self.parts.values() for root in part.roots)

    def state(self) -> str:
        """Return the state of all corpora together."""
        return hashlib.sha256("".join(part.state() for part in self.parts.values()).encode()).hexdigest()

    def _checked(self, report: Progress, readable: Readable | None, decode: bool) -> Diagnosis:
        if not self.parts:
            raise got("corpus.corpora", "none", "corpora by name, such as +corpus@corpus.corpora.mine=table")
        found = []
        for name, part in self.parts.items():
            try:
                found.append(_renamed(name, part._checked(report, readable, decode)))
            except InputError as error:
                raise InputError(f"corpus {name}: {error}") from error
        usable = {sound.record.id: sound for each in found for sound in each.usable}
        records, repeated = once_each(sound.record for sound in usable.values())
        return Diagnosis(
            [usable[record.id] for record in records],
            [*(problem for each in found for problem in each.problems), *repeated],
            sum(each.total for each in found),
            [note for each in found for note in each.notes],
        )


def _part(name: str, node: Any) -> RecordedCorpus:
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    where = f"corpus.corpora.{name}"
    if not is_name(str(name)):
        raise got(where, name, RULE)
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise got(where, node, "a corpus, such as +corpus@corpus.corpora.mine=table")
    try:
        part = instantiate(dict(node), _recursive_=False, _convert_="object")
    except InstantiationException as error:
        raise InputError(f"{where}: {' '.join(str(error.__cause__ or error).split())}") from error
    if not isinstance(part, RecordedCorpus) or isinstance(part, CombinedCorpus):
        raise got(f"{where}._target_", node["_target_"], "a corpus of recordings; one that is made stands alone")
    return part


def _renamed(name: str, diagnosis: Diagnosis) -> Diagnosis:
    def renamed(record: Record) -> Record:
        sentence = f"{name}-{record.sentence}" if record.sentence else ""
        custom = {**record.custom, "corpus": name}
        return replace(
            record, id=f"{name}-{record.id}", speaker=f"{name}-{record.speaker}", sentence=sentence, custom=custom
        )

    usable = [sound._replace(record=renamed(sound.record)) for sound in diagnosis.usable]
    problems = [Problem(f"{name}: {row}", reason, detail) for row, reason, detail in diagnosis.problems]
    return Diagnosis(usable, problems, diagnosis.total, [f"{name}: {note}" for note in diagnosis.notes])
