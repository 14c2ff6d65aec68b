"""Runs that differ in their seed alone are one arm: its figures are means over seeds, seed is paired with seed."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import fmean, stdev
from typing import Any, NamedTuple

from evaluation.compare.arms import ScoredRun

SEED = re.compile(r"^\+{0,2}seed=")
PLACE = ("name", "group", "emotion", "strength", "judge")


class SweepRun(NamedTuple):
    """A finished job of a sweep: its scores and the overrides of its command line."""

    run: ScoredRun
    overrides: tuple[str, ...]


class SeededArms(NamedTuple):
    """Arms, each of one or more seeds, and what to tell about the seeds."""

    arms: list[ScoredRun]
    notes: list[str]


def group_seeds(jobs: Sequence[SweepRun]) -> SeededArms:
    """Make one arm of the jobs whose overrides differ in the seed alone.

    Where arms have several seeds, only the seeds that all of them have are used, so that every difference is between
    the same seeds.
    """
    groups: dict[tuple[str, ...], dict[str, ScoredRun]] = {}
    for job in jobs:
        key = (_without_seed(job.run.label), *(word for word in job.overrides if not SEED.match(word)))
        seed = next((word.partition("=")[2] for word in job.overrides if SEED.match(word)), "")
        groups.setdefault(key, {})[seed] = job.run
    if all(len(seeds) == 1 for seeds in groups.values()):
        return SeededArms([job.run for job in jobs], [])
    shared = set.intersection(*(set(seeds) for seeds in groups.values()))
    notes = []
    for seeds in groups.values():
        more = sorted(set(seeds) - shared)
        if shared and more:
            notes.append(f"{_label(seeds)}: seed {', '.join(more)} is not compared, other arms lack it")
    chosen = [{seed: run for seed, run in seeds.items() if not shared or seed in shared} for seeds in groups.values()]
    used = sorted(shared) if shared else ["not the same in all arms"]
    notes.insert(0, f"Every arm is the mean of its seeds ({', '.join(used)}); intervals of its figures are over seeds, "
                    "tests are over speakers and sentences of the mean")  # fmt: skip
    return SeededArms([average_seeds(seeds) for seeds in chosen], notes)


def average_seeds(seeds: Mapping[str, ScoredRun]) -> ScoredRun:
    """Make one arm of the runs of several seeds; sounds, curves and configuration are those of the first."""
    runs = list(seeds.values())
    figures = [_average(one, runs) for one in runs[0].report["figures"]]
    report = {**runs[0].report, "figures": figures}
    return replace(runs[0], label=_label(seeds), report=report, seeds=tuple(runs))


def _label(seeds: Mapping[str, ScoredRun]) -> str:
    return _without_seed(next(iter(seeds.values())).label)


def _without_seed(label: str) -> str:
    kept = [part for part in re.split(r",\s*", label) if not SEED.match(part)]
    return ", ".join(kept) or "all seeds"


def _average(figure: Mapping[str, Any], runs: Sequence[ScoredRun]) -> dict[str, Any]:
    """Average a figure over runs, with Student's 95 % interval over them; no value where a run has none."""
    place = tuple(figure[key] for key in PLACE)
    same = [one for run in runs for one in run.report["figures"] if tuple(one[key] for key in PLACE) == place]
    values = [one["value"] for one in same if one["value"] is not None]
    if len(values) < len(runs):
        reason = f"measured in {len(values)} of {len(runs)} seeds"
        return {**figure, "value": None, "low": None, "high": None, "reason": reason}
    low = high = None
    if len(values) > 1:
        from scipy.stats import t

        half = float(t.ppf(0.975, len(values) - 1)) * stdev(values) / math.sqrt(len(values))
        low, high = fmean(values) - half, fmean(values) + half
    truths = [one["truth"] for one in same if one["truth"] is not None]
    return {**figure, "value": fmean(values), "low": low, "high": high, "truth": fmean(truths) if truths else None}
