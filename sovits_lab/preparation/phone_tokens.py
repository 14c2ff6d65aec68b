"""Stage `tokens` without a content encoder: a token is the pair of phones of its two frames, by the known times."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.data.store import FeatureStore
from sovits_lab.types import got


class BuildPhoneTokens:
    """Tokens that name what is said and nothing of how: the pairs of phones that are commonest, one code each.

    For corpora that know where their phones are. Nothing is trained, so a small model learns words in a fraction of the
    steps; what an encoder hears beyond phones is not in the tokens.

    Args:
        codes: how many there may be; a pair beyond them counts as its first phone held, or else as the commonest pair
            that begins with that phone.
    """

    resumable = False

    def __init__(self, codes: int = 1000) -> None:
        if codes < 2:
            raise got("tokens.codes", codes, "at least 2")
        self.codes = codes

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `tokens.npy`, `facts.json` and an empty `durations.json`; needs `inputs["features"]`.

        Raises:
            InputError: an utterance without phone times.
        """
        store = FeatureStore(inputs["features"])
        pairs = {i: self._pairs(store, i) for i in range(len(store.rows))}
        training = [i for i in pairs if store.rows[i].split == "train"]
        counts = Counter(pair for i in training for pair in map(tuple, pairs[i].tolist()))
        kept = [pair for pair, _ in counts.most_common(self.codes)]
        code = {pair: number for number, pair in enumerate(kept)}
        first = {pair[0]: number for number, pair in reversed(list(enumerate(kept)))}
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        for i, found in pairs.items():
            start = store.rows[i].start // 2
            said = [code.get((a, b), code.get((a, a), first.get(a, 0))) for a, b in found.tolist()]
            tokens[start : start + len(said)] = said
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text("{}", encoding="utf-8")
        facts = {"codes": self.codes, "used": len(kept)}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        covered = sum(counts[pair] for pair in kept) / max(1, counts.total())
        report.say(f"tokens: {len(kept)} of {len(counts)} pairs of phones have a code, {covered:.1%} of the tokens")

    def _pairs(self, store: FeatureStore, row: int) -> np.ndarray:
        """Ids of the phones of each token's two frames, [S, 2]."""
        place = store.phone_of_frame(row)
        if (place < 0).any():
            raise got(f"tokens of {store.rows[row].id}", "no phone times", "a corpus that knows them; else content=ctc")
        return store.phones(row)[place][: store.rows[row].frames // 2 * 2].reshape(-1, 2)
