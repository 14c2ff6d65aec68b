"""Cross-validation over speakers: one encoder for every group of speakers, trained on all the others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.data.store import FeatureStore
from sovits_lab.pipeline.stage_process import CHECKPOINTS
from sovits_lab.reporting import Reporter
from sovits_lab.training.checkpointing import forget_after
from sovits_lab.training.reference_encoder import TrainStyle
from sovits_lab.types import got

FOLDS = "folds.json"


class TrainFolds:
    """Stage: `TrainStyle` once for each fold, without that fold's speakers.

    Steps are counted on from fold to fold. A killed run goes on with the fold it was at, from that fold's first step.

    Args:
        folds: lists of speakers; nobody stands in two of them.
        runtime: how to run.
        style: arguments of `TrainStyle`, the same for every fold.

    Raises:
        InputError: fewer than two folds, an empty one, or a speaker in two.
    """

    resumable = True
    supplies, reads = TrainStyle.supplies, TrainStyle.reads

    def __init__(self, folds: Sequence[Sequence[str]], runtime: Mapping[str, Any] | None = None, **style: Any) -> None:
        named = [speaker for fold in folds for speaker in fold]
        if len(folds) < 2 or not all(folds) or len(set(named)) < len(named):
            raise got("folds", folds, "two or more lists of speakers, nobody in two of them")
        self.folds = [list(fold) for fold in folds]
        self.stages = [TrainStyle(without=fold, runtime=runtime, **style) for fold in folds]
        self.steps = self.stages[0].plan.steps

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Return what a corpus lacks: speakers of the folds, and somebody to train each encoder on."""
        known = {row.speaker for row in rows}
        strange = [one for fold in self.folds for one in fold if one not in known]
        found = [Lack(f"no speaker {', '.join(strange)} of its folds", key="folds")] if strange else []
        return found + [lack for stage in self.stages for lack in stage.lacks(rows)]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Train an encoder for each fold: needs `features`, writes `out/1/bundle`, ... and who was left out of each."""
        known = {row.speaker for row in FeatureStore(inputs["features"]).rows}
        for speaker in (one for fold in self.folds for one in fold if one not in known):
            raise got("folds", speaker, f"speakers of the corpus: {', '.join(sorted(known))}")
        for done, (fold, stage) in enumerate(zip(self.folds, self.stages, strict=True)):
            folder = out / str(done + 1)
            if (folder / "bundle").is_dir():
                continue
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            forget_after(out, done * self.steps)
            report.say(f"encoder {done + 1} of {len(self.folds)}, without {', '.join(fold)}")
            stage.run(inputs, folder, _Part(report, done * self.steps, len(self.folds) * self.steps))
            shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
        (out / FOLDS).write_text(json.dumps(self.folds) + "\n", encoding="utf-8")


class _Part:
    """A reporter for one of several trainings that count on."""

    def __init__(self, report: Reporter, before: int, total: int) -> None:
        self.report, self.before, self.total = report, before, total
        self.say = report.say

    def progress(self, done: int, total: int, unit: str) -> None:
        """Report the progress over all trainings."""
        self.report.progress(self.before + done, self.total, unit)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        """At the step of all trainings."""
        self.report.metrics(self.before + step, values)

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        """At the step of all trainings."""
        self.report.audio(name, self.before + step, wave, sample_rate)

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        """At the step of all trainings."""
        self.report.picture(name, self.before + step, image, caption)
