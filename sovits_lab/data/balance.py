"""Which part of the training speech an epoch holds more than once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sovits_lab.data.store import FeatureStore
from sovits_lab.types import got


def repeated(store: FeatureStore, rows: Sequence[int], repeats: Mapping[str, int]) -> list[int]:
    """The utterances as often as their role is said to come in an epoch, once where nothing is said.

    Raises:
        InputError: a role that none of them has, or a number below 1.
    """
    roles = {store.rows[i].role for i in rows}
    for role, times in repeats.items():
        if role not in roles:
            raise got("repeats", repr(role), f"roles of the training speech: {', '.join(sorted(roles))}")
        if times < 1:
            raise got(f"repeats.{role}", times, "at least 1")
    return [i for i in rows for _ in range(repeats.get(store.rows[i].role, 1))]
