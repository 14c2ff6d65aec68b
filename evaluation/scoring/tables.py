"""Figures from rows: what the report prints, per group and emotion, with intervals, misses and the truth beside."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from evaluation.scoring.estimates import Estimate, share_interval
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import Measurement, MeasurementTable
from evaluation.scoring.measures import find_measure
from evaluation.scoring.samples import Sample
from evaluation.statistics import Interval, bootstrap_interval, bootstrap_ratio, wilson_interval

ALL = "all"
BROKEN = {"runaway", "empty", "truncated", "failed"}


@dataclass(frozen=True)
class SampleCell:
    """The samples of one group and emotion; `all` stands for every one."""

    group: str
    emotion: str
    samples: list[Sample]


def group_samples(samples: Sequence[Sample]) -> list[SampleCell]:
    """Group samples by every group (and all) and every emotion (and all); no groups where the samples have no roles."""
    named = sorted({one.group for one in samples}) if any(one.role for one in samples) else []
    groups = [*named, ALL]
    emotions = [*sorted({one.emotion for one in samples}), ALL]
    made = []
    for group in groups:
        for emotion in emotions:
            inside = [one for one in samples if group in (one.group, ALL) and emotion in (one.emotion, ALL)]
            if inside:
                made.append(SampleCell(group, emotion, inside))
    return made


def make_estimate(name: str, found: Interval, judge: JudgeCard, **more: object) -> Estimate:
    """Make a figure from an interval: NaN becomes None with the interval's note as the reason."""
    measure = find_measure(name)
    value, low, high = (None if math.isnan(x) else x for x in (found.estimate, found.low, found.high))
    return Estimate(
        name=name,
        value=value,
        low=low,
        high=high,
        n=found.n,
        speakers=found.n_speakers,
        sentences=found.n_sentences,
        judge=judge.name,
        judge_hash=judge.weight_hash,
        self_graded=judge.self_graded,
        reason=found.note,
        **{"better": measure.better, "unit": measure.unit, **more},  # type: ignore[arg-type]
    )


def estimate_mean(
    name: str, metric: str, judge: JudgeCard, cell: SampleCell, table: MeasurementTable, **more: object
) -> Estimate:
    """Average a metric over a cell; a failed output counts with its worst value, `observed` is the mean without it.

    Args:
        name: of the figure.
        metric: of the measurements.
        judge: who measured them.
        cell: whose samples.
        table: all measurements.
        more: further fields of the estimate.
    """
    rows = [table.rows.get((one.id, metric, judge.name, "output")) for one in cell.samples]
    pairs = [
        (one, row) for one, row in zip(cell.samples, rows, strict=True) if row is not None and row.value is not None
    ]
    failed = [one for one, row in pairs if row.failed]
    found = bootstrap_interval(
        [float(row.value or 0) for _, row in pairs], [one.speaker for one, _ in pairs], [one.text for one, _ in pairs]
    )
    if not pairs:
        found = replace(found, note=_why_none(rows) or found.note)
    whole = [float(row.value or 0) for _, row in pairs if not row.failed]
    true = [table.value(one.id, metric, judge.name, "truth") for one, _ in pairs]
    return make_estimate(
        name,
        found,
        judge,
        group=cell.group,
        emotion=cell.emotion,
        missing=len(failed),
        observed=fmean(whole) if whole else None,
        truth=_mean(true),
        **more,
    )


def estimate_rate(
    name: str, metric: str, judge: JudgeCard, cell: SampleCell, table: MeasurementTable, **more: object
) -> Estimate:
    """Estimate the micro rate of a metric over a cell: total of value x weight over total weight."""
    found: list[tuple[Sample, Measurement]] = []
    for one in cell.samples:
        row = table.rows.get((one.id, metric, judge.name, "output"))
        if row is not None and row.value is not None:
            found.append((one, row))
    if not found:
        nothing = bootstrap_interval([])
        rows = [table.rows.get((one.id, metric, judge.name, "output")) for one in cell.samples]
        nothing = replace(nothing, note=_why_none(rows) or nothing.note)
        return make_estimate(name, nothing, judge, group=cell.group, emotion=cell.emotion, **more)
    made = bootstrap_ratio(
        [float(row.value or 0) * row.weight for _, row in found],
        [row.weight for _, row in found],
        [one.speaker for one, _ in found],
        [one.text for one, _ in found],
    )
    failed = {one.id for one, row in found if row.failed}
    truth = [table.rows.get((one.id, metric, judge.name, "truth")) for one, _ in found]
    return make_estimate(
        name,
        made,
        judge,
        group=cell.group,
        emotion=cell.emotion,
        missing=len(failed),
        observed=_ratio([row for one, row in found if one.id not in failed]),
        truth=_ratio([row for row in truth if row is not None and row.value is not None]),
        **more,
    )


def estimate_share(name: str, judge: JudgeCard, cell: SampleCell, holds: Callable[[Sample], bool]) -> Estimate:
    """Estimate the share of samples of which something holds, with Wilson's interval."""
    hits = sum(holds(one) for one in cell.samples)
    found = wilson_interval(hits, len(cell.samples))
    made = make_estimate(name, found, judge, group=cell.group, emotion=cell.emotion)
    speakers, sentences = {one.speaker for one in cell.samples}, {one.text for one in cell.samples}
    return Estimate(**{**vars(made), "speakers": len(speakers), "sentences": len(sentences)})


def estimate_reached_share(
    name: str, parts: list[float], wholes: list[float], who: list[Sample], judge: JudgeCard, **more: object
) -> Estimate:
    """Estimate the share of the true shift that was reached."""
    found = share_interval(parts, wholes, [one.speaker for one in who], [one.text for one in who])
    return make_estimate(name, found, judge, **more)


def _why_none(rows: Sequence[Measurement | None]) -> str:
    reasons = Counter(row.reason for row in rows if row is not None and row.reason)
    return reasons.most_common(1)[0][0] if reasons else ""


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _ratio(rows: Sequence[Measurement]) -> float | None:
    weight = sum(row.weight for row in rows)
    return sum(float(row.value or 0) * row.weight for row in rows) / weight if weight else None
