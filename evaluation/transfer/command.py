"""`python -m evaluation transfer samples=FILE`: did the emotion move over?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.real_speech.emotion_probe import (
    ClipFeatures,
    EmotionProbe,
    list_output_clips,
    list_real_clips,
    measure_clips,
)
from evaluation.scoring.samples import NEUTRAL, Sample, read_samples, select_headline
from evaluation.statistics import Interval, bootstrap_interval
from evaluation.style.protocol import drop_nan
from evaluation.transfer.matrix import JudgedOutput, MatrixCell, judge_outputs, make_matrix
from evaluation.transfer.signature import SignatureAgreement, measure_changes, measure_likeness, real_scale
from evaluation.transfer.strength import Monotonicity, Point, monotonicity
from evaluation.transfer.tables import markdown, strength_picture
from sovits_lab.files import read_json_lines
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

ERRORS = ("wer", "cer", "per")


@dataclass(frozen=True)
class TransferReport:
    """The matrix, the signatures, the trends over strength or why there are none, and what could not be used."""

    cells: tuple[MatrixCell, ...]
    agreements: tuple[SignatureAgreement, ...]
    trends: dict[str, Monotonicity | str]
    excess: dict[str, Interval]
    notes: tuple[str, ...]

    def row(self) -> dict[str, Any]:
        """Return the report as plain values; NaN becomes None."""
        return drop_nan(
            {
                "matrix": [cell.row() for cell in self.cells],
                "signatures": [one.row() for one in self.agreements],
                "strength": {k: v if isinstance(v, str) else v.row() for k, v in self.trends.items()},
                "excess_over_truth": {name: one.row() for name, one in self.excess.items()},
                "notes": list(self.notes),
            }
        )


@dataclass(frozen=True)
class TransferOptions:
    """Measure how far the emotion of the style references moved into the outputs, beside real speech."""

    samples: Path = option("samples.jsonl of outputs; its truths and style references are the real speech")
    corpus: Path | None = option("folder of more real recordings (manifest.tsv or cuts.jsonl.gz)", None)
    scores: Path | None = option("measurements.jsonl: adds who won the timbre, and the error over the truth's", None)
    out: Path = option("folder of tables and pictures", Path("runs/transfer"))


def main(argv: list[str]) -> int:
    """Measure the transfer of the outputs in a manifest and write transfer.json, transfer.md and strength.png."""
    if wants_help(argv):
        print(describe(TransferOptions, "transfer", program="python -m evaluation"))
        return 0
    given = read_options(TransferOptions, argv)
    samples = read_samples(given.samples)
    rows = read_scores(given.scores) if given.scores else []
    report = measure_transfer(samples, given.corpus, rows)
    print(write_report(report, given.out))
    print(f"written: {given.out}/transfer.json, transfer.md")
    return 0


def write_report(report: TransferReport, out: Path) -> str:
    """Write the tables and the strength picture into `out`; return the tables for a reader."""
    out.mkdir(parents=True, exist_ok=True)
    text = markdown(report.cells, report.agreements, report.trends, report.excess, report.notes)
    (out / "transfer.json").write_text(json.dumps(report.row(), indent=1, allow_nan=False), encoding="utf-8")
    (out / "transfer.md").write_text(text, encoding="utf-8")
    strength_picture(report.trends, out / "strength.png")
    return text


def measure_transfer(
    samples: Sequence[Sample], corpus: Path | None, rows: Sequence[dict[str, Any]] = ()
) -> TransferReport:
    """Measure matrix and signatures over the samples at full strength, trends over all of them.

    Raises InputError when there are too few real recordings, or one emotion only.
    """
    if all(one.emotion == NEUTRAL for one in samples):
        raise got("emotions of the samples", NEUTRAL, "at least one other: there is no transfer to measure")
    real, outputs = measure_clips(list_real_clips(samples, corpus)), measure_clips(list_output_clips(samples))
    judged = judge_outputs(samples, outputs, real, EmotionProbe(real))
    full = {one.id for one in select_headline(samples)}
    true = measure_changes(real.signature, real.speaker, real.emotion, real.text)
    scale = real_scale(real.signature, real.speaker)
    chosen = [index for one in samples if one.id in full and one.wav is not None
              and (index := outputs.row.get(one.wav)) is not None]  # fmt: skip
    failed = [(one.sample.speaker, one.sample.emotion) for one in judged
              if one.sample.id in full and one.reason.startswith("no usable output")]  # fmt: skip
    mine = measure_changes(
        outputs.signature[chosen], outputs.speaker[chosen], outputs.emotion[chosen], outputs.text[chosen], failed
    )
    notes = [*real.left_out, *outputs.left_out, *mine.notes, *true.notes]
    if failed:
        notes.append(f"{len(failed)} failed outputs count as neutral: no hit, no gain, no change")
    return TransferReport(
        tuple(make_matrix([one for one in judged if one.sample.id in full], read_margins(rows))),
        tuple(measure_likeness(mine, true, scale)) if mine.speaker.size else (),
        measure_trends(samples, judged, outputs, true.change, true.emotion, scale),
        measure_excess(samples, rows),
        tuple(notes),
    )


def measure_trends(
    samples: Sequence[Sample],
    judged: Sequence[JudgedOutput],
    outputs: ClipFeatures,
    real_change: np.ndarray,
    real_emotion: np.ndarray,
    scale: np.ndarray,
) -> dict[str, Monotonicity | str]:
    """Measure for each emotion, over strength: the probe's probability, the share of the real change that was made, the
    pitch.
    """
    found: dict[str, Monotonicity | str] = {}
    for emotion in sorted({one.emotion for one in samples} - {NEUTRAL}):
        mine = [one for one in judged if one.sample.emotion == emotion]
        measures = {"probability heard": [one.p for one in mine]}
        if (real_emotion == emotion).any():
            target = real_change[real_emotion == emotion].mean(axis=0) / scale
            moved = [_change(one.sample, samples, outputs) for one in mine]
            measures["share of the real change"] = [
                None if c is None else float(c / scale @ target / max(float(target @ target), 1e-12)) for c in moved
            ]
            sign = 1.0 if target[0] >= 0 else -1.0
            measures["F0 towards the real change, semitones"] = [
                None if c is None else sign * float(c[0]) for c in moved
            ]
        for name, values in measures.items():
            points = [_point(one.sample, value) for one, value in zip(mine, values, strict=True)]
            found[f"{emotion}: {name}"] = monotonicity(name, points)
    return found


def _point(one: Sample, value: float | None) -> Point:
    return Point(one.speaker, one.text, one.style_speaker or "", one.strength, value)


def _change(one: Sample, samples: Sequence[Sample], outputs: ClipFeatures) -> np.ndarray | None:
    """Signature against the system's own neutral of the same speaker and text, or of any text of his."""
    if one.wav is None or one.wav not in outputs.row:
        return None
    stills = [s.wav for s in samples if s.emotion == NEUTRAL and (s.speaker, s.text) == (one.speaker, one.text)]
    known = [outputs.row[wav] for wav in stills if wav is not None and wav in outputs.row]
    if not known:  # then any of his neutral outputs
        wavs = [s.wav for s in samples if s.emotion == NEUTRAL and s.speaker == one.speaker]
        known = [outputs.row[wav] for wav in wavs if wav is not None and wav in outputs.row]
    if not known:
        return None
    change = outputs.signature[outputs.row[one.wav]] - outputs.signature[known].mean(axis=0)
    return change if np.isfinite(change).all() else None


def read_scores(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a measurements file. Raises InputError when it is missing or not JSON lines."""
    return list(read_json_lines(path, "scores"))


def read_margins(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Compute similarity to the timbre speaker minus similarity to the style speaker, by sample id."""
    found: dict[str, dict[str, float]] = {}
    for row in rows:
        if row.get("of", "output") == "output" and row["value"] is not None and row["metric"].startswith("similarity"):
            found.setdefault(row["id"], {})[row["metric"]] = float(row["value"])
    style = "similarity_style_speaker"
    return {key: one["similarity"] - one[style] for key, one in found.items() if {"similarity", style} <= one.keys()}


def measure_excess(samples: Sequence[Sample], rows: Sequence[dict[str, Any]]) -> dict[str, Interval]:
    """Measure error rates of emotional outputs minus those of the true emotional recordings, by metric and judge."""
    wanted = {one.id: one for one in select_headline(samples) if one.emotion != NEUTRAL}
    values: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        if row["id"] in wanted and row["value"] is not None and row["metric"].split(".")[0] in ERRORS:
            name = f"{row['metric']} ({row['judge']})"
            values.setdefault(name, {}).setdefault(row["id"], {})[row.get("of", "output")] = float(row["value"])
    result = {}
    for name, items in sorted(values.items()):
        both = {key: one["output"] - one["truth"] for key, one in items.items() if {"output", "truth"} <= one.keys()}
        who = [wanted[key] for key in both]
        if both:
            result[name] = bootstrap_interval(list(both.values()), [s.speaker for s in who], [s.text for s in who])
    return result
