"""The trade: what each strength of an emotion buys in pitch and costs in likeness and intelligibility."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evaluation.prosody.shift import DIMENSIONS, estimate_shifts, pair_with_neutral
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.scoring.scorer import Scorer
from evaluation.scoring.tables import SampleCell, make_estimate
from evaluation.statistics import wilson_interval

FEWEST_STRENGTHS = 3
DRAWN = ("f0_shift", "level_shift", "duration_ratio", "similarity", "per.", "wer", "cer", "emotion_")


def estimate_curve(samples: Sequence[Sample], table: MeasurementTable, scorers: Sequence[Scorer]) -> list[Estimate]:
    """Per group, emotion and strength: shifts and every scorer's figures; per group and emotion: are they monotone?

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
                made += [replace(one, strength=strength) for one in point if one.name.startswith(DRAWN)]
    return made


def estimate_monotone(cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
    """Share of speakers and texts whose F0, F0 range, level and length move strictly one way over strength.

    The way of their mean. A series with a failed or voiceless output is not monotone.
    """
    made = []
    for what in DIMENSIONS:
        series: dict[tuple[str, str, str], dict[float, float]] = {}
        for one in cell.samples:
            value = table.value(one.id, what.metric, what.judge.name)
            values = series.setdefault((one.speaker, one.text, str(one.truth)), {})
            values[one.strength] = math.nan if value is None else value
        steps = [np.diff([values[strength] for strength in sorted(values)]) for values in series.values()]
        way = np.sign(np.nansum(np.concatenate(steps)))
        found = wilson_interval(sum(bool((way * each > 0).all()) for each in steps), len(steps))
        share = make_estimate(
            f"strength_monotone.{what.name}", found, what.judge, group=cell.group, emotion=cell.emotion
        )
        made.append(replace(share, speakers=len({key[0] for key in series}), sentences=len({key[1] for key in series})))
    return made


def select_whole_series(strengths: set[float], samples: Sequence[Sample]) -> list[Sample]:
    """The samples whose speaker and text were spoken at every strength: points of a curve compare like with like."""
    found: dict[tuple[str, str], set[float]] = {}
    for one in samples:
        found.setdefault((one.speaker, one.text), set()).add(one.strength)
    return [one for one in samples if found[one.speaker, one.text] >= strengths]
