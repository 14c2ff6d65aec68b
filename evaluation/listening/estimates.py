"""What listeners said of systems: means with crossed random listeners, voices and sentences; pairs; when to stop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np

from evaluation.listening.results import ListenerResult, select_main
from evaluation.listening.trials import ANCHOR, ListeningPlan
from evaluation.statistics import CrossedTest, adjust, crossed_test, minimal_detectable_difference
from evaluation.statistics.intervals import plain


class ListenerValue(NamedTuple):
    """One number from one answer: about which system (or pair), by whom, of which voice and sentence."""

    measure: str
    system: str
    listener: str
    speaker: str
    sentence: str
    value: float
    sample: str = ""


@dataclass(frozen=True)
class ListenedFigure:
    """A mean over listeners with its 95 % interval, test against chance or no difference, and what it could see.

    `against` is the other system of a difference, else empty. `components` are variances by listener, voice, sentence
    and residual. `adjusted` is Holm's p over all differences of the test.
    """

    kind: str
    measure: str
    system: str
    against: str
    value: float
    low: float
    high: float
    p: float
    n: int
    listeners: int
    speakers: int
    sentences: int
    chance: float | None
    smallest: float
    components: dict[str, float]
    note: str = ""
    adjusted: float | None = None

    def row(self) -> dict[str, Any]:
        """Return it as plain JSON types; a NaN becomes None."""
        return plain(asdict(self))


RESAMPLES = 1999  # simulated tests behind each p: with few voices and listeners the t test is too careful
CHANCE = {"right emotion": 0.5, "order of strength": 0.0}


def collect_answers(results: Sequence[ListenerResult], plan: ListeningPlan, kind: str) -> Iterator[ListenerValue]:
    """Yield the numbers that the answers of a kind are worth."""
    for one, r in select_main(results, kind):
        speaker, sentence, emotion = r.trial.cell
        sounds = [plan.stimuli[name] for name in r.trial.sounds]
        place = (one.listener, speaker, sentence)
        if kind == "abx":
            yield ListenerValue("right emotion", r.trial.variant, *place, r.values[0], sounds[1].sample)
        elif kind == "cmos":
            yield ListenerValue("comparison", r.trial.variant, *place, r.values[0])
        elif kind == "bws":
            steps = np.array(r.values)
            value = (int(np.argmax(steps)) - int(np.argmin(steps))) / (len(steps) - 1)
            yield ListenerValue("order of strength", r.trial.variant, *place, value)
        elif kind == "choice":
            right = plan.emotions.index(emotion) == r.values[0]
            yield ListenerValue("emotion recognised", r.trial.variant, *place, float(right), sounds[0].sample)
            yield ListenerValue("none fits", r.trial.variant, *place, float(r.values[0] == len(plan.emotions)))
        elif kind == "same":
            own = sounds[0].speaker == sounds[1].speaker
            value = float(r.values[0] < 2) if own else float(r.values[0] >= 2)
            name = "voice kept" if own else "others told apart"
            yield ListenerValue(name, r.trial.variant, *place, value, sounds[0].sample if own else "")
        else:
            for sound, value in zip(sounds, r.values, strict=True):
                label = sound.treatment if sound.treatment == ANCHOR else sound.system
                yield ListenerValue("naturalness", label, *place, value, sound.sample)


def estimate_figures(results: Sequence[ListenerResult], plan: ListeningPlan) -> list[ListenedFigure]:
    """Estimate every figure of a test: a mean for each system, and the difference of each two systems."""
    made: list[ListenedFigure] = []
    for kind in plan.kinds:
        answers = list(collect_answers(results, plan, kind))
        for measure in dict.fromkeys(one.measure for one in answers):
            mine = [one for one in answers if one.measure == measure]
            if kind == "cmos":
                made += _comparisons(mine)
                continue
            systems = [name for name in (*plan.systems, "recording", ANCHOR) if any(o.system == name for o in mine)]
            chance = 1 / (len(plan.emotions) + 1) if measure == "emotion recognised" else CHANCE.get(measure)
            made += [_mean(kind, measure, name, [o for o in mine if o.system == name], chance) for name in systems]
            made += [_difference(kind, measure, a, b, mine) for a, b in combinations(systems, 2)]
    return _corrected(made)


def _comparisons(mine: Sequence[ListenerValue]) -> list[ListenedFigure]:
    made = []
    for variant in dict.fromkeys(one.system for one in mine):
        first, second = variant.split(" / ")
        found = _mean("cmos", "comparison", second, [one for one in mine if one.system == variant], 0.0)
        made.append(replace(found, against=first, chance=None))
    return made


def _mean(kind: str, measure: str, system: str, mine: Sequence[ListenerValue], chance: float | None) -> ListenedFigure:
    base = chance or 0.0
    found = crossed_test(
        [one.value - base for one in mine],
        [one.speaker for one in mine],
        [one.sentence for one in mine],
        resamples=RESAMPLES,
        listener=[one.listener for one in mine],
    )
    return _figure(kind, measure, system, "", found, mine, chance, base)


def _difference(kind: str, measure: str, first: str, second: str, mine: Sequence[ListenerValue]) -> ListenedFigure:
    """Second minus first: within each answer where both were in it, else of the means of each voice and sentence."""
    sides: list[dict[tuple[str, str, str], list[float]]] = [{}, {}]
    for side, system in zip(sides, (first, second), strict=True):
        for one in mine:
            if one.system == system:
                who = one.listener if kind == "mushra" else ""
                side.setdefault((who, one.speaker, one.sentence), []).append(one.value)
    cells = sorted(set(sides[0]) & set(sides[1]))
    values = [float(np.mean(sides[1][cell]) - np.mean(sides[0][cell])) for cell in cells]
    listeners = [cell[0] for cell in cells] if kind == "mushra" else None
    voices, sentences = [cell[1] for cell in cells], [cell[2] for cell in cells]
    found = crossed_test(values, voices, sentences, resamples=RESAMPLES, listener=listeners)
    both = [one for one in mine if one.system in (first, second)]
    return _figure(kind, measure, second, first, found, both, None, 0.0)


def _figure(
    kind: str,
    measure: str,
    system: str,
    against: str,
    found: CrossedTest,
    mine: Sequence[ListenerValue],
    chance: float | None,
    base: float,
) -> ListenedFigure:
    return ListenedFigure(
        kind,
        measure,
        system,
        against,
        found.difference + base,
        found.low + base,
        found.high + base,
        found.p,
        len(mine),
        len({one.listener for one in mine}),
        len({one.speaker for one in mine}),
        len({one.sentence for one in mine}),
        chance,
        minimal_detectable_difference(found),
        found.components,
        found.note,
    )


def _corrected(made: Sequence[ListenedFigure]) -> list[ListenedFigure]:
    """Holm over all differences between systems."""
    p = {str(i): one.p for i, one in enumerate(made) if one.against}
    found = adjust(p, list(p))
    return [
        one
        if str(i) not in found or math.isnan(found[str(i)].adjusted)
        else replace(one, adjusted=found[str(i)].adjusted)
        for i, one in enumerate(made)
    ]


WIDTHS: Mapping[str, float] = {
    "right emotion": 0.1,
    "comparison": 0.25,
    "naturalness": 5.0,
    "order of strength": 0.15,
    "emotion recognised": 0.1,
    "voice kept": 0.1,
    "others told apart": 0.1,
}  # half-widths at which a figure is known well enough


def decide_stop(figures: Sequence[ListenedFigure], widths: Mapping[str, float] = WIDTHS) -> list[dict[str, Any]]:
    """Decide for each figure whether more listeners are needed; by its interval's width, never by its p.

    A plain row for each: half-width, the target, whether it is reached, and how many listeners would reach it (None: no
    number would, because voices or sentences are too few).
    """
    made = []
    for one in figures:
        target = widths.get(one.measure)
        if target is None or math.isnan(one.low):
            continue
        half = (one.high - one.low) / 2
        made.append(
            {
                "measure": one.measure,
                "system": one.system,
                "against": one.against,
                "half_width": half,
                "target": target,
                "reached": half <= target,
                "listeners": one.listeners,
                "needed": one.listeners if half <= target else _needed(one, half, target),
            }
        )
    return made


def _needed(one: ListenedFigure, half: float, target: float) -> int | None:
    """Listeners at which the part of the variance that they carry has shrunk enough."""
    parts = one.components
    fixed = parts.get("speaker", 0.0) / max(1, one.speakers) + parts.get("sentence", 0.0) / max(1, one.sentences)
    moving = parts.get("listener", 0.0) / max(1, one.listeners) + parts.get("residual", 0.0) / max(1, one.n)
    wanted = (fixed + moving) * (target / half) ** 2
    if wanted <= fixed or moving <= 0:
        return None
    return math.ceil(one.listeners * moving / (wanted - fixed))
