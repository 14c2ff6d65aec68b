"""Stage `features`: a corpus' recordings and texts -> one `FeatureStore`."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from sovits_lab.audio.energy import mel_energy
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.pitch import f0 as track_f0
from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.spectrogram import log_mel
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.manifest import phones_of, read_cuts
from sovits_lab.data.store import StoreWriter, Utterance
from sovits_lab.text.frontend import Frontend
from sovits_lab.types import InputError


class Source(NamedTuple):
    """A recording to analyse: path, how it is cut, and the ends of its phones in seconds (empty: not aligned)."""

    path: str
    trim: bool
    phone_ends: tuple[float, ...]


class Voiced(NamedTuple):
    """Log F0 and energy of the voiced frames of a recording."""

    log_f0: np.ndarray
    energy: np.ndarray


class Analysed(NamedTuple):
    """Features of one recording."""

    mel: np.ndarray
    f0: np.ndarray
    wav: np.ndarray
    durations: tuple[int, ...]


def analyse(source: Source, spec: AudioSpec) -> Analysed:
    """Load, cut to whole pairs of frames (a token is two frames) and analyse."""
    wav = load_audio(source.path, spec.sample_rate, mix_down=True)
    if source.trim:
        wav = trim_silence(wav, spec.sample_rate).wav
    frames = len(wav) // spec.hop // 2 * 2
    wav = np.ascontiguousarray(wav[: frames * spec.hop])
    ends = np.round(np.asarray(source.phone_ends) * spec.frames_per_second).astype(int).clip(0, frames)
    if len(ends):
        ends[-1] = frames
    durations = np.diff(ends, prepend=0)
    mel = log_mel(wav, spec).T.astype(np.float16)
    return Analysed(mel, track_f0(wav, spec.sample_rate, spec.hop), wav, tuple(int(d) for d in durations))


def voiced(f0: np.ndarray, mel: np.ndarray) -> Voiced:
    """What a speaker's means are made of: f0 [L] in Hz, log-mel [L, M]."""
    speaking = f0 > 0
    return Voiced(np.log(f0[speaking]), mel_energy(mel.T.astype(np.float32))[speaking])


def _one_thread() -> None:
    """Each worker process is one thread: more would fight over the same cores."""
    torch.set_num_threads(1)


class BuildFeatures:
    """Log-mel, F0, waveform and phones of every utterance, in parallel over processes.

    Phones come from the corpus' alignment where it has one (they are then exactly what was spoken), else from the front
    end. Every speaker's mean F0 over neutral training speech is kept: pitch is predicted relative to it.

    Args:
        audio: node of the `AudioSpec`.
        frontend: node of the front end that reads texts.
        trim: cut silence at both ends of recordings without alignment.
        min_seconds, max_seconds: utterances outside are left out, and said.
        runtime: `workers` processes; 0 is one per CPU.
    """

    resumable = False

    def __init__(
        self,
        audio: Mapping[str, Any],
        frontend: Mapping[str, Any],
        trim: bool = True,
        min_seconds: float = 0.4,
        max_seconds: float = 12.0,
    ) -> None:
        from sovits_lab.checkpoints.bundle import build

        self.spec: AudioSpec = build(audio)
        self.frontend: Frontend = build(frontend)
        self.trim, self.min_seconds, self.max_seconds = trim, min_seconds, max_seconds

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Read `inputs["corpus"]`, write a `FeatureStore` into `out`."""
        rows, sources = self._rows(inputs["corpus"], report)
        lengths = [self._most_frames(cut_seconds) for cut_seconds in (row["seconds"] for row in rows)]
        writer = StoreWriter(out, self.spec.hop, self.spec.n_mels, sum(lengths), self.spec.frames_per_second)
        utterances: list[Utterance] = []
        voices: dict[str, list[Voiced]] = defaultdict(list)
        start = 0
        context = get_context("forkserver")
        with ProcessPoolExecutor(os.cpu_count() or 1, mp_context=context, initializer=_one_thread) as pool:
            analyses = pool.map(analyse, sources, [self.spec] * len(sources), chunksize=16)
            for done, (row, result) in enumerate(zip(rows, analyses, strict=True)):
                report.progress(done + 1, len(rows), "utterances")
                frames = len(result.mel)
                if frames < self.min_seconds * self.spec.frames_per_second:
                    report.say(f"left out, too short after trimming: {row['id']}")
                    continue
                writer.put(start, result.mel, result.f0, result.wav)
                if row["emotion"] == "neutral" and row["split"] == "train":
                    voices[row["speaker"]].append(voiced(result.f0, result.mel))
                facts = {k: v for k, v in row.items() if k != "seconds"}
                utterances.append(Utterance(**facts, start=start, frames=frames, durations=result.durations))
                start += frames
        if not utterances:
            raise InputError(f"corpus {inputs['corpus']}: got no usable utterance; `sovits_lab doctor` says why")
        speakers = sorted({row.speaker for row in utterances})
        writer.close(utterances, list(self.frontend.symbols.names), *_base(speakers, voices))

    def _most_frames(self, seconds: float) -> int:
        return int(seconds * self.spec.frames_per_second) + 2

    def _rows(self, corpus: Path, report: Any) -> tuple[list[dict[str, Any]], list[Source]]:
        rows: list[dict[str, Any]] = []
        sources: list[Source] = []
        for cut in read_cuts(corpus):
            spoken = cut.supervisions[0]
            if not self.min_seconds <= cut.duration <= self.max_seconds:
                report.say(
                    f"left out, {cut.duration:.1f} s is not in {self.min_seconds}-{self.max_seconds} s: {cut.id}"
                )
                continue
            aligned = phones_of(cut)
            phones = tuple(p.symbol for p in aligned) or self.frontend.read(spoken.text, spoken.language).phones
            if not phones:
                report.say(f"left out, the text has nothing to say: {cut.id}")
                continue
            custom = spoken.custom
            rows.append({
                "id": cut.id, "speaker": spoken.speaker, "emotion": custom["emotion"], "role": custom["role"],
                "split": custom["split"], "text": spoken.text, "language": spoken.language, "phones": phones,
                "seconds": cut.duration,
            })  # fmt: skip
            ends = tuple(p.start + p.duration for p in aligned)
            sources.append(Source(cut.recording.sources[0].source, self.trim and not aligned, ends))
        return rows, sources


def _base(speakers: Sequence[str], neutral: Mapping[str, list[Voiced]]) -> tuple[dict[str, float], dict[str, float]]:
    """Mean F0 (geometric, Hz) and mean energy of voiced neutral speech; the corpus' means for a speaker without any."""
    log_f0 = {s: np.concatenate([v.log_f0 for v in rows]) for s, rows in neutral.items()}
    energy = {s: np.concatenate([v.energy for v in rows]) for s, rows in neutral.items()}
    known = [s for s in log_f0 if len(log_f0[s])]
    if not known:
        raise InputError("corpus: got no voiced neutral training speech, expected some: prosody is relative to it")
    usual_f0 = float(np.mean([log_f0[s].mean() for s in known]))
    usual_energy = float(np.mean([energy[s].mean() for s in known]))
    return (
        {s: float(np.exp(log_f0[s].mean() if s in known else usual_f0)) for s in speakers},
        {s: float(energy[s].mean() if s in known else usual_energy) for s in speakers},
    )
