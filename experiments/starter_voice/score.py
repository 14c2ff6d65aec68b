"""`python experiments/starter_voice/score.py VOICE [emotions=neutral,sad] [count=50] [out=DIR] [write=yes]`

What a voice is worth. With `write=yes` its figures go into results/main.csv, and the study's page is made anew.

It says the sentences of `sentences.txt`, which occur in no corpus here. Whisper base judges the words (error rate
under our normaliser), DistillMOS the sound. The voice that taught it (`teacher`: what the corpus would have said) and
espeak-ng (`espeak`) say the same. VOICE is a bundle, `teacher` or `espeak`. Brackets: 95 % by resampling sentences.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.distillmos import DistillMos
from evaluation.judges.faster_whisper import FasterWhisper
from experiments.measuring import RATE, Say, bounds, recognise_words, run_script, sentences, speech_of_voice
from experiments.pages import write_page
from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.natural_phones import spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.natural_voices import voice_named
from sovits_lab.options import option, read_options
from sovits_lab.text.espeak import speak
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import got

STUDY = Path(__file__).parent
COUNT = 50  # sentences of the study
CORPUS = Path(__file__).parents[2] / "conf" / "corpus" / "natural.yaml"


@dataclass(frozen=True)
class ScoreVoice:
    """Score what a voice says."""

    voice: str = option("a bundle, teacher or espeak", bare=True)
    emotions: list[str] = option("in which every sentence is said", ["neutral", "sad", "happy", "angry"])
    count: int = option("sentences to say", COUNT, least=1)
    out: Path | None = option("where recordings are kept", None)
    write: bool = option("write the study's results and page", False)


class Figure(NamedTuple):
    """A figure of a voice in one emotion, with its 95 % interval over sentences where it has one."""

    name: str
    unit: str
    value: float
    low: float | None = None
    high: float | None = None

    def cell(self) -> str:
        """Say it as a cell of a table."""
        cells = bounded(self.value, self.low, self.high)
        return f"{cells['value']} [{cells['low']}, {cells['high']}]" if cells["low"] else cells["value"]


def synthesizer_of(name: str) -> Say:
    """What says a text in an emotion."""
    if name == "espeak":
        return lambda text, emotion: resample(speak(text).wav, speak(text).sample_rate, RATE)
    if name == "teacher":
        styles = yaml.safe_load(CORPUS.read_text(encoding="utf-8"))["emotions"]
        voice, frontend = voice_named("heart"), EnglishFrontend()

        def say(text: str, emotion: str) -> np.ndarray:
            made = voice.say(spell(frontend.read(text, "en")), NaturalStyle(**styles[emotion]), 0)
            return resample(made.wav * 10 ** (styles[emotion]["gain_db"] / 20), made.sample_rate, RATE)

        return say
    return speech_of_voice(name)


def score(wavs: list[np.ndarray], texts: list[str], words: FasterWhisper, sound: DistillMos) -> dict[str, Figure]:
    """Score what a voice said, and print the words that were misheard."""
    heard = recognise_words(words, wavs, texts)
    for text, other, rate in zip(texts, heard.texts, heard.errors, strict=True):
        if rate > 0:
            print(f"  {rate:.2f} {text} -> {other.strip()}", file=sys.stderr)
    curves = [f0(wav, RATE, 160) for wav in wavs]
    opinions = np.array([row["distillmos"] for row in sound.rate(wavs)])
    levels = [20 * np.log10(np.sqrt(np.mean(wav.astype(np.float64) ** 2)) + 1e-9) for wav in wavs]
    pitch = np.median(np.concatenate([curve[curve > 0] for curve in curves]))
    return {
        "wer": Figure("words misheard by Whisper base", "%", *bounds(100 * heard.errors, heard.words)),
        "distillmos": Figure("DistillMOS", "", *bounds(opinions, np.ones(len(wavs)))),
        "f0": Figure("F0 median", "Hz", float(pitch)),
        "seconds": Figure("length", "s", float(np.mean([len(wav) / RATE for wav in wavs]))),
        "level": Figure("level", "dBFS", float(np.mean(levels))),
    }


def against_neutral(emotion: dict[str, Figure], neutral: dict[str, Figure]) -> dict[str, Figure]:
    """Return what an emotion does to pitch, length and level."""
    return {
        "semitones": Figure("F0 against neutral", "semitones", 12 * np.log2(emotion["f0"].value / neutral["f0"].value)),
        "length": Figure("length against neutral", "", emotion["seconds"].value / neutral["seconds"].value),
        "softer": Figure("level against neutral", "dB", emotion["level"].value - neutral["level"].value),
    }


def rows_of(asked: ScoreVoice, found: dict[str, dict[str, Figure]]) -> list[Result]:
    """Return the rows of the study: `KIND EMOTION/FIGURE`, of which KIND is voice, teacher or espeak."""
    kind, commit = kind_of(asked), commit_here()
    return [
        Result("starter_voice", f"{kind} {emotion}/{name}", one.name, one.unit, "1 run",
               **bounded(one.value, one.low, one.high), truth="", commit=commit, n=str(asked.count))
        for emotion, figures in found.items() for name, one in figures.items()
    ]  # fmt: skip


def kind_of(asked: ScoreVoice) -> str:
    """Return whose rows these are: of the voice that ships, whatever its folder is called, or of what it is held to."""
    return asked.voice if asked.voice in ("teacher", "espeak") else "voice"


def main(argv: list[str]) -> None:
    """Print a line for each emotion; write results and page where that is asked for."""
    asked = read_options(ScoreVoice, argv)
    texts = sentences(asked.count)
    if asked.write and asked.count != COUNT:
        raise got("count", asked.count, f"{COUNT} where results are written")
    say, words, sound = synthesizer_of(asked.voice), FasterWhisper("whisper-base", ["en"]), DistillMos()
    print("| emotion | n | WER % | DistillMOS | F0 median, Hz | seconds | level, dBFS |")
    print("|---|---|---|---|---|---|---|")
    found: dict[str, dict[str, Figure]] = {}
    for emotion in asked.emotions:
        wavs = [say(text, emotion) for text in texts]
        if asked.out is not None:
            folder = asked.out / emotion
            folder.mkdir(parents=True, exist_ok=True)
            for number, wav in enumerate(wavs):
                save_audio(folder / f"{number:02d}.wav", wav.astype(np.float32), RATE)
        found[emotion] = score(wavs, texts, words, sound)
        cells = " | ".join(one.cell() for one in found[emotion].values())
        print(f"| {emotion} | {len(texts)} | {cells} |", flush=True)
        if emotion != "neutral" and "neutral" in found:
            found[emotion] |= against_neutral(found[emotion], found["neutral"])
    if asked.write:
        rows = rows_of(asked, found)
        print(write_results("starter_voice", rows, instead_of=[f"{kind_of(asked)} {emotion}/" for emotion in found]))
        print(write_page(STUDY))


if __name__ == "__main__":
    run_script(main)
