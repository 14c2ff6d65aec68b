"""`python -m evaluation aa`: does the default test cry wolf?"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from evaluation.scoring.samples import Sample, read_samples
from evaluation.statistics import crossed_test, wilson_interval
from evaluation.statistics.simulation import ALPHA, DEFAULT, DESIGNS, Design, positives
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

LOWEST, HIGHEST = 0.02, 0.08


class SelfComparison(NamedTuple):
    """One metric of a system against itself: p of the default test, of the utterance t test, and the size."""

    metric: str
    difference: float
    p: float
    p_utterance: float
    pairs: int
    speakers: int
    sentences: int
    note: str


@dataclass(frozen=True)
class SelfComparisonOptions:
    """Compare a system with itself: how often does the default test find a difference that is not there?

    Without files, simulated comparisons for every test and design; the default test must be wrong in 2 to 8 % of them
    at a nominal 5 %, else the exit status is 1. With files, the same model sampled with two seeds must not differ from
    itself.
    """

    runs: int = option("simulated comparisons per design; a rate near 5 % cannot be told with fewer", 1000, least=100)
    effect: float = option("true difference at which the power stands beside it", 0.02)
    seed: int = option("random seed", 0, least=0)
    samples: list[Path] = option("samples.jsonl of outputs of two or more seeds, or one file a seed", [])
    scores: list[Path] = option("measurements.jsonl of the same outputs; as many as samples=", [])


def main(argv: list[str]) -> int:
    """Simulate, or compare two seeds of one model."""
    if wants_help(argv):
        print(describe(SelfComparisonOptions, "aa", program="python -m evaluation"))
        return 0
    given = read_options(SelfComparisonOptions, argv)
    if given.samples or given.scores:
        return compare_seeds(given.samples, given.scores)
    return simulate(given.runs, given.effect, given.seed)


def simulate(runs: int, effect: float, seed: int, designs: tuple[Design, ...] = DESIGNS) -> int:
    """Print false positives and power per test and design; 1 when the default test leaves 2 to 8 %."""
    wrong = {design: positives(design, runs, 0.0, seed) for design in designs}
    right = {design: positives(design, runs, effect, seed) for design in designs[-2:]}
    heads = [f"{d.speakers} x {d.sentences}" for d in designs] + [f"power {d.speakers} x {d.sentences}" for d in right]
    print(f"false positives at a nominal {ALPHA:.0%}, {runs} runs (speakers x sentences); power at {effect:g}")
    print(f"{'test':<30}" + "".join(f"{head:>15}" for head in heads))
    for name in wrong[designs[0]]:
        rates = [wrong[d][name].estimate for d in designs]
        valid = max(rates) <= HIGHEST
        powers = [f"{right[d][name].estimate:.1%}" if valid else "(not valid)" for d in right]
        print(f"{name:<30}" + "".join(f"{text:>15}" for text in [*(f"{rate:.1%}" for rate in rates), *powers]))
    rates = [wrong[d][DEFAULT].estimate for d in designs]
    held = all(LOWEST <= rate <= HIGHEST for rate in rates)
    outcome = "keeps" if held else "does NOT keep"
    print(f"the default test ({DEFAULT}) {outcome} {LOWEST:.0%} to {HIGHEST:.0%} in every design")
    return 0 if held else 1


def compare_seeds(sample_files: list[Path], score_files: list[Path]) -> int:
    """Print every metric's A/A test; 1 when more are significant than chance allows (99 % of the binomial)."""
    if len(sample_files) != len(score_files) or not sample_files:
        raise InputError(
            f"aa: got {len(sample_files)} samples= and {len(score_files)} scores=, expected as many of each"
        )
    found = compare_metrics(sample_files, score_files)
    tested = [one for one in found if not math.isnan(one.p)]
    print(f"{'metric':<34}{'difference':>12}{'p':>8}{'p utt. t':>10}{'pairs':>7}{'spk':>5}{'sent':>6}")
    for one in found:
        print(f"{one.metric:<34}{one.difference:>12.4g}{_p(one.p):>8}{_p(one.p_utterance):>10}{one.pairs:>7}"
              f"{one.speakers:>5}{one.sentences:>6}  {one.note}")  # fmt: skip
    hits = sum(one.p < ALPHA for one in tested)
    most = int(stats.binom.ppf(0.99, len(tested), ALPHA)) if tested else 0
    share = wilson_interval(hits, len(tested))
    print(f"significant at {ALPHA:.0%}: {hits} of {len(tested)} metrics ({share}); chance allows {most}")
    return 0 if hits <= most else 1


def compare_metrics(sample_files: list[Path], score_files: list[Path]) -> list[SelfComparison]:
    """Compare seed with seed for every metric and judge, on the cells that both seeds have."""
    values = _by_cell(sample_files, score_files)
    if not values:
        raise InputError("aa: no sample of the same speaker, text, emotion and strength was made with two seeds")
    made = []
    for metric, cells in sorted(values.items()):
        pairs = {cell: seeds for cell, seeds in cells.items() if len(seeds) >= 2}
        if not pairs:
            continue
        gaps = [seeds[max(seeds)] - seeds[min(seeds)] for seeds in pairs.values()]
        who, what = [cell[0] for cell in pairs], [cell[1] for cell in pairs]
        test = crossed_test(gaps, who, what)
        plain = crossed_test(gaps)
        made.append(
            SelfComparison(
                metric, test.difference, test.p, plain.p, len(gaps), len(set(who)), len(set(what)), test.note
            )
        )
    return made


Cell = tuple[str, str, str, str]


def _by_cell(sample_files: list[Path], score_files: list[Path]) -> dict[str, dict[Cell, dict[tuple[int, int], float]]]:
    """metric -> (speaker, text, emotion, strength) -> (file, seed) -> value."""
    values: dict[str, dict[Cell, dict[tuple[int, int], float]]] = defaultdict(lambda: defaultdict(dict))
    for number, (samples_path, scores_path) in enumerate(zip(sample_files, score_files, strict=True)):
        samples: dict[str, Sample] = {one.id: one for one in read_samples(samples_path)}
        if not scores_path.is_file():
            raise got("scores", scores_path, "an existing measurements.jsonl")
        for line in scores_path.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            sample = samples.get(row["id"])
            if sample is None or row["value"] is None or row.get("of", "output") != "output":
                continue
            cell = (sample.speaker, sample.text, sample.emotion, f"{sample.strength:g}/{sample.style_speaker or ''}")
            values[f"{row['metric']} ({row['judge']})"][cell][number, sample.seed] = float(row["value"])
    return {metric: cells for metric, cells in values.items() if any(len(seeds) >= 2 for seeds in cells.values())}


def _p(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"
