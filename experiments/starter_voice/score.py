"""`python experiments/starter_voice/score.py VOICE [emotions=neutral,sad] [count=50] [out=DIR]`: what a voice is worth.

It says the sentences of `sentences.txt`, which occur in no corpus here. Whisper base judges the words (error rate
under our normaliser), DistillMOS the sound. The voice that taught it (`teacher`: what the corpus would have said) and
espeak-ng (`espeak`) say the same. VOICE is a bundle, `teacher` or `espeak`. Brackets: 95 % by resampling sentences.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import yaml

from evaluation.intelligibility.errors import count_errors
from evaluation.judges.distillmos import DistillMos
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.scoring.normalisers import NORMALISERS
from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.pitch import f0
from sovits_lab.corpora.natural_phones import spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.natural_voices import voice_named
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.text.espeak import speak
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import InputError, got

RATE = 16_000
HERE = Path(__file__).parent
CORPUS = HERE.parents[1] / "conf" / "corpus" / "natural.yaml"
Say = Callable[[str, str], np.ndarray]  # text, emotion -> samples at RATE


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
    voice = Synthesizer.load(name)

    def spoken(text: str, emotion: str) -> np.ndarray:
        made = voice.speak(text, emotion=emotion, seed=0)
        return resample(made.wav, made.sample_rate, RATE)

    return spoken


def interval(values: np.ndarray, weights: np.ndarray) -> str:
    """Weighted mean with its 95 % interval."""
    draws = np.random.default_rng(0).integers(len(values), size=(2000, len(values)))
    means = (values[draws] * weights[draws]).sum(1) / weights[draws].sum(1)
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{(values * weights).sum() / weights.sum():.3g} [{low:.3g}, {high:.3g}]"


def main(argv: list[str]) -> int:
    """Print a line for each emotion."""
    options = dict(word.split("=", 1) for word in argv if "=" in word)
    names = [word for word in argv if "=" not in word]
    if len(names) != 1 or options.keys() - {"emotions", "count", "out"}:
        raise got("score", " ".join(argv), "one voice, and emotions=, count= or out=")
    texts = (HERE / "sentences.txt").read_text(encoding="utf-8").splitlines()[: int(options.get("count", "50"))]
    say, words, sound = teller(names[0]), FasterWhisper("whisper-base", ["en"]), DistillMos()
    print("| emotion | n | WER % | DistillMOS | F0 median, Hz | seconds | level, dBFS |")
    print("|---|---|---|---|---|---|---|")
    for emotion in options.get("emotions", "neutral,sad,happy,angry").split(","):
        wavs = [say(text, emotion) for text in texts]
        if "out" in options:
            for number, wav in enumerate(wavs):
                folder = Path(options["out"]) / emotion
                folder.mkdir(parents=True, exist_ok=True)
                save_audio(folder / f"{number:02d}.wav", wav.astype(np.float32), RATE)
        heard = words.hear(wavs, "en")
        said = [NORMALISERS["lab"].units(text, "en") for text in texts]
        rates = np.array(
            [count_errors(a, NORMALISERS["lab"].units(b, "en")).rate for a, b in zip(said, heard, strict=True)]
        )
        opinions = np.array([row["distillmos"] for row in sound.rate(wavs)])
        curves = [f0(wav, RATE, 160) for wav in wavs]
        level = np.mean([20 * np.log10(np.sqrt(np.mean(wav.astype(np.float64) ** 2)) + 1e-9) for wav in wavs])
        wer = interval(100 * rates, np.array([len(one) for one in said], dtype=float))
        mos = interval(opinions, np.ones(len(opinions)))
        pitch = np.median(np.concatenate([curve[curve > 0] for curve in curves]))
        seconds = np.mean([len(wav) / RATE for wav in wavs])
        print(f"| {emotion} | {len(texts)} | {wer} | {mos} | {pitch:.0f} | {seconds:.2f} | {level:.1f} |", flush=True)
        for text, other, rate in zip(texts, heard, rates, strict=True):
            if rate > 0:
                print(f"  {rate:.2f} {text} -> {other.strip()}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except InputError as error:
        sys.exit(f"error: {error}")
