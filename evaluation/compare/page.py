"""One self-contained page of a comparison, and the same as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.compare import pictures
from evaluation.compare.arms import ScoredRun, check_comparable, label_arms
from evaluation.compare.best import ArmValue, choose_objectives, find_front, find_value, find_winners
from evaluation.compare.configs import ConfigDifference, find_config_differences, find_other_differences
from evaluation.compare.figures_table import figures_table
from evaluation.compare.listen import make_cards
from evaluation.compare.paired import ComparedFigure, list_compared, measure_differences
from evaluation.report import wording

MOST_AXES = 8


class StageCurves(NamedTuple):
    """Learning curves of a stage: which arms share it, and the picture as SVG."""

    stage: str
    shared: str
    picture: str


@dataclass(frozen=True)
class Comparison:
    """Everything that was found out about several arms, the first of which the others are held against."""

    arms: list[ScoredRun]
    measures: list[ComparedFigure]
    apart: set[ComparedFigure]  # judged by other weights in some arm: values that may not be held against each other
    table: list[list[ArmValue]]  # arms by measures
    rows: list[list[dict[str, Any]]]  # other arms by measures
    chosen: list[ComparedFigure]
    front: set[int]
    configs: list[ConfigDifference]
    how: list[str]
    others: list[ConfigDifference]
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        arms: Sequence[ScoredRun],
        primaries: Sequence[str] = (),
        margins: Mapping[str, float] | None = None,
        relabel: bool = True,
        notes: Sequence[str] = (),
    ) -> Comparison:
        """Compare arms with the first of them.

        Raises:
            InputError: they cannot be compared (`check_comparable`, `measure_differences`).
        """
        check_comparable(arms)
        configs, how = find_config_differences(arms)
        if relabel:
            arms = label_arms(arms, {one.key: one.values for one in configs})
        asked = list_compared(arms)
        rows = measure_differences(arms, primaries, margins)
        apart = {m for j, m in enumerate(asked) if any(row[j]["apart"] for row in rows)}
        chosen = choose_objectives(arms, [m for m in asked if m not in apart])
        table = [[find_value(arm, m) for m in asked] for arm in arms]
        others = find_other_differences(arms)
        return cls(
            list(arms), asked, apart, table, rows, chosen, find_front(arms, chosen), configs, how, others, list(notes)
        )

    def best(self) -> list[tuple[ComparedFigure, list[str]]]:
        """Find the arms with the best value of each measure."""
        found = zip(self.measures, self._winners(), strict=True)
        return [(m, [self.arms[i].label for i in sorted(who)]) for m, who in found if who]

    def _winners(self) -> list[set[int]]:
        columns = ([row[j] for row in self.table] for j in range(len(self.measures)))
        return [
            find_winners(column) if m not in self.apart else set()
            for m, column in zip(self.measures, columns, strict=True)
        ]

    def plain(self) -> dict[str, Any]:
        """Return the comparison as plain JSON types."""
        return {
            "arms": [{"label": arm.label, "folder": str(arm.folder)} for arm in self.arms],
            "measures": [m._asdict() for m in self.measures],
            "values": [[one._asdict() for one in row] for row in self.table],
            "differences": [
                {"arm": arm.label, "rows": rows} for arm, rows in zip(self.arms[1:], self.rows, strict=True)
            ],
            "best": [{"measure": m._asdict(), "arms": who} for m, who in self.best()],
            "front": {
                "objectives": [m._asdict() for m in self.chosen],
                "arms": [self.arms[i].label for i in sorted(self.front)],
            },
            "configuration": [one._asdict() for one in self.configs],
            "notes": self.notes,
        }

    def write(self, out: Path, emotion: str, examples: int) -> Path:
        """Write `compare.json`, `table.tsv` and `index.html` into a folder; return the page's path."""
        from evaluation.report.template import render

        out.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.plain(), indent=1, allow_nan=False, ensure_ascii=False, default=str)
        (out / "compare.json").write_text(text + "\n", encoding="utf-8")
        table = figures_table([arm.label for arm in self.arms], self.measures, self.table, self.rows)
        (out / "table.tsv").write_text(table, encoding="utf-8")
        page = out / "index.html"
        page.write_text(render("compare.html", self._context(emotion, examples)), encoding="utf-8")
        return page

    def _context(self, emotion: str, examples: int) -> dict[str, Any]:
        chosen = [[find_value(arm, m) for m in self.chosen] for arm in self.arms]
        axes = [
            *self.chosen,
            *(m for m in self.measures if m not in self.chosen and m not in self.apart and has_direction(m)),
        ]
        shown = axes[: max(3, MOST_AXES - len(self.configs[:4]))]
        many = len(self.arms) > 2 or len(self.configs) > 0
        return {
            "c": self,
            "colour": pictures.choose_colour,
            "winners": self._winners(),
            "wording": wording,
            "place": lambda m: "" if (m.group, m.emotion) == ("all", "all") else f"{m.group}, {m.emotion}",
            "parallel": pictures.draw_parallel(
                self.arms,
                self.configs[:4],
                shown,
                [[find_value(arm, m) for m in shown] for arm in self.arms],
                self.front,
            )
            if many
            else "",
            "trade": pictures.draw_trade(self.arms, self.chosen, chosen, self.front) if len(self.chosen) > 1 else "",
            "curves": self._curves(),
            "cards": make_cards(self.arms, emotion, examples),
        }

    def _curves(self) -> list[StageCurves]:
        """Draw the curves of every stage that recorded any."""
        found = [pictures.read_curves(arm.records) for arm in self.arms]
        stages = list(dict.fromkeys(stage for one in found for stage in one))
        made = []
        for stage in stages:
            folders = [arm.stages.get(stage) for arm in self.arms]
            shared = len(self.arms) > 1 and len(set(folders)) == 1
            drawn = [one if not shared or i == 0 else {} for i, one in enumerate(found)]
            note = "one stage, shared by all arms" if shared else ""
            made.append(StageCurves(stage, note, pictures.draw_curves(stage, self.arms, drawn)))
        return made


def has_direction(measure: ComparedFigure) -> bool:
    """Tell whether a way is better."""
    from evaluation.catalogue import direction

    return direction(measure.name) in ("lower", "higher", "near")
