"""Spoken lines that are kept: in memory and, where a folder is given, on disk, each within a limit of bytes."""

from __future__ import annotations

import io
import json
import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sovits_lab.files import MIB, load_archive, write_whole
from sovits_lab.inference.timings import PhoneTime, Timings, WordTime
from sovits_lab.types import InputError

_KEY = re.compile(r"[0-9a-f]{64}")


class KeptLine(NamedTuple):
    """The sound of a line: 16-bit samples, their rate, the times of its phones and words, and flags."""

    wav: NDArray[np.int16]
    sample_rate: int
    timings: Timings
    flags: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration in seconds."""
        return len(self.wav) / self.sample_rate


@dataclass
class CacheCount:
    """How often the cache was asked, and how often it had the line."""

    asked: int = 0
    found: int = 0
    prefetched: int = 0


class SpeechCache:
    """Keeps spoken lines by the hash of their order; what was used longest ago goes first.

    Args:
        folder: where lines are kept between runs, or None.
        memory: bytes of sound in memory.
        disk: bytes of sound in the folder.
    """

    def __init__(self, folder: Path | None = None, memory: int = 64 * MIB, disk: int = 512 * MIB) -> None:
        self.folder, self.memory, self.disk = folder, memory, disk
        self.count = CacheCount()
        self._lines: OrderedDict[str, KeptLine] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str, counted: bool = True) -> KeptLine | None:
        """Return a kept line, or None; a damaged file is as none."""
        with self._lock:
            line = self._lines.get(key)
            if line is not None:
                self._lines.move_to_end(key)
        if line is None:
            line = self._stored(key)
        with self._lock:
            self.count.asked += counted
            self.count.found += counted and line is not None
        return line

    def put(self, key: str, line: KeptLine) -> None:
        """Keep a line. Broken or cut-off speech must not be given."""
        self._remember(key, line)
        if self.folder is None:
            return
        data = io.BytesIO()
        facts = {
            "sample_rate": line.sample_rate,
            "phones": [list(one) for one in line.timings.phones],
            "words": [list(one) for one in line.timings.words],
            "estimated": line.timings.estimated,
            "flags": list(line.flags),
        }
        np.savez(data, wav=line.wav, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8))
        write_whole(self._path(key), data.getvalue())
        self._trim()

    def forget(self) -> None:
        """Drop what is kept in memory; files stay."""
        with self._lock:
            self._lines.clear()
            self._bytes = 0

    @property
    def size(self) -> int:
        """Bytes of sound in memory."""
        return self._bytes

    def _remember(self, key: str, line: KeptLine) -> None:
        with self._lock:
            if (old := self._lines.pop(key, None)) is not None:
                self._bytes -= old.wav.nbytes
            self._lines[key] = line
            self._bytes += line.wav.nbytes
            while self._bytes > self.memory and len(self._lines) > 1:
                _, gone = self._lines.popitem(last=False)
                self._bytes -= gone.wav.nbytes

    def _path(self, key: str) -> Path:
        assert self.folder is not None and _KEY.fullmatch(key)
        return self.folder / f"{key}.npz"

    def _stored(self, key: str) -> KeptLine | None:
        if self.folder is None or not self._path(key).is_file():
            return None
        try:
            line = _line_of(load_archive(self._path(key), "spoken line"))
        except (InputError, KeyError, TypeError, ValueError):  # damaged: it is spoken again and written anew
            return None
        self._remember(key, line)
        return line

    def _trim(self) -> None:
        assert self.folder is not None
        files = []
        for path in self.folder.glob("*.npz"):
            try:
                files.append((path.stat().st_mtime, path.stat().st_size, path))
            except FileNotFoundError:  # another process trims too
                continue
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= self.disk:
                break
            path.unlink(missing_ok=True)
            total -= size


def _line_of(arrays: dict[str, NDArray]) -> KeptLine:
    facts = json.loads(arrays["facts"].tobytes())
    phones = tuple(PhoneTime(str(name), float(start), float(end)) for name, start, end in facts["phones"])
    words = tuple(WordTime(str(name), float(start), float(end)) for name, start, end in facts["words"])
    wav, rate = arrays["wav"], int(facts["sample_rate"])
    if wav.dtype != np.int16 or wav.ndim != 1 or rate < 1:
        raise ValueError("no spoken line")
    return KeptLine(wav, rate, Timings(phones, words, bool(facts["estimated"])), tuple(map(str, facts["flags"])))


def pcm16(wav: NDArray[np.float32]) -> NDArray[np.int16]:
    """Return samples of -1 to 1 as 16-bit numbers."""
    return np.asarray(np.rint(wav.clip(-1, 1) * 32767), dtype=np.int16)


def joined_line(
    pieces: Sequence[tuple[NDArray[np.int16], Timings]], sample_rate: int, flags: tuple[str, ...]
) -> KeptLine:
    """Return the pieces of a line as one."""
    wav = np.concatenate([np.zeros(0, np.int16), *(wav for wav, _ in pieces)])
    phones = tuple(one for _, times in pieces for one in times.phones)
    words = tuple(one for _, times in pieces for one in times.words)
    return KeptLine(wav, sample_rate, Timings(phones, words, any(times.estimated for _, times in pieces)), flags)
