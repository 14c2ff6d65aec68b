"""Is there anything but a recording in an upload? Files that are two things at once are refused.

What is stored is coded anew, so nothing of them would stay; but who sends them means no good.
"""

from __future__ import annotations

from sovits_lab.provenance.containers import riff_chunks
from sovits_lab.types import InputError

# Chunks that recorders and editors write.
WAV_CHUNKS = frozenset(
    (b"fmt ", b"data", b"fact", b"LIST", b"bext", b"cue ", b"smpl", b"inst", b"JUNK", b"junk", b"PAD ", b"FLLR",
     b"PEAK", b"iXML", b"axml", b"id3 ", b"ID3 ", b"afsp", b"minf", b"elm1", b"regn", b"umid", b"_PMX", b"C2PA",
     b"AIGC", b"plst", b"labl", b"note", b"chna", b"ds64")
)  # fmt: skip
MOST_METADATA = 1 << 20  # bytes before the first sound
LOOKED_AT = 1 << 16  # bytes at both ends in which other formats would begin or end
SIGNS = {
    b"%pdf-": "a PDF document",
    b"<html": "a web page",
    b"<!doctype": "a web page",
    b"<script": "a script",
    b"<svg": "a drawing with scripts",
    b"<?php": "a script",
    b"#!/": "a script",
    b"this program cannot be run in dos": "a program",
    b"\x7felf\x02\x01\x01": "a program",
    b"rar!\x1a\x07": "an archive",
    b"7z\xbc\xaf\x27\x1c": "an archive",
}
END_OF_ZIP, ZIP_RECORD = b"PK\x05\x06", 22


def foreign_content(data: bytes, kind: str) -> str:
    """Return what else is in the bytes of a recording of a known kind; empty where there is nothing."""
    ends = (data[:LOOKED_AT], data[-LOOKED_AT:])
    for sign, what in SIGNS.items():
        if any(sign in end.lower() for end in ends):
            return f"there is {what} inside of it"
    if _zip_ends(data[-LOOKED_AT - ZIP_RECORD :]):
        return "there is an archive inside of it"
    try:
        return {"wav": _in_wav, "flac": _in_flac, "mp3": _in_mp3, "ogg": _in_ogg}[kind](data)
    except InputError as error:
        return str(error)


def _zip_ends(tail: bytes) -> bool:
    """Whether a ZIP archive ends here: its last record with a comment that fills the rest."""
    place = tail.rfind(END_OF_ZIP)
    while place >= 0:
        comment = int.from_bytes(tail[place + 20 : place + 22], "little")
        if place + ZIP_RECORD + comment <= len(tail):
            return True
        place = tail.rfind(END_OF_ZIP, 0, place)
    return False


def _in_wav(data: bytes) -> str:
    chunks = list(riff_chunks(data))
    odd = [chunk for chunk in chunks if chunk.name not in WAV_CHUNKS]
    if odd:
        return f"it has a chunk {odd[0].name!r} that no recorder writes"
    if sum(chunk.name == b"data" for chunk in chunks) != 1 or sum(chunk.name == b"fmt " for chunk in chunks) != 1:
        return "it has not just one chunk of samples and one of their format"
    if sum(chunk.end - chunk.start for chunk in chunks if chunk.name != b"data") > MOST_METADATA:
        return f"it has more than {MOST_METADATA} bytes of metadata"
    end = chunks[-1].end
    return f"{len(data) - end} bytes follow its end" if len(data) - end > 1 else ""


def _in_flac(data: bytes) -> str:
    place, last = 4, False
    while not last:
        if place + 4 > len(data):
            return "its metadata do not end"
        last = bool(data[place] & 0x80)
        place += 4 + int.from_bytes(data[place + 1 : place + 4], "big")
        if place > MOST_METADATA:
            return f"it has more than {MOST_METADATA} bytes of metadata"
    synchronised = data[place : place + 1] == b"\xff" and data[place + 1 : place + 2] in (b"\xf8", b"\xf9")
    return "" if synchronised else "no sound follows its metadata"


def _in_mp3(data: bytes) -> str:
    place = 0
    if data[:3] == b"ID3":
        sizes = data[6:10]
        place = 10 + sum((byte & 0x7F) << shift for byte, shift in zip(sizes, (21, 14, 7, 0), strict=True))
        if place > MOST_METADATA:
            return f"it has more than {MOST_METADATA} bytes of metadata"
    rest = data[place : place + MOST_METADATA].lstrip(b"\0")
    synchronised = len(rest) > 1 and rest[0] == 0xFF and rest[1] & 0xE0 == 0xE0
    return "" if synchronised else "no sound follows its metadata"


def _in_ogg(data: bytes) -> str:
    place = 0
    while place < len(data):
        if data[place : place + 4] != b"OggS" or place + 27 > len(data):
            return f"{len(data) - place} bytes follow its last page"
        count = data[place + 26]
        place += 27 + count + sum(data[place + 27 : place + 27 + count])
    return "" if place == len(data) else "its last page is cut off"
