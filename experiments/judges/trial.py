"""Judges on trial on real recordings: what they hear, how often they are wrong. Prints tables of docs/evaluation.md.

    python experiments/judges/trial.py words=FOLDER [language=en] [where=COLUMN:VALUE,...] [clips=N]
    python experiments/judges/trial.py speakers=FOLDER [where=...]      # neutral against every emotion, other sentences
    python experiments/judges/trial.py quality=FOLDER [clips=N]         # clean against damaged
    python experiments/judges/trial.py emotions=FOLDER [where=...]      # each speaker by a probe of the others

FOLDER holds `manifest.tsv` with the columns path, speaker, emotion, text, speech_start, speech_end.
"""

from __future__ import annotations

import csv
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.intelligibility.errors import count_errors
from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.distillmos import DistillMos
from evaluation.judges.dnsmos import Dnsmos
from evaluation.judges.emotion_probe import RealSpeechProbe
from evaluation.judges.faster_whisper import FasterWhisper
from evaluation.judges.resemblyzer import Resemblyzer
from evaluation.judges.whisper_emotion import WhisperEmotionProbe
from evaluation.scoring.normalisers import NORMALISERS
from evaluation.scoring.recording import Recording, read_recording
from evaluation.validity.degradations import LADDER
from experiments.measuring import RATE, run_script
from sovits_lab.options import option, read_options
from sovits_lab.types import got


@dataclass(frozen=True)
class TryJudges:
    """Try judges on real recordings."""

    words: Path | None = option("folder whose words recognisers hear", None)
    speakers: Path | None = option("folder whose speakers judges tell apart", None)
    quality: Path | None = option("folder whose recordings are damaged", None)
    emotions: Path | None = option("folder whose emotions probes name", None)
    language: str = option("of the words", "en")
    where: list[str] = option("COLUMN:VALUE that rows of the manifest must have", [], shown="none")
    clips: int | None = option("how many, evenly from the manifest", None, least=1)


def rows_of(folder: Path, where: Sequence[str], clips: int | None) -> list[dict[str, str]]:
    """Rows of a manifest that fit every COLUMN:VALUE, every n-th of them where fewer are asked for."""
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as stream:
        rows = [{**row, "path": str(folder / row["path"])} for row in csv.DictReader(stream, delimiter="\t")]
    for condition in where:
        column, _, value = condition.partition(":")
        rows = [row for row in rows if row[column] == value]
    return rows[:: max(1, len(rows) // clips)][:clips] if clips else rows


def recording(row: dict[str, str]) -> Recording:
    """A whole recording at 16 kHz, or an InputError for one that cannot be used."""
    read = read_recording(Path(row["path"]), RATE)
    if not isinstance(read, Recording):
        raise got(f"recording {row['path']}", read.reason, "one that can be used")
    return read


def speech(row: dict[str, str]) -> np.ndarray:
    """The speech of a recording [T] at 16 kHz, cut to its bounds."""
    clip = recording(row)
    start, end = (round(float(row[name]) * RATE) for name in ("speech_start", "speech_end"))
    return clip.wav[start:end]


def words(rows: Sequence[dict[str, str]], language: str) -> None:
    """Word and character error rates of the Whisper models that are installed."""
    rows = [row for row in rows if row["text"]]
    wavs = [recording(row).wav for row in rows]
    seconds = sum(map(len, wavs)) / RATE
    print(f"| judge | clips | seconds | WER lab | WER whisper | CER lab | CPU s per s |\n|{'---|' * 7}")
    for name in ("whisper-base", *(["whisper-tiny.en"] if language == "en" else [])):
        judge = FasterWhisper(name, [language])
        start = time.process_time()
        heard = judge.transcribe(wavs, language)
        spent = (time.process_time() - start) / seconds
        cells = []
        for norm, letters in (("lab", False), ("whisper", False), ("lab", True)):
            pairs = [[NORMALISERS[norm].units(text, language) for text in (row["text"], said)]
                     for row, said in zip(rows, heard, strict=True)]  # fmt: skip
            if letters:
                pairs = [[list("".join(units)) for units in pair] for pair in pairs]
            wrong = sum(count_errors(*pair).rate * len(pair[0]) for pair in pairs)
            cells.append(f"{100 * wrong / sum(len(pair[0]) for pair in pairs):.1f} %")
        print(f"| {judge.card.name} | {len(rows)} | {seconds:.0f} | {' | '.join(cells)} | {spent:.2f} |", flush=True)


def equal_error(scores: np.ndarray, same: np.ndarray) -> tuple[float, float]:
    """Equal error rate in percent and its threshold."""
    from sklearn.metrics import roc_curve

    false, true, thresholds = roc_curve(same, scores)
    at = np.argmin(np.abs(false - (1 - true)))
    return 50 * (false[at] + 1 - true[at]), float(thresholds[at])


def speakers(rows: Sequence[dict[str, str]]) -> None:
    """Equal error rates of speaker judges; with emotions, neutral against each of them in another sentence."""
    wavs = [speech(row) for row in rows]
    who, emotion, text = (np.array([row[name] for row in rows]) for name in ("speaker", "emotion", "text"))
    vectors = {judge.card.name: judge.embed(wavs) for judge in (CampplusSpeaker(), Resemblyzer())}
    print(f"| trials | n same | {' | '.join(vectors)} |\n|{'---|' * (2 + len(vectors))}")
    i, j = np.triu_indices(len(rows), 1)
    everything = text[i] != text[j]
    kinds: list[tuple[str, np.ndarray, np.ndarray]] = [("all", i[everything], j[everything])]
    for name in [*sorted(set(emotion))] if len(set(emotion)) > 1 else []:
        a, b = (np.flatnonzero(emotion == one) for one in ("neutral", name))
        grid = np.stack(np.meshgrid(a, b, indexing="ij")).reshape(2, -1)
        grid = grid[:, text[grid[0]] != text[grid[1]]]
        kinds.append((f"neutral - {name}", grid[0], grid[1]))
    for name, i, j in kinds:
        same = who[i] == who[j]
        rates = [equal_error(np.sum(v[i] * v[j], axis=1), same) for v in vectors.values()]
        cells = " | ".join(f"{rate:.1f} % at {threshold:.2f}" for rate, threshold in rates)
        print(f"| {name} | {same.sum()} | {cells} |", flush=True)


def quality(rows: Sequence[dict[str, str]]) -> None:
    """Mean score of clean and damaged recordings, and the share of clips that score worse than when clean."""
    wavs = [speech(row) for row in rows]
    judges = {"distillmos": DistillMos(), "ovrl_mos": Dnsmos()}
    print(f"| damage | {' | '.join(judges)} |\n|{'---|' * (1 + len(judges))}")
    clean: dict[str, np.ndarray] = {}
    for step in LADDER:
        made = [step.apply(wav, np.random.default_rng([0, n])).astype(np.float32) for n, wav in enumerate(wavs)]
        cells = []
        for name, judge in judges.items():
            scores = np.array([one[name] for one in judge.rate(made)])
            worse = 100 * np.mean(scores < clean.setdefault(name, scores))
            cells.append(f"{scores.mean():.2f} ({worse:.0f} % worse)")
        print(f"| {step.name} | {' | '.join(cells)} |", flush=True)


def emotions(rows: Sequence[dict[str, str]], folder: Path) -> None:
    """Unweighted recall of emotion probes, each recording judged by a probe that never heard its speaker."""
    from sklearn.metrics import recall_score

    from evaluation.real_speech.clips import read_corpus

    chosen = {Path(row["path"]) for row in rows}
    clips = [one for one in read_corpus(folder) if one.path in chosen]
    wavs = [speech(row) for row in rows]
    kinds, people = (len({getattr(one, name) for one in clips}) for name in ("emotion", "speaker"))
    print(f"| probe | clips | speakers | recall (chance {100 / kinds:.1f} %) |\n|---|---|---|---|")
    made: list[tuple[str, Callable[[], RealSpeechProbe | WhisperEmotionProbe]]] = [
        ("prosody, 18 features", RealSpeechProbe),
        ("Whisper base, mean and deviation", WhisperEmotionProbe),
        ("Whisper base, scaled by speaker", lambda: WhisperEmotionProbe(per_speaker=True)),
    ]
    for name, build in made:
        judge = build()
        judge.teach(clips)
        found = []
        for wav, row in zip(wavs, rows, strict=True):
            said = judge.probabilities([wav], frozenset({row["speaker"]}), row["speaker"])[0]
            found.append(max(said, key=said.__getitem__))
        recall = recall_score([row["emotion"] for row in rows], found, average="macro")
        print(f"| {name} | {len(rows)} | {people} | {100 * recall:.1f} % |", flush=True)


def main(argv: list[str]) -> None:
    """Run the trials that were asked for."""
    asked = read_options(TryJudges, argv)

    def rows(folder: Path) -> list[dict[str, str]]:
        return rows_of(folder, asked.where, asked.clips)

    if asked.words is not None:
        words(rows(asked.words), asked.language)
    if asked.speakers is not None:
        speakers(rows(asked.speakers))
    if asked.quality is not None:
        quality(rows(asked.quality))
    if asked.emotions is not None:
        emotions(rows(asked.emotions), asked.emotions)


if __name__ == "__main__":
    run_script(main)
