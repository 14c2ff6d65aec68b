"""The trade: what each strength of an emotion buys in pitch and costs in likeness and intelligibility."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evaluation.figures import Figure
from evaluation.items import NEUTRAL, Sample, Table
from evaluation.judges.contract import JudgeCard
from evaluation.tables import Cell, mean_figure, rate_figure
from evaluation.transfer_shift import pairs, shift_figures

FEWEST_STRENGTHS = 3


def curve_figures(
    samples: Sequence[Sample], table: Table, speaker: JudgeCard | None, hears: Sequence[JudgeCard]
) -> list[Figure]:
    """Per group, emotion and strength: shifts, similarity, error rate; none for fewer than three strengths."""
    strengths: dict[str, set[float]] = {}
    for one in samples:
        if one.emotion != NEUTRAL:
            strengths.setdefault(one.emotion, set()).add(one.strength)
    found = pairs(samples, table)
    made: list[Figure] = []
    for emotion, values in sorted(strengths.items()):
        if len(values) < FEWEST_STRENGTHS:
            continue
        for group in sorted({one.group for one in samples}):
            for strength in sorted(values):
                chosen = [
                    one for one in samples if (one.group, one.emotion, one.strength) == (group, emotion, strength)
                ]
                if not chosen:
                    continue
                cell = Cell(group, emotion, chosen)
                point = shift_figures(cell, found)
                if speaker is not None:
                    point.append(mean_figure("similarity", "similarity", speaker, cell, table, better="higher"))
                point += [rate_figure(f"per.{card.name}", "per", card, cell, table, better="lower") for card in hears]
                made += [replace(one, strength=strength) for one in point]
    return made
