"""The outputs of the preparation stages, opened together for the stages that train on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from sovits_lab.data.store import FeatureStore
from sovits_lab.files import load_archive, load_array, read_json
from sovits_lab.pipeline.memory import collector_paused
from sovits_lab.types import got

SPEAKERS, BERT = "speakers.npz", "bert.npz"  # files of stages


class Prepared(NamedTuple):
    """Features, tokens of every utterance id, the token vocabulary, every speaker's mean vector, and text features
    `P F` of the utterances that have some."""

    store: FeatureStore
    tokens: Mapping[str, np.ndarray]
    codes: int
    speakers: Mapping[str, np.ndarray]
    bert: Mapping[str, np.ndarray] = MappingProxyType({})


def open_prepared(inputs: Mapping[str, Path]) -> Prepared:
    """Open the stage folders `features`, `tokens` and `speaker`; the released `tokens` holds the speakers, too.

    Raises:
        InputError: a file is missing or damaged, or there are not two frames of features for every token.
    """
    with collector_paused():
        store = FeatureStore(inputs["features"])
        store.align(read_json(inputs["tokens"] / "durations.json", "phone durations"))
        tokens = read_tokens(inputs["tokens"], store)
    facts = read_json(inputs["tokens"] / "facts.json", "facts of tokens")
    if not isinstance(facts, dict) or not isinstance(codes := facts.get("codes"), int):
        raise got(f"facts of tokens {inputs['tokens'] / 'facts.json'}", facts, "the number of codes")
    speakers = load_archive(inputs.get("speaker", inputs["tokens"]) / SPEAKERS, "speaker vectors")
    read = inputs["tokens"] / BERT
    bert = load_archive(read, "text features") if read.is_file() else {}
    return Prepared(store, tokens, codes, speakers, bert)


def read_tokens(folder: Path, store: FeatureStore) -> dict[str, np.ndarray]:
    """Read the tokens [S] of every utterance id, from the folder of the stage `tokens`.

    Raises:
        InputError: the file is missing or damaged, or is of another set of features.
    """
    flat = load_array(folder / "tokens.npy", "tokens", memory_mapped=True)
    most = max(((row.start + row.frames) // 2 for row in store.rows), default=0)
    if flat.ndim != 1 or len(flat) < most:
        raise got(
            f"tokens {folder / 'tokens.npy'}", f"shape {flat.shape}", f"at least {most}, half of the features' frames"
        )
    flat = np.asarray(flat)  # the same memory; a piece of a plain array is made in a tenth of the time
    return {row.id: flat[row.start // 2 : (row.start + row.frames) // 2] for row in store.rows}


def training_rows(
    prepared: Prepared, roles: Sequence[str], longest_seconds: float, emotions: Sequence[str] = ()
) -> list[int]:
    """Select the training utterances of these roles and emotions (none named: any) that are not longer than a batch.

    Raises:
        InputError: none is left, or a speaker has no vector.
    """
    store = prepared.store
    most = longest_seconds * store.frames_per_second
    rows = [i for i in store.select(["train"], roles) if store.rows[i].frames <= most]
    rows = [i for i in rows if not emotions or store.rows[i].emotion in emotions]
    if not rows:
        spoken = f", {' or '.join(emotions)}," if emotions else ""
        raise got(
            "training utterances", f"none of roles {list(roles)}{spoken} up to {longest_seconds} s", "at least one"
        )
    if missing := {store.rows[i].speaker for i in rows} - set(prepared.speakers):
        raise got("speaker vectors", f"none for {', '.join(sorted(missing))}", "one for every training speaker")
    return rows
