"""Corpora that synthesisers speak: voices x emotions x sentences, every test sentence in every emotion."""

from __future__ import annotations

import multiprocessing
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.manifest import Header, Phone, Progress, Record, cut, write_cuts
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.corpora.planned import NEUTRAL, PlannedCorpus
from sovits_lab.corpora.toy_plan import Cell, plan
from sovits_lab.pipeline.parents import end_with_parent

PART = 32  # utterances of one job; the result does not depend on it
PEAK = 0.98


class Spoken(NamedTuple):
    """What a voice said: samples at its own rate."""

    wav: Float32[np.ndarray, " T"]
    sample_rate: int


class SpokenCell(NamedTuple):
    """What was written for a cell: its samples, and its phones with start and duration in seconds, where known."""

    samples: int
    phones: Sequence[Phone] = ()


class TimedSpeech(NamedTuple):
    """Speech at the corpus' rate with little silence around it, and its phones, where known."""

    wav: Float32[np.ndarray, " T"]
    phones: Sequence[Phone] = ()


class SpokenCorpus(PlannedCorpus, ABC):
    """A stage that speaks a corpus; what differs between corpora is in the methods of a subclass.

    Args: as `PlannedCorpus`.
    """

    language: ClassVar[str]
    timed: ClassVar[bool] = True
    """Whether voices tell when each phone begins."""

    @abstractmethod
    def sentences(self, count: int, seed: int) -> list[str]:
        """Return so many different sentences."""

    @abstractmethod
    def speak_cell(self, cell: Cell[Any], gain: float) -> TimedSpeech:
        """Speak one cell, at the level that the voice's gain gives; nothing that was spoken before changes it."""

    @abstractmethod
    def trial_speech(self, voice: str) -> list[Float32[np.ndarray, " T"]]:
        """Return the neutral speech whose level is measured, without the silence around it."""

    @abstractmethod
    def licence(self, voice: str) -> str:
        """Return under which licence a voice's speech may be passed on."""

    @abstractmethod
    def check_voices(self) -> None:
        """Refuse voices and emotions that are not there, before anything is spoken."""

    def survey(self) -> list[RowFacts]:
        """Return every cell of the plan.

        Raises:
            InputError: a voice that is not there.
        """
        self.check_voices()
        return [
            RowFacts(cell.voice, cell.role, cell.split, cell.emotion, self.language, cell.text, self.timed)
            for items in self.cells().values()
            for cell in items
        ]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Progress) -> None:
        """Write `out/audio/SPEAKER/ID.flac` and `out/cuts.jsonl.gz`; `inputs` is not used.

        Raises:
            InputError: a voice or package that is not there, or the disk is full.
        """
        self.check_voices()
        cells = self.cells()
        for voice in cells:
            (out / "audio" / voice).mkdir(parents=True, exist_ok=True)
        spoken: dict[str, SpokenCell] = {}
        total = sum(map(len, cells.values()))
        report.progress(0, total, "utterances")
        for made in self._spoken(cells, out):
            spoken.update(made)
            report.progress(len(spoken), total, "utterances")
        write_cuts((self._cut(cell, spoken[cell.id]) for items in cells.values() for cell in items), out)

    def cells(self) -> dict[str, list[Cell[Any]]]:
        """Return what every voice says."""
        return plan(self.roles, self.emotions, self.jitter, self.sizes, self.seed, self.sentences)

    def speak_part(self, voice: str, cells: Sequence[Cell[Any]], out: Path) -> dict[str, SpokenCell]:
        """Speak some cells of a voice into their files."""
        gain, written = self.gain(voice), {}
        for cell in cells:
            wav, phones = self.speak_cell(cell, gain)
            wav = wav * min(1.0, PEAK / max(float(np.abs(wav).max()), 1e-9))
            save_audio(out / audio_path(voice, cell.id), wav.astype(np.float32), self.sample_rate)
            written[cell.id] = SpokenCell(len(wav), phones)
        return written

    def __getstate__(self) -> dict[str, Any]:
        """Leave the front end to the process that reads with it."""
        return {key: value for key, value in self.__dict__.items() if key != "_frontend"}

    def gain(self, voice: str) -> float:
        """Return the factor that brings neutral speech to the level; every part of a voice measures the same one."""
        power = np.mean(np.concatenate(self.trial_speech(voice)).astype(np.float64) ** 2)
        return float(10 ** (self.level_dbfs / 20) / np.sqrt(power))

    def _spoken(self, cells: Mapping[str, Sequence[Cell[Any]]], out: Path) -> Iterator[Mapping[str, SpokenCell]]:
        """Results of the parts as they come; one worker needs no process of its own."""
        parts = [
            (voice, items[start : start + PART], out)
            for voice, items in cells.items()
            for start in range(0, len(items), PART)
        ]
        if self.workers == 1:
            yield from (self.speak_part(*part) for part in parts)
            return
        context = multiprocessing.get_context("spawn")  # a network that was loaded before a fork loses its threads
        with ProcessPoolExecutor(min(self.workers, len(parts)), context, end_with_parent, (os.getpid(),)) as pool:
            try:
                for future in as_completed([pool.submit(self.speak_part, *part) for part in parts]):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _cut(self, cell: Cell[Any], spoken: SpokenCell) -> Any:
        record = Record(
            id=cell.id,
            audio=audio_path(cell.voice, cell.id),
            text=cell.text,
            speaker=cell.voice,
            language=self.language,
            emotion=cell.emotion,
            sentence=cell.sentence,
            custom={"licence": self.licence(cell.voice)},
            phones=tuple(spoken.phones),
        )
        return cut(record, Header(self.sample_rate, spoken.samples), cell.split, cell.role)


class TextCorpus(SpokenCorpus):
    """A spoken corpus whose voices are given a text and tell no times of phones."""

    timed = False
    trial: ClassVar[tuple[str, ...]]
    """Sentences by which a voice's level is measured."""

    @abstractmethod
    def say(self, voice: str, text: str, emotion: str, style: Any) -> Spoken:
        """Speak a text; nothing that was spoken before changes it."""

    def speak_cell(self, cell: Cell[Any], gain: float) -> TimedSpeech:
        return TimedSpeech(self._trimmed(cell.voice, cell.text, cell.emotion, cell.style) * gain)

    def trial_speech(self, voice: str) -> list[Float32[np.ndarray, " T"]]:
        return [self._trimmed(voice, text, NEUTRAL, self.emotions[NEUTRAL]) for text in self.trial]

    def _trimmed(self, voice: str, text: str, emotion: str, style: Any) -> Float32[np.ndarray, " T"]:
        wav, sample_rate = self.say(voice, text, emotion, style)
        return trim_silence(resample(wav, sample_rate, self.sample_rate), self.sample_rate).wav


def audio_path(voice: str, identity: str) -> Path:
    """Return where a recording lies, relative to the manifest."""
    return Path("audio") / voice / f"{identity}.flac"
