"""Paired differences between arms: the same speaker and sentence in both, the tests of `evaluation.statistics`."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from evaluation.catalogue import direction, find_measure
from evaluation.compare.arms import ScoredRun
from evaluation.prosody.measurement import WORLD
from evaluation.prosody.shift import DIMENSIONS, pair_with_neutral
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.statistics import (
    adjust,
    bootstrap_interval,
    crossed_test,
    equivalence_test,
    minimal_detectable_difference,
    sign_flip_test,
    win_rate,
)
from evaluation.statistics.intervals import plain
from evaluation.suite.run_estimates import find_figure
from sovits_lab.types import got

Cell = tuple[str, str, str]


class ComparedFigure(NamedTuple):
    """A figure that every arm has: its name, judge, voices and emotion."""

    name: str
    judge: str
    group: str = "all"
    emotion: str = "all"

    @property
    def row(self) -> str:
        """Metric of the rows that the figure is made of."""
        bare = self.name.removesuffix(f".{self.judge}")
        return find_measure(bare).row or bare


class CellValue(NamedTuple):
    """One cell's score (several seeds averaged), what it weighs in the figure, and what it may be compared under."""

    value: float
    weight: float
    hashes: frozenset[str]
    normalisers: frozenset[str]


def list_compared(arms: Sequence[ScoredRun]) -> list[ComparedFigure]:
    """List what is compared: the figures that bars ask about, then every figure over all voices and emotions."""
    asked = [(bar["figure"], bar["group"], bar["emotion"]) for bar in arms[0].report["bars"]]
    every = [one for one in arms[0].report["figures"] if one["strength"] is None and one["value"] is not None]
    places = [(one["name"], one["group"], one["emotion"]) for one in every]
    wanted = [place for place in dict.fromkeys(asked) if place in places]
    wanted += [place for place in dict.fromkeys(places) if place[1:] == ("all", "all") and place not in wanted]
    found = []
    for place in wanted:
        figures = [find_figure(arm.report["figures"], *place) for arm in arms]
        if all(one is not None and one["value"] is not None for one in figures) and figures[0] is not None:
            name, group, emotion = place
            found.append(ComparedFigure(name, figures[0]["judge"], group, emotion))
    return found


def collect_values(arm: ScoredRun, measure: ComparedFigure) -> dict[Cell, CellValue]:
    """Collect scores by speaker, text and emotion; empty where the figure is not a mean of samples' scores.

    The scores of an arm of several seeds are means over its seeds.
    """
    if arm.seeds:
        by_seed: dict[Cell, list[CellValue]] = {}
        for run in arm.seeds:
            for cell, value in collect_values(run, measure).items():
                by_seed.setdefault(cell, []).append(value)
        return {cell: _mean(values) for cell, values in by_seed.items()}
    inside = [one for one in arm.headline if measure.group in (one.group, "all")]
    if measure.name.endswith("_share"):
        return _shifts(arm, measure, inside)
    found: dict[Cell, list[CellValue]] = {}
    for one in inside:
        row = arm.rows.rows.get((one.id, measure.row, measure.judge, "output"))
        if row is not None and row.value is not None and measure.emotion in (one.emotion, "all"):
            value = CellValue(row.value, row.weight, frozenset({row.judge_hash}), frozenset({row.normaliser}))
            found.setdefault((one.speaker, one.text, one.emotion), []).append(value)
    return {cell: _mean(values) for cell, values in found.items()}


def _shifts(arm: ScoredRun, measure: ComparedFigure, inside: Sequence[Sample]) -> dict[Cell, CellValue]:
    """Shifts of output against neutral over the mean true shift, so that differences are differences of shares."""
    what = next((one for one in DIMENSIONS if f"{one.name}_share" == measure.name), None)
    if what is None:
        return {}
    wanted = [p for p in pair_with_neutral(inside, arm.rows) if measure.emotion == p.emotional.emotion != NEUTRAL]
    true = [p.truth[what.name] for p in wanted]
    known = [x for x in true if x is not None]
    scale = 1.0 if what.logarithm else float(np.mean(known)) if known else 0.0
    if not scale:
        return {}
    found: dict[Cell, list[CellValue]] = {}
    for pair in wanted:
        moved = 0.0 if pair.failed else pair.output[what.name]
        if moved is not None and not (what.judge is WORLD and pair.gated and not pair.failed):
            one = pair.emotional
            value = CellValue(moved / scale, 1.0, frozenset(), frozenset())
            found.setdefault((one.speaker, one.text, one.emotion), []).append(value)
    return {cell: _mean(values) for cell, values in found.items()}


def measure_difference(
    first: ScoredRun, second: ScoredRun, measure: ComparedFigure, margin: float | None = None
) -> dict[str, Any]:
    """Measure second minus first as a plain JSON row; `reason` says why there is no difference.

    `apart` is set where not even the arms' own values may be held against each other, because other weights or another
    normaliser judged them.
    """
    one, two = collect_values(first, measure), collect_values(second, measure)
    row: dict[str, Any] = {**measure._asdict(), "better": direction(measure.name), "reason": "", "apart": False}
    nothing = dict.fromkeys(("difference", "low", "high", "p", "p_sign_flip", "smallest_detectable", "win_rate"))
    row |= {**nothing, "equivalent": None, "n": 0, "speakers": 0, "sentences": 0, "unpaired": 0, "note": ""}
    cells = sorted(set(one) & set(two))
    if not cells:
        return row | {"reason": "no score of a single output to pair" if not one or not two else "nothing in common"}
    reason = _other_judge(one, two)
    if reason:
        return row | {"reason": reason, "apart": True}
    weights = np.array([one[cell].weight for cell in cells])
    a, b = (np.array([side[cell].value for cell in cells]) * weights / weights.mean() for side in (one, two))
    speakers, texts = [cell[0] for cell in cells], [cell[1] for cell in cells]
    row |= _tested(a, b, speakers, texts, row["better"], margin)
    row["unpaired"] = len(set(one) ^ set(two))
    return plain(row)


def _tested(
    a: np.ndarray, b: np.ndarray, speakers: list[str], texts: list[str], better: str, margin: float | None
) -> dict[str, Any]:
    test, ci = crossed_test(b - a, speakers, texts), bootstrap_interval(b - a, speakers, texts)
    wins = win_rate(b, a, speakers, texts, higher_is_better=better != "lower")
    equal = equivalence_test(test, margin) if margin is not None else None
    return {
        "difference": float((b - a).mean()),
        "low": ci.low,
        "high": ci.high,
        "p": test.p,
        "p_sign_flip": sign_flip_test(b - a, speakers).p,
        "smallest_detectable": minimal_detectable_difference(test),
        "win_rate": wins.rate.estimate if better in ("lower", "higher") else None,
        "equivalent": None if equal is None else equal.equivalent,
        "n": len(a),
        "speakers": len(set(speakers)),
        "sentences": len(set(texts)),
        "note": "; ".join(dict.fromkeys(note for note in (test.note, ci.note) if note)),
    }


def measure_differences(
    arms: Sequence[ScoredRun], primaries: Sequence[str] = (), margins: Mapping[str, float] | None = None
) -> list[list[dict[str, Any]]]:
    """Measure every arm but the first against the first; p-values are corrected over all of them together.

    Raises:
        InputError: nothing in common, or a primary was not measured or judged by other weights or another normaliser.
    """
    asked = list_compared(arms)
    for wanted in primaries:
        if not any(one.name == wanted for one in asked):
            raise got("primary metric", wanted, f"one of {', '.join(dict.fromkeys(one.name for one in asked))}")
    if not asked:
        raise got("compared runs", " and ".join(str(arm.folder) for arm in arms), "figures that all of them have")
    made = [[measure_difference(arms[0], arm, m, (margins or {}).get(m.name)) for m in asked] for arm in arms[1:]]
    for arm, rows in zip(arms[1:], made, strict=True):
        for row in rows:
            if row["apart"] and row["name"] in primaries:
                raise got(f"{row['name']} of {arm.label}", row["reason"], f"as of {arms[0].label}: score both again")
    if all(row["apart"] for rows in made for row in rows):
        raise got("compared runs", made[0][0]["reason"], "the same judges: score them again")
    named = {(i, j): row for i, rows in enumerate(made) for j, row in enumerate(rows)}
    p_values = {f"{i} {j}": math.nan if row["p"] is None else row["p"] for (i, j), row in named.items()}
    corrected = adjust(p_values, [f"{i} {j}" for (i, j), row in named.items() if row["name"] in primaries])
    for (i, j), row in named.items():
        found = corrected[f"{i} {j}"]
        row["family"], row["m"] = found.family, found.m
        row["adjusted"] = None if math.isnan(found.adjusted) else found.adjusted
        row["verdict"] = judge_difference(row)
    return made


def judge_difference(row: Mapping[str, Any]) -> str:
    """Say better, worse or equivalent, where the corrected test or the declared margin says so; else nothing."""
    if row["equivalent"]:
        return "equivalent"
    if row["adjusted"] is None or row["adjusted"] >= 0.05 or row["better"] not in ("lower", "higher"):
        return ""
    return "better" if (row["difference"] > 0) == (row["better"] == "higher") else "worse"


def _mean(values: Sequence[CellValue]) -> CellValue:
    return CellValue(
        float(np.mean([one.value for one in values])),
        values[0].weight,
        frozenset().union(*(one.hashes for one in values)),
        frozenset().union(*(one.normalisers for one in values)),
    )


def _other_judge(one: Mapping[Cell, CellValue], two: Mapping[Cell, CellValue]) -> str:
    for field, what in (("hashes", "weights of the judge"), ("normalisers", "normaliser")):
        seen = [frozenset().union(*(getattr(value, field) for value in side.values())) for side in (one, two)]
        if seen[0] != seen[1]:
            return f"{what}: {' against '.join(', '.join(sorted(side)) or 'none' for side in seen)}"
    return ""
