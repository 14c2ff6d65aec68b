"""Does the analysis of listening tests find what is there, and nothing else? Whole tests with planted cheaters.

Truth and cheaters are known, so false positives, power and unmasking can be counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from evaluation.listening.estimates import ListenedFigure, estimate_figures
from evaluation.listening.folder import ListeningDesign, plan_test
from evaluation.listening.kinds import ListeningArm
from evaluation.listening.screening import screen
from evaluation.listening.simulated_listeners import (
    COMPARED,
    FIRST,
    SECOND,
    SimulatedTruth,
    answer_all,
    choose_cheaters,
    list_cheaters,
)
from evaluation.listening.trials import KINDS, ListeningPlan
from evaluation.report.documents import make_markdown_table
from evaluation.scoring.samples import NEUTRAL, Sample
from evaluation.statistics.intervals import wilson_interval

ANY_FILE = Path(__file__)  # stands for every output: none is read
ANY_RECORDING = Path(__file__).with_name("__init__.py")
SPOKEN = ((NEUTRAL, 1.0), ("sad", 0.33), ("sad", 0.67), ("sad", 1.0))
ALPHA = 0.05
HONEST = "honest"


def plan_simulation(
    voices: int = 8, sentences: int = 8, listeners: int = 30, kinds: Sequence[str] = KINDS
) -> ListeningPlan:
    """Plan a test of two systems that spoke the same voices and sentences, neutral and sad in three strengths."""
    samples = [
        Sample(f"v{v}s{s}{emotion}{strength}", ANY_FILE, f"sentence {s}", f"voice {v}", emotion,
               strength=strength, truth=ANY_RECORDING)
        for v in range(voices) for s in range(sentences) for emotion, strength in SPOKEN
    ]  # fmt: skip
    arms = [ListeningArm(name, samples, Path(name)) for name in (FIRST, SECOND)]
    plan = plan_test(arms, ListeningDesign(tuple(kinds), listeners=listeners, each=12, repeats=3))
    return replace(plan, headphones=(0, 1, 2, 1, 0, 2))


def simulate_tests(
    repetitions: int, truth: SimulatedTruth, each: int = 2, seed: int = 0, kinds: Sequence[str] = KINDS
) -> dict[str, Any]:
    """Simulate whole tests of 30 listeners and analyse each; return rates with Wilson intervals as plain JSON types.

    Args:
        repetitions: tests.
        truth: what is true in all of them.
        each: cheaters of every kind.
        seed: of the first test.
        kinds: of question.
    """
    plan = plan_simulation(kinds=kinds)
    found: dict[str, list[bool]] = {}
    covered: list[bool] = []
    caught: dict[str, list[bool]] = {kind: [] for kind in (*list_cheaters(kinds), HONEST)}
    for number in range(repetitions):
        cheaters = choose_cheaters(len(plan.sessions), each, seed + number, list_cheaters(kinds))
        results = answer_all(plan, truth, cheaters, seed + number)
        verdicts = screen(results, plan)
        for i, verdict in enumerate(verdicts):
            caught[cheaters.get(i, HONEST)].append(bool(verdict.reasons))
        kept = [r for r, v in zip(results, verdicts, strict=True) if not v.reasons]
        for one in filter(_asks, estimate_figures(kept, plan)):
            found.setdefault(_name(one), []).append(one.p < ALPHA)
            if one.measure == COMPARED:
                covered.append(one.low <= truth.comparison <= one.high)
    return {
        "repetitions": repetitions,
        "listeners": len(plan.sessions),
        "significant": _rates(found),
        "interval_holds_truth": _rates({COMPARED: covered} if covered else {}),
        "left_out": _rates({name: values for name, values in caught.items() if values}),
    }


def _asks(one: ListenedFigure) -> bool:
    """Whether a figure is tested: against chance, or one of the two systems against the other."""
    return one.chance is not None or (one.system, one.against) == (SECOND, FIRST)


def _name(one: ListenedFigure) -> str:
    return f"{one.kind}: {one.measure}, {one.system} against {one.against or 'chance'}"


def _rates(found: Mapping[str, Sequence[bool]]) -> dict[str, dict[str, Any]]:
    return {name: wilson_interval(sum(values), len(values)).row() for name, values in found.items()}


def summarise_rates(rates: Mapping[str, Any], name: str) -> list[str]:
    """Write the rates of simulated tests as lines for a reader."""
    lines = [f"{name}: {rates['repetitions']} tests of {rates['listeners']} listeners"]
    lines += [f"  p < {ALPHA} in {_share(one)}: {what}" for what, one in rates["significant"].items()]
    lines += [
        f"  interval holds the truth in {_share(one)}: {what}" for what, one in rates["interval_holds_truth"].items()
    ]
    return lines + [f"  left out {_share(one)}: {who}" for who, one in rates["left_out"].items()]


def make_rates_table(rates: Mapping[str, Mapping[str, Any]]) -> str:
    """Make a Markdown table of simulated tests under several truths: a row for each figure and kind of listener."""
    named = {
        "significant": f"{{}}: p < {ALPHA}",
        "interval_holds_truth": "{}: 95 % interval holds the truth",
        "left_out": "left out: {}",
    }
    rows = [
        [heading.format(what), *(_share(one[part][what]) for one in rates.values())]
        for part, heading in named.items()
        for what in next(iter(rates.values()))[part]
    ]
    return make_markdown_table(["of simulated tests, [95 %]", *rates], rows)


def _share(one: Mapping[str, Any]) -> str:
    share, low, high = (100 * one[key] for key in ("estimate", "low", "high"))
    return f"{share:.1f} % [{low:.1f}, {high:.1f}]"
