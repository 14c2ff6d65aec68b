"""Outputs that ended by themselves, and outputs that broke down without anybody saying so."""

from __future__ import annotations

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import ROBUSTNESS, SHARE, Measure, declare
from evaluation.scoring.samples import Sample
from evaluation.scoring.tables import BROKEN, SampleCell, estimate_share

FLAGS = JudgeCard(name="the system's own guard", version="1", construct="robustness", rate=0)
PLAUSIBLE = (0.5, 2.0)  # times the true length; outside of it an output ran away or broke off

declare(
    Measure("stopped", "outputs that ended by themselves", ROBUSTNESS, "higher", SHARE),
    Measure("unreported_breakdown", "broken outputs that nothing reported", ROBUSTNESS, "lower", SHARE),
)


def estimate_robustness(cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
    """Outputs that ended by themselves, and outputs of impossible length that nothing reported."""
    fine = estimate_share("stopped", FLAGS, cell, lambda one: one.wav is not None and not BROKEN & set(one.flags))

    def unreported(one: Sample) -> bool:
        mine, due = table.value(one.id, "duration", SIGNAL.name), find_true_seconds(one, table)
        odd = mine is not None and due is not None and not PLAUSIBLE[0] <= mine / due <= PLAUSIBLE[1]
        return (mine is None or odd) and not one.flags

    silent = estimate_share("unreported_breakdown", SIGNAL, cell, unreported)
    return [fine, silent]


def find_true_seconds(one: Sample, table: MeasurementTable) -> float | None:
    """As far between the lengths of the neutral and the emotional recording, geometrically, as its strength says."""
    true, neutral = (table.value(one.id, "duration", SIGNAL.name, part) for part in ("truth", "truth_neutral"))
    if true is None or neutral is None:
        return true
    strength = min(max(one.strength, 0.0), 1.0)
    return float(neutral ** (1 - strength) * true**strength)
