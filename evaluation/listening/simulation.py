"""Simulated listeners of known behaviour: does the analysis find what is there, and nothing else?

Honest listeners hear the truth through random effects of voice, sentence and listener and with noise; cheaters are
planted among them: inattentive, one-sided, copying, and pushing one system. Truth and cheaters are known, so false
positives, power and unmasking can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.listening.answers import canonical, give_canonical
from evaluation.listening.estimates import estimate_figures
from evaluation.listening.folder import ListeningDesign, plan_test
from evaluation.listening.kinds import ListeningArm
from evaluation.listening.results import ListenerResult, Response
from evaluation.listening.screening import screen
from evaluation.listening.trials import CMOS_STEPS, GOLD, TRAINING, TRAP, ListeningPlan, Turn
from evaluation.scoring.samples import NEUTRAL, Sample

ANY_FILE = Path(__file__)  # stands for every sound: none is read
EMOTIONS = (NEUTRAL, "sad")
CHEATERS = ("inattentive", "one-sided", "copying", "pushing")


@dataclass(frozen=True)
class SimulatedTruth:
    """What is true of two systems, and how people differ.

    Attributes:
        comparison: of the second against the first, in steps of the CMOS scale; naturalness is ten times as much.
        right: of the emotion in the ABX, above chance, in units of a listener's noise.
        voice, sentence: standard deviation of the difference between voices and sentences, in the same units.
        listener: standard deviation of what listeners prefer.
        noise: standard deviation of one answer.
        slip: share of controls that an honest listener gets wrong.
    """

    comparison: float = 0.0
    right: float = 0.0
    voice: float = 0.15
    sentence: float = 0.15
    listener: float = 0.25
    noise: float = 1.0
    slip: float = 0.01


def plan_simulation(voices: int = 8, sentences: int = 8, listeners: int = 30) -> ListeningPlan:
    """Plan a test of two systems that spoke the same voices and sentences, neutral and sad."""
    samples = [
        Sample(f"v{v}s{s}{e}", ANY_FILE, f"sentence {s}", f"voice {v}", e, truth=ANY_FILE)
        for v in range(voices) for s in range(sentences) for e in EMOTIONS
    ]  # fmt: skip
    arms = [ListeningArm(name, samples, Path(name)) for name in ("first", "second")]
    design = ListeningDesign(("abx", "cmos", "mushra"), listeners=listeners, each=12, repeats=3)
    plan = plan_test(arms, design)
    return replace(plan, headphones=(0, 1, 2, 1, 0, 2))


def answer_all(
    plan: ListeningPlan, truth: SimulatedTruth, cheaters: Mapping[int, str], seed: int
) -> list[ListenerResult]:
    """Let every session of a plan be answered.

    Args:
        plan: of two systems.
        truth: what honest listeners hear.
        cheaters: kind of the cheater, by number of the listener.
        seed: of everything that is random.
    """
    world = _World(plan, truth, np.random.default_rng(seed))
    results = [world.listen(number, cheaters.get(number, "")) for number in range(len(plan.sessions))]
    copying = [number for number, kind in cheaters.items() if kind == "copying"]
    for number in copying[1:]:  # one list of answers goes around
        results[number] = _copied(results[copying[0]], results[number], plan)
    return results


class _World:
    """The truth behind one repetition: effects of voices, sentences and listeners, drawn once."""

    def __init__(self, plan: ListeningPlan, truth: SimulatedTruth, rng: np.random.Generator) -> None:
        self.plan, self.truth, self.rng = plan, truth, rng
        cells = [one.cell for one in plan.trials.values()]
        measures = ("comparison", "first", "second")
        self.voice = {(m, c[0]): rng.normal(0, truth.voice) for m in measures for c in sorted(set(cells))}
        self.sentence = {(m, c[1]): rng.normal(0, truth.sentence) for m in measures for c in sorted(set(cells))}

    def listen(self, number: int, cheat: str) -> ListenerResult:
        rng, truth = self.rng, self.truth
        taste = {name: rng.normal(0, truth.listener) for name in ("comparison", "first", "second")}
        severity = rng.normal(0, 10)
        responses = []
        for turn in self.plan.sessions[number]:
            answer = self._cheat(turn, cheat) if cheat in ("inattentive", "one-sided") else None
            if answer is None:
                values = self._values(turn, taste, severity, 2.5 if cheat == "pushing" else 0.0)
                answer = self._controlled(turn, give_canonical(self.plan.trials[turn.trial], turn, values))
            responses.append(_response(self.plan, turn, answer, float(rng.gamma(4.0, 2.5)) + len(turn.order)))
        clicks = [a if rng.random() > truth.slip else (a + 1) % 3 for a in self.plan.headphones]
        if cheat == "inattentive":
            clicks = [int(x) for x in rng.integers(0, 3, len(clicks))]
        return ListenerResult(f"l{number}", number, "en", "headphones", tuple(clicks), tuple(responses), True)

    def _effect(self, name: str, cell: tuple[str, str, str], taste: Mapping[str, float]) -> float:
        return float(self.voice[name, cell[0]] + self.sentence[name, cell[1]] + taste[name])

    def _values(self, turn: Turn, taste: Mapping[str, float], severity: float, push: float) -> list[float]:
        """Canonical values that this listener means."""
        one, rng = self.plan.trials[turn.trial], self.rng
        if one.role in (GOLD, TRAINING):
            right = rng.random() > self.truth.slip
            if one.kind == "mushra":
                return [80.0] * (len(one.sounds) - 1) + [15.0 if right else 90.0]
            expected = one.expected or 0.0
            return [expected if right else (1 - expected if one.kind == "abx" else 0.0)]
        noise = rng.normal(0, self.truth.noise, len(one.sounds))
        if one.kind == "cmos":
            meant = self.truth.comparison + push + self._effect("comparison", one.cell, taste) + noise[0]
            return [float(np.clip(np.round(meant), -CMOS_STEPS, CMOS_STEPS))]
        if one.kind == "abx":
            return [float(self.truth.right + self._effect(one.variant, one.cell, taste) + noise[0] > 0)]
        level = np.array([60.0, 60 + 10 * self.truth.comparison, 85, 35])
        level[1] += 10 * (self._effect("comparison", one.cell, taste) + push)
        return [float(x) for x in np.clip(np.round(level + severity + 10 * noise), 0, 100)]

    def _controlled(self, turn: Turn, answer: Any) -> Any:
        """An attentive listener does what the voice of a trap says."""
        one = self.plan.trials[turn.trial]
        if one.role != TRAP or self.rng.random() < self.truth.slip:
            return answer
        return {"abx": 1, "cmos": 2 * CMOS_STEPS, "mushra": [0] * len(one.sounds)}[one.kind]

    def _cheat(self, turn: Turn, cheat: str) -> Any:
        one, rng = self.plan.trials[turn.trial], self.rng
        if one.kind == "mushra":
            return [int(x) for x in rng.integers(0, 101, len(one.sounds))] if cheat == "inattentive" else [100, 0, 0, 0]
        most = 1 if one.kind == "abx" else 2 * CMOS_STEPS
        return int(rng.integers(0, most + 1)) if cheat == "inattentive" else most


def _response(plan: ListeningPlan, turn: Turn, answer: Any, seconds: float) -> Response:
    trial = plan.trials[turn.trial]
    return Response(turn, trial, answer, tuple(canonical(trial, turn.order, answer)), seconds)


def _copied(source: ListenerResult, target: ListenerResult, plan: ListeningPlan) -> ListenerResult:
    """The answers of one listener, number by number, in the session of another."""
    given = {(r.trial.kind, n): r.answer for n, r in enumerate(source.responses)}
    responses = [
        _response(plan, r.turn, given.get((r.trial.kind, n), r.answer), r.seconds)
        for n, r in enumerate(target.responses)
    ]
    return replace(target, responses=tuple(responses))


def choose_cheaters(listeners: int, each: int, seed: int) -> dict[int, str]:
    """Choose who cheats and how: `each` listeners of every kind."""
    chosen = np.random.default_rng([seed, 7]).permutation(listeners)[: each * len(CHEATERS)]
    return {int(number): CHEATERS[i % len(CHEATERS)] for i, number in enumerate(chosen)}


def simulate_tests(repetitions: int, truth: SimulatedTruth, each: int = 2, seed: int = 0) -> dict[str, Any]:
    """Simulate whole tests of 30 listeners and analyse each; return rates as plain JSON types.

    Args:
        repetitions: tests.
        truth: what is true in all of them.
        each: cheaters of every kind.
        seed: of the first test.
    """
    plan = plan_simulation()
    found: dict[str, list[bool]] = {}
    caught: dict[str, list[bool]] = {kind: [] for kind in (*CHEATERS, "honest")}
    covered: dict[str, list[bool]] = {}
    for number in range(repetitions):
        cheaters = choose_cheaters(len(plan.sessions), each, seed + number)
        results = answer_all(plan, truth, cheaters, seed + number)
        verdicts = screen(results, plan)
        for i, verdict in enumerate(verdicts):
            caught[cheaters.get(i, "honest")].append(bool(verdict.reasons))
        kept = [r for r, v in zip(results, verdicts, strict=True) if not v.reasons]
        for one in estimate_figures(kept, plan):
            name = f"{one.measure}, {one.system}" + (f" against {one.against}" if one.against else "")
            if one.measure == "right emotion" or (one.system, one.against) == ("second", "first"):
                found.setdefault(name, []).append(one.p < 0.05)
                if one.measure == "comparison":
                    covered.setdefault(name, []).append(one.low <= truth.comparison <= one.high)
    return {
        "repetitions": repetitions,
        "listeners": len(plan.sessions),
        "significant": {name: float(np.mean(values)) for name, values in found.items()},
        "interval_holds_truth": {name: float(np.mean(values)) for name, values in covered.items()},
        "left_out": {name: float(np.mean(values)) for name, values in caught.items() if values},
    }


def summarise_rates(rates: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Write the rates of several simulations as lines for a reader."""
    lines = []
    for one, name in zip(rates, names, strict=True):
        lines.append(f"{name}: {one['repetitions']} tests of {one['listeners']} listeners")
        lines += [f"  p < 0.05 in {100 * share:.1f} %: {what}" for what, share in one["significant"].items()]
        lines += [f"  left out {100 * share:.1f} %: {who}" for who, share in one["left_out"].items()]
    return lines
