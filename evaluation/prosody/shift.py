"""How far an emotion moved pitch, its range, level and length against neutral, as a share of the true move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from evaluation.prosody.measurement import GATE, WORLD
from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import SHARE, TRANSFER, Measure, declare, direction
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.scoring.tables import SampleCell, estimate_reached_share, make_estimate
from evaluation.statistics import Interval, bootstrap_interval, wilson_interval

_TITLES = {"f0": "F0", "f0_range": "F0 range", "f0_span": "F0 span (20th to 80th percentile)"}

declare(
    *(Measure(f"{name}_shift", f"{title} against neutral", TRANSFER, unit="semitones", signed=True,
              uses=("curve",) if name == "f0" else ()) for name, title in _TITLES.items()),
    Measure("f0_share", "F0 shift, of the true shift", TRANSFER, "near", SHARE, uses=("overview",)),
    Measure("f0_range_share", "F0 range, of the true change", TRANSFER, "near", SHARE),
    Measure("f0_span_share", "F0 span (20th to 80th percentile), of the true change", TRANSFER, "near", SHARE),
    Measure("f0_gate_passed", "pairs whose voicing can be trusted", TRANSFER, "higher", SHARE),
    Measure("level_shift", "level against neutral", TRANSFER, unit="dB", signed=True, uses=("curve",)),
    Measure("level_share", "level shift, of the true shift", TRANSFER, "near", SHARE, uses=("overview",)),
    Measure("duration_ratio", "length, times neutral", TRANSFER, "near", "ratio", uses=("curve",)),
    Measure("duration_share", "length ratio, of the true ratio", TRANSFER, "near", SHARE, uses=("overview",)),
    Measure("f0_median", "", TRANSFER, unit="semitones"),
    Measure("f0_range", "", TRANSFER, unit="semitones"),
    Measure("f0_span", "", TRANSFER, unit="semitones"),
    Measure("level", "", TRANSFER, unit="dB"),
    Measure("duration", "", TRANSFER, unit="s", uses=("slices",)),
)  # fmt: skip

AGREES = JudgeCard(name=f"{WORLD.name}, voicing agreement >= {GATE}", version="1", construct="prosody", rate=16000)


class NeutralPair(NamedTuple):
    """An emotional sample, its neutral partner, and the shifts of output and truth (None: not measured)."""

    emotional: Sample
    neutral: Sample
    output: dict[str, float | None]
    truth: dict[str, float | None]
    failed: bool
    gated: bool


@dataclass(frozen=True)
class ShiftDimension:
    """One thing that a voice moves. `logarithm`: shifts are logarithms and are printed as ratios."""

    name: str
    metric: str
    judge: JudgeCard
    unit: str
    logarithm: bool = False


DIMENSIONS = (
    ShiftDimension("f0", "f0_median", WORLD, "semitones"),
    ShiftDimension("f0_range", "f0_range", WORLD, "semitones"),
    ShiftDimension("f0_span", "f0_span", WORLD, "semitones"),
    ShiftDimension("level", "level", SIGNAL, "dB"),
    ShiftDimension("duration", "duration", SIGNAL, "ratio", logarithm=True),
)


def find_partners(samples: Sequence[Sample]) -> list[tuple[Sample, Sample]]:
    """Find for each emotional sample the neutral one of the same speaker, text and, where there is one, seed."""
    exact = {(one.speaker, one.text, one.seed): one for one in samples if one.emotion == NEUTRAL}
    loose = {(one.speaker, one.text): one for one in reversed(samples) if one.emotion == NEUTRAL}
    found = []
    for one in samples:
        if one.emotion != NEUTRAL:
            partner = exact.get((one.speaker, one.text, one.seed), loose.get((one.speaker, one.text)))
            if partner is not None:
                found.append((one, partner))
    return found


def pair_with_neutral(samples: Sequence[Sample], table: MeasurementTable) -> list[NeutralPair]:
    """Pair all emotional samples with their neutral ones and measure their shifts."""
    made = []
    for emotional, neutral in find_partners(samples):
        output = {d.name: _change(d, table, (emotional.id, "output"), (neutral.id, "output")) for d in DIMENSIONS}
        true = {d.name: _change(d, table, (emotional.id, "truth"), (emotional.id, "truth_neutral")) for d in DIMENSIONS}
        failed = any(table.value(one.id, "duration", SIGNAL.name) is None for one in (emotional, neutral))
        agreement = [table.value(one.id, "voicing_agreement", WORLD.name) for one in (emotional, neutral)]
        doubtful = any(value is not None and value < GATE for value in agreement)
        made.append(NeutralPair(emotional, neutral, output, true, failed, doubtful or output["f0"] is None))
    return made


def _change(
    what: ShiftDimension, table: MeasurementTable, after: tuple[str, str], before: tuple[str, str]
) -> float | None:
    new = table.value(after[0], what.metric, what.judge.name, after[1])
    old = table.value(before[0], what.metric, what.judge.name, before[1])
    if new is None or old is None:
        return None
    return math.log(new / old) if what.logarithm else new - old


def estimate_shifts(cell: SampleCell, found: Sequence[NeutralPair]) -> list[Estimate]:
    """Estimate for one cell the shift, the share of the true shift and the share of pairs that passed
    the voicing gate.
    """
    inside = {one.id for one in cell.samples}
    mine = [pair for pair in found if pair.emotional.id in inside]
    if not mine:
        return []
    made = [one for what in DIMENSIONS for one in _dimension(what, cell, mine)]
    whole = [pair for pair in mine if not pair.failed]
    passed = wilson_interval(sum(not pair.gated for pair in whole), len(whole))
    gate = make_estimate("f0_gate_passed", passed, AGREES, group=cell.group, emotion=cell.emotion)
    return [*made, gate]


def _dimension(what: ShiftDimension, cell: SampleCell, mine: Sequence[NeutralPair]) -> list[Estimate]:
    """A failed output moves nothing: its shift is 0. A gated F0 is no F0: it is left out and counted in the reason, as
    is what was not measured."""
    used = [
        pair for pair in mine
        if pair.failed or (pair.output[what.name] is not None and not (what.judge is WORLD and pair.gated))
    ]  # fmt: skip
    values = [0.0 if pair.failed else float(pair.output[what.name] or 0.0) for pair in used]
    who = [pair.emotional for pair in used]
    failed, gated = sum(pair.failed for pair in used), len(mine) - len(used)
    note = f"{gated} of {len(mine)} pairs gated: no value, or voicing disagrees with the truth" if gated else ""
    common = {"group": cell.group, "emotion": cell.emotion, "missing": failed}
    moved = bootstrap_interval(values, [one.speaker for one in who], [one.text for one in who])
    known = [(value, pair) for value, pair in zip(values, used, strict=True) if pair.truth[what.name] is not None]
    wholes = [float(pair.truth[what.name] or 0.0) for _, pair in known]
    true = sum(wholes) / len(wholes) if wholes else None
    seen = [value for value, pair in zip(values, used, strict=True) if not pair.failed]
    observed = sum(seen) / len(seen) if seen else None
    first = make_estimate(
        f"{what.name}_shift", moved, what.judge, unit=what.unit, truth=true, observed=observed, **common
    )
    if what.logarithm:
        return [_annotated(_exponent(first), note), _annotated(_ratio_share(what, known, common), note)]
    share = estimate_reached_share(
        f"{what.name}_share", [v for v, _ in known], wholes, [p.emotional for _, p in known], what.judge, **common
    )
    return [_annotated(first, note), _annotated(replace(share, truth=1.0 if known else None), note)]


def _exponent(one: Estimate) -> Estimate:
    """Turn a figure of logarithms into a figure of ratios (geometric means)."""

    def grow(value: float | None) -> float | None:
        return None if value is None else math.exp(value)

    name = one.name.replace("_shift", "_ratio")
    return replace(
        one,
        name=name,
        better=direction(name),
        value=grow(one.value),
        low=grow(one.low),
        high=grow(one.high),
        truth=grow(one.truth),
        observed=grow(one.observed),
    )


def _ratio_share(what: ShiftDimension, known: list[tuple[float, NeutralPair]], common: dict[str, object]) -> Estimate:
    """Ratio of the lengths over the true ratio of the lengths: 1 is exact, above 1 is overdone."""
    differences = [value - float(pair.truth[what.name] or 0.0) for value, pair in known]
    who = [pair.emotional for _, pair in known]
    found: Interval = bootstrap_interval(differences, [one.speaker for one in who], [one.text for one in who])
    made = make_estimate(f"{what.name}_share", found, what.judge, truth=0.0 if known else None, **common)
    return replace(_exponent(made), name=f"{what.name}_share", better=direction(f"{what.name}_share"))


def _annotated(one: Estimate, note: str) -> Estimate:
    return replace(one, reason="; ".join(text for text in (one.reason, note) if text))
