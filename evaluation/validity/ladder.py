"""`python -m evaluation ladder manifest=FILE`: for what is each judge valid?

Clean recordings of the manifest are damaged in known ways and judged. A judge of intelligibility or quality is valid
when its mean never rises from pink noise at 20 dB down to 0 dB; every kind of damage must be caught by some judge of
its construct.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from evaluation.catalogue import find_measure
from evaluation.scoring.manifest import read_manifest
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import Scorer, score_all
from evaluation.validity.degradations import LADDER, NOISES, OTHER_VOICE, RATE
from sovits_lab.options import describe, option, read_options, split_words, wants_help
from sovits_lab.reporting import Reporter
from sovits_lab.types import got

CAUGHT = 0.8  # of the clips must score worse than when clean for a kind of damage to count as caught


@dataclass(frozen=True)
class LadderOptions:
    """Damage clean recordings in known ways, and show which judge notices.

    A judge of intelligibility or quality is valid when its mean never rises from pink noise at 20 dB down to 0 dB. The
    exit status is 1 where no judge of intelligibility is.
    """

    manifest: Path = option("recordings and their texts, a file")
    out: Path = option("folder of the results", Path("runs/evaluation/ladder"))
    clips: int = option("recordings that are damaged", 20, least=1)


class Rung(NamedTuple):
    """One metric under one condition: mean, share of clips that scored worse than when clean, number of clips."""

    metric: str
    judge: str
    condition: str
    mean: float
    worse: float
    n: int


def write_degraded(samples: Sequence[Sample], folder: Path, clips: int) -> dict[str, list[Sample]]:
    """Write every condition of the first `clips` usable recordings; samples by condition, ids `clip|condition`.

    A clip's voice is enrolled from another clip of the same speaker. `other voice` is the next clip of another speaker
    under the first one's name: only the voice is wrong.

    Raises:
        InputError: fewer than two usable recordings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    sounds = [(one, clip) for one in samples if isinstance(clip := read_recording(one.wav, RATE), Recording)][:clips]
    if len(sounds) < 2:
        raise got("ladder, usable recordings", len(sounds), "at least 2")
    made: dict[str, list[Sample]] = {}
    for number, (one, clip) in enumerate(sounds):
        enrolled = next((s for s, _ in sounds if s.speaker == one.speaker and s.id != one.id), one)
        for step in LADDER:
            wav = step.apply(clip.wav, np.random.default_rng([0, number]))
            path = folder / f"{number}-{step.name.replace(' ', '_').replace('%', 'percent')}.flac"
            soundfile.write(path, np.clip(wav, -1, 1), RATE)
            copy = replace(one, id=f"{one.id}|{step.name}", wav=path, speaker_reference=enrolled.wav, truth=None)
            made.setdefault(step.name, []).append(copy)
        stranger = next((s for s, _ in sounds[number:] + sounds if s.speaker != one.speaker), None)
        if stranger is not None:
            swapped = replace(one, id=f"{one.id}|{OTHER_VOICE}", wav=stranger.wav, text=stranger.text, truth=None)
            made.setdefault(OTHER_VOICE, []).append(
                replace(swapped, speaker_reference=enrolled.wav, phones=stranger.phones)
            )
    return made


def average_rungs(made: dict[str, list[Sample]], table: MeasurementTable) -> list[Rung]:
    """Average every judged metric under every condition, and count the clips that score worse than when clean."""
    places = sorted(
        {(row.metric, row.judge) for row in table if row.of == "output" and find_measure(row.metric).construct}
    )
    found = []
    for metric, judge in places:
        sign = find_measure(metric).sign
        clean = {one.id.split("|")[0]: table.value(one.id, metric, judge) for one in made["clean"]}
        for condition, samples in made.items():
            pairs = [(table.value(one.id, metric, judge), clean[one.id.split("|")[0]]) for one in samples]
            known = [(a, b) for a, b in pairs if a is not None and b is not None]
            if known:
                worse = float(np.mean([sign * a < sign * b for a, b in known]))
                found.append(Rung(metric, judge, condition, float(np.mean([a for a, _ in known])), worse, len(known)))
    return found


def judge_rungs(found: Sequence[Rung]) -> list[dict[str, Any]]:
    """Tell which metrics are monotone over noise, and which metrics of its construct catch each damage."""
    by = {(one.metric, one.judge, one.condition): one for one in found}
    made: list[dict[str, Any]] = []
    for metric, judge in sorted({(one.metric, one.judge) for one in found}):
        sign = find_measure(metric).sign
        names = [f"pink {snr} dB" for snr in NOISES]
        means = [sign * by[metric, judge, name].mean for name in names if (metric, judge, name) in by]
        falls = all(later <= earlier for earlier, later in pairwise(means)) and means[-1] < means[0]
        made.append({"metric": metric, "judge": judge, "monotone over noise": falls})
    for step in LADDER:
        for construct in step.hurts:
            catchers = [
                f"{one.metric} ({one.judge})"
                for one in found
                if one.condition == step.name
                and find_measure(one.metric).construct == construct
                and one.worse >= CAUGHT
            ]
            made.append({"damage": step.name, "construct": construct, "caught by": catchers})
    return made


def run_ladder(
    samples: Sequence[Sample], scorers: Sequence[Scorer], out: Path, clips: int, report: Reporter
) -> dict[str, Any]:
    """Write the damaged clips, judge them, say what each judge is good for."""
    made = write_degraded(samples, out / "clips", clips)
    from evaluation.scoring.scorer import AudioFiles

    flat = [one for condition in made.values() for one in condition]
    table, _ = score_all(scorers, flat, AudioFiles(), report)
    found = average_rungs(made, table)
    content = {"rungs": [one._asdict() for one in found], "verdicts": judge_rungs(found)}
    (out / "ladder.json").write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    return content


def format_ladder(content: dict[str, Any]) -> str:
    """Print the ladder as a table: one line for each condition, one column for each metric, then the verdicts."""
    columns = sorted({(one["metric"], one["judge"]) for one in content["rungs"]})
    conditions = list(dict.fromkeys(one["condition"] for one in content["rungs"]))
    by = {(one["metric"], one["judge"], one["condition"]): one for one in content["rungs"]}
    lines = ["condition".ljust(16) + "".join(f"{metric[:20]:>24}" for metric, _ in columns)]
    for condition in conditions:
        cells = [by.get((*column, condition)) for column in columns]
        shown = [f"{c['mean']:.3f} ({100 * c['worse']:.0f} % worse)" if c else "-" for c in cells]
        lines.append(condition.ljust(16) + "".join(f"{text:>24}" for text in shown))
    for one in content["verdicts"]:
        if "metric" in one:
            state = "falls with noise" if one["monotone over noise"] else "NOT monotone over noise"
            lines.append(f"{one['metric']} ({one['judge']}): {state}")
        else:
            lines.append(f"{one['damage']} ({one['construct']}): {', '.join(one['caught by']) or 'caught by NO judge'}")
    return "\n".join(lines)


def main(argv: list[str]) -> int:
    """Run the ladder; exit status 1 when no judge of intelligibility is monotone over noise."""
    from evaluation.suite.command import CONFIGURED, OVERRIDES, build_scorers, compose_config, open_terminal

    if not argv or wants_help(argv):
        print(describe(LadderOptions, "ladder", OVERRIDES.replace("evaluate", "ladder"), "python -m evaluation"))
        return 0
    own, overrides = split_words(LadderOptions, argv, CONFIGURED)
    given, config = read_options(LadderOptions, own), compose_config(overrides, "ladder")
    with open_terminal() as reporter:
        samples = read_manifest(given.manifest)
        content = run_ladder(samples, build_scorers(config["judges"]), given.out, given.clips, reporter)
    print(format_ladder(content))
    valid = [
        v
        for v in content["verdicts"]
        if v.get("monotone over noise") and find_measure(v["metric"]).construct == "intelligibility"
    ]
    return 0 if valid else 1
