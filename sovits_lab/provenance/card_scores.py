"""The scores of a run as a section of its voice's model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sovits_lab.files import printable

HEADING, NEXT = "## Scores\n", "\n## "
SHOWN = {  # a figure's name without its judge's: what it is
    "wer.lab": "words misheard",
    "cer.lab": "characters misheard",
    "distillmos": "naturalness, 1 to 5 (distillmos)",
    "ovrl_mos": "quality, 1 to 5 (ovrl_mos)",
    "similarity": "similarity to the speaker's recordings",
    "speaker_top1": "nearest to the own voice",
    "f0_share": "share of the true shift of F0",
    "level_share": "share of the true shift of level",
    "duration_share": "share of the true change of length",
}
NEUTRAL, MOST_EMOTIONS, MOST_ROWS = "neutral", 8, 30


def put_scores(card: str, scores: Mapping[str, Any]) -> str:
    """Put what `scores.json` says into the section "Scores" of a model card; a card without one stays as it is."""
    before, heading, after = card.partition(HEADING)
    table = score_lines(scores)
    if not heading or not table:
        return card
    _, following, rest = after.partition(NEXT)
    return f"{before}{heading}\n" + "\n".join(table) + "\n" + following + rest


def score_lines(scores: Mapping[str, Any]) -> list[str]:
    """Return a table of the main figures by emotion, with intervals, judges and what true recordings have."""
    figures = [one for one in scores.get("figures") or () if _is_shown(one)]
    group = "target" if any(one["group"] == "target" for one in figures) else "all"
    figures = [one for one in figures if one["group"] == group]
    named = sorted({str(one["emotion"]) for one in figures}, key=lambda name: (name != NEUTRAL, name))
    emotions = named[:MOST_EMOTIONS]
    rows: dict[tuple[str, str], dict[str, Mapping[str, Any]]] = {}
    for one in figures:
        rows.setdefault((_name(one), str(one["judge"])), {})[str(one["emotion"])] = one
    if not rows:
        return []
    order = list(SHOWN)
    lines = [f"| figure | judge | {' | '.join(map(_cell, emotions))} |", "|---" * (len(emotions) + 2) + "|"]
    for (name, judge), cells in sorted(rows.items(), key=lambda row: (order.index(row[0][0]), row[0]))[:MOST_ROWS]:
        texts = (_cell_text(cells[emotion]) if emotion in cells else "" for emotion in emotions)
        lines.append(f"| {SHOWN[name]} | {_cell(judge)} | {' | '.join(texts)} |")
    who = "voices that were neutral in training" if group == "target" else "all voices of the test set"
    note = "Brackets are 95 % intervals over voices and sentences; T is what true recordings have."
    return [f"Of {scores.get('samples')} outputs, those of {who}. {note}", "", *lines]


def _is_shown(one: Any) -> bool:
    if not isinstance(one, Mapping) or not {"name", "group", "emotion", "judge", "value"} <= one.keys():
        return False
    whole = one.get("strength") is None and one["emotion"] != "all"
    return _name(one) in SHOWN and whole and isinstance(one["value"], float | int)


def _name(one: Mapping[str, Any]) -> str:
    """The figure's name without its judge's."""
    return str(one["name"]).removesuffix(f".{one['judge']}")


def _cell_text(one: Mapping[str, Any]) -> str:
    scale, unit = (100.0, " %") if one.get("unit") == "share" else (1.0, "")

    def number(value: Any) -> str:
        return f"{scale * value:.3g}" if isinstance(value, float | int) else "?"

    text = f"{number(one['value'])}{unit}"
    if one.get("low") is not None:
        text += f" [{number(one['low'])}, {number(one.get('high'))}]"
    return text + (f", T {number(one['truth'])}" if one.get("truth") is not None else "")


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("<", "&lt;")
