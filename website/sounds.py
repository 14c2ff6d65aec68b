"""Sounds beside their scores: a page of small Opus files of a whole run of this machine. Nothing of it is committed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import soundfile
import soxr

RATE, MOST = 16000, 6
SHOWN = {"wer.lab": "WER", "per.tokenizer": "PER", "similarity": "similarity"}


def find_run(runs: Path) -> Path | None:
    """Find the newest whole run of `sad_transfer` that was no smoke run."""
    found = []
    for path in runs.glob("sad_transfer*/*/scores.json"):
        run, config = path.parent, path.parent / "config.yaml"
        whole = (run / "samples" / "samples.jsonl").is_file() and json.loads(path.read_text("utf-8"))["samples"] >= 100
        if whole and config.is_file():
            found.append((path.stat().st_mtime, run))
    return max(found)[1] if found else None


def write_sounds(run: Path, folder: Path) -> None:
    """Write `listen.md` with players: true and spoken, neutral and sad, of different voices, with what judges said."""
    rows = [json.loads(line) for line in (run / "samples" / "samples.jsonl").read_text("utf-8").splitlines()]
    scores = _scores(run)
    neutral = {(one["speaker"], one["text"]): one for one in rows if one["emotion"] == "neutral"}
    chosen: dict[str, dict[str, Any]] = {}
    for one in rows:
        if one["emotion"] == "sad" and one["strength"] == 1 and one["wav"] and (one["speaker"], one["text"]) in neutral:
            chosen.setdefault(one["speaker"], one)
    (folder / "sounds").mkdir(exist_ok=True)
    about = f"Run `{run.resolve().name}` of this machine. The style is told by a sad clip of another speaker."
    lines = ["# Listen", "", about, ""]
    for one in list(chosen.values())[:MOST]:
        plain = neutral[one["speaker"], one["text"]]
        lines += [f"**{one['speaker']}**: {one['text']}", "", "| | sound | judges |", "|---|---|---|"]
        pairs = [("true neutral", one.get("truth_neutral"), ""), ("true sad", one.get("truth"), ""),
                 ("neutral output", plain["wav"], plain["id"]), ("sad output", one["wav"], one["id"])]  # fmt: skip
        for label, place, name in pairs:
            if place:
                sound = f"sounds/{one['speaker']}-{label.replace(' ', '-')}.ogg"
                _encode(run / "samples" / place, folder / sound)
                player = f'<audio controls preload="none" src="{sound}"></audio>'
                lines.append(f"| {label} | {player} | {scores.get(name, '')} |")
        lines.append("")
    (folder / "listen.md").write_text("\n".join(lines) + "\n", encoding="utf-8")


def _scores(run: Path) -> dict[str, str]:
    """What judges said of each output, in one line."""
    path = (run / "scores.json").resolve().parent / "measurements.jsonl"
    said: dict[str, list[str]] = {}
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        if row["of"] == "output" and row["metric"] in SHOWN and row["value"] is not None:
            said.setdefault(row["id"], []).append(f"{SHOWN[row['metric']]} {row['value']:.2f} ({row['judge']})")
    return {name: ", ".join(dict.fromkeys(parts)) for name, parts in said.items()}


def _encode(source: Path, target: Path) -> None:
    wav, rate = soundfile.read(source, dtype="float32")
    soundfile.write(target, soxr.resample(wav, rate, RATE), RATE, format="OGG", subtype="OPUS")
