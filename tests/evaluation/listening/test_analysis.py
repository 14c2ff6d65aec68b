"""What the analysis says of answers whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.listening.agreement import correlate_judges
from evaluation.listening.analysis import analyse_results, write_analysis
from evaluation.listening.answers import give_canonical
from evaluation.listening.bradley_terry import Contest, fit_worth
from evaluation.listening.command import main
from evaluation.listening.estimates import decide_stop, estimate_figures
from evaluation.listening.folder import find_aliases
from evaluation.listening.results import parse_result, read_results
from evaluation.listening.screening import screen
from evaluation.listening.simulated_listeners import (
    CHEATERS,
    SimulatedTruth,
    answer_all,
    choose_cheaters,
    list_cheaters,
)
from evaluation.listening.simulation import plan_simulation, simulate_tests
from evaluation.listening.trials import GOLD, KINDS, TRAP, ListeningPlan, ListeningTrial, Turn
from sovits_lab.types import InputError

Answered = tuple[ListeningPlan, Path, list[dict[str, Any]]]
Meant = Callable[[ListeningTrial, Turn], list[float]]


def beta_is_better(plan: ListeningPlan, rng: np.random.Generator) -> Meant:
    """An attentive listener to whom beta is more natural, and who hears emotions, voices and strengths as they are."""

    def meant(one: ListeningTrial, turn: Turn) -> list[float]:
        sounds = [plan.stimuli[name] for name in one.sounds]
        if one.role == GOLD:
            return [85.0] * (len(sounds) - 1) + [10.0] if one.kind == "mushra" else [one.expected or 0.0]
        if one.kind == "mushra":
            base = {"alpha": 50.0, "beta": 70.0, "recording": 90.0}
            levels = [35.0 if s.treatment == "anchor" else base[s.system] for s in sounds]
            return [float(np.clip(round(level + rng.normal(0, 6)), 0, 100)) for level in levels]
        if one.kind == "bws":
            return [-1.0, 0.0, 0.0, 1.0]
        right = {"abx": 1.0, "cmos": float(np.clip(round(1 + rng.normal(0, 0.8)), -3, 3)),
                 "choice": float(plan.emotions.index(one.cell[2])) if one.kind == "choice" else 0.0}  # fmt: skip
        if one.kind == "same":
            return [0.0 if sounds[0].speaker == sounds[1].speaker else 3.0]
        return [right[one.kind]]

    return meant


def record(plan: ListeningPlan, session: int, meant: Meant) -> dict[str, Any]:
    """The file that the page would write."""
    names = {trial: alias for alias, trial in find_aliases(plan).items()}
    last = {"abx": 1, "cmos": 6, "same": 3, "choice": len(plan.emotions), "bws": [0, 3]}
    answers = []
    for turn in plan.sessions[session]:
        one = plan.trials[turn.trial]
        answer = give_canonical(one, turn, meant(one, turn))
        if one.role == TRAP:
            answer = last.get(one.kind, [0] * len(one.sounds))
        plays = [1] * len(turn.order)
        answers.append(
            {"trial": names[turn.trial], "again": turn.again, "answer": answer, "plays": plays, "seconds": 9.0}
        )
    return {
        "version": 1,
        "plan": plan.id,
        "listener": f"p{session}",
        "session": session,
        "language": "zh",
        "consent": True,
        "device": "headphones",
        "headphones": list(plan.headphones),
        "answers": answers,
    }


@pytest.fixture(scope="module")
def answered(written: tuple[ListeningPlan, Path]) -> Answered:
    plan, out = written
    rng = np.random.default_rng(0)
    records = [record(plan, i, beta_is_better(plan, rng)) for i in range(len(plan.sessions))]
    (out / "results").mkdir(exist_ok=True)
    for one in records:
        (out / "results" / f"{one['listener']}.json").write_text(json.dumps(one), encoding="utf-8")
    return plan, out, records


def test_the_truth_comes_out(answered: Answered) -> None:
    plan, out, _ = answered
    results, refused = read_results(out / "results", plan)
    content = analyse_results(plan, results, refused)
    found = {(one["measure"], one["system"], one["against"]): one for one in content["figures"]}
    assert content["counted"] == len(plan.sessions)
    assert found["comparison", "beta", "alpha"]["low"] > 0.2
    assert found["naturalness", "beta", "alpha"]["value"] == pytest.approx(20, abs=3)
    assert found["naturalness", "anchor", "recording"]["value"] == pytest.approx(-55, abs=4)
    assert found["right emotion", "alpha", ""]["value"] == found["voice kept", "alpha", ""]["value"] == 1.0
    assert found["order of strength", "beta", ""]["value"] == 1.0
    assert content["questions"]["abx"]["zh"].startswith("A 和 B")
    assert content["self_agreement"]["abx"] == 1.0


def test_the_command_writes_a_page_of_it(
    answered: Answered, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = answered
    assert main(["analyse", f"test={out}", f"out={tmp_path}"]) == 0
    page = (tmp_path / "listening.html").read_text(encoding="utf-8")
    assert "6 of 6 listeners count" in capsys.readouterr().out
    assert "How natural is each of these sounds" in page
    assert json.loads((tmp_path / "listening.json").read_text(encoding="utf-8"))["counted"] == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version"),
        ({"plan": "0"}, "another test"),
        ({"consent": False}, "nothing is counted without consent"),
        ({"session": 99}, "session"),
        ({"listener": "../../x"}, "letters, digits"),
        ({"answers": "all of them"}, "answers"),
    ],
)
def test_what_the_page_cannot_write_is_refused(answered: Answered, change: dict[str, Any], message: str) -> None:
    plan, _, records = answered
    with pytest.raises(InputError, match=message):
        parse_result({**records[0], **change}, plan, "file")


@pytest.mark.parametrize("answer", [99, -1, 0.5, True, None, [0], "1", [1, 1], [0, 1, 2, 101], [0, 0, 0, float("nan")]])
def test_an_impossible_answer_is_refused(answered: Answered, answer: Any) -> None:
    plan, _, records = answered
    for place, turn in enumerate(plan.sessions[0]):
        if plan.trials[turn.trial].kind in ("abx", "bws", "mushra"):
            given = [*records[0]["answers"]]
            given[place] = {**given[place], "answer": answer}
            with pytest.raises(InputError, match=f"answer {place + 1}"):
                parse_result({**records[0], "answers": given}, plan, "file")


def test_half_a_test_counts_and_a_broken_file_is_named(answered: Answered, tmp_path: Path) -> None:
    plan, _, records = answered
    half = {**records[0], "answers": records[0]["answers"][:10]}
    for name, text in (("a", json.dumps(half)), ("b", "{"), ("c", json.dumps(records[0]))):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    results, refused = read_results(tmp_path, plan)
    assert len(results) == 1
    assert results[0].finished
    assert len(refused) == 2


def test_a_missed_trap_and_a_wrong_headphone_check_are_named(
    answered: Answered,
) -> None:
    plan, _, records = answered
    given = [dict(one) for one in records[0]["answers"]]
    place = next(i for i, t in enumerate(plan.sessions[0]) if plan.trials[t.trial].role == TRAP)
    assert plan.trials[plan.sessions[0][place].trial].kind == "abx"
    given[place]["answer"] = 0
    wrong = [(one + 1) % 3 for one in plan.headphones]
    results = [
        parse_result(one, plan, "file") for one in ({**records[0], "answers": given, "headphones": wrong}, *records[1:])
    ]
    verdicts = screen(results, plan)
    assert verdicts[0].reasons == ("headphone check: 0 of 2", "traps: 1 of 6 missed")
    assert not any(one.reasons for one in verdicts[1:])


def test_bradley_terry_finds_a_known_worth() -> None:
    rng, true = np.random.default_rng(1), {"a": -0.8, "b": 0.0, "c": 0.8}
    contests = []
    for n in range(3000):
        i, j = rng.choice(3, 2, replace=False)
        first, second = "abc"[i], "abc"[j]
        chance = 1 / (1 + np.exp(true[second] - true[first]))
        contests.append(Contest(first, second, float(rng.random() < chance), f"l{n % 40}"))
    for one in fit_worth(contests):
        assert one.low < true[one.name] < one.high
        assert one.value == pytest.approx(true[one.name], abs=0.12)


def test_what_never_lost_has_no_finite_worth() -> None:
    assert fit_worth([Contest("a", "b", 1.0, "l") for _ in range(9)]) == []


def test_a_judge_that_hears_what_people_hear_agrees_and_noise_does_not(answered: Answered, tmp_path: Path) -> None:
    plan, out, _ = answered
    rng = np.random.default_rng(2)
    for system, base in (("alpha", 3.0), ("beta", 4.0)):
        rows = []
        for one in plan.stimuli.values():
            if one.system == system and not one.treatment:
                for metric, value in (("mos", base + rng.normal(0, 0.2)), ("silence", rng.normal())):
                    rows.append({"id": one.sample, "metric": metric, "judge": "j", "value": value, "of": "output"})
        (tmp_path / system).mkdir()
        (tmp_path / system / "measurements.jsonl").write_text(
            "".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8"
        )
    results, _ = read_results(out / "results", plan)
    found, notes = correlate_judges(results, plan, {name: tmp_path / name for name in ("alpha", "beta")})
    said = {one.metric: one for one in found if one.measure == "naturalness"}
    assert notes == []
    assert said["mos"].low > 0.5
    assert said["mos"].correlation > 0.7
    assert said["silence"].verdict == "not shown to agree"


def test_the_stop_rule_asks_for_more_listeners_while_intervals_are_wide() -> None:
    plan = plan_simulation(voices=6, sentences=6, listeners=8)
    results = answer_all(plan, SimulatedTruth(), {}, 3)
    rows = decide_stop(estimate_figures(results, plan), {"comparison": 0.05, "naturalness": 50.0})
    by = {(one["measure"], one["system"]): one for one in rows}
    assert not by["comparison", "second"]["reached"]
    assert by["comparison", "second"]["needed"] is None or by["comparison", "second"]["needed"] > 8
    assert by["naturalness", "second"]["reached"]


def test_each_kind_of_cheater_is_named_for_what_he_did() -> None:
    plan = plan_simulation()
    results = answer_all(
        plan, SimulatedTruth(), {0: "inattentive", 1: "one-sided", 2: "copying", 3: "copying", 4: "pushing"}, 5
    )
    reasons = {one.listener: "; ".join(one.reasons) for one in screen(results, plan)}
    assert "missed" in reasons["l0"]
    assert "one side" in reasons["l1"]
    assert "the same answers as l3" in reasons["l2"]
    assert "leans to one system" in reasons["l4"]


def test_simulated_tests_unmask_cheaters_and_find_a_difference() -> None:
    assert len(choose_cheaters(30, 2, 0)) == 2 * len(CHEATERS)
    rates = simulate_tests(8, SimulatedTruth(comparison=0.6), kinds=("abx", "cmos", "mushra"))
    assert rates["significant"]["cmos: comparison, second against first"]["estimate"] >= 0.9
    assert np.mean([rates["left_out"][kind]["estimate"] for kind in CHEATERS]) >= 0.9
    assert rates["left_out"]["honest"]["estimate"] < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_question_unmasks_the_cheats_that_it_leaves_room_for(kind: str) -> None:
    rates = simulate_tests(4, SimulatedTruth(), kinds=(kind,))
    assert list(rates["left_out"]) == [*list_cheaters((kind,)), "honest"]
    assert ("pushing" in rates["left_out"]) == (kind in ("cmos", "mushra"))
    caught = [rates["left_out"][one] for one in list_cheaters((kind,))]
    assert sum(one["estimate"] for one in caught) / len(caught) >= 0.85
    assert rates["significant"]
    assert all(kind in name for name in rates["significant"])


@pytest.mark.parametrize("kind", ["cmos", "same", "choice", "bws"])
def test_the_last_answer_every_time_is_named_where_others_do_not_give_it(kind: str) -> None:
    """The trap asks for the last answer, so it lets such a listener pass."""
    plan = plan_simulation(kinds=(kind,))
    verdicts = screen(answer_all(plan, SimulatedTruth(), {4: "one-sided"}, 1), plan)
    assert f"{kind}: the same answer to all 12 questions" in verdicts[4].reasons
    assert not any("same answer" in reason for i, one in enumerate(verdicts) if i != 4 for reason in one.reasons)


def test_who_says_neutral_each_time_counts_where_most_do() -> None:
    """A system without emotion sounds neutral to honest listeners."""
    plan = plan_simulation(kinds=("choice",))
    neutral = plan.emotions.index("neutral")
    results = [
        replace(
            one, responses=tuple(replace(r, answer=neutral) if r.trial.role == "main" else r for r in one.responses)
        )
        for one in answer_all(plan, SimulatedTruth(), {}, 2)
    ]
    assert not any("same answer to all" in reason for one in screen(results, plan) for reason in one.reasons)


def test_simulated_rates_are_put_into_a_document(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- simulated -->\nold\n<!-- end of simulated -->\nb\n", encoding="utf-8")
    assert main(["simulate", "repetitions=2", "kinds=cmos", "effect=0", f"document={page}"]) == 0
    assert "a difference" not in capsys.readouterr().out
    text = page.read_text(encoding="utf-8")
    assert "\nold\n" not in text
    assert "| cmos: comparison, second against first: p < 0.05 |" in text
    assert "| left out: pushing |" in text
    page.write_text("nothing", encoding="utf-8")
    with pytest.raises(InputError, match="0 places for tables"):
        main(["simulate", "repetitions=100000", f"document={page}"])


def test_cheaters_who_stay_move_the_result() -> None:
    """The control: without screening, those who push a system make a difference where there is none."""
    plan = plan_simulation()
    pushers = dict.fromkeys(range(10), "pushing")
    found = estimate_figures(answer_all(plan, SimulatedTruth(), pushers, 11), plan)
    pushed = next(one for one in found if one.measure == "comparison")
    assert pushed.value > 0.5


def test_a_page_is_written_for_any_content(answered: Answered, tmp_path: Path) -> None:
    plan, out, _ = answered
    results, _ = read_results(out / "results", plan)
    renamed = [replace(one, listener="<script>") if i == 0 else one for i, one in enumerate(results)]
    page = write_analysis(analyse_results(plan, renamed), tmp_path).read_text(encoding="utf-8")
    assert "<td>&lt;script&gt;</td>" in page
