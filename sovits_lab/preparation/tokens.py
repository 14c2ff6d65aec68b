"""Stage `tokens`: a content bundle listens to the corpus -> tokens, and alignments where none is known."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.checkpoints.content import load_content
from sovits_lab.content.alignment import align
from sovits_lab.data.rows import row_named
from sovits_lab.data.store import FeatureStore
from sovits_lab.pipeline.parts import PartedStage, Parts, Work
from sovits_lab.types import Count, got

PART = 8  # batches; the result does not depend on it
LEAST = 2.0  # perplexity: below it a token tells less than one thing from another


class BuildTokens(PartedStage):
    """Tokens at half the frame rate: utterance i has its tokens at `start // 2`, `frames // 2` of them.

    Args:
        batch: utterances at a time.
        runtime: see `PartedStage`.
    """

    def __init__(self, batch: Count = 32, runtime: Mapping[str, Any] | None = None) -> None:
        super().__init__(runtime)
        self.batch = batch

    def plan(self, inputs: Mapping[str, Path]) -> Work:
        """Plan the work on `features` and `content`: utterances of like length make a batch, some batches a part."""
        store = FeatureStore(inputs["features"])
        model = load_content(inputs["content"])
        chosen = self._parts(store)

        def make(number: int, folder: Path) -> None:
            codes: list[np.ndarray] = []
            durations: dict[str, list[int]] = {}
            for batch in chosen[number]:
                found = model.listen([store.mel(i) if model.input_kind == "mel" else store.wav(i) for i in batch])
                for i, (tokens, labels) in zip(batch, found, strict=True):
                    codes.append(tokens)
                    if not store.rows[i].durations and labels is not None:
                        with row_named(store.rows[i].id):
                            durations[store.rows[i].id] = [2 * n for n in align(labels, store.phones(i))]
            np.save(folder / "codes.npy", np.concatenate(codes).astype(np.int32))
            part = {"durations": durations, "codes": int(model.codes)}
            (folder / "part.json").write_text(json.dumps(part), encoding="utf-8")

        return Work(len(chosen), make, len(store.rows))

    def _parts(self, store: FeatureStore) -> list[list[Sequence[int]]]:
        """Batches of every part. Within a shard, where the store is a stream of shards: each is then read once."""
        order = sorted(range(len(store.rows)), key=lambda i: (store.shards[i], store.rows[i].frames))
        batches = [order[first : first + self.batch] for first in range(0, len(order), self.batch)]
        return [list(batches[first : first + PART]) for first in range(0, len(batches), PART)]

    def gather(self, inputs: Mapping[str, Path], parts: Parts, out: Path, report: Any) -> None:
        """Write `tokens.npy`, `facts.json`, and alignments that were missing.

        Raises:
            InputError: nearly all tokens are the same, so that whatever learns from them learns no words.
        """
        store = FeatureStore(inputs["features"])
        tokens = np.zeros(sum(row.frames for row in store.rows) // 2, dtype=np.int32)
        durations: dict[str, list[int]] = {}
        codes = 0
        for number, batches in enumerate(self._parts(store)):
            made, begin = np.load(parts.path(number) / "codes.npy"), 0
            part = json.loads((parts.path(number) / "part.json").read_text(encoding="utf-8"))
            durations |= part["durations"]
            codes = part["codes"]
            for row in (store.rows[i] for batch in batches for i in batch):
                size = row.frames // 2
                tokens[row.start // 2 : row.start // 2 + size] = made[begin : begin + size]
                begin += size
        unaligned = sum(not row.durations and row.id not in durations for row in store.rows)
        if unaligned:
            report.say(
                f"tokens: {unaligned} of {len(store.rows)} utterances have no phone alignment, and this content knows "
                "no phones: GPT places their phones evenly and trains without `guided_attention` and `aligned_phone`; "
                "content=ctc would align them"
            )
        used, counts = np.unique(tokens, return_counts=True)
        share = counts / counts.sum()
        perplexity = float(np.exp(-(share * np.log(share)).sum()))
        usage = f"{len(used)} of {codes} codes used, perplexity {perplexity:.1f}"
        if perplexity < LEAST:
            wanted = "a content that tells sounds apart: train it longer (content.optimisation.steps)"
            raise got("content", usage, f"{wanted}, or take one that is trained already (content=whisper)")
        np.save(out / "tokens.npy", tokens)
        (out / "durations.json").write_text(json.dumps(durations), encoding="utf-8")
        facts = {"codes": codes, "used": len(used), "perplexity": perplexity}
        (out / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")
        report.say(f"tokens: {usage}")
