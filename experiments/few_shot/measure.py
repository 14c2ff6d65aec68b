"""`python experiments/few_shot/measure.py VOICE root=DIR speakers=NAME,... [seconds=10,30,60] [steps=100] [out=DIR]`

Adapts a voice to so many seconds of recorded speakers (`experiment=few_shot`) and measures what it says then: CAM++
similarity to recordings that were kept apart, as a share of what the speaker's own recordings reach, whole and cut to
pieces as long as what is said, for the judge is less sure of a short clip; WER by Whisper base; what `emotion=sad` does
to pitch and length. Beside it the voice as it was, and zero-shot: the same voice with a clip of so many seconds as its
speaker. Writes results/main.csv; then `python experiments/pages.py`. DIR holds `manifest.tsv` with path, speaker,
language, text and dur.
"""

from __future__ import annotations

import csv
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.faster_whisper import FasterWhisper
from experiments.measuring import RATE, Say, bounds, recognise_words, run_script, sentences, speech_of_voice
from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.audio.files import load_audio, save_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.options import option, read_options
from sovits_lab.types import InputError, got

ROOT = Path(__file__).parents[2]
KEPT_APART = 20.0  # seconds of a speaker's recordings that no training hears
LONGEST_CLIP = 10.0  # seconds that a voice hears of a speaker
PIECES = 3  # of the speaker's own recordings beside each sentence


@dataclass(frozen=True)
class MeasureFewShot:
    """Measure a voice that was adapted to a few seconds of a speaker."""

    voice: str = option("the bundle to begin with", bare=True)
    root: Path = option("folder of manifest.tsv and the recordings")
    speakers: list[str] = option("names in the manifest")
    seconds: list[float] = option("of each speaker to train on", [10.0, 30.0, 60.0, 300.0])
    steps: int = option("of training", 1000, least=1)
    count: int = option("sentences to say", 20, least=1)
    out: Path = option("where voices and lists are kept", Path("few_shot"))
    seed: int = option("of the training", 1)


class Clip(NamedTuple):
    """A recording of the table."""

    path: Path
    language: str
    text: str
    seconds: float


class Measured(NamedTuple):
    """What a voice said, judged: one value a sentence, then the changes that sad makes."""

    similarity: np.ndarray
    lengths: list[int]
    errors: np.ndarray
    words: np.ndarray
    semitones: float
    length: float


class Judges(NamedTuple):
    """Who judges, and what of a speaker was kept apart: unit vectors [N, D]."""

    speaker: CampplusSpeaker
    words: FasterWhisper


class Own:
    """How like a speaker's own recordings are to `centre`, the mean of those that were kept apart."""

    def __init__(self, wavs: Sequence[np.ndarray], centre: np.ndarray, judge: CampplusSpeaker) -> None:
        self.wavs, self.centre, self.judge = wavs, centre, judge
        self.whole = self._likeness(wavs)

    def as_long(self, lengths: Sequence[int]) -> float:
        """Return the likeness of pieces of such lengths, in samples."""
        return self._likeness(pieces(self.wavs, lengths))

    def _likeness(self, wavs: Sequence[np.ndarray]) -> float:
        return float((self.judge.embed(wavs) @ self.centre).mean())


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


def adapted(speaker: str, clips: Sequence[Clip], asked: MeasureFewShot, out: Path) -> Path:
    """Train, and return the bundle."""
    out.mkdir(parents=True, exist_ok=True)
    lines = [f"{clip.path.resolve()}|{speaker}|{clip.language}|{clip.text}\n" for clip in clips]
    (out / "speech.list").write_text("".join(lines), encoding="utf-8")
    words = [
        sys.executable, str(ROOT / "train.py"), "experiment=few_shot", f"init={Path(asked.voice).resolve()}",
        f"corpus.root={(out / 'speech.list').resolve()}", f"paths.runs={(out / 'runs').resolve()}",
        f"stages.sovits.optimisation.steps={asked.steps}", f"seed={asked.seed}",
    ]  # fmt: skip
    if subprocess.run(words, check=False, cwd=ROOT).returncode:  # noqa: S603 - of this file and the command line
        raise InputError(f"few_shot: the training for {speaker} failed; it says why above")
    return max((out / "runs" / "few_shot").glob("*/bundle"), key=lambda path: path.stat().st_mtime)


def measured(speak: Say, texts: Sequence[str], centre: np.ndarray, judges: Judges) -> Measured:
    """Let a voice speak and judge it."""
    wavs = [speak(text, "neutral") for text in texts]
    sad = [speak(text, "sad") for text in texts[:5]]
    heard = recognise_words(judges.words, wavs, texts)
    pitch = [np.median([np.log2(np.median(curve[curve > 0])) for curve in curves if (curve > 0).any()] or [np.nan])
             for curves in ([f0(wav, RATE, 160) for wav in each] for each in (wavs[:5], sad))]  # fmt: skip
    return Measured(
        judges.speaker.embed(wavs) @ centre,
        [len(wav) for wav in wavs],
        heard.errors,
        heard.words,
        float(12 * (pitch[1] - pitch[0])),
        float(np.mean([len(a) / len(b) for a, b in zip(sad, wavs, strict=False)])),
    )


def pieces(wavs: Sequence[np.ndarray], lengths: Sequence[int]) -> list[np.ndarray]:
    """Return pieces of recordings, `PIECES` for each length, from anywhere in those that are long enough."""
    draw = np.random.default_rng(0)
    cut = []
    for length in (min(length, max(map(len, wavs))) for length in lengths for _ in range(PIECES)):
        wav = wavs[draw.choice([number for number, each in enumerate(wavs) if len(each) >= length])]
        start = draw.integers(len(wav) - length + 1)
        cut.append(wav[start : start + length])
    return cut


def rows_of(key: str, found: Measured, own: Own, commit: str) -> list[Result]:
    """Return the rows of one voice under `KEY/FIGURE`, and print them as a line."""
    even = np.ones(len(found.similarity))
    told = {
        ("likeness", "CAM++ likeness", ""): bounded(*bounds(found.similarity, even)),
        ("own", "of the speaker's own likeness", "%"): bounded(*bounds(100 * found.similarity / own.whole, even)),
        ("own_cut", "of that of the speaker's own recordings, as long", "%"): bounded(
            *bounds(100 * found.similarity / own.as_long(found.lengths), even)
        ),
        ("wer", "words misheard by Whisper base", "%"): bounded(*bounds(100 * found.errors, found.words)),
        ("semitones", "F0 of sad against neutral", "semitones"): bounded(found.semitones),
        ("length", "length of sad against neutral", ""): bounded(found.length),
    }
    cells = (f"{one['value']} [{one['low']}, {one['high']}]" if one["low"] else one["value"] for one in told.values())
    print(f"| {key} | {' | '.join(cells)} |", flush=True)
    return [
        Result("few_shot", f"{key}/{name}", figure, unit, "1 run", **cells, truth="", commit=commit, n=str(len(even)))
        for (name, figure, unit), cells in told.items()
    ]


def study(speaker: str, asked: MeasureFewShot, judges: Judges) -> list[Result]:
    """Print the table of one speaker, and return its rows."""
    clips = clips_of(asked.root, speaker)
    texts, commit = sentences(asked.count), commit_here()
    _, apart = divided(clips, 0.0)
    vectors = judges.speaker.embed([load_audio(clip.path, RATE, rate="any") for clip in apart])
    centre = vectors.mean(0) / np.linalg.norm(vectors.mean(0))
    others = [load_audio(clip.path, RATE, rate="any") for clip in clips if clip not in apart]
    own = Own(others, centre, judges.speaker)
    print(f"\n{speaker}: {len(apart)} recordings kept apart, to which the others have a likeness of {own.whole:.3f}\n")
    heads = ("voice", "CAM++", "% of own", "% of own as long", "WER %", "sad: semitones", "sad: length")
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")

    def row(name: str, say: Say) -> list[Result]:
        return rows_of(f"{speaker}, {name}", measured(say, texts, centre, judges), own, commit)

    rows = row("as it was", speech_of_voice(asked.voice))
    for seconds in asked.seconds:
        chosen, _ = divided(clips, seconds)
        there = sum(clip.seconds for clip in chosen)
        if there < 0.7 * seconds:
            print(f"| {seconds:g} s | there are only {there:.0f} s | | | | |", flush=True)
            continue
        out = asked.out / speaker / f"{seconds:g}s"
        out.mkdir(parents=True, exist_ok=True)
        clip = out / "clip.wav"
        wavs = [load_audio(one.path, RATE, rate="any") for one in chosen]
        save_audio(clip, np.concatenate(wavs)[: round(LONGEST_CLIP * RATE)], RATE)
        rows += row(f"zero-shot, {seconds:g} s", speech_of_voice(asked.voice, clip))
        rows += row(f"adapted, {seconds:g} s", speech_of_voice(adapted(speaker, chosen, asked, out)))
    return rows


def main(argv: list[str]) -> None:
    """Print a table for each speaker, and write its rows into results/main.csv in place of those with the same keys."""
    asked = read_options(MeasureFewShot, argv)
    judges = Judges(CampplusSpeaker(), FasterWhisper("whisper-base", ["en"]))
    for speaker in asked.speakers:
        rows = study(speaker, asked, judges)
        print(write_results("few_shot", rows, instead_of=[row.key for row in rows]))


if __name__ == "__main__":
    run_script(main)
