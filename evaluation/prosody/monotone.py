"""Does more strength always move a voice further the same way?"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from evaluation.prosody.shift import DIMENSIONS
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import SHARE, TRANSFER, Measure, declare
from evaluation.scoring.tables import SampleCell, make_estimate
from evaluation.statistics import wilson_interval

_TITLES = {"f0": "F0", "f0_range": "F0 range", "f0_span": "F0 span", "level": "level", "duration": "length"}

declare(
    *(Measure(f"strength_monotone.{one.name}", f"{_TITLES[one.name]} strictly monotone over strength", TRANSFER,
              "higher", SHARE) for one in DIMENSIONS)
)  # fmt: skip


def estimate_monotone(cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
    """Estimate the share of speakers and texts whose F0, F0 range, level and length move strictly one way over
    strength.

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
