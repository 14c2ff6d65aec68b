"""Recordings to enrol, and what people send instead of them."""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Iterator

import numpy as np
import soundfile

from tests.audio.test_clip_checks import RATE, sentence

CONSENT = {"who": "Ann Lee", "purpose": "a voice for games", "until": "2099-12-31", "version": "3"}
FORMATS = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III"),
           "ogg": ("OGG", "VORBIS"), "opus": ("OGG", "OPUS")}  # fmt: skip


def recording(kind: str = "wav", seed: int = 0, seconds: float = 5.0, rate: int = RATE) -> bytes:
    """Bytes of a clean recording of speech-like sound."""
    return encoded(sentence(seed, seconds), kind, rate)


def encoded(wav: np.ndarray, kind: str = "wav", rate: int = RATE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, wav, rate, format=FORMATS[kind][0], subtype=FORMATS[kind][1])
    return out.getvalue()


def archive(name: str = "evil.py") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr(name, "import os")
    return out.getvalue()


def wav_with_words(
    frames: int, rate: int = RATE, channels: int = 1, bits: int = 16, tag: int = 1, sound: bytes = b""
) -> bytes:
    """A WAV file whose header says whatever is asked."""
    block = max(1, channels * bits // 8)
    size = min(frames * block, 0xFFFFFFFF)
    head = tag.to_bytes(2, "little") + channels.to_bytes(2, "little") + rate.to_bytes(4, "little")
    head += min(rate * block, 0xFFFFFFFF).to_bytes(4, "little") + min(block, 0xFFFF).to_bytes(2, "little")
    body = b"WAVEfmt \x10\0\0\0" + head + bits.to_bytes(2, "little") + b"data" + size.to_bytes(4, "little") + sound
    return b"RIFF" + min(len(body), 0xFFFFFFFF).to_bytes(4, "little") + body


def bomb() -> bytes:
    """A small FLAC file that decodes to hours."""
    out = io.BytesIO()
    with soundfile.SoundFile(out, "w", 8000, 1, format="FLAC", subtype="PCM_16") as file:
        for _ in range(90):
            file.write(np.zeros(8000 * 60, np.int16))
    return out.getvalue()


def hostile(count: int, seed: int = 0) -> Iterator[tuple[str, bytes]]:
    """Yield named uploads that must all be refused; the first ones each once, then damaged recordings by chance."""
    plain, tail = recording(seconds=4.0), archive()
    yield "nothing", b""
    yield "a text", b"please enrol me"
    yield "a path", b"/etc/passwd"
    yield "an address", b"http://169.254.169.254/latest/meta-data"
    yield "a pickle", b"\x80\x04\x95\x1c\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94."
    yield "an archive", tail
    yield "packed zeros", zlib.compress(b"\0" * (1 << 26))
    yield "hours in a small file", bomb()
    yield "an archive after a recording", plain + tail
    yield "a script after a recording", plain + b"<script>alert(1)</script>"
    yield "a page in a chunk", plain[:36] + b"LIST\x14\0\0\0<html><body>hi</body>" + plain[36:]
    yield "a chunk of its own", plain[:36] + b"EVIL\x04\0\0\0abcd" + plain[36:]
    yield "a program with the beginning of a recording", b"RIFF\xff\xff\0\0WAVE\x7fELF\x02\x01\x01" + b"\0" * 500
    for kind in ("flac", "mp3", "ogg"):
        yield f"an archive after {kind}", recording(kind, seconds=4.0) + tail
        yield f"{kind} cut to its head", recording(kind, seconds=4.0)[:60]
    yield "a tag without sound", b"ID3\x04\0\0\0\0\x0f\x7f" + b"\0" * 2047
    yield "a tag that never ends", b"ID3\x04\0\0\x7f\x7f\x7f\x7f" + b"A" * 5000
    yield "years by its header", wav_with_words(0x7FFFFFFF, sound=b"\0" * 1000)
    yield "a rate of nought", wav_with_words(1000, rate=0, sound=b"\0" * 2000)
    yield "a rate without end", wav_with_words(1000, rate=0xFFFFFFFF, sound=b"\0" * 2000)
    yield "many channels", wav_with_words(100, channels=1024, sound=b"\0" * 204_800)
    yield "no bits", wav_with_words(100, bits=0, sound=b"\0" * 100)
    yield "an unknown code", wav_with_words(100, tag=0x7777, sound=b"\0" * 200)
    yield "silence", encoded(np.zeros(5 * RATE, np.float32))
    yield "noise", encoded(np.random.default_rng(0).standard_normal(5 * RATE).astype(np.float32) * 0.1)
    yield "a tone", encoded(np.sin(np.arange(5 * RATE) * 0.1).astype(np.float32) * 0.3)
    yield "too short", recording(seconds=1.5)
    yield "too long", encoded(np.tile(sentence(), 7))
    yield "a telephone", recording(rate=8000)
    not_finite = io.BytesIO()
    soundfile.write(not_finite, np.full(5 * RATE, np.nan, np.float32), RATE, format="WAV", subtype="FLOAT")
    yield "not a number", not_finite.getvalue()
    rng, made = random.Random(seed), 0
    sources = {kind: recording(kind, seconds=4.0) for kind in FORMATS}
    while made < count:
        kind = rng.choice(list(sources))
        data = bytearray(sources[kind])
        how = rng.choice(["head", "cut", "shuffle", "repeat"])
        if how == "head":
            data[: rng.randrange(8, 60)] = rng.randbytes(8)
        elif how == "cut":
            del data[rng.randrange(10, 200) :]
        elif how == "shuffle":
            middle = bytearray(rng.randbytes(len(data)))
            data[rng.randrange(4, 40) :] = middle
        else:
            data = data[:100] * rng.randrange(2, 50)
        made += 1
        yield f"{kind}, {how} {made}", bytes(data)
