"""Every figure of a set of samples: tables per group and emotion, robustness, the strength curve, slices, agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from evaluation.prosody.shift import estimate_shifts, pair_with_neutral
from evaluation.quality.robustness import estimate_robustness
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import find_measure
from evaluation.scoring.recording import Recording
from evaluation.scoring.samples import NEUTRAL, Sample, select_headline
from evaluation.scoring.scorer import AudioFiles, Scorer, failure_reason
from evaluation.scoring.tables import ALL, group_samples
from evaluation.suite.strength_curve import estimate_curve

FEWEST_FOR_AGREEMENT = 8
NAMED = 5  # ids that a list names


def estimate_run(samples: Sequence[Sample], table: MeasurementTable, scorers: Sequence[Scorer]) -> list[Estimate]:
    """Estimate every figure of a run: tables over headline samples, robustness over all of them, the strength curve."""
    made: list[Estimate] = []
    main = select_headline(samples)
    found = pair_with_neutral(main, table)
    for cell in group_samples(main):
        made += [one for scorer in scorers for one in scorer.estimates(cell, table)]
        if cell.emotion not in (NEUTRAL, ALL):
            made += estimate_shifts(cell, found)
    for cell in group_samples(samples):
        if cell.emotion == ALL:
            made += estimate_robustness(cell, table)
    return [one for one in made if one.n or one.reason] + estimate_curve(samples, table, scorers)


def count_failures(samples: Sequence[Sample], audio: AudioFiles) -> dict[str, int]:
    """Count how many samples carry each flag or could not be read, by reason."""
    counted: Counter[str] = Counter()
    for one in samples:
        counted.update(one.flags)
        why = failure_reason(audio(one.wav))
        if why:
            counted[why] += 1
    return dict(sorted(counted.items()))


def list_left_out(table: MeasurementTable) -> list[dict[str, Any]]:
    """List what a judge could not say, by judge and reason, with the ids of the first samples."""
    found: dict[tuple[str, str], dict[str, None]] = {}
    for row in table:
        if row.of == "output" and row.value is None and row.reason:
            found.setdefault((row.judge, row.reason), {})[row.id] = None
    return [
        {"judge": judge, "reason": reason, "n": len(ids), "ids": list(ids)[:NAMED]}
        for (judge, reason), ids in sorted(found.items())
    ]


def note_low_rates(samples: Sequence[Sample], audio: AudioFiles) -> list[str]:
    """Say which outputs have a lower sampling rate than judges are fed: to them they sound muffled."""
    found: dict[int, list[str]] = {}
    for one in samples:
        clip = audio(one.wav)
        if isinstance(clip, Recording) and clip.source_rate < audio.rate:
            found.setdefault(clip.source_rate, []).append(one.id)
    return [
        f"{len(ids)} of {len(samples)} outputs have a sampling rate of {rate} Hz, judges hear {audio.rate} Hz: nothing "
        f"above {rate // 2} Hz is in them, and scores are lower than those of full recordings. The first: "
        f"{', '.join(ids[:NAMED])}."
        for rate, ids in sorted(found.items())
    ]


def average_slices(samples: Sequence[Sample], table: MeasurementTable) -> list[dict[str, Any]]:
    """Average the main metrics per speaker, per emotion and per third of text length, with n and judge."""
    lengths = sorted(len(one.text) for one in samples)
    first, second = lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]

    def length(one: Sample) -> str:
        return "short text" if len(one.text) < first else "middle text" if len(one.text) < second else "long text"

    labels = {one.id: (one.speaker, one.emotion, length(one)) for one in samples}
    sums: dict[tuple[str, str, str, str], list[float]] = {}
    for row in table:
        if row.of == "output" and row.value is not None and "slices" in find_measure(row.metric).uses:
            for kind, label in zip(("speaker", "emotion", "length"), labels[row.id], strict=True):
                sums.setdefault((kind, label, row.metric, row.judge), []).append(row.value)
    return [
        {"by": kind, "slice": label, "metric": metric, "judge": judge, "n": len(values), "mean": float(np.mean(values))}
        for (kind, label, metric, judge), values in sorted(sums.items())
    ]


def measure_agreement(table: MeasurementTable) -> list[dict[str, Any]]:
    """Measure Kendall's tau between judges over the outputs that both scored; every metric is turned so that higher is
    better.

    Two judges of one construct that disagree are a warning; two of different constructs that agree perfectly are too.
    """
    scores: dict[tuple[str, str], dict[str, float]] = {}
    for row in table:
        measure = find_measure(row.metric)
        if row.of == "output" and row.value is not None and "agreement" in measure.uses:
            scores.setdefault((row.metric, row.judge), {})[row.id] = measure.sign * row.value
    made = []
    for first, second in combinations(sorted(scores), 2):
        shared = sorted(scores[first].keys() & scores[second].keys())
        one, two = ([scores[place][key] for key in shared] for place in (first, second))
        if len(shared) < FEWEST_FOR_AGREEMENT or len(set(one)) < 2 or len(set(two)) < 2:
            continue
        tau = stats.kendalltau(one, two)
        made.append({"first": list(first), "second": list(second), "n": len(shared), "tau": float(tau.statistic)})
    return made


def find_figure(
    figures: Sequence[Mapping[str, Any]], name: str, group: str = ALL, emotion: str = ALL
) -> Mapping[str, Any] | None:
    """Find a figure of a written report by its name, group and emotion; points of the strength curve
    are not looked at.
    """
    for one in figures:
        if (one["name"], one["group"], one["emotion"], one["strength"]) == (name, group, emotion, None):
            return one
    return None
