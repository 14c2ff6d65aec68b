"""`python -m sovits_lab bench corpus`: what a corpus of many rows costs before the first training step.

Every step runs in a process of its own on corpora of growing size, so that what does not grow in proportion is seen.
"""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.bench.child import measure_apart
from sovits_lab.options import option, read_options

MADE = ("make-corpus", "make-features")  # before any step that is measured
STEPS = {
    "doctor": "every recording is decoded, every text read",
    "survey": "the plan of a corpus that was not read before: headers alone",
    "manifest": "every recording is decoded, the manifest written",
    "plan": "of a corpus whose manifest is there",
    "features": "the manifest is read and dealt to parts",
    "shards": "features as archives",
    "batch": "features are opened and the first batch drawn",
}


@dataclass(frozen=True)
class CorpusBench:
    """Time the steps from a table of recordings to the first batch, by the number of rows; and their memory."""

    rows: list[int] = option("of the corpora", [1_000, 10_000, 100_000], least=1)
    steps: list[str] = option("that are measured", [*STEPS], choices=[*STEPS])
    folder: Path | None = option("in which corpora are made and removed again", None, shown="the system's for such")


def measure_corpus(argv: list[str]) -> int:
    """Print a line for each step and size."""
    options = read_options(CorpusBench, argv)
    print("step          rows       s  processor s  ms a row  peak MB")
    for rows in options.rows:
        place = Path(tempfile.mkdtemp(prefix="corpus", dir=options.folder))
        try:
            for step in MADE:
                measure_step(step, place, rows)
            for step in STEPS:
                needed = step == "manifest" and {"plan", "features"} & set(options.steps)
                if step not in options.steps and not needed:
                    continue
                took = measure_step(step, place, rows)
                if step in options.steps:
                    print(line_of(step, rows, took), flush=True)
        finally:
            shutil.rmtree(place)
    print("\n".join(f"{step}: {STEPS[step]}" for step in options.steps))
    return 0


def measure_step(step: str, place: Path, rows: int) -> dict[str, Any]:
    """Do one step in a fresh process and return its figures.

    Raises:
        InputError: it fails.
    """
    words = ["-m", "sovits_lab.bench.corpus_steps", f"step={step}", f"folder={place}", f"rows={rows}"]
    return measure_apart(f"bench corpus {step}, {rows} rows", words, OMP_NUM_THREADS="1")


def line_of(step: str, rows: int, took: dict[str, Any]) -> str:
    """Return a line of the table."""
    each = 1000 * took["processor"] / rows
    return (
        f"{step:<9} {rows:>8} {took['seconds']:>7.2f}  {took['processor']:>11.2f}  {each:>8.3f}  {took['peak']:>7.0f}"
    )
