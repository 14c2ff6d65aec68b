"""`python experiments/sad_transfer/arms.py RUNS [WORD]`: the arms of all sweeps below a folder, as a Markdown table.

RUNS is a folder such as `runs`; WORD keeps arms with that word in an override (`site=`, `fusion=` ...). An arm is what
its jobs have in common but for the seed. Cells are means over seeds, in percent; brackets: the 95 % interval over
speakers and sentences, averaged; braces: smallest to largest over seeds. Arms without scores are shown as failed.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from statistics import mean
from typing import Any

COLUMNS = (
    ("PER neutral", "per.tokenizer", "neutral"),
    ("PER sad", "per.tokenizer", "sad"),
    ("F0 sad", "f0_share", "sad"),
    ("F0 happy", "f0_share", "happy"),
    ("F0 range angry", "f0_range_share", "angry"),
    ("level sad", "level_share", "sad"),
    ("duration sad", "duration_share", "sad"),
    ("top-1", "speaker_top1", "all"),
    ("top-1 sad", "speaker_top1", "sad"),
    ("similarity sad", "similarity_calibrated", "sad"),
)
NO_ARM = ("paths.", "trainer.", "logger", "seed=", "sweep.")
Figures = dict[tuple[str, str], dict[str, Any]]


def arms(runs: Path, word: str) -> dict[str, dict[str, Figures | None]]:
    """Arm -> seed -> figures of the target speakers; None: no scores."""
    found: dict[str, dict[str, Figures | None]] = defaultdict(dict)
    for manifest in sorted(runs.glob("sweeps/*/*/manifest.jsonl")):
        for line in manifest.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            if record["kind"] != "arm":
                continue
            own = sorted(one for one in record["overrides"] if not one.startswith(NO_ARM) and ".runtime." not in one)
            if word and not any(word in one for one in own):
                continue
            seed = next((one for one in record["overrides"] if one.startswith("seed=")), "seed=1")
            found[", ".join(own)][seed] = figures(runs / record["run"] / "scores.json")
    return found


def figures(path: Path) -> Figures | None:
    """By (name, emotion), points of the strength curve left out; None where there is no file."""
    if not path.is_file():
        return None
    scores = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return {(f["name"], f["emotion"]): f for f in scores if f["group"] == "target" and f.get("strength") is None}


def cell(found: list[dict[str, Any] | None]) -> str:
    """In percent."""
    known = [f for f in found if f is not None and None not in (f["value"], f["low"], f["high"])]
    if not known:
        return "-"
    value, low, high = (100 * mean(f[key] for f in known) for key in ("value", "low", "high"))
    each = [100 * f["value"] for f in known]
    over = f" {{{min(each):.0f}-{max(each):.0f}}}" if len(known) > 1 else ""
    return f"{value:.0f} [{low:.0f}, {high:.0f}]{over}"


def main(runs: Path, word: str = "") -> None:
    """Print the table."""
    found = arms(runs, word)
    if not found:
        sys.exit(f"error: {runs}: got no arms{f' with {word}' if word else ''}, expected sweeps/*/*/manifest.jsonl")
    print("| arm | seeds | " + " | ".join(label for label, *_ in COLUMNS) + " |")
    print("|---" * (len(COLUMNS) + 2) + "|")
    for arm, seeds in sorted(found.items()):
        known = [one for one in seeds.values() if one is not None]
        if not known:
            print(f"| {arm} | 0 | " + " | ".join(["failed"] * len(COLUMNS)) + " |")
            continue
        cells = [cell([one.get((name, emotion)) for one in known]) for _, name, emotion in COLUMNS]
        print(f"| {arm} | {len(known)} of {len(seeds)} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 3:
        sys.exit("usage: python experiments/sad_transfer/arms.py RUNS [WORD]")
    main(Path(sys.argv[1]), *sys.argv[2:])
