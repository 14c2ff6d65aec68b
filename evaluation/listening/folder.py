"""Writing a test: the folder that listeners get, and beside it the key that they do not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evaluation.listening.answers import right_answers
from evaluation.listening.controls import make_controls
from evaluation.listening.kinds import ListeningArm, TrialMaker
from evaluation.listening.order import deal_sessions
from evaluation.listening.sounds import write_headphone_check, write_sounds
from evaluation.listening.trials import KEY, KINDS, PLAN, RECORDING, TRAINING, ListeningPlan
from evaluation.scoring.samples import NEUTRAL
from sovits_lab.files import write_whole
from sovits_lab.types import got

HERE = Path(__file__).parent
LANGUAGES = ("en", "zh")
STATIC = {"index.html": "page.html", "page.css": "page.css", "page.js": "page.js"}
SECONDS_EACH = 14  # an answer of an attentive listener, with listening
TEST, SOUNDS = "test", "sounds"


@dataclass(frozen=True)
class ListeningDesign:
    """How large a test is.

    Attributes:
        kinds: of question.
        listeners: sessions that are dealt; more listeners begin again with the first.
        each: main trials of a kind in a session.
        repeats: of these, how many are asked a second time, for self-agreement.
        gold, traps: known answers and spoken instructions of each kind in a session.
        headphones: rounds of the headphone check; 0 leaves it out.
        seed: of all draws.
    """

    kinds: tuple[str, ...]
    listeners: int = 30
    each: int = 12
    repeats: int = 2
    gold: int = 2
    traps: int = 1
    headphones: int = 6
    seed: int = 1


def plan_test(arms: Sequence[ListeningArm], design: ListeningDesign, title: str = "Listening test") -> ListeningPlan:
    """Plan a test of some systems; nothing is written, and no sound is read.

    Raises:
        InputError: an unknown kind, two systems of one label, or samples in which a kind finds nothing to ask.
    """
    labels = [arm.label for arm in arms]
    if len(set(labels)) < len(labels) or RECORDING in labels:
        raise got("labels of the systems", labels, f"different ones, none of them {RECORDING!r}")
    if wrong := [kind for kind in design.kinds if kind not in KINDS]:
        raise got("kinds", wrong[0], f"some of {', '.join(KINDS)}")
    maker = TrialMaker(arms)
    main = {kind: maker.make(kind) for kind in KINDS if kind in design.kinds}
    controls = {k: make_controls(v, maker.stimuli, design.gold, design.traps) for k, v in main.items()}
    sessions = deal_sessions(main, controls, design.listeners, design.each, design.repeats, design.seed)
    trials = {one.id: one for each in (main, controls) for kind in each.values() for one in kind}
    used = {turn.trial for session in sessions for turn in session}
    trials = {name: one for name, one in trials.items() if name in used}
    needed = {sound for one in trials.values() for sound in one.sounds}
    emotions = sorted({one.emotion for arm in arms for one in arm.samples}, key=lambda name: (name != NEUTRAL, name))
    return ListeningPlan(
        title,
        tuple(labels),
        tuple(emotions),
        {name: one for name, one in maker.stimuli.items() if name in needed},
        trials,
        sessions,
        tuple(range(design.headphones)),
        {arm.label: str(arm.folder) for arm in arms},
    )


def write_test(plan: ListeningPlan, out: Path, design: ListeningDesign, server: bool = False) -> ListeningPlan:
    """Write `test/` (for listeners) and `key.json` (for the analysis) into a folder; return the plan as written.

    Raises:
        InputError: the folder holds another test already, or a sound cannot be used.
    """
    if (out / KEY).is_file():
        raise got("out", out, f"a folder without a {KEY}: results of the test in it could not be read any more")
    sounds = out / TEST / SOUNDS
    texts = {language: read_texts(language) for language in LANGUAGES}
    answers = write_headphone_check(sounds, design.headphones, design.seed)
    plan = replace(plan, headphones=answers)
    matched = write_sounds(dict(plan.stimuli), sounds, {k: one["instructions"] for k, one in texts.items()})
    for name, source in STATIC.items():
        write_whole(out / TEST / name, (HERE / source).read_bytes())
    shown = describe_for_listeners(plan, texts, matched.spoken, server)
    text = json.dumps(shown, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    write_whole(out / TEST / PLAN, f"window.PLAN = {text};\n".encode())
    write_whole(out / KEY, plan.key().encode())
    return plan


def read_texts(language: str) -> dict[str, Any]:
    """Read the exact texts of a language: questions, consent, privacy, instructions of the traps."""
    texts: dict[str, Any] = json.loads((HERE / "texts" / f"{language}.json").read_text(encoding="utf-8"))
    return texts


def describe_for_listeners(
    plan: ListeningPlan, texts: Mapping[str, Any], spoken: Mapping[str, Any], server: bool
) -> dict[str, Any]:
    """Return what the page may know: no system, no sample, no role but that of practice, no answer but to practice."""
    trials: dict[str, dict[str, Any]] = {}
    for name, one in plan.trials.items():
        shown: dict[str, Any] = {"kind": one.kind, "sounds": list(one.sounds)}
        if one.role == TRAINING:
            shown["training"] = True
            orders = sorted({turn.order for session in plan.sessions for turn in session if turn.trial == name})
            known = {",".join(map(str, order)): right_answers(one, order) for order in orders}
            if all(known.values()):
                shown["right"] = known
        trials[name] = shown
    turns = max(map(len, plan.sessions))
    return {
        "id": plan.id,
        "title": plan.title,
        "minutes": max(1, round((turns * SECONDS_EACH + 60 + 10 * len(plan.headphones)) / 60)),
        "server": server,
        "headphones": len(plan.headphones),
        "emotions": list(plan.emotions),
        "texts": {code: {k: v for k, v in one.items() if k != "instructions"} for code, one in texts.items()},
        "spoken": spoken,
        "trials": _hidden(trials),
        "sessions": [
            [{"trial": _alias(t.trial), "order": list(t.order), "again": t.again} for t in s] for s in plan.sessions
        ],
    }


def _alias(trial: str) -> str:
    """A name that does not tell a trap or a gold trial from others."""
    return "t" + hashlib.sha256(trial.encode()).hexdigest()[:8]


def _hidden(trials: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted((_alias(key), one) for key, one in trials.items()))


def find_aliases(plan: ListeningPlan) -> dict[str, str]:
    """Return the trial behind each name that listeners' files use."""
    return {_alias(name): name for name in plan.trials}
