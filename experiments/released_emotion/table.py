"""Figures of one arm against its base: the share of the true shift, and what became of voice and words.

    python experiments/released_emotion/table.py ARM RUN[,BASE_RUN] ...     # then python experiments/pages.py

Each RUN is a run folder, one a seed. The base is what BASE_RUN says at strength 0: adapters leave it alone there, bit
for bit, so that their own run is its own base; for an arm whose base has changed, such as full fine-tuning, it is an
adapters' run, and what the arm itself says at strength 0 is compared with it as well. Differences are paired (same
text, speaker and seed); intervals of 95 % resample speakers, texts and runs crossed; *equal*: that of 90 % lies
within the margin, which is two one-sided tests.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.results import NOT_SHOWN, Result, bounded, commit_here, write_results

MARGINS = {"similarity": 0.02, "per": 0.02}
SHIFTS = ("f0_median", "level", "duration")  # semitones, dB, natural logarithm of seconds
DRAWS = 2000
PERCENT = ("share of it", "per")

Values = Mapping[tuple[int, str, str], float]  # by run, speaker and text


class Spoken(NamedTuple):
    """Measurements of a run: (metric, of output or a truth) -> sample -> value, and its samples by strength."""

    found: Mapping[tuple[str, str], Mapping[str, float]]
    sad: Mapping[tuple[str, str], str]
    none: Mapping[tuple[str, str], str]

    @classmethod
    def of(cls, run: Path) -> Spoken:
        """Read a run folder."""
        found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        for line in ((run / "scores.json").resolve().parent / "measurements.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row["value"] is not None:
                value = float(np.log(row["value"])) if row["metric"] == "duration" else row["value"]
                found[row["metric"], row["of"]][row["id"]] = value
        items = [json.loads(line) for line in (run / "samples" / "samples.jsonl").read_text().splitlines()]
        sad, none = (
            {(i["speaker"], i["text"]): i["id"] for i in items if i["emotion"] == "sad" and i["strength"] == strength}
            for strength in (1, 0)
        )
        return cls(found, sad, none)

    def valued(self, metric: str, of: str, names: Mapping[tuple[str, str], str], run: int) -> Values:
        """Return a metric of some samples."""
        known = self.found[metric, of]
        return {(run, *key): known[name] for key, name in names.items() if name in known}


def less(a: Values, b: Values) -> Values:
    """Return the differences of what both have."""
    return {key: a[key] - b[key] for key in a if key in b}


def resampled(values: Values, level: float) -> tuple[float, float, float]:
    """Return the mean of values by (run, speaker, text) and an interval, all three factors drawn again."""
    rng = np.random.default_rng(0)
    factors = [sorted({key[i] for key in values}) for i in range(3)]
    grid = np.full([len(each) for each in factors], np.nan)
    for key, value in values.items():
        grid[tuple(each.index(part) for each, part in zip(factors, key, strict=True))] = value
    means = []
    for _ in range(DRAWS):
        drawn = grid[np.ix_(*(rng.integers(size, size=size) for size in grid.shape))]
        if not np.isnan(drawn).all():
            means.append(np.nanmean(drawn))
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(np.nanmean(grid)), float(low), float(high)


def rows_of(arm: str, runs: Sequence[tuple[Spoken, Spoken]], commit: str) -> list[Result]:
    """Return the arm's rows; `runs` are pairs of the arm's run and the run with its base."""
    rows: list[Result] = []

    def over(metric: str, of: str, whose: str, base: bool = False) -> Values:
        parts = [pair[base].valued(metric, of, getattr(pair[base], whose), i) for i, pair in enumerate(runs)]
        return {key: value for part in parts for key, value in part.items()}

    def add(figure: str, values: Values, margin: float | None = None) -> None:
        verdict = ""
        if margin is not None:
            _, low, high = resampled(values, 0.90)
            verdict = "equal" if -margin < low and high < margin else NOT_SHOWN
        percent = any(word in figure for word in PERCENT)
        told = bounded(*((100 if percent else 1) * value for value in resampled(values, 0.95)))
        count = f"{len(runs)} runs" if len(runs) > 1 else "1 run"
        rows.append(
            Result("released_emotion", f"{arm}/{figure}", figure, "%" if percent else "", count, **told, truth="",
                   commit=commit, n=str(len(values)), verdict=verdict)
        )  # fmt: skip

    changed = any(run is not base for run, base in runs)
    for metric in SHIFTS:
        true = less(over(metric, "truth", "sad"), over(metric, "truth_neutral", "sad"))
        made = less(over(metric, "output", "sad"), over(metric, "output", "none", base=True))
        whole = float(np.mean(list(true.values())))
        add(f"{metric}: true shift", true)
        add(f"{metric}: share of it", {key: value / whole for key, value in made.items()})
        if len(runs) > 1:
            for run in range(len(runs)):
                add(f"{metric}: share of it (run {run})", {k: v / whole for k, v in made.items() if k[0] == run})
    for metric, margin in MARGINS.items():
        base = over(metric, "output", "none", base=True)
        add(f"{metric}: truth", over(metric, "truth", "sad"))
        add(f"{metric}: base", base)
        if changed:
            add(f"{metric}: at 0 minus the base", less(over(metric, "output", "none"), base), margin)
        add(f"{metric}: at 1 minus the base", less(over(metric, "output", "sad"), base), margin)
    return rows


def main(arm: str, names: Sequence[str]) -> None:
    """Write the arm's rows into the results, in place of those that it had."""
    spoken = {name: Spoken.of(Path(name)) for pair in names for name in pair.split(",")}
    runs = [(spoken[pair.split(",")[0]], spoken[pair.split(",")[-1]]) for pair in names]
    print(write_results("released_emotion", rows_of(arm, runs, commit_here()), instead_of=[f"{arm}/"]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
