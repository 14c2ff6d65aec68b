"""`python experiments/style_vectors/table.py RUNS [KEY ...]`: the scored runs below a folder, as a Markdown table.

RUNS is a folder such as runs/style_vectors; runs are grouped by the values of the KEYs of their configuration
(`stages.style.model._target_`, `stages.vectors.seconds`, ...) and averaged: mean, and smallest to largest over seeds.
A figure that no run has makes no column.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

from omegaconf import OmegaConf

COLUMNS = (
    ("emotion ABX", "style_abx_emotion", "all"),
    ("speaker ABX", "style_abx_speaker", "all"),
    ("UAR", "style_emotion", "all"),
    ("UAR, probe of unheard", "style_emotion", "unheard"),
    ("speaker probe", "style_speaker_leak", "all"),
    ("untouched: emotion ABX", "style_abx_emotion", "untouched"),
    ("untouched: speaker ABX", "style_abx_speaker", "untouched"),
    ("untouched: UAR", "style_emotion", "untouched"),
    ("emotion ABX, raw", "style_abx_emotion", "raw"),
    ("level removed", "style_abx_emotion_level_removed", "raw"),
    ("level alone: emotion ABX", "style_abx_emotion", "level"),
    ("level alone: UAR", "style_emotion", "level"),
)


def figures(run: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Figures over all emotions by (name, group)."""
    scores = json.loads((run / "scores.json").read_text(encoding="utf-8"))
    return {(f["name"], f["group"]): f for f in scores["figures"] if f["emotion"] == "all"}


def cell(found: list[dict[str, Any] | None]) -> str:
    """Mean over runs in percent; brackets: the mean run's interval, or that of the only run."""
    known = [f for f in found if f is not None and f["value"] is not None]
    if not known:
        return "-"
    value, low, high = (100 * mean(f[key] for f in known) for key in ("value", "low", "high"))
    return f"{value:.1f} [{low:.0f}, {high:.0f}]"


def spread(found: list[dict[str, Any] | None]) -> str:
    """Smallest to largest over the runs, percent."""
    known = [100 * f["value"] for f in found if f is not None and f["value"] is not None]
    return f"{min(known):.1f}-{max(known):.1f}" if known else "-"


def main(folder: Path, keys: list[str]) -> None:
    """Print the table."""
    groups: dict[tuple[str, ...], list[dict[tuple[str, str], dict[str, Any]]]] = defaultdict(list)
    for path in sorted(folder.glob("*/scores.json")):
        config = OmegaConf.load(path.parent / "config.yaml")
        groups[tuple(str(OmegaConf.select(config, key)) for key in keys)].append(figures(path.parent))
    names = [key.rpartition(".")[2] if not key.endswith("_target_") else key.split(".")[-2] for key in keys]
    known = {key for runs in groups.values() for run in runs for key in run}
    columns = [column for column in COLUMNS if column[1:] in known]
    head = [*names, "runs", *(label for label, *_ in columns), "emotion ABX over runs", "UAR over runs"]
    print("| " + " | ".join(head) + " |")
    print("|---" * len(head) + "|")
    for group, runs in sorted(groups.items()):
        cells = [cell([run.get((name, which)) for run in runs]) for _, name, which in columns]
        shown = [
            value.rpartition(".")[2] if key.endswith("_target_") else value
            for key, value in zip(keys, group, strict=True)
        ]
        over = [spread([run.get((name, "all")) for run in runs]) for name in ("style_abx_emotion", "style_emotion")]
        print("| " + " | ".join([*shown, str(len(runs)), *cells, *over]) + " |")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: python experiments/style_vectors/table.py RUNS [KEY ...]")
    main(Path(sys.argv[1]), sys.argv[2:])
