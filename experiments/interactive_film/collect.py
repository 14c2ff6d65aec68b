"""`python experiments/interactive_film/collect.py FILE`: results/main.csv from what `film bench` printed."""

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
    """Write the rows in place of those of the bench before."""
    if len(argv) != 1 or not Path(argv[0]).is_file():
        raise got("file", " ".join(argv), "one file with what `film bench` printed")
    rows = rows_of(Path(argv[0]).read_text(encoding="utf-8"), commit_here())
    print(write_results("interactive_film", rows, instead_of=[row.key for row in rows]))


if __name__ == "__main__":
    run_script(main)
