"""Every figure of a set of samples: tables per group and emotion, robustness, the strength curve, slices, agreement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import stats

from evaluation.curve import curve_figures
from evaluation.examine import Audio, Examiner, reason
from evaluation.figures import Figure
from evaluation.items import NEUTRAL, Sample, Table, headline
from evaluation.judges.contract import JudgeCard
from evaluation.prosody import SIGNAL
from evaluation.tables import ALL, BROKEN, Cell, cells, share_of
from evaluation.transfer_shift import pairs, shift_figures

FLAGS = JudgeCard(name="the system's own guard", version="1", construct="robustness", rate=0)
PLAUSIBLE = (0.5, 2.0)  # times the true length; outside of it an output ran away or broke off
SLICED = ("per", "wer.lab", "cer.lab", "similarity", "alignment", "duration")
OPINIONS = {"per": -1, "wer.lab": -1, "alignment": 1, "similarity": 1, "ovrl_mos": 1, "p808_mos": 1, "distillmos": 1}
FEWEST_FOR_AGREEMENT = 8


def run_figures(samples: Sequence[Sample], table: Table, examiners: Sequence[Examiner]) -> list[Figure]:
    """Every figure of a run: tables over headline samples, robustness over all of them, the strength curve."""
    made: list[Figure] = []
    main = headline(samples)
    found = pairs(main, table)
    for cell in cells(main):
        made += [one for examiner in examiners for one in examiner.figures(cell, table)]
        if cell.emotion not in (NEUTRAL, ALL):
            made += shift_figures(cell, found)
    for cell in cells(samples):
        if cell.emotion == ALL:
            made += robustness_figures(cell, table)
    return [one for one in made if one.n or one.reason] + curve_figures(samples, table, examiners)


def robustness_figures(cell: Cell, table: Table) -> list[Figure]:
    """Outputs that ended by themselves, and outputs of impossible length that nothing reported."""
    fine = share_of("stopped", FLAGS, cell, lambda one: one.wav is not None and not BROKEN & set(one.flags))

    def unreported(one: Sample) -> bool:
        mine, due = table.value(one.id, "duration", SIGNAL.name), true_seconds(one, table)
        odd = mine is not None and due is not None and not PLAUSIBLE[0] <= mine / due <= PLAUSIBLE[1]
        return (mine is None or odd) and not one.flags

    silent = share_of("unreported_breakdown", SIGNAL, cell, unreported)
    return [fine, silent]


def true_seconds(one: Sample, table: Table) -> float | None:
    """As far between the lengths of the neutral and the emotional recording, geometrically, as its strength says."""
    true, neutral = (table.value(one.id, "duration", SIGNAL.name, part) for part in ("truth", "truth_neutral"))
    if true is None or neutral is None:
        return true
    strength = min(max(one.strength, 0.0), 1.0)
    return float(neutral ** (1 - strength) * true**strength)


def failures(samples: Sequence[Sample], audio: Audio) -> dict[str, int]:
    """How many samples carry each flag or could not be read, by reason."""
    counted: Counter[str] = Counter()
    for one in samples:
        counted.update(one.flags)
        why = reason(audio(one.wav))
        if why:
            counted[why] += 1
    return dict(sorted(counted.items()))


def slices(samples: Sequence[Sample], table: Table) -> list[dict[str, Any]]:
    """Means per speaker, per emotion and per third of text length, of the main metrics, with n and judge."""
    lengths = sorted(len(one.text) for one in samples)
    first, second = lengths[len(lengths) // 3], lengths[2 * len(lengths) // 3]

    def length(one: Sample) -> str:
        return "short text" if len(one.text) < first else "middle text" if len(one.text) < second else "long text"

    labels = {one.id: (one.speaker, one.emotion, length(one)) for one in samples}
    sums: dict[tuple[str, str, str, str], list[float]] = {}
    for row in table:
        if row.of == "output" and row.metric in SLICED and row.value is not None:
            for kind, label in zip(("speaker", "emotion", "length"), labels[row.id], strict=True):
                sums.setdefault((kind, label, row.metric, row.judge), []).append(row.value)
    return [
        {"by": kind, "slice": label, "metric": metric, "judge": judge, "n": len(values), "mean": float(np.mean(values))}
        for (kind, label, metric, judge), values in sorted(sums.items())
    ]


def agreement(table: Table) -> list[dict[str, Any]]:
    """Kendall's tau between judges over the outputs that both scored; higher is better for all of them first.

    Two judges of one construct that disagree are a warning; two of different constructs that agree perfectly are too.
    """
    said: dict[tuple[str, str], dict[str, float]] = {}
    for row in table:
        if row.of == "output" and row.metric in OPINIONS and row.value is not None:
            said.setdefault((row.metric, row.judge), {})[row.id] = OPINIONS[row.metric] * row.value
    made = []
    for first, second in combinations(sorted(said), 2):
        shared = sorted(said[first].keys() & said[second].keys())
        one, two = ([said[place][key] for key in shared] for place in (first, second))
        if len(shared) < FEWEST_FOR_AGREEMENT or len(set(one)) < 2 or len(set(two)) < 2:
            continue
        tau = stats.kendalltau(one, two)
        made.append({"first": list(first), "second": list(second), "n": len(shared), "tau": float(tau.statistic)})
    return made


def find_named(
    figures: Sequence[Mapping[str, Any]], name: str, group: str = ALL, emotion: str = ALL
) -> Mapping[str, Any] | None:
    """A figure of a written report by its name, group and emotion; points of the strength curve are not looked at."""
    for one in figures:
        if (one["name"], one["group"], one["emotion"], one["strength"]) == (name, group, emotion, None):
            return one
    return None
