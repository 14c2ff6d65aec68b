"""What listeners get: balanced, equally loud, and without a word about which system is which."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.listening.answers import canonical, check_answer, give_canonical, passes_gold, right_answers
from evaluation.listening.command import main
from evaluation.listening.folder import ListeningDesign, plan_test, read_texts, write_test
from evaluation.listening.kinds import ListeningArm
from evaluation.listening.results import agree
from evaluation.listening.sounds import match_loudness, measure_loudness
from evaluation.listening.trials import GOLD, KINDS, MAIN, TRAINING, TRAP, ListeningPlan, read_plan
from sovits_lab.types import InputError
from tests.evaluation.listening.conftest import SMALL

LANGUAGES = ("en", "zh")


def shown(out: Path) -> dict:
    text = (out / "test" / "plan.js").read_text(encoding="utf-8")
    return json.loads(text.removeprefix("window.PLAN = ").removesuffix(";\n"))


def test_all_sounds_have_one_loudness(written: tuple[ListeningPlan, Path]) -> None:
    plan, out = written
    names = [name for name, one in plan.stimuli.items() if not one.treatment.startswith("instruction")]
    levels = [measure_loudness(*soundfile.read(out / "test" / "sounds" / f"{name}.flac")) for name in names]
    assert max(levels) - min(levels) < 0.3


def test_what_would_be_clipped_makes_all_softer() -> None:
    wavs = {"peaky": np.zeros(24000), "even": 0.1 * np.sin(np.arange(24000) / 20)}
    wavs["peaky"][::3000] = 0.9
    wavs["peaky"] += 0.002 * np.sin(np.arange(24000) / 20)
    made = match_loudness(wavs)
    levels = [measure_loudness(one, 24000) for one in made.values()]
    assert max(float(np.abs(one).max()) for one in made.values()) <= 0.9
    assert abs(levels[0] - levels[1]) < 0.3


def test_listeners_cannot_read_who_spoke_or_what_is_a_check(written: tuple[ListeningPlan, Path]) -> None:
    _, out = written
    text = (out / "test" / "plan.js").read_text(encoding="utf-8")
    assert not any(word in text for word in ("alpha", "beta", "v0s0", "This is a check", str(out)))
    assert {key for one in shown(out)["trials"].values() for key in one} == {"kind", "sounds", "training", "right"}
    assert {one["kind"] for one in shown(out)["trials"].values()} == set(KINDS)
    assert all("right" not in one for one in shown(out)["trials"].values() if not one.get("training"))


def test_every_file_that_the_page_plays_is_there(written: tuple[ListeningPlan, Path]) -> None:
    _, out = written
    page = shown(out)
    names = {name for one in page["trials"].values() for name in one["sounds"]}
    names |= {name for spoken in page["spoken"].values() for name in spoken.values()}
    names |= {f"headphones{n}" for n in range(page["headphones"])}
    assert {path.stem for path in (out / "test" / "sounds").iterdir()} == names


def test_the_key_is_read_back_and_a_changed_one_is_refused(written: tuple[ListeningPlan, Path], tmp_path: Path) -> None:
    plan, out = written
    assert read_plan(out) == replace(plan, stimuli={k: replace(v, path=None) for k, v in plan.stimuli.items()})
    record = json.loads((out / "key.json").read_text(encoding="utf-8"))
    record["headphones"] = [*record["headphones"], 0]
    (tmp_path / "key.json").write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(InputError, match="changed after the test was written"):
        read_plan(tmp_path)


def test_a_second_test_does_not_replace_the_first(
    arms: list[ListeningArm], written: tuple[ListeningPlan, Path]
) -> None:
    _, out = written
    with pytest.raises(InputError, match="could not be read any more"):
        write_test(plan_test(arms, SMALL), out, SMALL)


def test_systems_sides_and_trials_are_balanced(arms: list[ListeningArm]) -> None:
    plan = plan_test(arms, ListeningDesign(("abx", "cmos"), listeners=24, each=6, repeats=0, gold=0, traps=0))
    turns = [(plan.trials[turn.trial], turn) for session in plan.sessions for turn in session]
    main_turns = [(one, turn) for one, turn in turns if one.role == MAIN]
    heard = Counter(one.id for one, _ in main_turns if one.kind == "cmos")
    assert max(heard.values()) - min(heard.values()) <= 1
    sides = Counter(turn.order for one, turn in main_turns if one.kind == "cmos")
    assert abs(sides[0, 1] - sides[1, 0]) <= 0.1 * sum(sides.values())
    systems = Counter(one.variant for one, _ in main_turns if one.kind == "abx")
    assert systems["alpha"] == systems["beta"]
    for session in plan.sessions:
        cells = [plan.trials[t.trial].cell for t in session if plan.trials[t.trial].kind == "cmos"]
        main_cells = [c for t, c in zip(session, cells, strict=False) if plan.trials[t.trial].role == MAIN]
        assert len(main_cells) == len(set(main_cells))


def test_every_session_has_practice_gold_traps_and_repeats(written: tuple[ListeningPlan, Path]) -> None:
    plan, _ = written
    for number, session in enumerate(plan.sessions):
        assert len(plan.turns(number, TRAP)) == len(KINDS)
        assert len(plan.turns(number, GOLD)) == 4
        assert len(plan.turns(number, TRAINING)) == len(KINDS)
        assert sum(turn.again for turn in session) >= 1


@pytest.mark.parametrize("kind", KINDS)
def test_an_answer_and_its_meaning_are_inverses(written: tuple[ListeningPlan, Path], kind: str) -> None:
    plan, _ = written
    given = {"abx": [0, 1], "cmos": [0, 2, 6], "same": [0, 3], "choice": [0, 2], "mushra": [[3, 50, 70, 9]],
             "bws": [[0, 3], [2, 1]]}[kind]  # fmt: skip
    turns = {t for s in plan.sessions for t in s if plan.trials[t.trial].kind == kind}
    for turn in turns:
        one = plan.trials[turn.trial]
        for answer in given:
            values = canonical(one, turn.order, answer)
            assert give_canonical(one, turn, values) == check_answer(one, answer, len(plan.emotions), "answer")
            assert agree(values, values, kind)


def test_practice_knows_its_right_answers(written: tuple[ListeningPlan, Path]) -> None:
    plan, _ = written
    for session in plan.sessions:
        for turn in session:
            one = plan.trials[turn.trial]
            if one.role == TRAINING and one.kind in ("abx", "cmos", "same"):
                right = right_answers(one, turn.order)
                assert right
                assert all(passes_gold(one, canonical(one, turn.order, answer)) for answer in right)


def test_both_languages_say_the_same_things() -> None:
    def keys(node: object) -> object:
        return {k: keys(v) for k, v in node.items()} if isinstance(node, dict) else type(node).__name__

    assert keys(read_texts("en")) == keys(read_texts("zh"))
    for kind in KINDS:
        assert len({len(read_texts(code)[kind].get("options", ())) for code in LANGUAGES}) == 1


def test_a_kind_without_trials_says_what_it_needs(arms: list[ListeningArm]) -> None:
    plain = [arm._replace(samples=[one for one in arm.samples if one.emotion == "neutral"]) for arm in arms]
    with pytest.raises(InputError, match="at 4 or more strengths"):
        plan_test(plain, ListeningDesign(("bws",)))


def test_help_names_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "python -m evaluation listen" in capsys.readouterr().out
