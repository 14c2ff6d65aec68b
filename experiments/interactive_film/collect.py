"""`python experiments/interactive_film/collect.py FILE`: results/main.csv from what `film bench` or `soak` printed.

A bench with `writer=local` times lines that a language model writes, and has rows of its own.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import run_script
from experiments.results import Result, commit_here, write_results
from sovits_lab.types import got

ROWS = {
    "event to first sound, live": "first sound",
    "story, mood and writer": "story",
    "voice": "voice",
    "of it processor time": "processor",
    "line that was there already": "there",
}
TIMES = re.compile(r"^ *(.+?) +p50 +([\d.]+) ms +p95 +([\d.]+) ms +n (\d+)$", re.MULTILINE)
FACTOR = re.compile(r"^real-time factor \(processor\): ([\d.]+)", re.MULTILINE)
WALKS = re.compile(r"^ten walks: (\d+) of (\d+) lines were there already \((\d+) %\), (\d+) spoken ahead", re.MULTILINE)
WRITTEN = {"event to first sound, written": "first sound", "from the first clause on": "clause"}
SOURCES = re.compile(r"^lines: (.+)$", re.MULTILINE)
PLAYERS = {"event to first sound, live": "live", "event to first sound, was there": "there"}
MEMORY = re.compile(r"^  \d+: (\d+) lines, .* megabytes (\d+)$", re.MULTILINE)
PLAYED = re.compile(r"^(\d+) players, (\S+) minutes: (\d+) films to their end, (\d+) lines$", re.MULTILINE)
DROPPED = re.compile(r"^(\d+) connections dropped", re.MULTILINE)


def rows_of_soak(text: str, commit: str) -> list[Result]:
    """Return the rows of a soak's lines.

    Raises:
        InputError: the text is not what `film soak` prints, or it met faults.
    """
    played, dropped, memory = PLAYED.search(text), DROPPED.search(text), MEMORY.findall(text)
    times = {PLAYERS[match[1]]: match for match in TIMES.finditer(text) if match[1] in PLAYERS}
    if played is None or dropped is None or set(times) != set(PLAYERS.values()) or not memory:
        raise got("soak", f"a text of {len(text.splitlines())} lines", "what `film soak` prints")
    if not re.search(r"^0 faults$", text, re.MULTILINE):
        raise got("soak", text.splitlines()[-1][:80], "0 faults")
    who = f"{played[1]} players"
    found = [
        (f"players {name}/{key}", f"event to first sound, {key}, {who}", "ms", match[place], match[4])
        for key, match in times.items()
        for name, place in (("p50", 2), ("p95", 3))
    ]
    counts = {"minutes": played[2], "films": played[3], "lines": played[4], "drops": dropped[1]}
    found += [(f"players/{key}", f"{key}, {who}", "", value, "") for key, value in counts.items()]
    places = {"third": len(memory) // 3, "two thirds": 2 * len(memory) // 3, "end": len(memory) - 1}
    found += [
        (f"players/{key}", f"memory, {key} of the time, {who}", "MB", memory[at][1], "") for key, at in places.items()
    ]
    return [
        Result("interactive_film", key, figure, unit, "1 run", value, "", "", "", commit, n)
        for key, figure, unit, value, n in found
    ]


def rows_of_writer(text: str, commit: str) -> list[Result]:
    """Return the rows of a bench of lines that a language model wrote.

    Raises:
        InputError: none of them was spoken as the model wrote it.
    """
    times, sources = {match[1]: match for match in TIMES.finditer(text)}, SOURCES.search(text)
    if sources is None or set(times) != set(WRITTEN):
        raise got("bench", text.strip()[-80:], "times of lines that the model wrote")
    found = [
        (f"written {name}/{key}", f"{what}, {name}", "ms", times[what][place], times[what][4])
        for what, key in WRITTEN.items()
        for name, place in (("p50", 2), ("p95", 3))
    ]
    asked = sum(int(count) for count in re.findall(r"(?:^|, )(\d+) ", sources[1]))
    found.append(("written/asked", "lines that the model was asked for", "", str(asked), ""))
    return [
        Result("interactive_film", key, figure, unit, "1 run", value, "", "", "", commit, n)
        for key, figure, unit, value, n in found
    ]


def rows_of(text: str, commit: str) -> list[Result]:
    """Return the rows of a bench's lines.

    Raises:
        InputError: the text is not what `film bench` prints.
    """
    factor, walks = FACTOR.search(text), WALKS.search(text)
    times = {match[1]: match for match in TIMES.finditer(text)}
    if factor is None or walks is None or set(times) != set(ROWS):
        raise got("bench", f"a text of {len(text.splitlines())} lines", "what `film bench` prints")
    rows: list[Result] = []

    def add(key: str, figure: str, unit: str, value: str, n: str = "") -> None:
        rows.append(Result("interactive_film", key, figure, unit, "1 run", value, "", "", "", commit, n))

    for name, key in ROWS.items():
        add(f"live p50/{key}", f"{name}, median", "ms", times[name][2], times[name][4])
        add(f"live p95/{key}", f"{name}, 95th percentile", "ms", times[name][3], times[name][4])
    add("voice/rtf", "real-time factor of the processor", "", factor[1])
    for key, value in zip(("found", "asked", "there", "ahead"), walks.groups(), strict=True):
        add(f"walks/{key}", f"lines of ten walks, {key}", "%" if key == "there" else "", value)
    return rows


def main(argv: list[str]) -> None:
    """Write the rows in place of those of the same command before."""
    if len(argv) != 1 or not Path(argv[0]).is_file():
        raise got("file", " ".join(argv), "one file with what `film bench` or `film soak` printed")
    text = Path(argv[0]).read_text(encoding="utf-8")
    read = rows_of_soak if PLAYED.search(text) else rows_of_writer if SOURCES.search(text) else rows_of
    rows = read(text, commit_here())
    print(write_results("interactive_film", rows, instead_of=[row.key for row in rows]))


if __name__ == "__main__":
    run_script(main)
