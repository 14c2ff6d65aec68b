"""Prepared features on disk: a table of utterances and a few flat arrays, memory-mapped: processes share them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np

from sovits_lab.audio.baseline import Baseline
from sovits_lab.data.checked import (
    Utterance,
    check_lengths,
    finite,
    read_baselines,
    read_info,
    read_table,
    utterance,
    with_durations,
)
from sovits_lab.data.plan import BatchPlan
from sovits_lab.files import load_array, write_whole
from sovits_lab.pipeline.memory import collector_paused
from sovits_lab.types import got

__all__ = ["FeatureStore", "StoreWriter", "Utterance", "pcm16", "utterance"]


class Arrays(Protocol):
    """Where a store's frames lie."""

    def read(self, field: str, row: int, start: int, stop: int) -> np.ndarray:
        """Read frames of an utterance as stored: "mel" float16 [L, M], "f0" float32 [L], "wav" int16 [hop L]."""


class FlatArrays:
    """One memory-mapped file of each kind, utterance after utterance."""

    def __init__(self, folder: Path, rows: Sequence[Utterance], hop: int) -> None:
        self.starts = [row.start for row in rows]
        self.hop = hop
        names = ("mel", "f0", "wav")
        self._arrays = {name: load_array(folder / f"{name}.npy", "features", memory_mapped=True) for name in names}
        check_lengths(folder, self._arrays, rows, hop)

    def read(self, field: str, row: int, start: int, stop: int) -> np.ndarray:
        """Return a view into the file."""
        size = self.hop if field == "wav" else 1
        first = self.starts[row]
        return self._arrays[field][(first + start) * size : (first + stop) * size]


class FeatureStore:
    """Read access to a folder that the stage `features` has written, from recordings or from shards.

    Attributes:
        rows: the utterances.
        shards: number of the shard that each of them lies in, where shards are read as a stream; else all 0.
        window: shards that are open together in a stream; 0 where everything can be read in any order.
    """

    def __init__(self, folder: Path) -> None:
        if not (folder / "table.jsonl").is_file():
            raise got("feature folder", folder, "a folder with table.jsonl, as the features stage writes")
        self.folder = folder
        self.info: Mapping = read_info(folder / "info.json")
        self.hop = int(self.info["hop"])
        self.frames_per_second = float(self.info["frames_per_second"])
        self.symbols: list[str] = self.info["symbols"]
        self.baselines = read_baselines(self.info, folder / "info.json")
        with collector_paused():
            self.rows = read_table(folder / "table.jsonl", self.symbols)
        self.window = int(self.info.get("window", 0))
        self.shards = np.zeros(len(self.rows), dtype=np.int64)
        self._arrays = self._open()
        self._phone_ids = {name: i for i, name in enumerate(self.symbols)}

    def _open(self) -> Arrays:
        if "shards" not in self.info:
            return FlatArrays(self.folder, self.rows, self.hop)
        from sovits_lab.data.shards import ShardArrays

        arrays = ShardArrays(self.folder, self.info)
        if self.window:
            self.shards = arrays.shards
        return arrays

    def release(self) -> None:
        """Give back the memory of what was read so far: mapped files count as a process' own until they are closed."""
        if isinstance(self._arrays, FlatArrays):
            self._arrays = self._open()

    def align(self, durations: Mapping[str, Sequence[int]]) -> None:
        """Take over alignments (utterance id -> frames of each phone) for utterances that came without one."""
        with collector_paused():
            self.rows = [
                with_durations(row, durations[row.id]) if not row.durations and row.id in durations else row
                for row in self.rows
            ]

    def select(self, splits: Sequence[str], roles: Sequence[str]) -> list[int]:
        """Return the indices of the utterances of these splits and roles."""
        return [i for i, row in enumerate(self.rows) if row.split in splits and row.role in roles]

    def plan(self, rows: Sequence[int], batch_seconds: float, seed: int, world: int = 1) -> BatchPlan:
        """Plan batches of these utterances, at most `batch_seconds` padded."""
        frames = [self.rows[i].frames for i in rows]
        size = int(batch_seconds * self.frames_per_second)
        return BatchPlan(frames, size, seed, world, shards=self.shards[list(rows)], window=self.window)

    def mel(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Return the log-mel [L, M], float32."""
        return self._finite("mel", index, start, frames).astype(np.float32)

    def f0(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Return F0 in Hz [L]."""
        return np.array(self._finite("f0", index, start, frames))

    def wav(self, index: int, start: int = 0, frames: int | None = None) -> np.ndarray:
        """Return the waveform [hop L], float32 in [-1, 1]."""
        return self._read("wav", index, start, frames).astype(np.float32) / 32767

    def stored(self, field: str, index: int) -> np.ndarray:
        """Return all of an utterance's "mel", "f0" or "wav" as it is stored."""
        return self._read(field, index, 0, None)

    def phones(self, index: int) -> np.ndarray:
        """Return the phone ids [P]."""
        return np.array([self._phone_ids[p] for p in self.rows[index].phones], dtype=np.int64)

    def phone_of_frame(self, index: int) -> np.ndarray:
        """Find every frame's place in the utterance's phone sequence [L]; -1 where no alignment is known."""
        row = self.rows[index]
        if not row.durations:
            return np.full(row.frames, -1)
        return np.repeat(np.arange(len(row.phones)), row.durations)

    def _finite(self, field: str, index: int, start: int, frames: int | None) -> np.ndarray:
        return finite(self._read(field, index, start, frames), self.folder, self.rows[index], field)

    def _read(self, field: str, index: int, start: int, frames: int | None) -> np.ndarray:
        row = self.rows[index]
        stop = row.frames if frames is None else min(start + frames, row.frames)
        return self._arrays.read(field, index, start, stop)


class StoreWriter:
    """Write the arrays of `FeatureStore`; `close` writes the table, so a folder without one is no store."""

    def __init__(self, folder: Path, hop: int, mels: int, frames: int, frames_per_second: float) -> None:
        self.folder, self.hop, self.frames_per_second = folder, hop, frames_per_second
        open_array = np.lib.format.open_memmap
        self._mel = open_array(folder / "mel.npy", mode="w+", dtype=np.float16, shape=(frames, mels))
        self._f0 = open_array(folder / "f0.npy", mode="w+", dtype=np.float32, shape=(frames,))
        self._wav = open_array(folder / "wav.npy", mode="w+", dtype=np.int16, shape=(frames * hop,))

    def put(self, start: int, mel: np.ndarray, f0: np.ndarray, wav: np.ndarray) -> None:
        """Store one utterance: mel [L, M], f0 [L], wav [hop L] in [-1, 1]."""
        self.copy(start, mel, f0, pcm16(wav))

    def copy(self, start: int, mel: np.ndarray, f0: np.ndarray, wav: np.ndarray) -> None:
        """Store utterances that follow each other, as they are stored."""
        frames = len(mel)
        self._mel[start : start + frames] = mel
        self._f0[start : start + frames] = f0
        self._wav[start * self.hop : (start + frames) * self.hop] = wav

    def close(
        self,
        rows: Sequence[Utterance],
        symbols: Sequence[str],
        baselines: Mapping[str, Baseline],
    ) -> None:
        """Flush, then write the table and the facts that belong to all: symbols, and the baseline of every voice."""
        for array in (self._mel, self._f0, self._wav):
            array.flush()
        info = {
            "hop": self.hop,
            "frames_per_second": self.frames_per_second,
            "symbols": list(symbols),
            "baselines": dict(baselines),
        }
        write_whole(self.folder / "info.json", json.dumps(info, ensure_ascii=False, indent=1).encode())
        lines = [json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows]
        write_whole(self.folder / "table.jsonl", "".join(lines).encode())


def pcm16(wav: np.ndarray) -> np.ndarray:
    """Turn a waveform in [-1, 1] into 16 bit."""
    return np.clip(np.round(wav * 32767), -32768, 32767).astype(np.int16)
