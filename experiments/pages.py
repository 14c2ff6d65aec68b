"""`python experiments/pages.py`: every study's page from its `study.yaml` and `results/main.csv`.

A page has the question, an answer of three sentences, one figure, one table of about eight rows, limits, how to hear
and repeat it. Other tables of a study, its `tables`, stand in its other pages and in docs/ between
`<!-- results: STUDY/TABLE -->` and `<!-- end of results -->`. The results in the README of the project are those of
`FIRST`, its `headline`. Where a study names `sounds`, the site (`website/sounds.py`) puts players; `hear` are commands
that speak, and `silent` is the reason why there is nothing to hear.
Numbers in the texts of `study.yaml` are written `{KEY}` (mean over runs), `{KEY:low}`, `{KEY:high}` or `{KEY:truth}`;
`{runs}` is how many runs there are.
`--check` writes nothing and ends with 1 where a page is not what its results say.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from experiments.results import NOT_SHOWN, ROOT, Result, number, read_results
from sovits_lab.files import read_text
from sovits_lab.types import InputError, got

FIRST = ROOT / "sad_transfer"  # the study whose results stand in the project's README
FRONT = ROOT.parent / "README.md"
ROWS, SENTENCES, LINES = range(4, 11), 3, 90  # a table has about eight rows
RESULTS = re.compile(r"(?<=<!-- results -->\n).*?(?=\n<!-- end of results -->)", re.DOTALL)
NAMED = re.compile(r"(<!-- results: (\w+)/(\w+) -->\n).*?(\n<!-- end of results -->)", re.DOTALL)
NEEDED = {
    "question": str, "answer": list, "table": dict, "note": str, "figure": dict, "limits": list, "commands": list,
    "more": dict,
}  # fmt: skip
OF_FIGURE = {"axis": str, "caption": str, "keys": dict}
GIVEN = re.compile(r"\{([^{}]+?)(?::(low|high|truth))?\}")


def read_study(folder: Path) -> dict[str, Any]:
    """Read `study.yaml`.

    Raises:
        InputError: it is no YAML, or no mapping with what a page needs.
    """
    path = folder / "study.yaml"
    try:
        study = yaml.safe_load(read_text(path, "study"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark is not None else ""
        problem = getattr(error, "problem", None) or "no YAML"
        raise got(f"{path}{where}", problem, "YAML; quote texts that hold ': '") from error
    needed = require_keys(study, NEEDED, str(path))
    require_keys(needed["figure"], OF_FIGURE, f"{path}, figure")
    return needed


def require_keys(given: Any, needed: Mapping[str, type], where: str) -> dict[str, Any]:
    """Return a mapping that has these keys with values of these kinds.

    Raises:
        InputError: one is missing, or of another kind.
    """
    missing = [key for key in needed if key not in given] if isinstance(given, dict) else list(needed)
    if missing:
        raise got(where, f"no {', '.join(missing)}", f"the keys {', '.join(needed)}")
    kinds = {str: "a text", list: "a list", dict: "a mapping"}
    for key, kind in needed.items():
        if not isinstance(given[key], kind):
            raise got(f"{where}, {key}", type(given[key]).__name__, kinds[kind])
    return dict(given)


def fill(text: str, results: dict[str, list[Result]]) -> str:
    """Put numbers into a text.

    Raises:
        KeyError: a key that the results do not have.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] == "runs":
            return str(len({row.run for rows in results.values() for row in rows}))
        if match[1] not in results:
            raise KeyError(f"{{{match[1]}}}: not among the results")
        rows = results[match[1]]
        part = match[2]
        if part is None:
            return number(fmean(float(row.value) for row in rows))
        if part == "truth":
            return rows[0].truth
        bounds = [float(getattr(row, part)) for row in rows]  # of the widest interval
        return number(min(bounds) if part == "low" else max(bounds))

    return GIVEN.sub(value, text)


def make_table(keys: dict[str, str], results: dict[str, list[Result]], truth: str) -> list[str]:
    """Make a table of one column: mean, each run, the widest interval, and what it is held against."""
    lines = [f"| figure | mean | runs | 95 % (of all runs) | {truth} |", "|---|---|---|---|---|"]
    for key, label in keys.items():
        value = fill(f"{{{key}}}", results)
        rows = results[key]
        unit = f" {rows[0].unit}" if rows[0].unit else ""
        runs = ", ".join(row.value for row in rows) if len(rows) > 1 else rows[0].run
        low, high = fill(f"{{{key}:low}}", results), fill(f"{{{key}:high}}", results)
        lines.append(f"| {label} | **{value}**{unit} | {runs} | {low} to {high} | {rows[0].truth or '–'} |")
    return lines


def make_grid(table: dict[str, Any], results: dict[str, list[Result]]) -> list[str]:
    """Make a table of arms: the cell of a row and a column is the result `COLUMN/ROW`, or empty where there is none.

    Where arms are the rows (`arms: rows`), it is `ROW/COLUMN`. The site has room for six columns, the first included.

    Raises:
        KeyError: a row of which no column has a result.
    """
    columns: dict[str, str] = table["columns"]
    lines = [f"| {table.get('corner', '')} | {' | '.join(columns.values())} |", "|---" * (len(columns) + 1) + "|"]
    for key, label in table["rows"].items():
        pairs = [(key, column) if table.get("arms") == "rows" else (column, key) for column in columns]
        found = [results.get(f"{arm}/{figure}") for arm, figure in pairs]
        if not any(found):
            raise KeyError(f"{key}: not among the results of any of {', '.join(columns)}")
        lines.append(f"| {label} | {' | '.join(cell_of(rows) if rows else '' for rows in found)} |")
    return lines


def cell_of(rows: list[Result]) -> str:
    """Say the mean over runs, its widest interval, and what a test showed."""
    known = {row.key: rows for row in rows}
    told = fill(f"{{{rows[0].key}}}", known)
    if rows[0].low:
        told += fill(f" [{{{rows[0].key}:low}}, {{{rows[0].key}:high}}]", known)
    return f"{told}, {rows[0].verdict}" if rows[0].verdict not in ("", NOT_SHOWN) else told


def put_tables(text: str) -> str:
    """Put tables of studies between `<!-- results: STUDY/TABLE -->` and `<!-- end of results -->`.

    Raises:
        KeyError: a table that the study does not have under `tables`.
    """

    def table(match: re.Match[str]) -> str:
        folder = ROOT / match[2]
        tables = read_study(folder)["tables"]
        lines = make_grid(tables[match[3]], read_results(folder / "results" / "main.csv"))
        return "\n".join([match[1], *lines, match[4]])

    return NAMED.sub(table, text)


def draw(study: dict[str, Any], results: dict[str, list[Result]]) -> bytes:
    """Draw the figure: each run's value with its interval, beside what it is held against."""
    plt.rcParams.update({"svg.hashsalt": "sovits_lab", "svg.fonttype": "none"})
    bars: dict[str, str] = study["figure"]["keys"]
    figure, axes = plt.subplots(figsize=(8, 0.45 * len(bars) + 1))
    for place, key in enumerate(bars):
        rows = results[key]
        for i, row in enumerate(rows):
            y = place + 0.16 * (i - (len(rows) - 1) / 2)
            if row.low:
                axes.plot([float(row.low), float(row.high)], [y, y], color="#1a5fb4", linewidth=1.5)
            axes.plot(float(row.value), y, "o", color="#1a5fb4", markersize=4)
        if rows[0].truth:
            axes.plot([float(rows[0].truth)] * 2, [place - 0.35, place + 0.35], color="#c64600", linewidth=2)
    axes.set_yticks(range(len(bars)), list(bars.values()))
    axes.set_ylim(len(bars) - 0.5, -0.5)
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
    study = read_study(folder)
    results = read_results(folder / "results" / "main.csv")
    caption, note = fill(study["figure"]["caption"], results), fill(study["note"], results)
    answer = [fill(one, results) for one in study["answer"]]
    if len(answer) != SENTENCES or len(study["table"]) not in ROWS:
        raise ValueError(
            f"{folder.name}: {len(answer)} sentences, {len(study['table'])} rows; "
            f"expected {SENTENCES} and {ROWS.start} to {ROWS.stop - 1}"
        )
    if "columns" in study:
        table = make_grid({**study, "rows": study["table"]}, results)
    else:
        table = make_table(study["table"], results, study["truth"])
    if not {"hear", "sounds", "silent"} & set(study):
        raise ValueError(f"{folder.name}: nothing to hear; expected sounds, hear, or the reason in silent")
    hear = ["## Hear it", ""]
    hear += [f"<!-- sounds: {study['sounds']} -->", ""] if "sounds" in study else []
    hear += [study["silent"], ""] if "silent" in study else []
    hear += ["```bash", *study["hear"], "```", ""] if "hear" in study else []
    commits = sorted({row.commit for rows in results.values() for row in rows} - {""})
    lines = [
        f"# {folder.name}", "", f"**Question.** {study['question']}", "", f"**Answer.** {' '.join(answer)}", "",
        f"![{caption}](figures/result.svg)", "", f"*{caption}*", "",
        *table, "", note, "", "## Limits", "",
        *(f"- {fill(one, results)}" for one in study["limits"]), "", *hear,
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
    study = read_study(FIRST)
    keys = {key: study["table"][key] for key in study["headline"]}
    results = read_results(FIRST / "results" / "main.csv")
    commits = ", ".join(sorted({row.commit for key in keys for row in results[key]}))
    table = [*make_table(keys, results, study["truth"]), "", f"Embedded corpus, code of {commits}."]
    made, places = RESULTS.subn(lambda _: "\n".join(table), text)
    if places != 1:
        raise ValueError(f"{FRONT.name}: {places} places for results, expected 1")
    return made


def write_page(folder: Path) -> Path:
    """Write the page of a study and its figure."""
    text, figure = make_page(folder)
    page, drawn = folder / "README.md", folder / "figures" / "result.svg"
    drawn.parent.mkdir(exist_ok=True)
    drawn.write_bytes(figure)
    page.write_text(text, encoding="utf-8")
    return page


def documents() -> list[Path]:
    """Return the pages, besides those of the studies, in which tables of studies stand."""
    pages = [*ROOT.parent.glob("docs/*.md"), *(path for path in ROOT.glob("*/*.md") if path.name != "README.md")]
    return sorted(path for path in pages if NAMED.search(path.read_text(encoding="utf-8")))


def main() -> int:
    """Write every page, or check them; what is wrong with a study is one line."""
    try:
        return write_or_check("--check" in sys.argv)
    except (InputError, KeyError, ValueError) as error:
        print(f"error: {error.args[0] if error.args else error!r}", file=sys.stderr)
        return 2


def write_or_check(check: bool) -> int:
    """Write every page, or name those that are not what their results say."""
    stale = []
    for path in sorted(ROOT.glob("*/study.yaml")):
        page = path.parent / "README.md"
        if not check:
            print(write_page(path.parent))
        elif not page.is_file() or page.read_text(encoding="utf-8") != make_page(path.parent)[0]:
            stale.append(str(page))
    for path, put in [(FRONT, make_front), *((path, put_tables) for path in documents())]:
        text = path.read_text(encoding="utf-8")
        if put(text) != text and check:
            stale.append(str(path))
        elif not check:
            path.write_text(put(text), encoding="utf-8")
    for name in stale:
        print(f"{name}: not what its results say; python experiments/pages.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
