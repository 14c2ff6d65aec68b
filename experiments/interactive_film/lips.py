"""`python experiments/interactive_film/lips.py`: are the starter voice's mouth shapes in time with its own sound?

The voice settles durations before it speaks, so its times are its own word. What the sound makes of them is heard here:
the voice that taught it says the same sentence, with phone times that are known, and its recording is laid over the
starter's by dynamic time warping. Where the mouth changes its shape, the place that the sound gives is compared with
the place that the voice tells. What the warping itself errs is measured in the same way between two recordings of the
teacher at different tempo, whose times are both known.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import librosa
import numpy as np
import yaml
from jaxtyping import Float, Float32

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import RATE, run_script, sentences
from experiments.results import Result, commit_here, number, write_results
from sovits_lab.audio.files import resample
from sovits_lab.corpora.natural import trimmed
from sovits_lab.corpora.natural_phones import spell
from sovits_lab.corpora.natural_style import NaturalStyle
from sovits_lab.corpora.natural_voices import HEART, voice_named
from sovits_lab.dialogue.visemes import shapes_of
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.pipeline.conf import CONF
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import got

HOP, WINDOW, COEFFICIENTS = 80, 400, 13  # samples at RATE; of the cepstrum
OTHER_TEMPO = 1.15
SENTENCES = 50
FIGURES = {"lips": "mouth against the sound of the starter voice", "warping": "error of the warping itself"}


class SpokenPhones(NamedTuple):
    """A sound at RATE, its phones and where each begins, seconds."""

    wav: Float32[np.ndarray, " T"]
    phones: Sequence[str]
    starts: Sequence[float]


def main(argv: list[str]) -> None:
    """Measure sentences, each in one of four emotions, and write the rows in place of those before."""
    if len(argv) > 1 or (argv and not (argv[0].isdigit() and 1 <= int(argv[0]) <= SENTENCES)):
        raise got("sentences", " ".join(argv), f"nothing, or a number from 1 to {SENTENCES}")
    texts = sentences(int(argv[0]) if argv else SENTENCES)
    corpus = yaml.safe_load((CONF / "corpus" / "natural.yaml").read_text(encoding="utf-8"))
    styles = {name: NaturalStyle(**style) for name, style in corpus["emotions"].items()}
    errors: dict[str, list[float]] = {"lips": [], "warping": []}
    with Synthesizer.load() as voice:
        for place, text in enumerate(texts):
            emotion = list(styles)[place % len(styles)]
            style = styles[emotion]
            teacher, quicker = taught(text, style), taught(text, replace(style, rate=style.rate * OTHER_TEMPO))
            errors["lips"] += late(teacher, spoken(voice, text, emotion))
            errors["warping"] += late(teacher, quicker)
    rows = [row for name, found in errors.items() for row in rows_of(name, np.array(found))]
    print(*(f"{row.figure}: {row.value} {row.unit}" for row in rows), sep="\n")
    print(write_results("interactive_film", rows, instead_of=[f"{name}/" for name in errors]))


def taught(text: str, style: NaturalStyle) -> SpokenPhones:
    """Return the sentence as the teacher says it, with the times that its network gives."""
    spelled = spell(EnglishFrontend().read(text, "en"))
    speech = trimmed(voice_named(HEART).say(spelled, style, 0), spelled, RATE)
    return SpokenPhones(speech.wav, [one.symbol for one in speech.phones], [one.start for one in speech.phones])


def spoken(voice: Synthesizer, text: str, emotion: str) -> SpokenPhones:
    """Return the sentence as a film has it said, with the times that the player is told."""
    pieces = list(voice.stream_timed(Request(text, HEART, emotion=emotion, seed=0)))
    wav = resample(np.concatenate([piece.wav for piece in pieces]), voice.voice.sample_rate, RATE)
    phones = [one for piece in pieces for one in piece.timings.phones]
    return SpokenPhones(wav, [one.phone for one in phones], [one.start for one in phones])


def late(known: SpokenPhones, other: SpokenPhones) -> list[float]:
    """Return by how many milliseconds the other tells each change of the mouth later than it is heard.

    Raises:
        InputError: the two do not say the same phones.
    """
    if known.phones != other.phones:
        raise got("phones", " ".join(other.phones), " ".join(known.phones))
    path = librosa.sequence.dtw(cepstrum(known.wav), cepstrum(other.wav))[1]
    frames = np.bincount(path[:, 0], weights=path[:, 1]) / np.bincount(path[:, 0])  # of the other, for each known one
    heard = np.interp(np.array(known.starts) * RATE / HOP, np.arange(len(frames)), frames) * HOP / RATE
    pairs = enumerate(pairwise(known.phones), 1)
    changes = [place for place, (before, here) in pairs if shapes_of(before)[-1] != shapes_of(here)[0]]
    return [1000 * (other.starts[place] - float(heard[place])) for place in changes]


def cepstrum(wav: Float32[np.ndarray, " T"]) -> Float[np.ndarray, "C L"]:
    """Return cepstra with their slopes every 5 ms, each coefficient of mean nought and deviation one."""
    found = librosa.feature.mfcc(y=wav, sr=RATE, n_mfcc=COEFFICIENTS, n_fft=WINDOW, hop_length=HOP, n_mels=40)
    both = np.vstack([found, librosa.feature.delta(found, width=5)])
    return (both - both.mean(1, keepdims=True)) / (both.std(1, keepdims=True) + 1e-6)


def rows_of(name: str, found: Float[np.ndarray, " N"]) -> list[Result]:
    """Return the rows of one comparison."""
    off = np.abs(found)
    figures = {"median": np.median(off), "p95": np.percentile(off, 95), "most": off.max(), "bias": found.mean()}
    return [
        Result("interactive_film", f"{name}/{key}", f"{FIGURES[name]}, {key}", "ms", "1 run", number(float(value)),
               "", "", "", commit_here(), str(len(found)))
        for key, value in figures.items()
    ]  # fmt: skip


if __name__ == "__main__":
    run_script(main)
