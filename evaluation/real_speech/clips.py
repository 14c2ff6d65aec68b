"""Labelled recordings for the protocol: a manifest of tab-separated rows, or a Lhotse CutSet of our own corpora."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sovits_lab.audio.energy import level_dbfs
from sovits_lab.audio.files import load_audio
from sovits_lab.audio.trim import trim_silence
from sovits_lab.types import got

RATE = 16_000
TARGET_DBFS = -26.0
LONGEST = 60.0  # seconds; a longer clip is no utterance with one emotion
SHORTEST = 0.1  # seconds of speech


@dataclass(frozen=True)
class LabelledClip:
    """One labelled recording; `start` and `end` bound its speech in seconds where the manifest knows them."""

    path: Path
    speaker: str
    emotion: str
    text: str = ""
    language: str = ""
    sex: str = ""
    take: str = ""
    start: float | None = None
    end: float | None = None


class TrimmedClip(NamedTuple):
    """The trimmed waveform [T] at 16 kHz, as recorded and at -26 dBFS, and its recorded level."""

    raw: np.ndarray
    normalised: np.ndarray
    level: float


def read_corpus(folder: Path) -> list[LabelledClip]:
    """Read the clips of a folder with `manifest.tsv` (path, speaker, emotion, ...) or `cuts.jsonl.gz`.

    Raises InputError when neither is there, or a row lacks path, speaker or emotion.
    """
    if (folder / "manifest.tsv").is_file():
        return list(_from_table(folder / "manifest.tsv"))
    cuts = folder if folder.name.endswith(".jsonl.gz") else folder / "cuts.jsonl.gz"
    if cuts.is_file():
        return list(_from_cuts(cuts))
    raise got("corpus", folder, "a folder with manifest.tsv or cuts.jsonl.gz")


def _from_table(path: Path) -> Iterator[LabelledClip]:
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream, delimiter="\t")
        lacking = {"path", "speaker", "emotion"} - set(reader.fieldnames or ())
        if lacking:
            raise got(f"{path}, columns", ", ".join(reader.fieldnames or ()), f"also {', '.join(sorted(lacking))}")
        for row in reader:
            start, end = row.get("speech_start"), row.get("speech_end")
            known = {name: row.get(name) or "" for name in ("text", "language", "sex", "take")}
            yield LabelledClip(
                path.parent / row["path"],
                row["speaker"],
                row["emotion"],
                start=float(start) if start else None,
                end=float(end) if end else None,
                **known,
            )


def _from_cuts(path: Path) -> Iterator[LabelledClip]:
    """Only what the protocol needs is read from each cut: one source file and one supervision."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream, 1):
            cut = json.loads(line)
            try:
                supervision = cut["supervisions"][0]
                source = _file_of(cut["recording"]["sources"][0], f"{path} line {number}")
                custom = {**(cut.get("custom") or {}), **(supervision.get("custom") or {})}
                emotion, speaker = custom["emotion"], supervision["speaker"]
            except (KeyError, IndexError, TypeError) as error:
                raise got(
                    f"{path} line {number}", f"no {error}", "one recording, one supervision, an emotion"
                ) from error
            source = source if source.is_absolute() else path.parent / source
            start = float(cut.get("start", 0.0))
            yield LabelledClip(
                source,
                str(speaker),
                str(emotion),
                str(supervision.get("text") or ""),
                str(supervision.get("language") or ""),
                str(supervision.get("gender") or custom.get("sex") or ""),
                start=start if start > 0 else None,
                end=start + float(cut["duration"]) if start > 0 else None,
            )


def _file_of(source: dict[str, Any], where: str) -> Path:
    """Return the file of a recording; a manifest is data, so it names no command and no URL."""
    kind, written = source.get("type", "file"), source["source"]
    if kind != "file" or not isinstance(written, str) or written.startswith("pipe:") or "://" in written:
        raise got(f"{where}, source of the recording", f"{kind} {written}", "a file")
    return Path(written)


def load_clip(clip: LabelledClip) -> TrimmedClip:
    """Load, cut to the speech, and normalise. InputError when nothing audible is left."""
    wav = load_audio(clip.path, RATE, max_seconds=LONGEST, mix_down=True)
    if clip.start is not None and clip.end is not None:
        wav = wav[int(clip.start * RATE) : int(clip.end * RATE)]
    else:
        wav = trim_silence(wav, RATE, threshold=0.03).wav
    if len(wav) < SHORTEST * RATE:
        raise got(f"{clip.path}, speech", f"{len(wav) / RATE:.3f} s", f"at least {SHORTEST} s")
    level = level_dbfs(wav)
    if level < -80:
        raise got(f"{clip.path}, level", f"{level:.0f} dBFS", "audible speech")
    return TrimmedClip(wav, (wav * 10 ** ((TARGET_DBFS - level) / 20)).astype(np.float32), level)


def corpus_key(clips: list[LabelledClip], recipe: str) -> str:
    """Compute a hash that changes when a file, a label's order or the recipe of the vectors changes."""
    digest = hashlib.sha256(recipe.encode())
    for clip in clips:
        stat = clip.path.stat() if clip.path.is_file() else None
        size = (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)
        digest.update(repr((clip.path.as_posix(), clip.start, clip.end, size)).encode())
    return digest.hexdigest()[:16]
