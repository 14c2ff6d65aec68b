"""Stage `content` with a released encoder: features of the training speech -> K cluster centres -> a content bundle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.checkpoints.content import CLUSTERS
from sovits_lab.content.clusters import ClusteredContent
from sovits_lab.content.contract import RATE, ContentEncoder
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import Count, got


class FitClusters:
    """k-means over an encoder's features at 25 Hz (Sculley 2010), in place of the supervised tokenizer.

    Args:
        encoder: node of a `ContentEncoder`: `TransformersContent` or `WhisperContent`.
        audio: node of the corpus' `AudioSpec`.
        codes: number of clusters K.
        vectors: how many features to fit on at most, drawn at random utterance by utterance.
        passes: most passes over them.
        roles: whose training speech is used.
        seed: of the draw and of the first centres.
    """

    resumable = False

    def __init__(
        self,
        encoder: Mapping[str, Any],
        audio: Mapping[str, Any],
        codes: int,
        vectors: Count,
        passes: Count,
        roles: Sequence[str],
        seed: int,
    ) -> None:
        if not 2 <= codes <= vectors:
            raise got("content.codes", codes, f"2 to content.vectors = {vectors}")
        self.encoder, self.audio, self.codes, self.vectors = encoder, audio, codes, vectors
        self.passes, self.roles, self.seed = passes, roles, seed

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Fit the clusters: needs `features`, writes `out/bundle`."""
        store, encoder = FeatureStore(inputs["features"]), build(self.encoder)
        self._check_rate(store, encoder)
        node = {
            "_target_": f"{ClusteredContent.__module__}.{ClusteredContent.__qualname__}",
            "encoder": dict(self.encoder),
            "codes": self.codes,
            "channels": encoder.channels,
            "sample_rate": round(store.hop * store.frames_per_second),
        }
        model = build({**node, "encoder": encoder})
        features = self._collect(store, model, report)
        centres, spread = self._fit(features)
        model.centres.copy_(torch.from_numpy(centres))
        facts = {"kind": "content", "form": CLUSTERS, "model": node, "audio": dict(self.audio),
                 "symbols": store.symbols, "encoder_digest": encoder.digest()}  # fmt: skip
        write_bundle(out / "bundle", {"content": model}, facts)
        report.say(
            f"content: {self.codes} clusters of {len(features)} vectors, distortion {spread:.3f} of the variance"
        )

    def _check_rate(self, store: FeatureStore, encoder: ContentEncoder) -> None:
        """Tokens are two frames: the encoder must give as many frames a second as the features have."""
        if RATE / encoder.stride != store.frames_per_second:
            raise got(f"content encoder {encoder.source}", f"{RATE / encoder.stride:g} frames a second",
                      f"{store.frames_per_second:g}, as audio says")  # fmt: skip

    def _collect(self, store: FeatureStore, model: ClusteredContent, report: Any) -> np.ndarray:
        """Features of training utterances in random order until there are enough, [N, D]."""
        rows = store.select(["train"], self.roles)
        kept: list[np.ndarray] = []
        count = 0
        for done, i in enumerate(np.random.default_rng(self.seed).permutation(rows).tolist()):
            if count >= self.vectors:
                break
            kept.append(model.features(store.wav(i)).numpy())
            count += len(kept[-1])
            report.progress(done + 1, len(rows), "utterances")
        if count < self.codes:
            raise got("content: training vectors", count, f"at least codes = {self.codes}; take fewer codes")
        return np.concatenate(kept)[: self.vectors]

    def _fit(self, features: np.ndarray) -> tuple[np.ndarray, float]:
        """Centres [K, D] and the share of the variance that is left."""
        from sklearn.cluster import MiniBatchKMeans

        size = max(1024, 4 * self.codes)
        means = MiniBatchKMeans(self.codes, max_iter=self.passes, batch_size=size, random_state=self.seed, n_init=1)
        means.fit(features)
        left = means.inertia_ / len(features) / features.var(axis=0).sum()
        return means.cluster_centers_.astype(np.float32), float(left)
