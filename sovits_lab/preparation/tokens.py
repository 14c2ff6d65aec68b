"""Stage `tokens`: a content bundle listens to the corpus -> tokens, and alignments where none is known."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.checkpoints.content import load_recogniser
from sovits_lab.content.alignment import align
from sovits_lab.data.batches import stack_mels
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
        """Needs `features` and `content`; writes `tokens.npy` and, for unaligned corpora, `durations.json`."""
        store = FeatureStore(inputs["features"])
        model = load_recogniser(inputs["content"]).model
        order = sorted(range(len(store.rows)), key=lambda i: store.rows[i].frames)
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        durations: dict[str, list[int]] = {}
        for first in range(0, len(order), self.batch):
            chosen = order[first : first + self.batch]
            mels = stack_mels([store.mel(i) for i in chosen])
            with torch.no_grad():
                heard = model(mels.mel, mels.mask)
            for place, i in enumerate(chosen):
                row, size = store.rows[i], store.rows[i].frames // 2
                tokens[row.start // 2 : row.start // 2 + size] = heard.tokens[place, :size].numpy()
                if not row.durations:
                    steps = align(heard.ctc[place, :size].log_softmax(-1).numpy(), store.phones(i))
                    durations[row.id] = [2 * n for n in steps]
            report.progress(min(first + self.batch, len(order)), len(order), "utterances")
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
        used, counts = np.unique(tokens, return_counts=True)
        share = counts / counts.sum()
        perplexity = float(np.exp(-(share * np.log(share)).sum()))
        facts = {"codes": int(model.codes), "used": len(used), "perplexity": perplexity}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        report.say(f"tokens: {len(used)} of {model.codes} codes used, perplexity {perplexity:.0f}")
