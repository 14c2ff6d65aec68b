"""Listeners of known behaviour: honest ones, who hear the truth through random effects and noise, and cheaters.

Cheaters are inattentive, one-sided (always the last answer, which a trap cannot unmask), copying one list of answers,
or pushing one system.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from evaluation.listening.answers import answer_trap, canonical, give_canonical
from evaluation.listening.results import ListenerResult, Response
from evaluation.listening.trials import (
    CMOS_STEPS,
    GOLD,
    MUSHRA_MOST,
    SAME_STEPS,
    TRAINING,
    TRAP,
    ListeningPlan,
    ListeningTrial,
    Turn,
)

FIRST, SECOND = "first", "second"  # the two systems
INATTENTIVE, ONE_SIDED, COPYING, PUSHING = CHEATERS = ("inattentive", "one-sided", "copying", "pushing")
COMPARED = "comparison"
OTHERS = (" other", " none")  # the answers of a choice that are not right
EFFECTS = (COMPARED, *(f"{system}{answer}" for system in (FIRST, SECOND) for answer in ("", *OTHERS)))
PUSH = 2.5  # steps of the CMOS scale by which a pusher is beside the truth


@dataclass(frozen=True)
class SimulatedTruth:
    """What is true of two systems, and how people differ, in units of the noise of one answer.

    Attributes:
        comparison: of the second against the first, in steps of the CMOS scale; naturalness is ten times as much, and
            so many units less does the second sound like its own speaker.
        right: of the emotion in ABX and choice, above chance; of the strongest above the weakest in best-worst scaling.
        voice, sentence: standard deviation of the difference between voices and sentences.
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
    copying = [number for number, kind in cheaters.items() if kind == COPYING]
    for number in copying[1:]:  # one list of answers goes around
        results[number] = _copied(results[copying[0]], results[number], plan)
    return results


class _World:
    """The truth behind one repetition: effects of voices, sentences and listeners, drawn once."""

    def __init__(self, plan: ListeningPlan, truth: SimulatedTruth, rng: np.random.Generator) -> None:
        self.plan, self.truth, self.rng = plan, truth, rng
        cells = sorted({one.cell for one in plan.trials.values()})
        self.voice = {(name, cell[0]): rng.normal(0, truth.voice) for name in EFFECTS for cell in cells}
        self.sentence = {(name, cell[1]): rng.normal(0, truth.sentence) for name in EFFECTS for cell in cells}

    def listen(self, number: int, cheat: str) -> ListenerResult:
        rng, truth = self.rng, self.truth
        taste = {name: rng.normal(0, truth.listener) for name in EFFECTS}
        severity = rng.normal(0, 10)
        responses = []
        for turn in self.plan.sessions[number]:
            one = self.plan.trials[turn.trial]
            answer = self._cheat(one, cheat) if cheat in (INATTENTIVE, ONE_SIDED) else None
            if answer is None:
                values = self._values(one, taste, severity, PUSH if cheat == PUSHING else 0.0)
                answer = self._controlled(one, give_canonical(one, turn, values))
            responses.append(_response(self.plan, turn, answer, float(rng.gamma(4.0, 2.5)) + len(turn.order)))
        clicks = [a if rng.random() > truth.slip else (a + 1) % 3 for a in self.plan.headphones]
        if cheat == INATTENTIVE:
            clicks = [int(x) for x in rng.integers(0, 3, len(clicks))]
        return ListenerResult(f"l{number}", number, "en", "headphones", tuple(clicks), tuple(responses), True)

    def _effect(self, name: str, one: ListeningTrial, taste: Mapping[str, float]) -> float:
        return float(self.voice[name, one.cell[0]] + self.sentence[name, one.cell[1]] + taste[name])

    def _values(self, one: ListeningTrial, taste: Mapping[str, float], severity: float, push: float) -> list[float]:
        """Canonical values that this listener means."""
        if one.role == GOLD or (one.role == TRAINING and (one.expected is not None or one.kind == "mushra")):
            return self._known(one)
        noise = self.rng.normal(0, self.truth.noise, max(3, len(one.sounds)))
        compared = self.truth.comparison + self._effect(COMPARED, one, taste) + push
        if one.kind == "cmos":
            return [float(np.clip(np.round(compared + noise[0]), -CMOS_STEPS, CMOS_STEPS))]
        if one.kind == "mushra":
            level = np.array([60.0, 60 + 10 * compared, 85, 35]) + severity + 10 * noise
            return [float(x) for x in np.clip(np.round(level), 0, MUSHRA_MOST)]
        effect = self._effect(one.variant, one, taste)
        if one.kind == "abx":
            return [float(self.truth.right + effect + noise[0] > 0)]
        if one.kind == "bws":
            return self._strengths(one, noise + np.linspace(0, 1, len(one.sounds)) * (self.truth.right + effect))
        if one.kind == "choice":
            wrong = [self._effect(f"{one.variant}{name}", one, taste) for name in OTHERS]
            return [self._chosen(one, noise[:3] + np.array([self.truth.right + effect, *wrong]))]
        own = self.plan.stimuli[one.sounds[0]].speaker == self.plan.stimuli[one.sounds[1]].speaker
        lost = self.truth.comparison * (one.variant == SECOND) if own else 2.0
        return [float(np.searchsorted((0.0, 1.0, 2.0), lost + effect + noise[0]))]

    def _known(self, one: ListeningTrial) -> list[float]:
        """Values of a control or practice trial whose answer is known; wrong now and then."""
        right = self.rng.random() > self.truth.slip
        if one.kind == "mushra":
            return [80.0] * (len(one.sounds) - 1) + [15.0 if right else 90.0]
        assert one.expected is not None
        wrong = {"abx": 1 - one.expected, "cmos": 0.0, "same": SAME_STEPS - 1.0}
        return [one.expected if right else wrong[one.kind]]

    @staticmethod
    def _strengths(one: ListeningTrial, felt: np.ndarray) -> list[float]:
        values = [0.0] * len(one.sounds)
        values[int(felt[: len(values)].argmax())], values[int(felt[: len(values)].argmin())] = 1.0, -1.0
        return values

    def _chosen(self, one: ListeningTrial, likings: np.ndarray) -> float:
        """The place of what is liked most of: the right emotion, the other one, none."""
        emotions = self.plan.emotions
        right = emotions.index(one.cell[2])
        return float((right, 1 - right, len(emotions))[int(likings.argmax())])

    def _controlled(self, one: ListeningTrial, answer: Any) -> Any:
        """An attentive listener does what the voice of a trap says."""
        if one.role != TRAP or self.rng.random() < self.truth.slip:
            return answer
        return answer_trap(one, len(self.plan.emotions))

    def _cheat(self, one: ListeningTrial, cheat: str) -> Any:
        if one.kind == "mushra":
            size = len(one.sounds)
            return [MUSHRA_MOST, *[0] * (size - 1)] if cheat == ONE_SIDED else self.rng.integers(0, 101, size).tolist()
        last = answer_trap(one, len(self.plan.emotions))
        if cheat == ONE_SIDED:
            return last
        if one.kind == "bws":
            return self.rng.permutation(len(one.sounds))[:2].tolist()
        return int(self.rng.integers(0, last + 1))


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


def choose_cheaters(listeners: int, each: int, seed: int, kinds: tuple[str, ...] = CHEATERS) -> dict[int, str]:
    """Choose who cheats and how: `each` listeners of every kind."""
    chosen = np.random.default_rng([seed, 7]).permutation(listeners)[: each * len(kinds)]
    return {int(number): kinds[i % len(kinds)] for i, number in enumerate(chosen)}


def list_cheaters(asked: Sequence[str]) -> tuple[str, ...]:
    """List the cheats that some questions leave room for: a system is pushed where two are compared."""
    return tuple(one for one in CHEATERS if one != PUSHING or {"cmos", "mushra"} & set(asked))
