"""`python experiments/sad_transfer/planned.py RUN`: how much of the planned F0 range and level is heard.

Change of F0 range (standard deviation in semitones) against neutral, in percent of the true change, over the target
speakers: of the F0 that the head was told; of what the judge finds in the output where F0 was told; of what it finds
everywhere, as in `scores`. A tracker that takes noise for voice widens neutral most, whose range is small. The last
column is how many frames do so in neutral, in percent. Braces: the single targets.

Then the change of level in dB, as the models count it (log of the mean mel magnitude, root mean square over voiced
frames): told, heard where told, true; and neutral's own level, told and heard, against the true one.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import soundfile
import torch

from evaluation.prosody.measurement import AUDIBLE_DB, HOP, RATE
from sovits_lab.audio.baseline import level_of
from sovits_lab.audio.energy import NATS_PER_DB, frame_rms_db, mel_energy
from sovits_lab.audio.pitch import f0
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.inference.loading import load_voice
from sovits_lab.inference.request import Request, Speech
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
NAMES = ("told", "heard where told", "heard")
# emotion -> speaker -> F0 range told, heard where told, heard, truth, noise; level told, heard where told, truth
Figures = dict[str, dict[str, np.ndarray]]


def contour(wav: np.ndarray) -> np.ndarray:
    """Hz per 10 ms as the judge counts it, 0 where unvoiced or too soft."""
    energy = frame_rms_db(wav, HOP)
    pitch = f0(wav, RATE, HOP)
    return np.where(energy[: len(pitch)] > energy.max() - AUDIBLE_DB, pitch, 0.0)


def spread(hertz: np.ndarray) -> float:
    """Standard deviation of the voiced frames, semitones."""
    return float(np.std(12 * np.log2(hertz[hertz > 0]))) if (hertz > 0).any() else float("nan")


def of_one(told: np.ndarray, wav: np.ndarray, truth: np.ndarray) -> list[float]:
    """Ranges of one output, of which the head was told so many Hz per frame."""
    heard = contour(wav)
    told = told[np.minimum(np.arange(len(heard)) * len(told) // len(heard), len(told) - 1)]
    noise = float(np.mean((heard > 0) & (told == 0)))
    return [spread(told), spread(np.where(told > 0, heard, 0.0)), spread(heard), spread(contour(truth)), noise]


def level(energy: np.ndarray, voiced: np.ndarray) -> float:
    """In dB, of a log energy in nats where voiced."""
    frames = min(len(energy), len(voiced))
    rows = (torch.from_numpy(np.array(one[:frames]))[None] for one in (energy, voiced))
    return level_of(*rows).item() / NATS_PER_DB


def levels_of_one(spoken: Speech, truth: np.ndarray, spec: AudioSpec) -> list[float]:
    """Level that the head was told, of its output where it was told to be voiced, and of the truth."""
    voiced = np.asarray(spoken.f0) > 0
    said = np.asarray(spoken.energy) * NATS_PER_DB
    heard, true = (mel_energy(log_mel(wav, spec)) for wav in (spoken.wav, truth))
    return [level(said, voiced), level(heard, voiced), level(true, f0(truth, RATE, spec.hop) > 0)]


def figures(run: Path) -> Figures:
    """Speak the run's test sentences of target speakers again; means over sentences."""
    lines = (run / "samples" / "samples.jsonl").read_text("utf-8").splitlines()
    items = [one for one in map(json.loads, lines) if one["role"] == "target" and one["strength"] == 1]
    if not any(one["emotion"] == NEUTRAL for one in items):
        raise got("run", run, "samples of target speakers, neutral ones among them")
    voice = load_voice(run)
    if not voice.takes_style:
        raise got("run", run, "a voice that hears styles")
    if voice.spec.sample_rate != RATE:
        raise got("run", run, f"a voice at {RATE} Hz")
    asked = [Request(i["text"], i["speaker"], run / "samples" / i["style_reference"], seed=i["seed"]) for i in items]
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for item, spoken in zip(items, Synthesizer(voice).speak_all(asked), strict=True):
        truth = soundfile.read(run / "samples" / item["truth"], dtype="float32")[0]
        measured = of_one(np.asarray(spoken.f0), spoken.wav, truth) + levels_of_one(spoken, truth, voice.spec)
        found[item["emotion"], item["speaker"]].append(measured)
    made: Figures = defaultdict(dict)
    for (emotion, speaker), values in found.items():
        made[emotion][speaker] = np.nanmean(values, axis=0)
    return made


def main(run: Path) -> None:
    """Print the tables."""
    if not (run / "samples" / "samples.jsonl").is_file():
        raise got("run", run, "the folder of one run, with samples")
    found = figures(run)
    neutral = found.pop(NEUTRAL)
    noise = ", ".join(f"{100 * one[4]:.0f}" for one in neutral.values())
    print("| F0 range, share of the true change, % | " + " | ".join(NAMES) + " | noise in neutral |")
    print("|---" * (len(NAMES) + 2) + "|")
    for emotion in sorted(found):
        change = np.array([found[emotion][speaker] - neutral[speaker] for speaker in neutral])
        cells = [cell(own, change[:, 3]) for own in change[:, :3].T]
        print(f"| {emotion} | " + " | ".join(cells) + f" | {{{noise}}} |")
    print("\n| change of level, dB | told | heard where told | truth |\n|---|---|---|---|")
    usual = np.mean([neutral[speaker][5:] for speaker in neutral], axis=0)
    for emotion in sorted(found):
        change = np.mean([found[emotion][speaker][5:] for speaker in neutral], axis=0) - usual
        print(f"| {emotion} | " + " | ".join(f"{one:+.2f}" for one in change) + " |")
    print(f"| neutral, against the truth | {usual[0] - usual[2]:+.2f} | {usual[1] - usual[2]:+.2f} | |")


def cell(said: np.ndarray, true: np.ndarray) -> str:
    """Of the mean, and of each target."""
    each = ", ".join(f"{100 * a / b:.0f}" for a, b in zip(said, true, strict=True))
    return f"{100 * said.mean() / true.mean():.0f} {{{each}}}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python experiments/sad_transfer/planned.py RUN")
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(f"error: {error}")
