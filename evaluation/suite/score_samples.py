"""Scoring any folder of audio: samples and scorers in; measurements and `scores.json` out."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evaluation.quality.robustness import FLAGS
from evaluation.scoring.cache import NoCache, RowCache
from evaluation.scoring.estimates import SCORES, Estimate, Requirement
from evaluation.scoring.judge_card import SIGNAL, JudgeCard
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles, Scorer, score_all
from evaluation.suite.run_estimates import (
    average_slices,
    count_failures,
    estimate_run,
    list_left_out,
    measure_agreement,
    note_low_rates,
)
from sovits_lab.reporting import Reporter

INDEX = ("speaker", "text", "emotion", "strength", "seed", "group")  # what a comparison of two reports pairs by


def score_samples(
    samples: Sequence[Sample],
    scorers: Sequence[Scorer],
    out: Path,
    report: Reporter,
    bars: Sequence[Requirement] = (),
    cache: RowCache | NoCache | None = None,
    extra: Sequence[Estimate] = (),
    remarks: Sequence[str] = (),
    at_once: int = 1,
) -> dict[str, Any]:
    """Score the samples, write `measurements.jsonl` and `scores.json` into `out`, and return the latter's content.

    Args:
        extra: figures that do not come from the samples' audio, such as probes of style vectors.
        remarks: notes to print beside the scorers' own.
        at_once: as in `score_all`.
    """
    out.mkdir(parents=True, exist_ok=True)
    start, audio = time.monotonic(), AudioFiles()
    table, notes = score_all(scorers, samples, audio, report, cache, at_once)
    figures = [*estimate_run(samples, table, scorers), *extra]
    table.write(out / MEASUREMENTS)
    guard = [FLAGS] if any(one.guarded for one in samples) else []
    judges = {card.name: card for card in [SIGNAL, *guard, *(one.card for one in scorers)]}
    elapsed = time.monotonic() - start
    notes += [*remarks, *note_low_rates(samples, audio)]
    content = make_content(samples, audio, figures, list(judges.values()), notes, bars)
    content |= {"slices": average_slices(samples, table), "agreement": measure_agreement(table)}
    content["left_out"] = list_left_out(table)
    content["speed"] = {
        "seconds": round(elapsed, 2),
        "items_per_second": round(len(samples) / elapsed, 2) if elapsed else None,
        "peak_memory_mb": read_peak_memory(),
        "cache_hits": getattr(cache, "hits", 0),
    }
    text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
    (out / SCORES).write_text(text + "\n", encoding="utf-8")
    return content


def make_content(
    samples: Sequence[Sample],
    audio: AudioFiles,
    figures: Sequence[Estimate],
    judges: Sequence[JudgeCard],
    notes: Sequence[str],
    bars: Sequence[Requirement],
) -> dict[str, Any]:
    """Return what the report says, as plain JSON types."""
    return {
        "figures": [asdict(one) for one in figures],
        "bars": [bar.checked(figures) for bar in bars],
        "judges": [asdict(one) for one in judges],
        "notes": list(notes),
        "failures": count_failures(samples, audio),
        "samples": len(samples),
        "index": {one.id: [getattr(one, key) for key in INDEX] for one in samples},
    }


def read_peak_memory() -> int:
    """Read the largest resident size of this process so far, MB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size // 1024 if sys.platform != "darwin" else size // 1024**2
