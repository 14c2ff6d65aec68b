"""Outputs that ended by themselves, and outputs that broke down without anybody saying so."""

from __future__ import annotations

from dataclasses import replace

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
    """Estimate how many outputs ended by themselves, and how many of impossible length nothing reported.

    The first is said by the system's own guard, so only of samples whose manifest tells its flags; the second only
    where lengths were measured.
    """
    made = []
    guarded = [one for one in cell.samples if one.guarded]
    if guarded:
        watched = replace(cell, samples=guarded)
        made.append(
            estimate_share("stopped", FLAGS, watched, lambda one: one.wav is not None and not BROKEN & set(one.flags))
        )
    if not any((one.id, "duration", SIGNAL.name, "output") in table.rows for one in cell.samples):
        return made

    def unreported(one: Sample) -> bool:
        mine, due = table.value(one.id, "duration", SIGNAL.name), find_true_seconds(one, table)
        odd = mine is not None and due is not None and not PLAUSIBLE[0] <= mine / due <= PLAUSIBLE[1]
        return (mine is None or odd) and not one.flags

    return [*made, estimate_share("unreported_breakdown", SIGNAL, cell, unreported)]


def find_true_seconds(one: Sample, table: MeasurementTable) -> float | None:
    """Find the due length: between those of the neutral and the emotional recording, as the strength says."""
    true, neutral = (table.value(one.id, "duration", SIGNAL.name, part) for part in ("truth", "truth_neutral"))
    if true is None or neutral is None:
        return true
    strength = min(max(one.strength, 0.0), 1.0)
    return float(neutral ** (1 - strength) * true**strength)
