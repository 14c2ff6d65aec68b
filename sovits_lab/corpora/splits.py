"""Who trains with what: splits by speaker and sentence, roles by speaker, all from the configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sovits_lab.corpora.manifest import Record
from sovits_lab.types import got

Conditions = Sequence[Mapping[str, Any]]
"""Each maps fields (or custom fields) of a row to the value that it accepts, or to a list of such values."""


class RowPlace(NamedTuple):
    """Where a row belongs."""

    split: str
    role: str


def matches(record: Record, conditions: Conditions) -> bool:
    """Return whether one of the conditions holds."""
    return any(
        all(str(_value(record, key)) in values_of(values) for key, values in each.items()) for each in conditions
    )


def values_of(values: Any) -> list[str]:
    """Return a list of accepted values; one alone stands for itself, so that `{emotion: sad}` means what it says."""
    return [str(one) for one in values] if isinstance(values, list | tuple) else [str(values)]


def names_of(value: Any, where: str) -> tuple[str, ...]:
    """Return a list of names; one alone stands for itself.

    Raises:
        InputError: anything but names and lists of names.
    """
    names = [value] if isinstance(value, str | int) and not isinstance(value, bool) else value
    if not isinstance(names, list | tuple) or not all(isinstance(name, str | int) for name in names):
        raise got(where, value, "a list of names, such as [anna]")
    return tuple(map(str, names))


def conditions_of(value: Any, where: str) -> tuple[Mapping[str, Any], ...]:
    """Return a list of conditions; one alone stands for itself.

    Raises:
        InputError: anything but mappings from fields to values.
    """
    conditions = [value] if isinstance(value, Mapping) else value
    if not isinstance(conditions, list | tuple):
        raise got(where, value, "a list of conditions, such as [{emotion: [sad]}]")
    for each in conditions:
        if not isinstance(each, Mapping) or not each:
            raise got(where, each, "a condition, such as {emotion: [sad]}")
        for key, accepted in each.items():
            plain = accepted if isinstance(accepted, list | tuple) else [accepted]
            if not plain or not all(isinstance(one, str | int | float) for one in plain):
                raise got(f"{where}: {key}", accepted, "a value or a list of values")
    return tuple(conditions)


def _value(record: Record, key: str) -> Any:
    if key in record.custom:
        return record.custom[key]
    if not hasattr(record, key):
        raise got("corpus: a condition's field", key, f"a field of a row, or one of {sorted(record.custom)}")
    return getattr(record, key)


SHOWN = 12  # values of a field in a message


@dataclass(frozen=True)
class Splits:
    """The rules, first match first.

    1. Every row of a `heldout` speaker is a test row: style references and speakers that no training has seen.
    2. A `target` speaker trains with `target_emotions` only; the other recordings are test truth.
    3. A row goes where its corpus says, if it does; rows that match `test` or `valid` (lists of conditions) go there.
    4. Of the rest a share of the sentences: a sentence goes to one split whoever says it, by a hash of its key. Of a
       small corpus at least one sentence (`place_all`).

    Attributes:
        target: one speaker or a list: those whose training speech is neutral.
        judge: speakers of the independent recogniser, in no other training.
        heldout: speakers in no training.
        target_emotions: what target speakers may train with.
        test, valid: conditions, such as `[{take: ["02"], emotion: sad}]`.
        test_share, valid_share: share of the sentences, 0 to 1.
    """

    target: Any = ()
    judge: Any = ()
    heldout: Any = ()
    target_emotions: Any = ("neutral",)
    test: Any = ()
    valid: Any = ()
    test_share: float = 0.0
    valid_share: float = 0.0

    def __post_init__(self) -> None:
        for name in ("target", "judge", "heldout", "target_emotions"):
            object.__setattr__(self, name, names_of(getattr(self, name), f"corpus.splits.{name}"))
        for name in ("test", "valid"):
            object.__setattr__(self, name, conditions_of(getattr(self, name), f"corpus.splits.{name}"))
        named = [*self.target, *self.judge, *self.heldout]
        twice = sorted({speaker for speaker in named if named.count(speaker) > 1})
        if twice:
            raise got("corpus.splits: speakers with two roles", twice, "each speaker in one of target, judge, heldout")
        shares = (self.test_share, self.valid_share)
        if not all(0 <= share < 1 for share in shares) or not sum(shares) < 1:
            raise got("corpus.splits: shares", shares, "numbers of at least 0 with a sum below 1")

    def check_speakers(self, speakers: set[str]) -> None:
        """Refuse roles for speakers that the corpus does not have."""
        unknown = sorted({*self.target, *self.judge, *self.heldout} - speakers)
        if unknown and speakers:
            raise got("corpus.splits: speakers", unknown, f"speakers of the corpus, {', '.join(sorted(speakers))}")

    def unmet(self, records: Sequence[Record]) -> list[str]:
        """Say which conditions ask for values of which no row has any: they hold nothing out."""
        lines = []
        for name in ("test", "valid"):
            for key, accepted in ((key, values) for each in getattr(self, name) for key, values in each.items()):
                there = {str(_value(record, key)) for record in records}
                if there and there.isdisjoint(values_of(accepted)):
                    shown = ", ".join(sorted(there)[:SHOWN]) + (" ..." if len(there) > SHOWN else "")
                    lines.append(f"corpus.splits.{name}: no row has {key} {accepted!r}; rows have {shown}")
        return lines

    def place_all(self, records: Sequence[Record]) -> list[RowPlace]:
        """Find the split and the role of every row.

        Where chance gives a split with a share no row of the emotional or the target speakers, as in a small corpus,
        the sentence of theirs that was nearest to it goes there.
        """
        places = [self.place(record) for record in records]
        for split, share in (("test", self.test_share), ("valid", self.valid_share)):
            for role in ("emotional", "target"):
                own = [i for i, place in enumerate(places) if place.role == role]
                if not share or any(places[i].split == split for i in own):
                    continue
                keys = {_key(records[i]) for i in own if places[i].split == "train" and not records[i].split}
                if len(keys) > 1:  # something is left to train on
                    nearest = min(keys, key=_fraction)
                    places = [
                        RowPlace(split, place.role)
                        if place.split == "train" and not record.split and _key(record) == nearest
                        else place
                        for record, place in zip(records, places, strict=True)
                    ]
        return places

    def place(self, record: Record) -> RowPlace:
        """Find the split and the role of a row, by rules that know this row alone."""
        return RowPlace(self._split(record), self._role(record.speaker))

    def _role(self, speaker: str) -> str:
        for role in ("target", "judge", "heldout"):
            if speaker in getattr(self, role):
                return role
        return "emotional"

    def _split(self, record: Record) -> str:
        """The rules of the class, a split that the corpus itself names in the place of 3 and 4."""
        if record.speaker in self.heldout:
            return "test"
        if record.speaker in self.target and record.emotion not in self.target_emotions:
            return "test"
        if record.split:
            return record.split
        if matches(record, self.test):
            return "test"
        if matches(record, self.valid):
            return "valid"
        part = _fraction(_key(record))
        if part < self.test_share:
            return "test"
        return "valid" if part < self.test_share + self.valid_share else "train"


def _key(record: Record) -> str:
    """What makes two rows the same sentence."""
    return record.sentence or record.text


def _fraction(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48
