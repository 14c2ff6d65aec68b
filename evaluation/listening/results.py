"""Answers of listeners: files that come from outside are checked line by line before anything is counted."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.listening.answers import canonical, check_answer
from evaluation.listening.folder import find_aliases
from evaluation.listening.trials import ListeningPlan, ListeningTrial, Turn
from sovits_lab.files import read_json
from sovits_lab.types import InputError, got

VERSION, MOST_BYTES = 1, 2 << 20
CODE = re.compile(r"[A-Za-z0-9_-]{1,32}")
LONGEST = 24 * 3600.0


@dataclass(frozen=True)
class Response:
    """One answer: the turn, what was chosen as shown, its canonical values, and how long it took."""

    turn: Turn
    trial: ListeningTrial
    answer: Any
    values: tuple[float, ...]
    seconds: float
    plays: tuple[int, ...] = ()


@dataclass(frozen=True)
class ListenerResult:
    """All answers of one listener. `headphones` holds what was chosen in each round of the check."""

    listener: str
    session: int
    language: str
    device: str
    headphones: tuple[int, ...]
    responses: tuple[Response, ...]
    finished: bool


def parse_result(record: Any, plan: ListeningPlan, where: str) -> ListenerResult:
    """Make a result from the content of a file.

    Raises:
        InputError: of another test or version, without consent, or with an answer that the page cannot give.
    """
    if not isinstance(record, dict) or record.get("version") != VERSION:
        raise got(f"{where}, version", record.get("version") if isinstance(record, dict) else record, str(VERSION))
    if record.get("plan") != plan.id:
        raise got(f"{where}, test", record.get("plan"), f"{plan.id}: these answers belong to another test")
    if record.get("consent") is not True:
        raise got(f"{where}, consent", record.get("consent"), "true: nothing is counted without consent")
    listener, session = record.get("listener"), record.get("session")
    if not isinstance(listener, str) or not CODE.fullmatch(listener):
        raise got(f"{where}, listener", listener, "1 to 32 letters, digits, - or _")
    if not isinstance(session, int) or not 0 <= session < len(plan.sessions):
        raise got(f"{where}, session", session, f"a whole number below {len(plan.sessions)}")
    turns = plan.sessions[session]
    given = record.get("answers")
    if not isinstance(given, list) or len(given) > len(turns):
        raise got(f"{where}, answers", type(given).__name__, f"a list of at most {len(turns)}")
    aliases = find_aliases(plan)
    responses = tuple(
        _response(one, turn, plan, aliases, f"{where}, answer {number}")
        for number, (one, turn) in enumerate(zip(given, turns, strict=False), 1)
    )
    headphones = record.get("headphones")
    headphones = headphones if isinstance(headphones, list) and all(one in (0, 1, 2) for one in headphones) else []
    return ListenerResult(
        listener,
        session,
        "zh" if record.get("language") == "zh" else "en",
        "headphones" if record.get("device") == "headphones" else "loudspeakers",
        tuple(headphones[: len(plan.headphones)]),
        responses,
        len(responses) == len(turns),
    )


def _response(one: Any, turn: Turn, plan: ListeningPlan, aliases: dict[str, str], where: str) -> Response:
    if not isinstance(one, dict) or aliases.get(str(one.get("trial"))) != turn.trial:
        raise got(f"{where}, trial", one.get("trial") if isinstance(one, dict) else one, "the trial of this session")
    trial = plan.trials[turn.trial]
    answer = check_answer(trial, one.get("answer"), len(plan.emotions), where)
    seconds, plays = one.get("seconds"), one.get("plays")
    if not isinstance(seconds, (int, float)) or not math.isfinite(seconds) or not 0 <= seconds <= LONGEST:
        raise got(f"{where}, seconds", seconds, "a number from 0 to a day")
    counts = plays if isinstance(plays, list) and all(isinstance(x, int) for x in plays) else []
    values = tuple(canonical(trial, turn.order, answer))
    return Response(turn, trial, answer, values, float(seconds), tuple(counts))


def read_results(folder: Path, plan: ListeningPlan) -> tuple[list[ListenerResult], list[str]]:
    """Read every `*.json` of a folder; return the results, and a line for each file that was refused.

    Of two files of one listener the one with more answers counts.

    Raises:
        InputError: the folder is missing or holds no usable result.
    """
    if not folder.is_dir():
        raise got("results", folder, "a folder with results-*.json")
    found: dict[str, ListenerResult] = {}
    refused: list[str] = []
    for path in sorted(folder.glob("*.json")):
        try:
            one = parse_result(read_json(path, "result of a listener", MOST_BYTES), plan, path.name)
        except InputError as error:
            refused.append(str(error))
            continue
        if one.listener in found:
            refused.append(f"{path.name}: listener {one.listener} came twice; the longer file counts")
            one = max(one, found[one.listener], key=lambda result: len(result.responses))
        found[one.listener] = one
    if not found:
        raise got("results", folder, f"at least one usable result{': ' + refused[0] if refused else ''}")
    return list(found.values()), refused


def select_main(results: Iterable[ListenerResult], kind: str) -> list[tuple[ListenerResult, Response]]:
    """Select the answers to main trials of a kind, the first time that they were asked."""
    return [
        (one, response)
        for one in results
        for response in one.responses
        if response.trial.kind == kind and response.trial.role == "main" and not response.turn.again
    ]


def pair_repeats(one: ListenerResult) -> list[tuple[Response, Response]]:
    """Pair a listener's first and second answers to the same trial."""
    first = {r.turn.trial: r for r in one.responses if not r.turn.again}
    return [(first[r.turn.trial], r) for r in one.responses if r.turn.again and r.turn.trial in first]


def agree(first: Sequence[float], second: Sequence[float], kind: str) -> bool:
    """Tell whether two answers to one trial agree: the same side, the same choice, or within a small step."""
    if kind in ("abx", "choice"):
        return first[0] == second[0]
    if kind == "bws":
        return list(first).index(1.0) == list(second).index(1.0)
    slack = {"cmos": 1.0, "same": 1.0, "mushra": 15.0}[kind]
    return max(abs(a - b) for a, b in zip(first, second, strict=True)) <= slack
