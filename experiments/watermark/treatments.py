"""What happens to recordings on their way: lossy files, other rates, noise, cutting, another tempo."""

from __future__ import annotations

import io
from collections.abc import Callable
from fractions import Fraction

import av
import numpy as np
import soxr

Wave = np.ndarray
Treatment = Callable[[Wave, int, np.random.Generator], Wave]


def resampled(wav: Wave, rate: float, to: float) -> Wave:
    """Change the rate."""
    return np.asarray(soxr.resample(wav, rate, to), dtype=np.float32)


def coded(wav: Wave, rate: int, container: str, codec: str, bits: int, codec_rate: int | None = None) -> Wave:
    """Encode and decode; the codec's delay stays."""
    own = codec_rate or rate
    given = wav if own == rate else resampled(wav, rate, own)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream = out.add_stream(codec, rate=own, layout="mono")
        stream.bit_rate = bits
        shape = av.AudioResampler(stream.codec_context.format, "mono", own, stream.codec_context.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(given[None], format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = own, 0, Fraction(1, own)
        for part in (*shape.resample(frame), *shape.resample(None)):
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as back:
        shape = av.AudioResampler("fltp", "mono", rate)
        parts = [part.to_ndarray()[0] for one in back.decode(audio=0) for part in shape.resample(one)]
        parts += [part.to_ndarray()[0] for part in shape.resample(None)]
    return np.concatenate(parts).astype(np.float32)


def noisy(wav: Wave, decibels: float, rng: np.random.Generator) -> Wave:
    """Add white noise that many decibels below the speech."""
    noise = rng.standard_normal(len(wav)) * np.sqrt(np.mean(wav**2)) * 10 ** (-decibels / 20)
    return np.asarray(wav + noise, dtype=np.float32)


def at_tempo(wav: Wave, rate: int, factor: float) -> Wave:
    """Play faster without a change of pitch (FFmpeg's atempo)."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate, format="fltp", layout="mono", time_base=Fraction(1, rate))
    filters = [source, graph.add("atempo", str(factor)), graph.add("abuffersink")]
    graph.link_nodes(*filters).configure()
    frame = av.AudioFrame.from_ndarray(wav[None], format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = rate, 0, Fraction(1, rate)
    source.push(frame)
    source.push(None)
    parts = []
    while True:
        try:
            parts.append(filters[-1].pull().to_ndarray()[0])
        except (av.error.EOFError, av.error.BlockingIOError):
            return np.concatenate(parts).astype(np.float32)


def middle(wav: Wave, rate: int, seconds: float) -> Wave:
    """Cut out the middle."""
    start = max(0, (len(wav) - round(seconds * rate)) // 2)
    return wav[start : start + round(seconds * rate)]


TREATMENTS: dict[str, Treatment] = {
    "none": lambda wav, rate, rng: wav,
    "MP3 64 kbit/s": lambda wav, rate, rng: coded(wav, rate, "mp3", "libmp3lame", 64_000),
    "MP3 32 kbit/s": lambda wav, rate, rng: coded(wav, rate, "mp3", "libmp3lame", 32_000),
    "Opus 24 kbit/s": lambda wav, rate, rng: coded(wav, rate, "ogg", "libopus", 24_000, 48_000),
    "Opus 12 kbit/s": lambda wav, rate, rng: coded(wav, rate, "ogg", "libopus", 12_000, 48_000),
    "AAC 64 kbit/s": lambda wav, rate, rng: coded(wav, rate, "adts", "aac", 64_000),
    "AAC 32 kbit/s": lambda wav, rate, rng: coded(wav, rate, "adts", "aac", 32_000),
    "8 kHz and back": lambda wav, rate, rng: resampled(resampled(wav, rate, 8000), 8000, rate),
    "noise 30 dB": lambda wav, rate, rng: noisy(wav, 30, rng),
    "noise 20 dB": lambda wav, rate, rng: noisy(wav, 20, rng),
    "noise 10 dB": lambda wav, rate, rng: noisy(wav, 10, rng),
    "1.5 s cut out": lambda wav, rate, rng: middle(wav, rate, 1.5),
    "2 s cut out": lambda wav, rate, rng: middle(wav, rate, 2.0),
    "3 s cut out": lambda wav, rate, rng: middle(wav, rate, 3.0),
    "5 s cut out": lambda wav, rate, rng: middle(wav, rate, 5.0),
    "8 bits a sample": lambda wav, rate, rng: np.asarray(np.round(wav * 127) / 127, dtype=np.float32),
    "tempo +5 %": lambda wav, rate, rng: at_tempo(wav, rate, 1.05),
    "tempo -10 %": lambda wav, rate, rng: at_tempo(wav, rate, 0.9),
    "speed +2 %": lambda wav, rate, rng: resampled(wav, rate * 1.02, rate),
    "speed +5 %": lambda wav, rate, rng: resampled(wav, rate * 1.05, rate),
}
