"""`python experiments/pages.py`: every study's page from its `study.yaml` and `results/main.csv`.

A page has the question, an answer of three sentences, one figure, one table of eight rows, limits, how to repeat it.
The results in the README of the project are those of `FIRST`, its `headline`.
Numbers in the texts of `study.yaml` are written `{KEY}` (mean over runs), `{KEY:low}`, `{KEY:high}` or `{KEY:truth}`;
`{runs}` is how many runs there are.
`--check` writes nothing and ends with 1 where a page is not what its results say.
"""

from __future__ import annotations

import csv
import io
import re
import sys
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import yaml

ROOT = Path(__file__).parent
FIRST = ROOT / "sad_transfer"  # the study whose results stand in the project's README
FRONT = ROOT.parent / "README.md"
ROWS, SENTENCES, LINES = 8, 3, 90
RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=\n<!-- end of results -->)", re.DOTALL)
GIVEN = re.compile(r"\{([^{}]+?)(?::(low|high|truth))?\}")


class Result(NamedTuple):
    """One figure of one run."""

    study: str
    key: str
    figure: str
    unit: str
    run: str
    value: str
    low: str
    high: str
    truth: str
    commit: str


def read_results(path: Path) -> dict[str, list[Result]]:
    """Read the rows of `results/main.csv` by key."""
    found: dict[str, list[Result]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["key"], []).append(Result(**row))
    return found


def number(value: float) -> str:
    """Print three significant digits."""
    return f"{value:.3g}"


def fill(text: str, results: dict[str, list[Result]]) -> str:
    """Put numbers into a text.

    Raises:
        KeyError: a key that the results do not have.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] == "runs":
            return str(len({row.run for rows in results.values() for row in rows}))
        rows = results[match[1]]
        part = match[2]
        if part is None:
            return number(fmean(float(row.value) for row in rows))
        if part == "truth":
            return rows[0].truth
        bounds = [float(getattr(row, part)) for row in rows]
        return number(min(bounds) if part == "low" else max(bounds))

    return GIVEN.sub(value, text)


def make_table(keys: dict[str, str], results: dict[str, list[Result]], truth: str) -> list[str]:
    """Make the table: mean, each run, the widest interval, and what it is held against."""
    lines = [f"| figure | mean | runs | 95 % (of all runs) | {truth} |", "|---|---|---|---|---|"]
    for key, label in keys.items():
        rows = results[key]
        unit = f" {rows[0].unit}" if rows[0].unit else ""
        runs = ", ".join(row.value for row in rows) if len(rows) > 1 else rows[0].run
        low, high = fill(f"{{{key}:low}}", results), fill(f"{{{key}:high}}", results)
        lines.append(
            f"| {label} | **{fill(f'{{{key}}}', results)}**{unit} | {runs} | {low} to {high} | {rows[0].truth or '–'} |"
        )
    return lines


def draw(study: dict[str, Any], results: dict[str, list[Result]]) -> bytes:
    """Draw the figure: each run's value with its interval, beside what it is held against."""
    plt.rcParams.update({"svg.hashsalt": "sovits_lab", "svg.fonttype": "none"})
    bars: dict[str, str] = study["figure"]["keys"]
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(bars) + 1))
    for place, key in enumerate(bars):
        rows = results[key]
        for i, row in enumerate(rows):
            y = place + 0.16 * (i - (len(rows) - 1) / 2)
            axes.plot([float(row.low), float(row.high)], [y, y], color="#1a5fb4", linewidth=1.5)
            axes.plot(float(row.value), y, "o", color="#1a5fb4", markersize=4)
        if rows[0].truth:
            axes.plot([float(rows[0].truth)] * 2, [place - 0.35, place + 0.35], color="#c64600", linewidth=2)
    axes.set_yticks(range(len(bars)), list(bars.values()))
    axes.invert_yaxis()
    axes.set_xlabel(study["figure"]["axis"])
    axes.grid(axis="x", alpha=0.3)
    memory = io.BytesIO()
    figure.savefig(memory, format="svg", bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    return memory.getvalue()


def make_page(folder: Path) -> tuple[str, bytes]:
    """Make the page and the figure of a study.

    Raises:
        ValueError: an answer that is not three sentences, a table that is not eight rows, a page that is too long.
    """
    study = yaml.safe_load((folder / "study.yaml").read_text(encoding="utf-8"))
    results = read_results(folder / "results" / "main.csv")
    caption, note = fill(study["figure"]["caption"], results), fill(study["note"], results)
    answer = [fill(one, results) for one in study["answer"]]
    if len(answer) != SENTENCES or len(study["table"]) != ROWS:
        raise ValueError(
            f"{folder.name}: {len(answer)} sentences, {len(study['table'])} rows; expected {SENTENCES} and {ROWS}"
        )
    commits = sorted({row.commit for rows in results.values() for row in rows} - {""})
    lines = [
        f"# {folder.name}", "", f"**Question.** {study['question']}", "", f"**Answer.** {' '.join(answer)}", "",
        f"![{caption}](figures/result.svg)", "", f"*{caption}*", "",
        *make_table(study["table"], results, study["truth"]), "", note, "", "## Limits", "",
        *(f"- {fill(one, results)}" for one in study["limits"]), "",
        "## Repeat it", "", "```bash", *study["commands"], "```", "",
        "## More", "", *(f"- [{title}]({place})" for place, title in study["more"].items()),
        f"- [results/main.csv](results/main.csv): every figure of every run; code of {', '.join(commits)}", "",
        "This page is written by `python experiments/pages.py` from `study.yaml` and `results/`.",
    ]  # fmt: skip
    text = "\n".join(lines) + "\n"
    if len(lines) > LINES:
        raise ValueError(f"{folder.name}: {len(lines)} lines, at most {LINES}")
    return text, draw(study, results)


def make_front(text: str) -> str:
    """Put the headline results into the project's README.

    Raises:
        ValueError: the README has no place for them.
    """
    study = yaml.safe_load((FIRST / "study.yaml").read_text(encoding="utf-8"))
    keys = {key: study["table"][key] for key in study["headline"]}
    results = read_results(FIRST / "results" / "main.csv")
    commits = ", ".join(sorted({row.commit for key in keys for row in results[key]}))
    table = [*make_table(keys, results, study["truth"]), "", f"Embedded corpus, code of {commits}."]
    made, places = RESULTS.subn(lambda _: "\n".join(table), text)
    if places != 1:
        raise ValueError(f"{FRONT.name}: {places} places for results, expected 1")
    return made


def main() -> int:
    """Write every page, or check them."""
    stale = []
    for path in sorted(ROOT.glob("*/study.yaml")):
        text, figure = make_page(path.parent)
        page, drawn = path.parent / "README.md", path.parent / "figures" / "result.svg"
        if "--check" in sys.argv:
            if not page.is_file() or page.read_text(encoding="utf-8") != text or not drawn.is_file():
                stale.append(str(page))
            continue
        drawn.parent.mkdir(exist_ok=True)
        drawn.write_bytes(figure)
        page.write_text(text, encoding="utf-8")
        print(page)
    front = FRONT.read_text(encoding="utf-8")
    if make_front(front) != front:
        if "--check" in sys.argv:
            stale.append(str(FRONT))
        else:
            FRONT.write_text(make_front(front), encoding="utf-8")
    for name in stale:
        print(f"{name}: not what its results say; python experiments/pages.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
