"""Speech as the bytes of a file or of a stream, piece by piece."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import av
import numpy as np
import soxr
from numpy.typing import NDArray

from sovits_lab.provenance.labels import label_chunks
from sovits_lab.serving.contracts import Container

OPENAI_PCM = 24_000  # Hz that OpenAI's clients take for raw samples
OPUS_RATE = 48_000
LOSSY_RATES = (16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
MP3_OPTIONS = (("write_xing", "0"), ("id3v2_version", "4"))
UNKNOWN = 0xFFFFFFFF  # the size of a WAV that is not known yet
Wave = NDArray[np.float32]


class AudioFormat(NamedTuple):
    """A format of replies.

    Attributes:
        media: its media type.
        container: what labels know it as.
        muxer, codec: FFmpeg's names; empty where we write it ourselves.
        rates: that its codec takes; empty is any.
        options: of the muxer: no header to come back to; short pages, which would else hold a second of sound.
    """

    media: str
    container: Container
    muxer: str = ""
    codec: str = ""
    rates: tuple[int, ...] = ()
    options: tuple[tuple[str, str], ...] = ()


FORMATS = {
    "wav": AudioFormat("audio/wav", "wav"),
    "pcm": AudioFormat("audio/pcm", "pcm"),
    "mp3": AudioFormat("audio/mpeg", "mp3", "mp3", "libmp3lame", LOSSY_RATES, MP3_OPTIONS),
    "flac": AudioFormat("audio/flac", "flac", "flac", "flac"),
    "opus": AudioFormat("audio/ogg", "ogg", "ogg", "libopus", (OPUS_RATE,), (("page_duration", "60000"),)),
    "aac": AudioFormat("audio/aac", "aac", "adts", "aac", LOSSY_RATES),
}


def rate_of(name: str, own: int, asked: int | None) -> int:
    """Return the rate of a reply: what was asked for, or what its format and its clients expect."""
    form = FORMATS[name]
    wanted = asked or (OPENAI_PCM if name == "pcm" else own)
    if not form.rates or wanted in form.rates:
        return wanted
    return next((rate for rate in form.rates if rate >= wanted), form.rates[-1])


class PieceEncoder(Protocol):
    """Turns pieces of sound into bytes; joined in order they are the file."""

    def encode(self, wav: Wave) -> bytes:
        """Return the bytes that a piece completes."""

    def finish(self) -> bytes:
        """Encode what is still held back and return the file's last bytes."""


def encoder_of(
    name: str, rate: int, out_rate: int, samples: int | None = None, metadata: Mapping[str, str] | None = None
) -> PieceEncoder:
    """Return the encoder of one reply.

    Args:
        name: a key of `FORMATS`.
        rate: Hz of the pieces.
        out_rate: Hz of the reply.
        samples: of all pieces together at `rate`, where that is known.
        metadata: labels that the first bytes carry, where the format has a place for them.
    """
    if FORMATS[name].codec:
        return _CodecEncoder(FORMATS[name], rate, out_rate, metadata or {})
    total = None if samples is None else round(samples * out_rate / rate)
    return _SampleEncoder(rate, out_rate, wav_header(out_rate, total, metadata or {}) if name == "wav" else b"")


def wav_header(rate: int, samples: int | None, metadata: Mapping[str, str]) -> bytes:
    """Return what comes before 16-bit mono samples; without their number the sizes say that it is not known."""
    labels = label_chunks(metadata)
    size = UNKNOWN if samples is None else samples * 2
    whole = UNKNOWN if samples is None else size + 36 + len(labels)
    head = struct.pack("<4sI4s4sIHHIIHH", b"RIFF", whole, b"WAVE", b"fmt ", 16, 1, 1, rate, rate * 2, 2, 16)
    return head + labels + struct.pack("<4sI", b"data", size)


class _Resampled:
    """Pieces at another rate; the filter's state goes on from piece to piece."""

    def __init__(self, rate: int, out_rate: int) -> None:
        self._stream = None if rate == out_rate else soxr.ResampleStream(rate, out_rate, 1, dtype="float32")

    def take(self, wav: Wave, last: bool = False) -> NDArray[np.int16]:
        if self._stream is not None:
            wav = self._stream.resample_chunk(wav, last=last)
        return (np.clip(wav, -1, 1) * 32767).astype("<i2")


class _SampleEncoder:
    """Raw 16-bit samples, after a header or none."""

    def __init__(self, rate: int, out_rate: int, header: bytes) -> None:
        self._resampled, self._header = _Resampled(rate, out_rate), header

    def encode(self, wav: Wave) -> bytes:
        header, self._header = self._header, b""
        return header + self._resampled.take(wav).tobytes()

    def finish(self) -> bytes:
        return self.encode(np.zeros(0, np.float32)) + self._resampled.take(np.zeros(0, np.float32), True).tobytes()


class _Sink:
    """A file that can only be written; what was written is taken out as it comes."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


class _CodecEncoder:
    """A codec of FFmpeg in a container that needs no seeking."""

    def __init__(self, form: AudioFormat, rate: int, out_rate: int, metadata: Mapping[str, str]) -> None:
        self._sink, self._resampled, self._rate = _Sink(), _Resampled(rate, out_rate), out_rate
        self._file = av.open(self._sink, "w", format=form.muxer, options=dict(form.options))
        self._codec: Any = self._file.add_stream(form.codec, rate=out_rate)
        context: Any = self._codec.codec_context
        context.layout = "mono"
        for holder in (self._file.metadata, self._codec.metadata if form.muxer == "ogg" else {}):
            holder.update(metadata)
        self._fitting = av.AudioResampler(context.format, "mono", out_rate)

    def encode(self, wav: Wave) -> bytes:
        self._feed(self._resampled.take(wav))
        return self._sink.taken()

    def finish(self) -> bytes:
        self._feed(self._resampled.take(np.zeros(0, np.float32), True))
        for frame in self._fitting.resample(None):
            self._file.mux(self._codec.encode(frame))
        self._file.mux(self._codec.encode(None))
        self._file.close()
        return self._sink.taken()

    def _feed(self, samples: NDArray[np.int16]) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.sample_rate = self._rate
        for fitted in self._fitting.resample(frame):
            self._file.mux(self._codec.encode(fitted))


def encode_file(
    name: str, wav: Wave, rate: int, out_rate: int | None = None, metadata: Mapping[str, str] | None = None
) -> bytes:
    """Encode a whole recording as a file of the format `name`."""
    encoder = encoder_of(name, rate, out_rate or rate_of(name, rate, None), len(wav), metadata)
    return encoder.encode(wav) + encoder.finish()
