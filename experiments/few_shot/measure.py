"""`python experiments/few_shot/measure.py VOICE root=DIR speakers=NAME,... [seconds=10,30,60] [steps=400] [out=DIR]`

Adapts a voice to so many seconds of recorded speakers (`experiment=few_shot`) and measures what it says then: CAM++
similarity to recordings that were kept apart, as a share of what the speaker's own recordings reach; WER by Whisper
base; what `emotion=sad` does to pitch and length. Beside it the voice as it was, and zero-shot: the same voice with a
clip of so many seconds as its speaker. DIR holds `manifest.tsv` with path, speaker, language, text and dur.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from evaluation.intelligibility.errors import count_errors
from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.scoring.normalisers import NORMALISERS
from sovits_lab.audio.files import load_audio, resample, save_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import InputError, got

RATE = 16_000
ROOT = Path(__file__).parents[2]
SENTENCES = ROOT / "experiments" / "starter_voice" / "sentences.txt"
KEPT_APART = 20.0  # seconds of a speaker's recordings that no training hears
LONGEST_CLIP = 10.0  # seconds that a voice hears of a speaker
DEFAULTS = {"seconds": "10,30,60,300", "steps": "400", "count": "20", "out": "few_shot", "seed": "1"}


class Clip(NamedTuple):
    """A recording of the table."""

    path: Path
    language: str
    text: str
    seconds: float


class Measured(NamedTuple):
    """What a voice said, judged: one value a sentence, then the changes that sad makes."""

    similarity: np.ndarray
    errors: np.ndarray
    words: np.ndarray
    semitones: float
    length: float


class Judges(NamedTuple):
    """Who judges, and what of a speaker was kept apart: unit vectors [N, D]."""

    speaker: CampplusSpeaker
    words: FasterWhisper


def clips_of(root: Path, speaker: str) -> list[Clip]:
    """Return the transcribed recordings of a speaker.

    Raises:
        InputError: there are none, or no table.
    """
    table = root / "manifest.tsv"
    if not table.is_file():
        raise got("root", root, "a folder with manifest.tsv")
    with table.open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
                if row["speaker"] == speaker and row["text"]]  # fmt: skip
    if not rows:
        raise got("speakers", speaker, f"a speaker with texts in {table}")
    return [Clip(root / row["path"], row["language"], row["text"], float(row["dur"])) for row in rows]


def divided(clips: Sequence[Clip], seconds: float) -> tuple[list[Clip], list[Clip]]:
    """Return recordings for training, as many as fit into so many seconds, and those that are kept apart: the last."""
    apart: list[Clip] = []
    rest = list(clips)
    while rest and sum(clip.seconds for clip in apart) < KEPT_APART:
        apart.append(rest.pop())
    chosen: list[Clip] = []
    for clip in sorted(rest, key=lambda one: one.seconds):
        if sum(one.seconds for one in chosen) + clip.seconds <= seconds:
            chosen.append(clip)
    return chosen, apart


def adapted(voice: str, speaker: str, clips: Sequence[Clip], options: dict[str, str], out: Path) -> Path:
    """Train, and return the bundle."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{clip.path.resolve()}|{speaker}|{clip.language}|{clip.text}\n" for clip in clips]
    (out / "speech.list").write_text("".join(lines), encoding="utf-8")
    words = [
        sys.executable, str(ROOT / "train.py"), "experiment=few_shot", f"init={Path(voice).resolve()}",
        f"corpus.root={(out / 'speech.list').resolve()}", f"paths.runs={(out / 'runs').resolve()}",
        f"stages.sovits.optimisation.steps={options['steps']}", f"seed={options['seed']}",
    ]  # fmt: skip
    if subprocess.run(words, check=False, cwd=ROOT).returncode:  # noqa: S603 - of this file and the command line
        raise InputError(f"few_shot: the training for {speaker} failed; it says why above")
    return max((out / "runs" / "few_shot").glob("*/bundle"), key=lambda path: path.stat().st_mtime)


def measured(
    speak: Callable[[str, str], np.ndarray], texts: Sequence[str], centre: np.ndarray, judges: Judges
) -> Measured:
    """Let a voice speak and judge it."""
    wavs = [speak(text, "neutral") for text in texts]
    sad = [speak(text, "sad") for text in texts[:5]]
    heard = judges.words.hear(wavs, "en")
    units = [[NORMALISERS["lab"].units(one, "en") for one in pair] for pair in zip(texts, heard, strict=True)]
    pitch = [np.median([np.log2(np.median(curve[curve > 0])) for curve in curves if (curve > 0).any()] or [np.nan])
             for curves in ([f0(wav, RATE, 160) for wav in each] for each in (wavs[:5], sad))]  # fmt: skip
    return Measured(
        judges.speaker.embed(wavs) @ centre,
        np.array([count_errors(said, other).rate for said, other in units]),
        np.array([len(said) for said, _ in units], dtype=float),
        float(12 * (pitch[1] - pitch[0])),
        float(np.mean([len(a) / len(b) for a, b in zip(sad, wavs, strict=False)])),
    )


def interval(values: np.ndarray, weights: np.ndarray) -> str:
    """Weighted mean with its 95 % interval, by resampling sentences."""
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    means = (values[draws] * weights[draws]).sum(1) / weights[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{(values * weights).sum() / weights.sum():.3g} [{low:.3g}, {high:.3g}]"


def said_by(folder: str | Path, who: str | Path | None = None) -> Callable[[str, str], np.ndarray]:
    """Return what speaks with a bundle, by its one speaker or by a clip."""
    voice = Synthesizer.load(folder)

    def speak(text: str, emotion: str) -> np.ndarray:
        made = voice.speak(text, who, emotion=emotion, seed=0)
        return resample(made.wav, made.sample_rate, RATE)

    return speak


def row(name: str, found: Measured, own: float) -> str:
    """One line of the table."""
    likeness = interval(found.similarity, np.ones(len(found.similarity)))
    share = 100 * found.similarity.mean() / own
    wer = interval(100 * found.errors, found.words)
    return f"| {name} | {likeness} | {share:.0f} | {wer} | {found.semitones:+.1f} | {found.length:.2f} |"


def study(voice: str, speaker: str, options: dict[str, str], judges: Judges) -> None:
    """Print the table of one speaker."""
    clips = clips_of(Path(options["root"]), speaker)
    texts = SENTENCES.read_text(encoding="utf-8").splitlines()[: int(options["count"])]
    _, apart = divided(clips, 0.0)
    vectors = judges.speaker.embed([load_audio(clip.path, RATE, rate="any") for clip in apart])
    centre = vectors.mean(0) / np.linalg.norm(vectors.mean(0))
    others = [load_audio(clip.path, RATE, rate="any") for clip in clips if clip not in apart]
    own = float((judges.speaker.embed(others) @ centre).mean())
    print(f"\n{speaker}: {len(apart)} recordings kept apart, to which the others have a likeness of {own:.3f}\n")
    print("| voice | CAM++ | % of own | WER % | sad: semitones | sad: length |\n|---|---|---|---|---|---|")
    print(row("as it was", measured(said_by(voice), texts, centre, judges), own), flush=True)
    for seconds in (float(one) for one in options["seconds"].split(",")):
        chosen, _ = divided(clips, seconds)
        there = sum(clip.seconds for clip in chosen)
        if there < 0.7 * seconds:
            print(f"| {seconds:g} s | there are only {there:.0f} s | | | | |", flush=True)
            continue
        out = Path(options["out"]) / speaker / f"{seconds:g}s"
        out.mkdir(parents=True, exist_ok=True)
        clip = out / "clip.wav"
        wavs = [load_audio(one.path, RATE, rate="any") for one in chosen]
        save_audio(clip, np.concatenate(wavs)[: round(LONGEST_CLIP * RATE)], RATE)
        print(row(f"zero-shot, {seconds:g} s", measured(said_by(voice, clip), texts, centre, judges), own), flush=True)
        bundle = adapted(voice, speaker, chosen, options, out)
        print(row(f"adapted, {seconds:g} s", measured(said_by(bundle), texts, centre, judges), own), flush=True)


def main(argv: list[str]) -> int:
    """Print a table for each speaker."""
    options = DEFAULTS | dict(word.split("=", 1) for word in argv if "=" in word)
    names = [word for word in argv if "=" not in word]
    if len(names) != 1 or set(options) != {*DEFAULTS, "root", "speakers"}:
        raise got("few_shot", " ".join(argv), f"one voice, root= and speakers=, and any of {', '.join(DEFAULTS)}")
    judges = Judges(CampplusSpeaker(), FasterWhisper("whisper-base", ["en"]))
    for speaker in options["speakers"].split(","):
        study(names[0], speaker, options, judges)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
