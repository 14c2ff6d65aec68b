"""Prepared features on disk: a table of utterances and a few flat arrays, memory-mapped: processes share them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from sovits_lab.types import got


@dataclass(frozen=True)
class Utterance:
    """One row of the table. `start` and `frames` say where its frames lie in the arrays; `phones` are symbol names.

    `durations`: frames of each phone, or empty where no alignment is known.
    """

    id: str
    speaker: str
    emotion: str
    role: str
    split: str
    text: str
    language: str
    start: int
    frames: int
    phones: tuple[str, ...]
    durations: tuple[int, ...] = ()


class FeatureStore:
    """Read access to a folder written by `StoreWriter`.

    Arrays: `mel` float16 [frames, M], `f0` float32 [frames] (Hz, 0 = unvoiced), `wav` int16 [frames * hop].
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "table.jsonl").is_file():
            raise got("feature folder", folder, "a folder with table.jsonl, as the features stage writes")
        self.folder = folder
        lines = (folder / "table.jsonl").read_text(encoding="utf-8").splitlines()
        self.rows = [_utterance(json.loads(line)) for line in lines]
        self.info: Mapping = json.loads((folder / "info.json").read_text(encoding="utf-8"))
        self.hop = int(self.info["hop"])
        self.frames_per_second = float(self.info["frames_per_second"])
        self.symbols: list[str] = self.info["symbols"]
        self.base_f0: dict[str, float] = self.info["base_f0"]
        self.base_energy: dict[str, float] = self.info["base_energy"]
        self._mel = np.load(folder / "mel.npy", mmap_mode="r")
        self._f0 = np.load(folder / "f0.npy", mmap_mode="r")
        self._wav = np.load(folder / "wav.npy", mmap_mode="r")
        self._phone_ids = {name: i for i, name in enumerate(self.symbols)}

    def align(self, durations: Mapping[str, Sequence[int]]) -> None:
        """Take over alignments (utterance id -> frames of each phone) for utterances that came without one."""
        self.rows = [
            replace(row, durations=tuple(durations[row.id])) if not row.durations and row.id in durations else row
            for row in self.rows
        ]

    def select(self, splits: Sequence[str], roles: Sequence[str]) -> list[int]:
        """Indices of the utterances of these splits and roles."""
        return [i for i, row in enumerate(self.rows) if row.split in splits and row.role in roles]

    def mel(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Log-mel [L, M], float32."""
        a, b = self._span(index, start, frames)
        return self._mel[a:b].astype(np.float32)

    def f0(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """F0 in Hz [L]."""
        a, b = self._span(index, start, frames)
        return np.array(self._f0[a:b])

    def wav(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Waveform [hop L], float32 in [-1, 1]."""
        a, b = self._span(index, start, frames)
        return self._wav[a * self.hop : b * self.hop].astype(np.float32) / 32767

    def phones(self, index: int) -> np.ndarray:
        """Phone ids [P]."""
        return np.array([self._phone_ids[p] for p in self.rows[index].phones], dtype=np.int64)

    def phone_of_frame(self, index: int) -> np.ndarray:
        """Place in the utterance's phone sequence of every frame [L]; -1 where no alignment is known."""
        row = self.rows[index]
        if not row.durations:
            return np.full(row.frames, -1)
        return np.repeat(np.arange(len(row.phones)), row.durations)

    def _span(self, index: int, start: int, frames: int | None) -> tuple[int, int]:
        row = self.rows[index]
        stop = row.frames if frames is None else min(start + frames, row.frames)
        return row.start + start, row.start + stop


class StoreWriter:
    """Write the arrays of `FeatureStore`; `close` writes the table, so a folder without one is no store."""

    def __init__(self, folder: Path, hop: int, mels: int, frames: int, frames_per_second: float) -> None:
        self.folder, self.hop, self.frames_per_second = folder, hop, frames_per_second
        open_array = np.lib.format.open_memmap
        self._mel = open_array(folder / "mel.npy", mode="w+", dtype=np.float16, shape=(frames, mels))
        self._f0 = open_array(folder / "f0.npy", mode="w+", dtype=np.float32, shape=(frames,))
        self._wav = open_array(folder / "wav.npy", mode="w+", dtype=np.int16, shape=(frames * hop,))

    def put(self, start: int, mel: np.ndarray, f0: np.ndarray, wav: np.ndarray) -> None:
        """Store one utterance: mel [L, M], f0 [L], wav [hop L]."""
        frames = len(mel)
        self._mel[start : start + frames] = mel
        self._f0[start : start + frames] = f0
        self._wav[start * self.hop : (start + frames) * self.hop] = np.clip(np.round(wav * 32767), -32768, 32767)

    def close(
        self,
        rows: Sequence[Utterance],
        symbols: Sequence[str],
        base_f0: Mapping[str, float],
        base_energy: Mapping[str, float],
    ) -> None:
        """Flush, then write the table and the facts that belong to all: symbols, and means of every speaker's voice."""
        for array in (self._mel, self._f0, self._wav):
            array.flush()
        info = {
            "hop": self.hop,
            "frames_per_second": self.frames_per_second,
            "symbols": list(symbols),
            "base_f0": dict(base_f0),
            "base_energy": dict(base_energy),
        }
        (self.folder / "info.json").write_text(json.dumps(info, ensure_ascii=False, indent=1), encoding="utf-8")
        lines = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows]
        (self.folder / "table.jsonl").write_text("".join(lines), encoding="utf-8")


def _utterance(record: Mapping) -> Utterance:
    return Utterance(**{**record, "phones": tuple(record["phones"]), "durations": tuple(record["durations"])})
