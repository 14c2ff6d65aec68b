"""Do the objective judges say what listeners say? Rank correlation of each with people, sentence by sentence."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.catalogue import find_measure
from evaluation.listening.estimates import collect_answers
from evaluation.listening.results import ListenerResult
from evaluation.listening.trials import ListeningPlan
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.statistics.intervals import codes, plain, resampling_weights
from sovits_lab.files import read_json_lines

FEWEST = 8  # sounds with both an opinion and a score
DRAWS = 1000


class JudgeAgreement(NamedTuple):
    """Spearman's correlation of one judge's metric with what listeners said, over sounds, with its 95 % interval.

    `expected` is the sign that a valid judge has: 1, -1, or 0 where neither direction is better.
    """

    measure: str
    metric: str
    judge: str
    correlation: float
    low: float
    high: float
    n: int
    expected: int

    @property
    def verdict(self) -> str:
        """What may be concluded, in a few words."""
        if math.isnan(self.low):
            return "no interval"
        if self.low <= 0 <= self.high:
            return "not shown to agree"
        sign = 1 if self.correlation > 0 else -1
        return "against the listeners" if self.expected and sign != self.expected else "agrees"


class Opinion(NamedTuple):
    """What listeners said of one sound on average."""

    value: float
    speaker: str
    sentence: str


def collect_opinions(
    results: Sequence[ListenerResult], plan: ListeningPlan
) -> dict[str, dict[tuple[str, str], Opinion]]:
    """Collect the mean opinion of each sound, by measure and (system, sample).

    Naturalness is taken in units of each listener's own spread, so that harsh and mild listeners count alike.
    """
    found: dict[str, dict[tuple[str, str], list[tuple[float, str, str]]]] = {}
    for kind in plan.kinds:
        answers = [one for one in collect_answers(results, plan, kind) if one.sample and one.system in plan.systems]
        spread = _spreads(results, plan, kind) if kind == "mushra" else {}
        for one in answers:
            middle, width = spread.get(one.listener, (0.0, 1.0))
            place = found.setdefault(one.measure, {}).setdefault((one.system, one.sample), [])
            place.append(((one.value - middle) / width, one.speaker, one.sentence))
    return {
        measure: {
            key: Opinion(float(np.mean([value for value, _, _ in given])), given[0][1], given[0][2])
            for key, given in sounds.items()
        }
        for measure, sounds in found.items()
    }


def _spreads(results: Sequence[ListenerResult], plan: ListeningPlan, kind: str) -> dict[str, tuple[float, float]]:
    values: dict[str, list[float]] = {}
    for one in collect_answers(results, plan, kind):
        values.setdefault(one.listener, []).append(one.value)
    return {who: (float(np.mean(mine)), max(1e-6, float(np.std(mine)))) for who, mine in values.items()}


def correlate_judges(
    results: Sequence[ListenerResult], plan: ListeningPlan, folders: Mapping[str, Path]
) -> tuple[list[JudgeAgreement], list[str]]:
    """Correlate every metric of the systems' measurements with every opinion; also what could not be, and why.

    Args:
        results: of the listeners that count.
        plan: of the test.
        folders: with `measurements.jsonl`, by system.
    """
    rows: dict[tuple[str, str], dict[tuple[str, str], float]] = {}
    notes = []
    for system, folder in folders.items():
        path = next((one for one in _places(folder) if one.is_file()), None)
        if path is None:
            notes.append(f"{system}: no {MEASUREMENTS} in {folder}, so no judge can be held against the listeners")
            continue
        for row in read_json_lines(path, "measurements"):
            if row.get("of") == "output" and isinstance(row.get("value"), (int, float)):
                key = (str(row["metric"]), str(row["judge"]))
                rows.setdefault(key, {})[system, str(row["id"])] = float(row["value"])
    made = []
    for measure, opinions in collect_opinions(results, plan).items():
        for (metric, judge), scores in sorted(rows.items()):
            both = sorted(set(opinions) & set(scores))
            if len(both) >= FEWEST:
                made.append(_correlate(measure, metric, judge, [opinions[k] for k in both], [scores[k] for k in both]))
    return [one for one in made if one is not None], notes


def _places(folder: Path) -> list[Path]:
    scored = (folder / "scores.json").resolve().parent
    return [folder / MEASUREMENTS, scored / MEASUREMENTS, folder / "scores" / MEASUREMENTS]


def _correlate(
    measure: str, metric: str, judge: str, opinions: Sequence[Opinion], scores: Sequence[float]
) -> JudgeAgreement | None:
    """Spearman's correlation with a two-way bootstrap over voices and sentences; None where one side is constant."""
    one = stats.rankdata([o.value for o in opinions])
    two = stats.rankdata(scores)
    if np.ptp(one) == 0 or np.ptp(two) == 0:
        return None
    n = len(one)
    labels = ([o.speaker for o in opinions], [o.sentence for o in opinions])
    factors = [
        f for f in (codes("voices", labels[0], n), codes("sentences", labels[1], n)) if f is not None and f.max()
    ]
    draws = np.concatenate([_weighted(one, two, w) for w in resampling_weights(factors, n, DRAWS, 0)])
    draws = draws[np.isfinite(draws)]
    low, high = np.quantile(draws, [0.025, 0.975]) if draws.size > DRAWS // 2 else (math.nan, math.nan)
    value = float(np.corrcoef(one, two)[0, 1])
    return JudgeAgreement(measure, metric, judge, value, float(low), float(high), n, find_measure(metric).sign)


def _weighted(one: NDArray[np.float64], two: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Correlations [draws] of two vectors [N] under weights [draws, N]."""
    share = weights / weights.sum(1, keepdims=True)
    a, b = one - (share @ one)[:, None], two - (share @ two)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((share * a * b).sum(1) / np.sqrt((share * a * a).sum(1) * (share * b * b).sum(1)))


def list_agreements(found: Sequence[JudgeAgreement]) -> list[dict[str, Any]]:
    """Return the correlations as plain JSON rows, strongest first."""
    ranked = sorted(found, key=lambda one: (one.measure, -abs(one.correlation)))
    return [
        {
            **plain(one._asdict()),
            "verdict": one.verdict,
        }
        for one in ranked
    ]
