"""`python experiments/starter_voice/score.py VOICE [emotions=neutral,sad] [count=50] [out=DIR]`: what a voice is worth.

It says the sentences of `sentences.txt`, which occur in no corpus here. Whisper base judges the words (error rate
under our normaliser), DistillMOS the sound. The voice that taught it (`teacher`: what the corpus would have said) and
espeak-ng (`espeak`) say the same. VOICE is a bundle, `teacher` or `espeak`. Brackets: 95 % by resampling sentences.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.distillmos import DistillMos
from evaluation.judges.faster_whisper import FasterWhisper
from experiments.measuring import RATE, Say, hear_words, interval, run_script, said_by, sentences
from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.natural_phones import spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.natural_voices import voice_named
from sovits_lab.options import option, read_options
from sovits_lab.text.espeak import speak
from sovits_lab.text.frontend import EnglishFrontend

CORPUS = Path(__file__).parents[2] / "conf" / "corpus" / "natural.yaml"


@dataclass(frozen=True)
class ScoreVoice:
    """Score what a voice says."""

    voice: str = option("a bundle, teacher or espeak", bare=True)
    emotions: list[str] = option("in which every sentence is said", ["neutral", "sad", "happy", "angry"])
    count: int = option("sentences to say", 50, least=1)
    out: Path | None = option("where recordings are kept", None)


def teller(name: str) -> Say:
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
    return said_by(name)


def main(argv: list[str]) -> None:
    """Print a line for each emotion."""
    asked = read_options(ScoreVoice, argv)
    texts = sentences(asked.count)
    say, words, sound = teller(asked.voice), FasterWhisper("whisper-base", ["en"]), DistillMos()
    print("| emotion | n | WER % | DistillMOS | F0 median, Hz | seconds | level, dBFS |")
    print("|---|---|---|---|---|---|---|")
    for emotion in asked.emotions:
        wavs = [say(text, emotion) for text in texts]
        if asked.out is not None:
            folder = asked.out / emotion
            folder.mkdir(parents=True, exist_ok=True)
            for number, wav in enumerate(wavs):
                save_audio(folder / f"{number:02d}.wav", wav.astype(np.float32), RATE)
        heard = hear_words(words, wavs, texts)
        opinions = np.array([row["distillmos"] for row in sound.rate(wavs)])
        curves = [f0(wav, RATE, 160) for wav in wavs]
        level = np.mean([20 * np.log10(np.sqrt(np.mean(wav.astype(np.float64) ** 2)) + 1e-9) for wav in wavs])
        wer = interval(100 * heard.errors, heard.words)
        mos = interval(opinions, np.ones(len(opinions)))
        pitch = np.median(np.concatenate([curve[curve > 0] for curve in curves]))
        seconds = np.mean([len(wav) / RATE for wav in wavs])
        print(f"| {emotion} | {len(texts)} | {wer} | {mos} | {pitch:.0f} | {seconds:.2f} | {level:.1f} |", flush=True)
        for text, other, rate in zip(texts, heard.texts, heard.errors, strict=True):
            if rate > 0:
                print(f"  {rate:.2f} {text} -> {other.strip()}", file=sys.stderr)


if __name__ == "__main__":
    run_script(main)
