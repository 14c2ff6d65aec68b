"""The stage that measures the emotion transfer of a run's samples."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.samples import MANIFEST, read_samples
from evaluation.transfer.command import measure_transfer, read_scores, write_report
from sovits_lab.reporting import Reporter


class TransferTrial:
    """Read the samples and, where a `scores` input holds them, their scores; real speech is what the samples name.

    Args:
        samples, scores: names of the inputs; without a `scores` input nobody says who won.
    """

    def __init__(self, samples: str = "samples", scores: str = "scores") -> None:
        self.samples, self.scores = samples, scores

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Write transfer.json, transfer.md and strength.png; say the signature of every emotion."""
        samples = read_samples(inputs[self.samples] / MANIFEST)
        scored = inputs[self.scores] / MEASUREMENTS if self.scores in inputs else None
        found = measure_transfer(samples, None, read_scores(scored) if scored is not None else [])
        write_report(found, out)
        for one in found.agreements:
            report.say(f"{one.emotion}: cosine with real change {one.cosine}, slope {one.slope}, real {one.ceiling}")
