"""Which part of the training speech an epoch holds more than once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sovits_lab.data.balance import repeated
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError
from tests.data.stores import write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    store = write_store(tmp_path_factory.mktemp("features"))
    store.rows = [replace(row, role="target") if row.speaker == "ann" else row for row in store.rows]
    return store


def test_an_epoch_holds_a_role_as_often_as_is_said(store: FeatureStore) -> None:
    rows = store.select(["train"], ["emotional", "target"])
    of = {i: store.rows[i].role for i in rows}
    assert set(of.values()) == {"emotional", "target"}
    plan = store.plan(repeated(store, rows, {"target": 3}), 4.0, 0)
    often = repeated(store, rows, {"target": 3})
    heard: Counter[int] = Counter()
    for step in range(plan.size(store.frames_per_second).batches):
        heard.update(often[i] for i in plan.batch(step))
    assert heard == {i: 3 if of[i] == "target" else 1 for i in rows}
    assert repeated(store, rows, {}) == rows


@pytest.mark.parametrize(
    ("repeats", "said"), [({"targets": 2}, "'targets'.*emotional"), ({"emotional": 0}, "emotional.*0")]
)
def test_what_cannot_be_repeated_is_named(store: FeatureStore, repeats: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        repeated(store, store.select(["train"], ["emotional"]), repeats)
