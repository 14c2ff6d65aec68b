"""Figures about the voice: raw likeness, likeness on the scale from stranger to self, identification, who won."""

from __future__ import annotations

from dataclasses import replace
from statistics import fmean

from evaluation.scoring.estimates import Estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.measures import SHARE, SPEAKER, Measure, declare
from evaluation.scoring.tables import SampleCell, estimate_mean, make_estimate
from evaluation.statistics import bootstrap_interval, missing

declare(
    Measure("similarity_calibrated", "similarity, 0 stranger to 1 self", SPEAKER, "higher", SHARE,
            uses=("curve", "overview")),
    Measure("similarity", "similarity to the speaker", SPEAKER, "higher", construct="speaker",
            uses=("slices", "agreement", "curve", "overview"), rank=4, note="similarity"),
    Measure("speaker_top1", "speaker identified", SPEAKER, "higher", SHARE, row="identified"),
    Measure("speaker_verified", "speaker verified", SPEAKER, "higher", SHARE, row="verified"),
    Measure("similarity_style_speaker", "similarity to the style clip's speaker", SPEAKER, uses=("curve",)),
    Measure("timbre_won", "nearer to the speaker than to the style clip's speaker", SPEAKER, "higher", SHARE),
    Measure("identified", "", SPEAKER, "higher", SHARE),
    Measure("verified", "", SPEAKER, "higher", SHARE),
    Measure("similarity_stranger", "similarity to strangers", SPEAKER),
)  # fmt: skip

NARROWEST = 0.05  # of cosine between floor and ceiling; a narrower scale would blow noise up


def estimate_speaker(judge: JudgeCard, cell: SampleCell, table: MeasurementTable) -> list[Estimate]:
    """Estimate all figures of one cell that come from a speaker judge."""
    means = [
        estimate_mean("similarity", "similarity", judge, cell, table),
        estimate_mean("speaker_top1", "identified", judge, cell, table),
        estimate_mean("speaker_verified", "verified", judge, cell, table),
        estimate_mean("similarity_style_speaker", "similarity_style_speaker", judge, cell, table),
        estimate_mean("timbre_won", "timbre_won", judge, cell, table),
    ]
    return [*means, estimate_calibrated(judge, cell, table)]


def estimate_calibrated(judge: JudgeCard, cell: SampleCell, table: MeasurementTable) -> Estimate:
    """Estimate likeness with 0 at strangers and 1 at the speaker himself, both from true recordings of the same
    emotions.

    Emotion lowers the likeness of real speakers to their own neutral voice, so a raw cosine punishes emotion; the scale
    takes floor and ceiling from real speech of the same cell: (similarity - floor) / (ceiling - floor).
    """
    own = [table.value(one.id, "similarity", judge.name, "truth") for one in cell.samples]
    others = [table.value(one.id, "similarity_stranger", judge.name, "truth") for one in cell.samples]
    true, strange = [x for x in own if x is not None], [x for x in others if x is not None]
    where = {"group": cell.group, "emotion": cell.emotion}
    if not true or not strange:
        return make_estimate("similarity_calibrated", missing("no true recordings to calibrate on"), judge, **where)
    floor, ceiling = fmean(strange), fmean(true)
    if ceiling - floor < NARROWEST:
        note = f"the judge cannot tell these speakers apart: floor {floor:.2f}, ceiling {ceiling:.2f}"
        return make_estimate("similarity_calibrated", missing(note), judge, **where)
    found = [(one, table.value(one.id, "similarity", judge.name)) for one in cell.samples]
    scaled = [(one, (max(value, floor) - floor) / (ceiling - floor)) for one, value in found if value is not None]
    made = bootstrap_interval(
        [x for _, x in scaled], [one.speaker for one, _ in scaled], [one.text for one, _ in scaled]
    )
    note = f"floor {floor:.3f}, ceiling {ceiling:.3f}"
    rows = [table.rows[one.id, "similarity", judge.name, "output"] for one, _ in scaled]
    whole = [value for (_, value), row in zip(scaled, rows, strict=True) if not row.failed]
    shown = make_estimate(
        "similarity_calibrated",
        made,
        judge,
        truth=1.0,
        missing=len(scaled) - len(whole),
        observed=fmean(whole) if whole else None,
        **where,
    )
    return replace(shown, reason="; ".join(text for text in (shown.reason, note) if text))
