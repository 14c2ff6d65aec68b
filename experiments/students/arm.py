"""Speak and score a voice as a run spoke and scored its own, and time it on one thread.

    python experiments/students/arm.py RUN VOICE OUT

OUT gets what `python -m evaluation compare` and `table.py` read: scores.json, measurements.jsonl, speed.json.
"""

from __future__ import annotations

import json
import resource
import statistics
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import yaml

from evaluation.scoring.estimates import SCORES
from evaluation.scoring.measurements import MEASUREMENTS
from evaluation.suite.stage import ScoreRun
from experiments.measuring import run_script, sentences
from sovits_lab.checkpoints.bundle import bundle_folder
from sovits_lab.inference.request import Request
from sovits_lab.inference.samples import SpeakTestSet
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.tokens import generate_tokens
from sovits_lab.inference.utterances import utterances_of
from sovits_lab.pipeline.validation import build_stage
from sovits_lab.reporting import Silent
from sovits_lab.types import got

SENTENCES = 12


def score_like(run: Path, voice: Path, out: Path) -> None:
    """Speak the test set of a run with another voice, and score it by the same judges."""
    stages = yaml.safe_load((run / "config.yaml").read_text(encoding="utf-8"))["stages"]
    places = json.loads((run / "stages.json").read_text(encoding="utf-8"))
    inputs = {name: (run / place).resolve() for name, place in places.items()}
    inputs |= {"bundle": out / "bundle", "samples": out / "samples"}
    inputs["bundle"].mkdir(parents=True)
    inputs["samples"].mkdir()
    (inputs["bundle"] / "voice").symlink_to(bundle_folder(voice).resolve())
    for kind, name, folder in ((SpeakTestSet, "samples", out / "samples"), (ScoreRun, "scores", out)):
        node = {key: value for key, value in stages[name].items() if key not in ("inputs", "runtime")}
        stage = build_stage(kind, node, {"threads": 1})
        stage.run({each: inputs[each] for each in stages[name]["inputs"]}, folder, Silent())


def measure_speed(voice: Path) -> dict[str, float]:
    """Time sentences that no corpus holds, one by one: medians of processor seconds, and the peak of memory."""
    torch.set_num_threads(1)
    with Synthesizer.load(voice) as speaker:
        name, rows = min(speaker.voice.speakers), []
        for text in sentences(SENTENCES + 1):
            request = Request(text, name)
            plan = utterances_of(request, speaker.clips, speaker.limits)
            began = time.process_time()
            (spoken,) = generate_tokens(speaker.voice, [plan], [request], 1, speaker.guard)
            tokens = time.process_time()
            pieces = speaker.stream(request, 8)
            next(pieces)
            first = time.process_time()
            pieces.close()
            whole = time.process_time()
            speech = speaker.speak_all([request])[0]
            seconds = len(speech.wav) / speech.sample_rate
            count = sum(len(one.tokens) for one in spoken)
            rows.append((count / (tokens - began), 1000 * (first - tokens), (time.process_time() - whole) / seconds))
    medians = [statistics.median(values) for values in zip(*rows[1:], strict=True)]
    named = dict(zip(("tokens_per_second", "first_ms", "rtf"), medians, strict=True))
    return {**named, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def main(argv: list[str]) -> None:
    """Write the arm."""
    if len(argv) != 3:
        raise got("arguments", " ".join(argv), "RUN VOICE OUT")
    run, voice, out = map(Path, argv)
    speed: dict[str, Any] = measure_speed(voice)
    weights = bundle_folder(voice) / "model.safetensors"
    score_like(run, voice, out)
    (out / "speed.json").write_text(json.dumps({**speed, "weights_mb": weights.stat().st_size / 1e6}), encoding="utf-8")
    print(f"{out}: {SCORES}, {MEASUREMENTS}, speed.json")


if __name__ == "__main__":
    run_script(main)
