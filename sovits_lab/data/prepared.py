"""The outputs of the preparation stages, opened together for the stages that train on them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sovits_lab.data.store import FeatureStore
from sovits_lab.types import got


class Prepared(NamedTuple):
    """Features, tokens of every utterance id, the token vocabulary, and every speaker's mean vector."""

    store: FeatureStore
    tokens: Mapping[str, np.ndarray]
    codes: int
    speakers: Mapping[str, np.ndarray]


def open_prepared(inputs: Mapping[str, Path]) -> Prepared:
    """Open the stage folders `features`, `tokens` and `speaker`."""
    store = FeatureStore(inputs["features"])
    store.align(json.loads((inputs["tokens"] / "durations.json").read_text(encoding="utf-8")))
    tokens = read_tokens(inputs["tokens"], store)
    codes = int(json.loads((inputs["tokens"] / "facts.json").read_text(encoding="utf-8"))["codes"])
    with np.load(inputs["speaker"] / "speakers.npz", allow_pickle=False) as vectors:
        speakers = {name: vectors[name] for name in vectors.files}
    return Prepared(store, tokens, codes, speakers)


def read_tokens(folder: Path, store: FeatureStore) -> dict[str, np.ndarray]:
    """Read the tokens [S] of every utterance id, from the folder of the stage `tokens`."""
    flat = np.load(folder / "tokens.npy", mmap_mode="r")
    return {row.id: flat[row.start // 2 : (row.start + row.frames) // 2] for row in store.rows}


def training_rows(prepared: Prepared, roles: Sequence[str], longest_seconds: float) -> list[int]:
    """Select the training utterances of these roles that are not longer than a batch.

    Raises:
        InputError: none is left, or a speaker has no vector.
    """
    store = prepared.store
    most = longest_seconds * store.frames_per_second
    rows = [i for i in store.select(["train"], roles) if store.rows[i].frames <= most]
    if not rows:
        raise got("training utterances", f"none of roles {list(roles)} up to {longest_seconds} s", "at least one")
    if missing := {store.rows[i].speaker for i in rows} - set(prepared.speakers):
        raise got("speaker vectors", f"none for {', '.join(sorted(missing))}", "one for every training speaker")
    return rows
