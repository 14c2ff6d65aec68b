"""Stages that embed true recordings: the style vectors of one encoder, or of the encoders of cross-validation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.corpora.needs import Lack, RowFacts, lacking
from sovits_lab.data.batches import stack_mels
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.level_mels import levelled_mel
from sovits_lab.types import Level, got


class EmbedStyles:
    """Stage: style vectors of true recordings, from their audio at one level and as recorded.

    Args:
        audio: node of the `AudioSpec`.
        roles, splits: whose recordings.
        level: dBFS of the level-normalised audio.
        seconds: only the middle of a clip, of this length; null is the whole clip.

    Raises:
        InputError: no recording of these roles and splits, or `seconds` is not above 0.
    """

    resumable = False

    def __init__(
        self,
        audio: Mapping[str, Any],
        roles: Sequence[str],
        splits: Sequence[str],
        level: Level,
        seconds: float | None = None,
    ) -> None:
        if seconds is not None and seconds <= 0:
            raise got("seconds of a clip", seconds, "a number above 0, or null")
        self.spec: AudioSpec = build(audio)
        self.roles, self.splits, self.level, self.seconds = roles, splits, level, seconds

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Return what a corpus lacks to embed."""
        return lacking(rows, self.roles, self.splits)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Read `features` and `style`; write `style_vectors.npz` as docs/style_protocol.md describes it."""
        store, rows = self._recordings(inputs)
        np.savez(out / "style_vectors.npz", **self._arrays(store, rows, inputs["style"] / "bundle", report))

    def _recordings(self, inputs: Mapping[str, Path]) -> tuple[FeatureStore, list[int]]:
        store = FeatureStore(inputs["features"])
        rows = store.select(self.splits, self.roles)
        if not rows:
            raise got(f"recordings of {', '.join(self.roles)} in {', '.join(self.splits)}", "none", "at least one")
        return store, rows

    @torch.no_grad()
    def _arrays(self, store: FeatureStore, rows: Sequence[int], bundle: Path, report: Any) -> dict[str, Any]:
        reference = build(read_facts(bundle, "style", ["model"])["model"])
        load_parts(bundle, {"reference": reference})
        reference.eval()
        vectors: dict[str, list[np.ndarray]] = {"vectors": [], "vectors_raw": []}
        for done, i in enumerate(rows, 1):
            wav = self._middle(store.wav(i))
            for name, level in (("vectors", self.level), ("vectors_raw", level_dbfs(wav))):
                mels = stack_mels([levelled_mel(wav, self.spec, level)])
                vectors[name].append(reference(mels.mel, mels.mask)[0].numpy())
            report.progress(done, len(rows), "clips")
        facts = [store.rows[i] for i in rows]
        arrays: dict[str, Any] = {name: np.stack(each) for name, each in vectors.items()}
        arrays |= {name: np.array([getattr(row, name) for row in facts]) for name in ("speaker", "emotion", "text")}
        return arrays | {"level": np.array([level_dbfs(store.wav(i)) for i in rows])}

    def _middle(self, wav: Float32[np.ndarray, " T"]) -> Float32[np.ndarray, " S"]:
        if self.seconds is None:
            return wav
        length = round(self.seconds * self.spec.sample_rate)
        start = max(0, (len(wav) - length) // 2)
        return wav[start : start + length]


class EmbedFolds(EmbedStyles):
    """Stage: as `EmbedStyles`, by each encoder that `TrainFolds` has made: every speaker's clips, heard and unheard."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Read `features` and `style`; write `1.npz`, `2.npz`, ...; their array `unheard` [N] says of whom."""
        store, rows = self._recordings(inputs)
        speakers = np.array([store.rows[i].speaker for i in rows])
        for number, fold in enumerate(json.loads((inputs["style"] / "folds.json").read_text(encoding="utf-8")), 1):
            arrays = self._arrays(store, rows, inputs["style"] / str(number) / "bundle", report)
            np.savez(out / f"{number}.npz", **arrays, unheard=np.isin(speakers, fold))
