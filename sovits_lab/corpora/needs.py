"""What stages need of a corpus, compared with what it has before anything is computed.

A stage that depends on a corpus may have a method `lacks(rows) -> list[Lack]`; a stage that makes or reads a corpus has
`survey() -> list[RowFacts]`. The runner brings the two together, and so does the doctor when it knows the experiment.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from sovits_lab.corpora.checked_cuts import checked_rows


class RowFacts(NamedTuple):
    """What is known of a row before it is heard."""

    speaker: str
    role: str
    split: str
    emotion: str
    language: str
    text: str
    timed: bool = True  # its phones come with times, as they do in a corpus that is made


class Lack(NamedTuple):
    """Something that a stage needs and a corpus does not have.

    Attributes:
        what: in words, such as "no utterance of role judge in split train".
        remedy: what to add to the command, such as `corpus.splits.judge=[anna]`; `{key}` in it stands for the key of
            the configuration that says what the stage needs. Empty where nothing is known to help.
        key: that key, as the stage's own argument is called.
    """

    what: str
    remedy: str = ""
    key: str = "roles"


def manifest_facts(manifest: Path) -> list[RowFacts]:
    """Return the facts of the rows of a manifest that is already there."""
    facts = []
    for row in checked_rows(manifest):
        spoken = row["supervisions"][0]
        custom = spoken.get("custom") or {}
        facts.append(
            RowFacts(
                spoken.get("speaker") or "",
                custom.get("role") or "emotional",
                custom.get("split") or "train",
                custom.get("emotion") or "neutral",
                spoken.get("language") or "",
                spoken.get("text") or "",
                bool((spoken.get("alignment") or {}).get("phone")),
            )
        )
    return facts


def select(
    rows: Iterable[RowFacts],
    roles: Sequence[str] = (),
    splits: Sequence[str] = (),
    emotions: Sequence[str] = (),
    languages: Sequence[str] = (),
) -> list[RowFacts]:
    """Return the rows of these roles, splits, emotions and languages; none named means any."""
    return [
        row
        for row in rows
        if (not roles or row.role in roles)
        and (not splits or row.split in splits)
        and (not emotions or row.emotion in emotions)
        and (not languages or row.language in languages)
    ]


def lacking(
    rows: Sequence[RowFacts], roles: Sequence[str], splits: Sequence[str], emotions: Sequence[str] = ()
) -> list[Lack]:
    """Return one lack if no row is of these roles, splits and emotions; none where some row is."""
    if select(rows, roles, splits, emotions):
        return []
    named = " or ".join(roles)
    what = f"no utterance of role {named} in split {' or '.join(splits)}"
    if emotions:
        what += f" with emotion {' or '.join(emotions)}"
    return [Lack(what, _remedy(rows, roles, splits, emotions))]


def lacks_training(
    rows: Sequence[RowFacts], roles: Sequence[str], without: Sequence[str] = (), emotions: Sequence[str] = ()
) -> list[Lack]:
    """Return what a stage lacks that trains on the speech of some roles and emotions, without these speakers."""
    return lacking([row for row in rows if row.speaker not in without], roles, ["train"], emotions)


def _remedy(rows: Sequence[RowFacts], roles: Sequence[str], splits: Sequence[str], emotions: Sequence[str]) -> str:
    there = select(rows, roles)
    if not there:
        return _new_role(rows, roles)
    if emotions and not select(there, emotions=emotions):
        return ""
    return larger_share(select(there, emotions=emotions), splits[0]) if "train" not in splits else ""


def larger_share(rows: Sequence[RowFacts], split: str) -> str:
    """Return the setting by which about three of these rows go to `split`, at least a tenth and at most a half."""
    return f"corpus.splits.{split}_share={max(0.1, min(0.5, round(3 / max(len(rows), 1), 2))):g}"


def _new_role(rows: Sequence[RowFacts], roles: Sequence[str]) -> str:
    """Another speaker for a role that nobody has, or an experiment that does without."""
    if len(roles) != 1 or roles[0] not in ("judge", "target", "heldout"):
        return ""
    free = Counter(row.speaker for row in rows if row.role == "emotional")
    if len(free) > 1:
        name = min(free, key=lambda speaker: (free[speaker], speaker))
        return f"corpus.splits.{roles[0]}=[{name}]"
    return "experiment=own_voice" if roles[0] == "judge" else ""
