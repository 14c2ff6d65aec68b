"""Which kind of audio file some bytes are, by their content, and the chunks of a WAV file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

from sovits_lab.types import got

AudioContainer = Literal["wav", "flac", "mp3", "ogg", "aac", "m4a"]


class RiffChunk(NamedTuple):
    """A chunk of a RIFF file: its name, and the range of its content without name, size and padding."""

    name: bytes
    start: int
    end: int


def container_of(data: bytes) -> AudioContainer | None:
    """Return the kind of an audio file by its first bytes; None for anything else."""
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] in (b"fLaC", b"OggS"):
        return "flac" if data[:4] == b"fLaC" else "ogg"
    if data[4:8] == b"ftyp":
        return "m4a"
    if data[:3] == b"ID3":
        return "mp3"
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xF6 == 0xF0:
        return "aac"
    if len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06 == 0x02:
        return "mp3"
    return None


def riff_chunks(data: bytes) -> Iterator[RiffChunk]:
    """Yield the chunks of a WAV file in their order.

    Raises:
        InputError: no WAV file, or a chunk that says to be longer than the file; the last one of a stream may, whose
            writer could not know its size.
    """
    if container_of(data) != "wav":
        raise got("WAV file", bytes(data[:12]), "bytes that begin with RIFF....WAVE")
    place = 12
    while place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        start = place + 8
        if size > len(data) - start:
            if name != b"data":
                raise got("WAV file, chunk " + repr(name)[2:-1], f"{size} bytes", f"at most {len(data) - start}")
            size = len(data) - start
        yield RiffChunk(name, start, start + size)
        place = start + size + size % 2
