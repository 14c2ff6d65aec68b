"""The natural corpus: neural voices x emotions x sentences, with parallel truth, and phones where known."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.files import resample, save_audio
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.manifest import Header, Phone, Progress, Record, cut, write_cuts
from sovits_lab.corpora.natural_grammar import varied_sentences
from sovits_lab.corpora.natural_phones import SpelledPhone, spell
from sovits_lab.corpora.natural_style import NaturalSpeech, NaturalStyle, check_style
from sovits_lab.corpora.natural_voices import voice_named
from sovits_lab.corpora.needs import RowFacts
from sovits_lab.corpora.settings import read_fields, within
from sovits_lab.corpora.toy_plan import Cell, Role, Sizes, plan
from sovits_lab.text.frontend import EnglishFrontend
from sovits_lab.types import got

PART = 32  # utterances of one job; the result does not depend on it
TRIAL = ("The quick brown fox jumps over the lazy dog.", "Thank you for the flowers, they are beautiful.",
         "We have never seen so many people here before.", "Could you tell me what time it is?")  # fmt: skip
PEAK = 0.98
LICENCE = "Apache-2.0"  # of the voices; what they say is ours
REST = 0.06  # seconds that the last phone, mostly a pause, has at least


class SpokenCell(NamedTuple):
    """What was written for a cell: its samples, and its phones with start and duration in seconds."""

    samples: int
    phones: list[Phone]


class NaturalCorpus:
    """A stage that speaks the natural corpus.

    Args:
        roles: for each of `emotional`, `target`, `judge`, `heldout` the fields of `Role`; voices as `voice_named`
            takes them.
        emotions: for each emotion the fields of `NaturalStyle`, relative to how the voice speaks by itself.
        jitter: how far each field may move from utterance to utterance.
        sizes: sentences of each split, the fields of `Sizes`.
        sample_rate: of the written files.
        level_dbfs: level of a voice's neutral speech.
        voices_folder: folder of further voice files of Kokoro, `NAME.bin`; None for those in packages.
        seed: of sentences, draws, jitter and noise.
        workers: processes at once; None is one for each processor. It changes the speed only.
    """

    def __init__(
        self,
        roles: Mapping[str, Mapping[str, Any]],
        emotions: Mapping[str, Mapping[str, Any]],
        jitter: Mapping[str, Any],
        sizes: Mapping[str, Any],
        sample_rate: int = 16_000,
        level_dbfs: float = -26.0,
        voices_folder: str | None = None,
        seed: int = 0,
        workers: int | None = None,
    ) -> None:
        self.roles = {name: read_fields(Role, role, f"corpus.roles.{name}") for name, role in roles.items()}
        self.emotions = {
            name: check_style(read_fields(NaturalStyle, style, f"corpus.emotions.{name}"), f"corpus.emotions.{name}")
            for name, style in emotions.items()
        }
        self.jitter = read_fields(NaturalStyle, jitter, "corpus.jitter")
        self.sizes = read_fields(Sizes, sizes, "corpus.sizes")
        if "neutral" not in self.emotions:
            raise got("corpus.emotions", list(self.emotions), "neutral, to which the others are relative, and others")
        self.sample_rate = within("corpus.sample_rate", sample_rate, 8_000, 192_000)
        self.level_dbfs = within("corpus.level_dbfs", level_dbfs, -60, 0)
        self.seed = within("corpus.seed", seed, 0, 2**63)
        if workers is not None:
            within("corpus.workers", workers, 1, 4096)
        self.voices_folder = voices_folder
        self.workers = workers or len(os.sched_getaffinity(0))

    def survey(self) -> list[RowFacts]:
        """Return every cell of the plan."""
        return [
            RowFacts(cell.voice, cell.role, cell.split, cell.emotion, "en", cell.text)
            for items in self._plan().values()
            for cell in items
        ]

    def run(self, inputs: Mapping[str, Path], out: Path, report: Progress) -> None:
        """Write `out/audio/SPEAKER/ID.flac` and `out/cuts.jsonl.gz`; `inputs` is not used.

        Raises:
            InputError: weights or word lists are not installed, an unknown voice, or the disk is full.
        """
        cells = self._plan()
        for voice in cells:
            (out / "audio" / voice).mkdir(parents=True, exist_ok=True)
        spoken: dict[str, SpokenCell] = {}
        total = sum(map(len, cells.values()))
        report.progress(0, total, "utterances")
        for made in self._spoken(cells, out):
            spoken.update(made)
            report.progress(len(spoken), total, "utterances")
        write_cuts((self._cut(cell, spoken[cell.id]) for items in cells.values() for cell in items), out)

    def _plan(self) -> dict[str, list[Cell[NaturalStyle]]]:
        return plan(self.roles, self.emotions, self.jitter, self.sizes, self.seed, varied_sentences)

    def _spoken(
        self, cells: Mapping[str, Sequence[Cell[NaturalStyle]]], out: Path
    ) -> Iterator[Mapping[str, SpokenCell]]:
        """Results of the jobs as they come; one worker needs no process of its own."""
        jobs = [
            SpeakingJob(voice, self.voices_folder, self.sample_rate, self.level_dbfs, self.seed, out, part)
            for voice, items in cells.items()
            for part in (items[start : start + PART] for start in range(0, len(items), PART))
        ]
        if self.workers == 1:
            yield from map(speak_job, jobs)
            return
        context = multiprocessing.get_context("spawn")  # a network that was loaded before a fork loses its threads
        with ProcessPoolExecutor(self.workers, context, _end_with_parent, (os.getpid(),)) as pool:
            try:
                for future in as_completed([pool.submit(speak_job, job) for job in jobs]):
                    yield future.result()
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _cut(self, cell: Cell[NaturalStyle], spoken: SpokenCell) -> Any:
        record = Record(
            id=cell.id,
            audio=audio_path(cell.voice, cell.id),
            text=cell.text,
            speaker=cell.voice,
            language="en",
            emotion=cell.emotion,
            sentence=cell.sentence,
            custom={"licence": LICENCE},
        )
        return cut(record, Header(self.sample_rate, spoken.samples), cell.split, cell.role, spoken.phones)


class SpeakingJob(NamedTuple):
    """Some cells of one voice."""

    voice: str
    voices_folder: str | None
    sample_rate: int
    level_dbfs: float
    seed: int
    out: Path
    cells: Sequence[Cell[NaturalStyle]]


def _end_with_parent(parent: int) -> None:
    """Let this process end when the one that started it is gone: a killed stage leaves no workers behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def audio_path(voice: str, identity: str) -> Path:
    """Return where a recording lies, relative to the manifest."""
    return Path("audio") / voice / f"{identity}.flac"


def speak_job(job: SpeakingJob) -> dict[str, SpokenCell]:
    """Speak the cells of a job into their files."""
    voice, frontend, spoken = voice_named(job.voice, job.voices_folder), EnglishFrontend(), {}
    gain = _gain(job)
    for cell in job.cells:
        spelled = spell(frontend.read(cell.text, "en"))
        seed = int.from_bytes(cell.id.encode()[-8:]) % 2**31 + job.seed
        speech = voice.say(spelled, cell.style, seed)
        wav, phones = trimmed(speech, spelled, job.sample_rate)
        wav = wav * gain * 10 ** (cell.style.gain_db / 20)
        wav = wav * min(1.0, PEAK / max(float(np.abs(wav).max()), 1e-9))
        save_audio(job.out / audio_path(job.voice, cell.id), wav.astype(np.float32), job.sample_rate)
        spoken[cell.id] = SpokenCell(len(wav), phones)
    return spoken


def _gain(job: SpeakingJob) -> float:
    """Gain that brings the voice's neutral speech to the level, by a few sentences that every job measures alike."""
    voice, frontend = voice_named(job.voice, job.voices_folder), EnglishFrontend()
    plain = NaturalStyle(rate=1, pitch=0, range=1, gain_db=0, tilt_db=0, breath_db=0, pause=1)
    wavs = [
        trim_silence(speech.wav, speech.sample_rate).wav
        for speech in (voice.say(spell(frontend.read(text, "en")), plain, 0) for text in TRIAL)
    ]
    power = np.mean(np.concatenate(wavs).astype(np.float64) ** 2)
    return float(10 ** (job.level_dbfs / 20) / np.sqrt(power))


def trimmed(
    speech: NaturalSpeech, spelled: Sequence[SpelledPhone], sample_rate: int
) -> tuple[Float32[np.ndarray, " T"], list[Phone]]:
    """Return the speech at another rate with little silence around it, and its phones, gapless from start to end."""
    wav = resample(speech.wav, speech.sample_rate, sample_rate)
    found = trim_silence(wav, sample_rate)
    first, last = round(found.start * sample_rate), round(found.end * sample_rate)
    if not speech.seconds:
        return wav[first:last], []
    ends = np.cumsum(speech.seconds) * sample_rate
    last = min(len(wav), max(last, round(ends[:-1].max(initial=0) + REST * sample_rate)))  # the last phone has a place
    edges = np.clip(np.concatenate([[0.0], ends]) - first, 0, last - first) / sample_rate
    edges[-1] = (last - first) / sample_rate
    phones = [
        Phone(each.phone, round(float(start), 5), round(float(end - start), 5))
        for each, start, end in zip(spelled, edges, edges[1:], strict=False)
    ]
    return wav[first:last], phones
