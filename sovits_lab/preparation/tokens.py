"""Stage `tokens`: a content bundle listens to the corpus -> tokens, and alignments where none is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.checkpoints.content import load_content
from sovits_lab.content.alignment import align
from sovits_lab.data.store import FeatureStore


class BuildTokens:
    """Tokens at half the frame rate: utterance i has its tokens at `start // 2`, `frames // 2` of them.

    Args:
        batch: utterances at a time.
    """

    resumable = False

    def __init__(self, batch: int = 32) -> None:
        self.batch = batch

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Needs `features` and `content`; writes `tokens.npy`, `facts.json`, and alignments that were missing."""
        store = FeatureStore(inputs["features"])
        model = load_content(inputs["content"])
        order = sorted(range(len(store.rows)), key=lambda i: store.rows[i].frames)
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        durations: dict[str, list[int]] = {}
        unaligned = 0
        for first in range(0, len(order), self.batch):
            chosen = order[first : first + self.batch]
            heard = model.listen([store.mel(i) if model.hears == "mel" else store.wav(i) for i in chosen])
            for i, (codes, labels) in zip(chosen, heard, strict=True):
                row, size = store.rows[i], store.rows[i].frames // 2
                tokens[row.start // 2 : row.start // 2 + size] = codes
                if not row.durations and labels is not None:
                    durations[row.id] = [2 * n for n in align(labels, store.phones(i))]
                unaligned += not row.durations and labels is None
            report.progress(min(first + self.batch, len(order)), len(order), "utterances")
        if unaligned:
            report.say(
                f"tokens: {unaligned} of {len(order)} utterances have no phone alignment, and this content knows no "
                "phones: GPT places their phones evenly and trains without `guide` and `current`; content=ctc would "
                "align them"
            )
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
        used, counts = np.unique(tokens, return_counts=True)
        share = counts / counts.sum()
        perplexity = float(np.exp(-(share * np.log(share)).sum()))
        facts = {"codes": int(model.codes), "used": len(used), "perplexity": perplexity}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        report.say(f"tokens: {len(used)} of {model.codes} codes used, perplexity {perplexity:.0f}")
