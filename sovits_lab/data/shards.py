"""A feature store in shards, Lhotse's Shar archives: every field of every utterance is addressed by file and offset.

| file | content |
|---|---|
| `table.jsonl`, `info.json` | as in a flat store; `info["shards"]` names all files, with size and SHA-256 |
| `places.npy` | where each row lies, int64 [rows, 6]: see `COLUMNS` |
| `cuts.N.jsonl.gz`, `recording.N.tar`, `mel.N.tar`, `f0.N.tar` | what `lhotse.CutSet.from_shar` reads |
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import soundfile

from sovits_lab.data.shard_files import ShardFiles, facts_of, open_files
from sovits_lab.files import load_array
from sovits_lab.types import InputError, got

COLUMNS = ("shard", "frames", "mel", "f0", "recording", "recording_size")  # offsets and sizes in bytes
FIELDS = ("mel", "f0", "recording")
PLACES = "places.npy"
OPEN_FILES = 256  # maps of one process


class ShardPlace(NamedTuple):
    """One row of `places.npy`."""

    shard: int
    frames: int
    mel: int
    f0: int
    recording: int
    recording_size: int


def file_name(field: str, shard: int) -> str:
    """Name a shard as Lhotse does."""
    return f"{field}.{shard:06d}.{'jsonl.gz' if field == 'cuts' else 'tar'}"


class ShardArrays:
    """The arrays of a store in shards (`sovits_lab.data.store.Arrays`).

    Args:
        folder: with `places.npy`, and with the shards unless `info` names a source.
        info: content of `info.json`.

    Raises:
        InputError: a shard is missing, truncated or damaged; it is named.
    """

    def __init__(self, folder: Path, info: Mapping[str, Any]) -> None:
        self.places = load_array(folder / PLACES, "shards")
        if self.places.ndim != 2 or self.places.shape[1] != len(COLUMNS) or self.places.dtype.kind != "i":
            raise got(f"shards {folder / PLACES}", f"shape {self.places.shape}", f"whole numbers, {len(COLUMNS)} a row")
        self.shards = self.places[:, 0]
        self.mels, self.hop = int(info["mels"]), int(info["hop"])
        facts = facts_of(info, "shards", f"features {folder}")
        self.names = frozenset(facts)
        self.files: ShardFiles = open_files(info.get("source"), folder, facts)
        self._maps: OrderedDict[str, np.ndarray] = OrderedDict()

    def read(self, field: str, row: int, start: int, stop: int) -> np.ndarray:
        """See `Arrays`."""
        place = ShardPlace(*self.places[row].tolist())
        if field == "wav":
            return self._wav(place)[start * self.hop : stop * self.hop]
        if field == "mel":
            values = self._array("mel", place, place.mel, np.dtype("<f2"), place.frames * self.mels)
            return values.reshape(place.frames, self.mels)[start:stop]
        return self._array("f0", place, place.f0, np.dtype("<f4"), place.frames)[start:stop]

    def _array(self, field: str, place: ShardPlace, offset: int, dtype: np.dtype, count: int) -> np.ndarray:
        name = file_name(field, place.shard)
        return np.frombuffer(self._bytes(name, offset, count * dtype.itemsize), dtype)

    def _wav(self, place: ShardPlace) -> np.ndarray:
        name = file_name("recording", place.shard)
        packed = self._bytes(name, place.recording, place.recording_size)
        try:
            wav = soundfile.read(io.BytesIO(packed), dtype="int16")[0]
        except soundfile.LibsndfileError as error:
            raise InputError(f"shard {name}: a recording cannot be read ({error}); copy the shard again") from error
        if len(wav) < place.frames * self.hop:
            raise got(f"shard {name}", f"a recording of {len(wav)} samples", f"{place.frames * self.hop}")
        return wav

    def _bytes(self, name: str, offset: int, size: int) -> bytes:
        stored = self._map(name)[max(0, offset) : max(0, offset + size)].tobytes()
        if offset < 0 or len(stored) < size:
            raise got(f"shard {name}", f"{len(stored)} bytes at {offset}", f"{size}, as {PLACES} says; copy it again")
        return stored

    def _map(self, name: str) -> np.ndarray:
        """A shard's bytes; those used last stay mapped, whatever becomes of the file."""
        if name not in self.names:
            raise got(f"shard {name}", "a place in it", "a file that info.json names")
        if name not in self._maps:
            self._maps[name] = np.memmap(self.files.path(name), np.uint8, "r")
            if len(self._maps) > OPEN_FILES:
                self._maps.popitem(last=False)
        self._maps.move_to_end(name)
        return self._maps[name]
