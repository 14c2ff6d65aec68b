"""The questions of the study: each is one sweep of the screen, and one table.

    python experiments/sad_transfer/study.py run QUESTION... [-- OVERRIDE...]
    python experiments/sad_transfer/study.py table [QUESTION...] [--runs DIR] [--each] [-- OVERRIDE...]

An arm is what its jobs have in common but for the seed. Cells are means over seeds, in percent; brackets: the 95 %
interval over speakers and sentences, averaged; braces: smallest to largest over seeds. With `--each` seed a row of its
own: what all arms of a seed share moves them together. Arms without scores are shown as such.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from sovits_lab.sweeps.manifest import sweeps

ROOT = Path(__file__).resolve().parents[2]
QUESTIONS = {
    "encoder": (
        "reference=conv_gru_small,gst_small,vae_small,ecapa_style_small,mel_style",
        "style_sites=gpt,acoustic,all",
    ),
    "style_sites": ("style_sites=explicit,all,gpt,acoustic",),
    "fusion": ("fusion=adaln,film,prefix,prefix_sum,sum,cross_attention",),
    "disentangle": (
        "disentangle=[],off,cross_speaker,vclub,speaker_without_emotion,tokens_without_speaker,tokens_without_emotion,"
        "token_consistency,instance_norm,stop_at_chance",
    ),
    "adversary": ("reference=mel_style", "style_sites=all", "disentangle=[],stop_at_chance"),
    "head": ("head=nsf_istft,vocos", "style_sites=explicit,all"),
    "emotion": ("emotion=reference,label,both,none",),
    "speakers": ("corpus.roles.emotional.test_speakers=2", "corpus.roles.emotional.speakers=2,4,8,16"),
    "seconds": ("stages.samples.style_seconds=1,2,4",),
}
SEEDS = "seed=1,2,3"
COLUMNS = (
    ("PER neutral", "per.tokenizer", "neutral"),
    ("PER sad", "per.tokenizer", "sad"),
    ("F0 sad", "f0_share", "sad"),
    ("F0 happy", "f0_share", "happy"),
    ("range happy", "f0_range_share", "happy"),
    ("range angry", "f0_range_share", "angry"),
    ("level sad", "level_share", "sad"),
    ("level happy", "level_share", "happy"),
    ("level angry", "level_share", "angry"),
    ("duration sad", "duration_share", "sad"),
    ("top-1", "speaker_top1", "all"),
    ("similarity neutral", "similarity_calibrated", "neutral"),
    ("similarity sad", "similarity_calibrated", "sad"),
)
NO_ARM = ("paths.", "trainer.", "logger", "seed=", "sweep.", "hydra")
Arm = frozenset[str]
Figures = dict[tuple[str, str], dict[str, Any]]


class Run(NamedTuple):
    """Figures of the target speakers, None without scores; and by which code."""

    figures: Figures | None
    commit: str


def arms_of(question: str) -> list[Arm]:
    """What a question compares, in its order."""
    swept = [one.partition("=") for one in QUESTIONS[question]]
    values = [[f"{key}={value}" for value in text.split(",")] for key, _, text in swept]
    return [frozenset(one) for one in product(*values)]


def arms_in(runs: Path) -> dict[Arm, dict[str, Run]]:
    """Arm -> seed -> its newest run."""
    found: dict[Arm, dict[str, Run]] = defaultdict(dict)
    for manifest in sweeps(runs):
        if manifest.folder.parent.name != "sad_transfer_screen":
            continue
        for job in {**manifest.earlier, **manifest.jobs}.values():
            told = [one for one in job.arm.overrides if not one.startswith("experiment=")]
            own = frozenset(one for one in told if not one.startswith(NO_ARM) and ".runtime." not in one)
            seed = next((one for one in told if one.startswith("seed=")), "seed=1")
            found[own][seed] = Run(figures(runs / job.arm.run / "scores.json"), commit(runs / job.arm.run))
    return found


def commit(run: Path) -> str:
    """Of the code that last began the run, short."""
    try:
        starts = json.loads((run / "environment.json").read_text(encoding="utf-8"))["starts"]
        return str(starts[-1]["git"]["commit"])[:7]
    except (OSError, LookupError, TypeError):
        return "?"


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


def table(question: str, runs: Path, told: Sequence[str] = (), each: bool = False) -> list[str]:
    """Lines of Markdown; arms that were not run are not shown, runs of other code are rows of their own."""
    found = arms_in(runs)
    lines = [f"| {question} | seeds | " + " | ".join(label for label, *_ in COLUMNS) + " | code |"]
    lines.append("|---" * (len(COLUMNS) + 3) + "|")
    surplus = frozenset(one for one in told if not one.startswith(NO_ARM))
    for arm in (one | surplus for one in arms_of(question)):
        rows: dict[tuple[str, str], list[Run]] = defaultdict(list)
        for seed, run in found.get(arm, {}).items():
            rows[run.commit, seed if each else ""].append(run)
        for (code, seed), runs_of in sorted(rows.items()):
            known = [run.figures for run in runs_of if run.figures is not None]
            cells = [cell([one.get((name, emotion)) for one in known]) for _, name, emotion in COLUMNS]
            title = ", ".join(f"`{one}`" for one in [*sorted(arm), *filter(None, [seed])])
            lines.append(f"| {title} | {len(known)} of {len(runs_of)} | " + " | ".join(cells) + f" | {code} |")
    return lines


def main(arguments: list[str]) -> int:
    """Run sweeps, or print tables; the status is that of the first sweep that fails."""
    own, told = arguments, []
    if "--" in arguments:
        cut = arguments.index("--")
        own, told = arguments[:cut], arguments[cut + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=["run", "table"])
    parser.add_argument("questions", nargs="*", help=", ".join(QUESTIONS))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs")
    parser.add_argument("--each", action="store_true", help="a row for each seed")
    asked = parser.parse_args(own)
    for question in asked.questions:
        if question not in QUESTIONS:
            parser.error(f"question: got {question!r}, expected one of {', '.join(QUESTIONS)}")
    if asked.command == "run":
        seeds = [] if any(one.startswith("seed=") for one in told) else [SEEDS]
        for question in asked.questions or QUESTIONS:
            arms = [*QUESTIONS[question], *seeds, *told]
            sweep = [sys.executable, "train.py", "-m", "experiment=sad_transfer_screen", *arms]
            if status := subprocess.run(sweep, cwd=ROOT, check=False).returncode:  # noqa: S603 - of this file and the command line
                return status
        return 0
    shown = {question: table(question, asked.runs, told, asked.each) for question in asked.questions or QUESTIONS}
    if not any(len(lines) > 2 for lines in shown.values()):
        parser.error(f"--runs: got no arms in {asked.runs}/sweeps, expected those of `run`")
    print("\n\n".join("\n".join(lines) for lines in shown.values() if len(lines) > 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
