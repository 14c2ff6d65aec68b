"""The figures of a conversion: of the outputs, of the sources in their own voice, and of the sources as they were."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from evaluation.conversion.emotion_kept import ComparedClips, compare_emotions, scaled_by_voice
from evaluation.conversion.pairs import ConversionSamples, voices_of
from evaluation.prosody.measurement import GATE, WORLD
from evaluation.real_speech.clips import LabelledClip, load_clip
from evaluation.real_speech.signature import measure_manner
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.samples import Sample
from evaluation.statistics import Interval, bootstrap_interval, bootstrap_ratio, missing

ARMS = ("conversion", "own voice", "source")
EMOTIONS_NEEDED = 2


@dataclass(frozen=True)
class ConversionFigure:
    """One line of the table: an interval for each arm that it is asked of."""

    name: str
    judge: str
    arms: dict[str, Interval]
    note: str = ""


class _Asked(NamedTuple):
    """A figure, the metric of the measurements, and what each arm is measured on; a rate is weighted by its words."""

    name: str
    metric: str
    rate: bool = False
    gated: bool = False
    source: bool = True
    sound: bool = False  # of a recording alone, whoever it should be


ASKED = (
    _Asked("similarity to whose voice it should be", "similarity"),
    _Asked("similarity to the source's speaker", "similarity_style_speaker", source=False),
    _Asked("nearer to the target than to the source's speaker", "timbre_won", source=False),
    _Asked("verified as whose voice it should be", "verified"),
    _Asked("word error rate", "wer.lab", rate=True),
    _Asked("F0 correlation with the source", "f0_correlation", gated=True, source=False),
    _Asked("F0 difference from the source, semitones", "f0_rmse", gated=True, source=False),
    _Asked("voicing agrees with the source", "voicing_agreement", source=False),
    _Asked("DistillMOS", "distillmos", sound=True),
)


def judged_figures(samples: ConversionSamples, table: MeasurementTable) -> list[ConversionFigure]:
    """Return what the judges said, for each judge that measured it."""
    made = []
    for asked in ASKED:
        judges = sorted({row.judge for row in table if row.metric == asked.metric})
        for judge in judges:
            arms = {
                ARMS[0]: _measured(samples.conversions, asked, judge, "output", table),
                ARMS[1]: _measured(samples.resynthesis, asked, judge, "output", table),
            }
            if asked.source:
                each = samples.conversions if asked.rate or asked.sound else samples.resynthesis
                arms[ARMS[2]] = _measured(_once(each), asked, judge, "truth", table)
            made.append(ConversionFigure(asked.name, judge, arms))
    return made


def _once(samples: Sequence[Sample]) -> list[Sample]:
    """One sample for each source."""
    return list({one.truth: one for one in reversed(samples)}.values())


def _measured(samples: Sequence[Sample], asked: _Asked, judge: str, part: str, table: MeasurementTable) -> Interval:
    found = [(one, table.rows.get((one.id, asked.metric, judge, part))) for one in samples]
    rows = [(one, row) for one, row in found if row is not None and row.value is not None]
    if asked.gated:  # a tracker invents pitch in noise
        rows = [pair for pair in rows if (table.value(pair[0].id, "voicing_agreement", WORLD.name) or 0) >= GATE]
    if not rows:
        return missing("not measured")
    who, texts = [one.style_speaker or one.speaker for one, _ in rows], [one.text for one, _ in rows]
    values = [float(row.value or 0) for _, row in rows]
    if not asked.rate:
        return bootstrap_interval(values, who, texts)
    weights = [row.weight for _, row in rows]
    return bootstrap_ratio([v * w for v, w in zip(values, weights, strict=True)], weights, who, texts)


def emotion_figures(samples: ConversionSamples, real: Sequence[LabelledClip]) -> list[ConversionFigure]:
    """Return ABX of emotions by what is heard of the manner; only of sources whose speakers show several."""
    shown_by: dict[str, set[str]] = {}
    for one, (who, _) in zip(samples.all, voices_of(samples.all), strict=True):
        shown_by.setdefault(who, set()).add(one.emotion)
    several = {speaker for speaker, emotions in shown_by.items() if len(emotions) >= EMOTIONS_NEEDED}
    if not several:
        return []
    compared = scaled_by_voice(_compared([(clip, clip.speaker) for clip in real]))
    ways = {ARMS[0]: samples.conversions, ARMS[1]: samples.resynthesis}
    arms: dict[str, dict[str, Interval]] = {"ABX": {}, "share": {}}
    notes = []
    for name, every in ways.items():
        chosen = [one for one, (who, _) in zip(every, voices_of(every), strict=True) if who in several]
        if not chosen:
            continue
        spoken = voices_of(chosen)
        named = ["|".join(pair) for pair in spoken]
        outputs, sources = (
            scaled_by_voice(_compared([(_clip(one, part), voice) for one, voice in zip(chosen, named, strict=True)]))
            for part in ("wav", "truth")
        )
        kept = compare_emotions(outputs, sources, compared, [s for s, _ in spoken], [t for _, t in spoken])
        arms["ABX"] |= {name: kept.output, ARMS[2]: kept.source}
        arms["share"][name] = kept.share
        if kept.above_chance is not None:
            notes.append(f"{name}: {100 * kept.above_chance:.0f} % of what the source has above chance")
    judge = "manner (prosody and spectral tilt)"
    return [
        ConversionFigure("emotion ABX against third speakers, chance 0.5", judge, arms["ABX"]),
        ConversionFigure("emotion ABX as a share of the source's own", judge, arms["share"], "; ".join(notes)),
    ]


def _clip(sample: Sample, part: str) -> LabelledClip:
    path = getattr(sample, part)
    assert path is not None
    return LabelledClip(path, sample.speaker, sample.emotion, sample.text)


def _compared(clips: Sequence[tuple[LabelledClip, str]]) -> ComparedClips:
    """Features of clips, each under the name of a voice."""
    return ComparedClips(
        np.array([measure_manner(load_clip(clip).normalised) for clip, _ in clips]),
        [voice for _, voice in clips],
        [clip.emotion for clip, _ in clips],
        [clip.text for clip, _ in clips],
    )


def write_figures(figures: Sequence[ConversionFigure], notes: Sequence[str], out: Path) -> str:
    """Write conversion.json and conversion.md; returns the latter's table."""
    rows = [f"| figure | judge | {' | '.join(ARMS)} |", f"|---|---|{'---|' * len(ARMS)}"]
    for one in figures:
        cells = [shown(one.arms[name]) if name in one.arms else "" for name in ARMS]
        rows.append(f"| {one.name} | {one.judge} | {' | '.join(cells)} |")
    remarks = [*(f"{one.name}: {one.note}." for one in figures if one.note), *notes]
    text = "\n".join([*rows, "", *remarks, ""])
    plain = [
        {"name": one.name, "judge": one.judge, "note": one.note,
         "arms": {name: _plain(value) for name, value in one.arms.items()}}
        for one in figures
    ]  # fmt: skip
    content = {"figures": plain, "notes": list(notes)}
    (out / "conversion.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    (out / "conversion.md").write_text(text, encoding="utf-8")
    return text


def shown(value: Interval) -> str:
    """Return an estimate with its interval, or why there is none."""
    if math.isnan(value.estimate):
        return value.note
    bounds = "" if math.isnan(value.low) else f" [{value.low:.2f}, {value.high:.2f}]"
    return f"{value.estimate:.3f}{bounds}, n {value.n}"


def _plain(value: Interval) -> dict[str, Any]:
    row = value.row()
    return {key: row[key] for key in ("estimate", "low", "high", "n", "note")}
