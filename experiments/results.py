"""Results of studies: one row a run and figure, with the code that measured it; scripts write them, pages read them."""

from __future__ import annotations

import csv
import io
import subprocess
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sovits_lab.files import write_whole

ROOT = Path(__file__).parent
NOT_SHOWN = "not shown"  # what a test that showed nothing concludes


class Result(NamedTuple):
    """One figure of one run; `verdict` is what a test of it concluded, `n` what it was measured on."""

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
    n: str = ""
    verdict: str = ""


def read_results(path: Path) -> dict[str, list[Result]]:
    """Read the rows of `results/main.csv` by key."""
    found: dict[str, list[Result]] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            found.setdefault(row["key"], []).append(Result(**row))
    return found


def write_results(study: str, rows: Sequence[Result], instead_of: Collection[str] | None = None) -> Path:
    """Write `results/main.csv` of a study: all of it, or in place of the keys that begin with one of some words."""
    path = ROOT / study / "results" / "main.csv"
    kept: list[Result] = []
    if instead_of is not None and path.is_file():
        known = [row for each in read_results(path).values() for row in each]
        kept = [row for row in known if not row.key.startswith(tuple(instead_of))]
    path.parent.mkdir(exist_ok=True)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(Result._fields)
    writer.writerows([*kept, *rows])
    write_whole(path, stream.getvalue().encode())
    return path


def number(value: float) -> str:
    """Print three significant digits, and all of them before the point."""
    return f"{value or 0.0:.3g}" if abs(value) < 999.5 else f"{value:.0f}"  # no -0


def bounded(value: float, low: float | None = None, high: float | None = None) -> dict[str, str]:
    """Return value, low and high as a row holds them; bounds that are not known stay empty."""
    return {
        name: "" if one is None or np.isnan(one) else number(one)
        for name, one in (("value", value), ("low", low), ("high", high))
    }


def share(hits: Sequence[bool]) -> dict[str, str]:
    """Return a share in percent with its 95 % interval (Wilson)."""
    n, p, z2 = len(hits), sum(hits) / len(hits), 3.8416
    centre, half = p + z2 / (2 * n), 1.96 * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5
    low, high = (100 * (centre + sign * half) / (1 + z2 / n) for sign in (-1, 1))
    return bounded(100 * p, max(0.0, round(low, 6)), min(100.0, high))


def commit_here() -> str:
    """Return the commit of the code that runs, with a plus where it has been changed."""

    def git(*words: str) -> str:
        told = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True)  # noqa: S603, S607
        return told.stdout.strip()

    changed = git("status", "--porcelain", "--untracked-files=no", "--", "..", ":!.")
    return git("rev-parse", "--short=7", "HEAD") + ("+" if changed else "")
