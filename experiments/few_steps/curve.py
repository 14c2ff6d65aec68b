"""`python experiments/few_steps/curve.py features=DIR tokens=DIR [minutes=60] [model=FILE] [count=24]`

A small v3 learns one natural voice, then its flow is solved with 1 to 32 evaluations by every solver. The folders are
stages of `python train.py experiment=starter_voice until=tokens`. Writes results/main.csv; then
`python experiments/pages.py`.

The vocoder's weights are not ours to have: mels are made audible by Griffin and Lim's algorithm, those of the
recordings likewise, so that both lose the same. The clip that tells voice and manner is another recording in the same
emotion. Words are judged by Whisper base, the voice by CAM++ against the recording of the same sentence.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from librosa import griffinlim
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.faster_whisper import FasterWhisper
from experiments.few_steps.small_flow import Speech, small_model, train, voice_of
from experiments.measuring import RATE, bounds, recognise_words, run_script
from experiments.results import Result, bounded, commit_here, write_results
from sovits_lab.audio.files import resample
from sovits_lab.audio.spectrogram import mel_filters
from sovits_lab.audio.torch_resample import resampled
from sovits_lab.audio.upstream import SPEC_32K, denormalised, normalised
from sovits_lab.conditioning.conditions import Conditions
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.solvers import (
    AdamsBashforth,
    EulerPlain,
    EulerShortcut,
    FlowSolver,
    Midpoint,
    RungeKutta,
)
from sovits_lab.options import option, read_options
from sovits_lab.training.precision import resolve
from sovits_lab.types import got

SOLVERS = {"euler_shortcut": EulerShortcut, "euler": EulerPlain, "adams_bashforth": AdamsBashforth,
           "midpoint": Midpoint, "runge_kutta": RungeKutta}  # fmt: skip
EVALUATIONS = (1, 2, 4, 8, 16)
EXACT = 32  # steps of Runge-Kutta: 128 evaluations
ROWS = 8  # utterances side by side
NATS = 7  # normalised mels range over 2, log-mels over 14
ROUNDS = 32  # of Griffin and Lim's algorithm


@dataclass(frozen=True)
class MeasureSteps:
    """Train a small v3, or take one that was trained, and measure what few evaluations of its flow cost."""

    features: Path = option("folder of the stage features")
    tokens: Path = option("folder of the stage tokens")
    minutes: float = option("of training", 60.0, least=0.1)
    model: Path = option(
        "the model's weights: read where the file is there, else written", Path("few_steps.safetensors")
    )
    count: int = option("sentences that it did not learn", 24, least=1)


class Sentences(NamedTuple):
    """What is said: batches and their conditions; each sentence's text, mel, waveform at RATE, and CAM++ vector."""

    rows: list[list[int]]
    voices: list[Conditions]
    texts: list[str]
    mels: list[Tensor]
    wavs: list[np.ndarray]
    speakers: np.ndarray


class Spoken(NamedTuple):
    """The normalised mels of all sentences, and the seconds that the plan of all took."""

    mels: list[Tensor]
    seconds: float


class Judges(NamedTuple):
    """Who listens."""

    speaker: CampplusSpeaker
    words: FasterWhisper


def audible(model: MatchingSynthesizer, mel: Tensor) -> np.ndarray:
    """Return a waveform at RATE whose mel is about that one."""
    spec = model.mel_spec
    filters = np.linalg.pinv(mel_filters(spec).numpy())
    magnitudes = np.maximum(filters @ denormalised(mel).exp().numpy(), 0)
    wav = griffinlim(magnitudes, n_iter=ROUNDS, hop_length=spec.hop, win_length=spec.win, random_state=0)
    return resample(wav.astype(np.float32), spec.sample_rate, RATE)


def sentences_of(model: MatchingSynthesizer, speech: Speech, count: int, judge: CampplusSpeaker) -> Sentences:
    """Return the first sentences that were kept apart."""
    rows = speech.rows("test")[:count]
    mels = []
    for row in rows:
        wav = resampled(speech.wav(row)[None], SPEC_32K.sample_rate, model.mel_spec.sample_rate)
        mels.append(normalised(model.to_mel(wav))[0])
    groups = [rows[i : i + ROWS] for i in range(0, len(rows), ROWS)]
    draw = np.random.default_rng(2)
    with torch.no_grad():
        voices = [voice_of(model, [speech.wav(row) for row in speech.clip_rows(group, draw)]) for group in groups]
    texts = [speech.store.rows[row].text for row in rows]
    wavs = [audible(model, mel) for mel in mels]
    return Sentences(groups, voices, texts, mels, wavs, judge.embed(wavs))


@torch.no_grad()
def spoken(model: MatchingSynthesizer, speech: Speech, sentences: Sentences, solver: FlowSolver) -> Spoken:
    """Let the model plan every sentence with one solver."""
    model.solver = solver
    draws = torch.Generator().manual_seed(5)
    mels: list[Tensor] = []
    seconds = 0.0
    for rows, voice in zip(sentences.rows, sentences.voices, strict=True):
        batch = speech.batch(rows)
        began = time.perf_counter()
        plan = model.plan(batch.tokens, batch.mask, batch.phones, batch.phone_mask, voice, generator=draws)
        seconds += time.perf_counter() - began
        mels += [mel[:, : int(kept.sum())] for mel, kept in zip(plan.mel, plan.mask, strict=True)]
    return Spoken(mels, seconds)


def distances(mels: Sequence[Tensor], others: Sequence[Tensor]) -> np.ndarray:
    """Return the mean distance of each pair of mels in nats, over the frames that both have."""
    found = []
    for mel, other in zip(mels, others, strict=True):
        size = min(mel.shape[1], other.shape[1])
        found.append(float((mel[:, :size] - other[:, :size]).abs().mean()) * NATS)
    return np.array(found)


def judged(
    key: str, wavs: Sequence[np.ndarray], sentences: Sentences, judges: Judges
) -> Iterator[tuple[str, str, str, dict[str, str]]]:
    """Yield the figures that a listener's ear decides: what is measured, its unit and its bounds."""
    words = recognise_words(judges.words, wavs, sentences.texts)
    likeness = (judges.speaker.embed(wavs) * sentences.speakers).sum(1)
    yield key, "words misheard", "%", bounded(*bounds(100 * words.errors, words.words))
    yield key, "likeness to the recording", "", bounded(*bounds(likeness, np.ones(len(likeness))))


def measured(model: MatchingSynthesizer, speech: Speech, sentences: Sentences, judges: Judges) -> list[Result]:
    """Return the rows of the recordings, of each solver with each number of evaluations, and of the flow's end."""
    commit, count = commit_here(), str(len(sentences.texts))
    exact = spoken(model, speech, sentences, RungeKutta(EXACT))
    even = np.ones(len(exact.mels))
    seconds_of_speech = sum(mel.shape[1] for mel in exact.mels) * model.mel_spec.hop / model.mel_spec.sample_rate

    def figures(name: str, made: Spoken, before: str) -> Iterator[Result]:
        wavs = [audible(model, mel) for mel in made.mels]
        far = distances(made.mels, exact.mels)
        told = [
            (name, "distance to 128 evaluations", "nats", bounded(*bounds(far, even))),
            (name, "distance to the recording", "nats", bounded(*bounds(distances(made.mels, sentences.mels), even))),
            (name, "seconds a second of speech", "", bounded(made.seconds / seconds_of_speech)),
            *judged(name, wavs, sentences, judges),
        ]
        for key, figure, unit, cells in told:
            print(before, key, figure, cells, flush=True)
            yield Result(
                "few_steps",
                f"{before} {figure}/{key}",
                figure,
                unit,
                "1 run",
                **cells,
                truth="",
                commit=commit,
                n=count,
            )

    rows = list(figures("runge_kutta", exact, "128"))
    for key, figure, unit, cells in [*judged("recording", sentences.wavs, sentences, judges)][:1]:  # it is like itself
        rows.append(
            Result("few_steps", f"{figure}/{key}", figure, unit, "1 run", **cells, truth="", commit=commit, n=count)
        )
    for name, kind in SOLVERS.items():
        cost = kind(1).evaluations
        for evaluations in EVALUATIONS:
            if evaluations % cost == 0:
                made = spoken(model, speech, sentences, kind(evaluations // cost))
                rows += figures(name, made, str(evaluations))
    return rows


def main(argv: list[str]) -> None:
    """Train or read the model, measure, write."""
    asked = read_options(MeasureSteps, argv)
    torch.set_num_threads(1)
    speech = Speech(asked.features, asked.tokens)
    model = small_model(speech.codes, len(speech.store.symbols))
    if asked.model.is_file():
        try:
            model.load_state_dict(load_file(asked.model))
        except (RuntimeError, SafetensorError) as error:
            raise got("model", asked.model, "weights that this script has written for these tokens") from error
    else:
        steps = train(model.train(), speech, asked.minutes, bfloat16=resolve("auto", "cpu") == "bf16-mixed")
        print(f"{steps} steps in {asked.minutes:g} minutes")
        save_file({name: value.contiguous() for name, value in model.state_dict().items()}, asked.model)
    judges = Judges(CampplusSpeaker(), FasterWhisper("whisper-base", ["en"], beam=1))
    sentences = sentences_of(model.eval(), speech, asked.count, judges.speaker)
    print(write_results("few_steps", measured(model, speech, sentences, judges)))


if __name__ == "__main__":
    run_script(main)
