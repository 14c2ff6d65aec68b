"""Which listeners are counted: rules declared before the answers are looked at, and the reason for each who is not.

The rules follow ITU-T P.808 (trapping and gold questions, z-scores of 3.29) and the listening checks of Woods et al.
(2017); one-sided answers, copies and system bias are tests of their own. Nobody is left out for disagreeing about what
the test asks: only answers that are known, that are repeated, or that fit nobody count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
from scipy import stats

from evaluation.listening.answers import passes_gold, passes_trap
from evaluation.listening.copies import find_copies
from evaluation.listening.results import ListenerResult, Response, agree, pair_repeats, select_main
from evaluation.listening.trials import ANCHOR, CMOS_STEPS, GOLD, RECORDING, TRAP, ListeningPlan

Checks = dict[str, float | None]
# Limits beyond which a listener is not counted.
HEADPHONES = 5  # right rounds of the headphone check that are needed
TRAPS_MISSED, GOLD_MISSED = 0, 1  # at most so many
ONE_SIDED = 1e-4  # p of the binomial test that answers lean to one side as shown, or are the same every time
SELF_AGREEMENT = 1e-3  # p of the binomial test that listeners agree with themselves less than others do
QUICK = 0.2  # share of answers given in less than a second a sound
SAME_EVERY_TIME = ("cmos", "same", "choice", "bws")
DEVIATION = 3.29  # robust z of how far a listener is from all others; P.808: two-sided 0.1 %


@dataclass(frozen=True)
class ScreenedListener:
    """One listener: what was checked, and why he is not counted (empty: he is)."""

    listener: str
    reasons: tuple[str, ...]
    checks: dict[str, float | None] = field(default_factory=dict)


def screen(results: Sequence[ListenerResult], plan: ListeningPlan) -> list[ScreenedListener]:
    """Screen all listeners of a test; who is told by known answers or copies does not count in what is usual."""
    pooled = [agree(a.values, b.values, a.trial.kind) for one in results for a, b in pair_repeats(one)]
    usual = float(np.mean(pooled)) if pooled else 1.0
    given = {kind: _count_answers(results, kind) for kind in SAME_EVERY_TIME}
    copies = find_copies(results)
    checks: list[Checks] = [{} for _ in results]
    reasons = [
        [*_controls(one, plan, mine), *_habits(one, usual, given, mine), *_copied(copies[one.listener])]
        for one, mine in zip(results, checks, strict=True)
    ]
    left = [place for place, known in enumerate(reasons) if not known]
    rest = [results[place] for place in left]
    for place, far, pushed in zip(left, measure_deviations(rest), measure_leanings(rest, plan), strict=True):
        reasons[place] += _fit(far, pushed, checks[place])
    return [
        ScreenedListener(one.listener, tuple(why), found)
        for one, why, found in zip(results, reasons, checks, strict=True)
    ]


def _count_answers(results: Sequence[ListenerResult], kind: str) -> dict[str, float]:
    """Count how often each answer was given, as shown, as a share of all."""
    found = Counter(str(r.answer) for _, r in select_main(results, kind))
    return {answer: count / found.total() for answer, count in found.items()}


def _copied(others: Sequence[str]) -> list[str]:
    return [f"the same answers as {', '.join(others)}"] if others else []


def _controls(one: ListenerResult, plan: ListeningPlan, checks: Checks) -> list[str]:
    """Headphones, traps and gold."""
    reasons = []
    if plan.headphones:
        right = sum(a == b for a, b in zip(one.headphones, plan.headphones, strict=False))
        checks["headphone rounds"] = right
        if right < min(HEADPHONES, len(plan.headphones)):
            reasons.append(f"headphone check: {right} of {len(plan.headphones)}")
    traps = [passes_trap(r.trial, r.answer, len(plan.emotions)) for r in one.responses if r.trial.role == TRAP]
    gold = [passes_gold(r.trial, r.values) for r in one.responses if r.trial.role == GOLD]
    for name, passed, most in (("traps", traps, TRAPS_MISSED), ("gold", gold, GOLD_MISSED)):
        missed = len(passed) - sum(passed)
        checks[f"{name} missed"] = missed
        if missed > most:
            reasons.append(f"{name}: {missed} of {len(passed)} missed")
    return reasons


def _habits(one: ListenerResult, usual: float, given: Mapping[str, Mapping[str, float]], checks: Checks) -> list[str]:
    """One-sided answers, haste, and disagreement with oneself."""
    reasons = []
    sides = [side for r in one.responses if (side := _side(r)) is not None]
    if len(sides) >= 8:
        p = float(stats.binomtest(sum(sides), len(sides), 0.5).pvalue)
        checks["share of one side"] = float(max(np.mean(sides), 1 - np.mean(sides)))
        if p < ONE_SIDED:
            reasons.append(f"one side: {max(sum(sides), len(sides) - sum(sides))} of {len(sides)} answers")
    for kind in SAME_EVERY_TIME:
        mine = [str(r.answer) for _, r in select_main([one], kind)]
        if len(set(mine)) == 1 and given[kind][mine[0]] ** len(mine) < ONE_SIDED:
            reasons.append(f"{kind}: the same answer to all {len(mine)} questions")
    quick = [r.seconds < len(r.trial.sounds) for r in one.responses if r.trial.kind != "mushra"]
    checks["quick answers"] = float(np.mean(quick)) if quick else None
    if quick and np.mean(quick) > QUICK:
        reasons.append(f"haste: {sum(quick)} of {len(quick)} answers in less than a second a sound")
    twice = [agree(a.values, b.values, a.trial.kind) for a, b in pair_repeats(one)]
    checks["self-agreement"] = float(np.mean(twice)) if twice else None
    if twice and stats.binom.cdf(sum(twice), len(twice), min(usual, 0.99)) < SELF_AGREEMENT:
        reasons.append(f"self-agreement: {sum(twice)} of {len(twice)}")
    return reasons


def _side(r: Response) -> bool | None:
    """Whether the second sound as shown was preferred; None for ties and for kinds without sides."""
    if r.trial.role not in ("main", GOLD):
        return None
    if r.trial.kind == "abx":
        return bool(r.answer == 1)
    if r.trial.kind == "cmos" and r.answer != CMOS_STEPS:
        return bool(r.answer > CMOS_STEPS)
    return None


def _fit(far: float | None, pushed: float | None, checks: Checks) -> list[str]:
    checks["deviation, z"], checks["leaning to a system, z"] = far, pushed
    reasons = []
    if far is not None and far > DEVIATION:
        reasons.append(f"far from all others (z {far:.1f})")
    if pushed is not None and abs(pushed) > DEVIATION:
        reasons.append(f"leans to one system unlike all others (z {pushed:.1f})")
    return reasons


def measure_deviations(results: Sequence[ListenerResult]) -> list[float | None]:
    """Measure how far each listener's answers are from the others' on the same trials, as a robust z; None: unknown.

    Squared distances from the mean of the other listeners, over the trial's own spread, averaged over kinds with steps.
    """
    own: dict[str, list[float]] = {one.listener: [] for one in results}
    for kind in ("cmos", "mushra", "same"):
        answers: dict[str, list[tuple[str, np.ndarray]]] = {}
        for one, response in select_main(results, kind):
            answers.setdefault(response.trial.id, []).append((one.listener, np.array(response.values)))
        for given in answers.values():
            if len(given) >= 4:
                values = np.stack([value for _, value in given])
                others = (values.sum(0) - values) / (len(values) - 1)
                gaps = np.square(values - others).mean(1)
                for (who, _), gap in zip(given, gaps / max(1e-9, float(np.median(gaps))), strict=True):
                    own[who].append(float(np.log1p(gap)))
    return _robust_z([float(np.mean(v)) if len(v) >= 4 else None for v in own.values()], [len(v) for v in own.values()])


def measure_leanings(results: Sequence[ListenerResult], plan: ListeningPlan) -> list[float | None]:
    """Measure how far each listener leans to one of two systems beyond the others, as a robust z; the farthest of all.

    The sides are those of cmos, and of each two systems of a mushra answer.
    """
    sums: dict[str, dict[tuple[str, ...], list[float]]] = {one.listener: {} for one in results}
    for who, pair, value in _preferences(results, plan):
        sums[who].setdefault(pair, []).append(value)
    worst: list[float | None] = [None] * len(results)
    for pair in sorted({name for mine in sums.values() for name in mine}):
        means = [float(np.mean(m[pair])) if len(m.get(pair, ())) >= 4 else None for m in sums.values()]
        sizes = [len(m.get(pair, ())) for m in sums.values()]
        spread = np.std([x for m in sums.values() for x in m.get(pair, ())])
        for i, z in enumerate(_robust_z(means, sizes, float(spread))):
            if z is not None and (worst[i] is None or abs(z) > abs(worst[i] or 0.0)):
                worst[i] = z
    return worst


def _preferences(
    results: Sequence[ListenerResult], plan: ListeningPlan
) -> Iterator[tuple[str, tuple[str, ...], float]]:
    """Yield who preferred the second of which two systems, and by how much."""
    for one, response in select_main(results, "cmos"):
        yield one.listener, ("cmos", response.trial.variant), response.values[0]
    for one, response in select_main(results, "mushra"):
        sounds = [plan.stimuli[name] for name in response.trial.sounds]
        levels = [(s.system, x) for s, x in zip(sounds, response.values, strict=True) if s.treatment != ANCHOR]
        for (first, low), (second, high) in combinations(sorted(levels), 2):
            if RECORDING not in (first, second):
                yield one.listener, ("mushra", first, second), high - low


def _robust_z(values: Sequence[float | None], sizes: Sequence[int], spread: float = 0.0) -> list[float | None]:
    """Distance from the median in units of the larger of the median deviation and the error of a mean of that size."""
    known = np.array([value for value in values if value is not None], dtype=np.float64)
    if known.size < 5:
        return [None] * len(values)
    middle = float(np.median(known))
    scale = 1.4826 * float(np.median(np.abs(known - middle)))
    made: list[float | None] = []
    for value, size in zip(values, sizes, strict=True):
        error = max(scale, spread / np.sqrt(max(1, size)), 1e-9)
        made.append(None if value is None else (value - middle) / error)
    return made
