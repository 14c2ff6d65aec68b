"""The trade: what each strength of an emotion buys in pitch and costs in likeness and intelligibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluation.prosody.monotone import estimate_monotone
from evaluation.prosody.shift import estimate_shifts, pair_with_neutral
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import find_measure
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.scoring.scorer import Scorer
from evaluation.scoring.tables import SampleCell

FEWEST_STRENGTHS = 3


def estimate_curve(samples: Sequence[Sample], table: MeasurementTable, scorers: Sequence[Scorer]) -> list[Estimate]:
    """Estimate shifts and every scorer's figures per group, emotion and strength, and per group and emotion whether
    they are monotone.

    None for fewer than three strengths.
    """
    strengths: dict[str, set[float]] = {}
    for one in samples:
        if one.emotion != NEUTRAL:
            strengths.setdefault(one.emotion, set()).add(one.strength)
    found = pair_with_neutral(samples, table)
    made: list[Estimate] = []
    for emotion, values in sorted(strengths.items()):
        if len(values) < FEWEST_STRENGTHS:
            continue
        for group in sorted({one.group for one in samples}):
            mine = select_whole_series(values, [one for one in samples if (one.group, one.emotion) == (group, emotion)])
            made += estimate_monotone(SampleCell(group, emotion, mine), table) if mine else []
            for strength in sorted(values if mine else ()):
                chosen = [one for one in mine if one.strength == strength]
                cell = SampleCell(group, emotion, chosen)
                point = [*estimate_shifts(cell, found), *(f for e in scorers for f in e.estimates(cell, table))]
                made += [replace(one, strength=strength) for one in point if "curve" in find_measure(one.name).uses]
    return made


def select_whole_series(strengths: set[float], samples: Sequence[Sample]) -> list[Sample]:
    """Select the samples whose speaker and text were spoken at every strength: points of a curve compare like with
    like.
    """
    found: dict[tuple[str, str], set[float]] = {}
    for one in samples:
        found.setdefault((one.speaker, one.text), set()).add(one.strength)
    return [one for one in samples if found[one.speaker, one.text] >= strengths]
