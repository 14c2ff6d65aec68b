"""What is heard in the recordings of a corpus: header and samples against the limits, many files at once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np

from sovits_lab.audio.files import audio_info, load_audio
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.limits import ClipLimits
from sovits_lab.corpora.manifest import Header, Record
from sovits_lab.types import InputError

Reason = tuple[str, str]


class Examined(NamedTuple):
    """What was found in one recording; `speech` are its seconds without the silence around it, None where unknown."""

    row: Record
    header: Header | None
    speech: float | None
    reasons: list[Reason]


_FEW = 64  # below this many rows the start of processes costs more than it saves


def examine(rows: Sequence[Record], limits: ClipLimits, decode: bool) -> Iterable[Examined]:
    """Examine every recording, in the order of the rows.

    Args:
        rows: with absolute audio paths.
        limits: what counts as bad.
        decode: decode the recordings; else their headers alone are read.
    """
    one = partial(_examine, limits=limits, decode=decode)
    workers = 1 if not decode else min(len(os.sched_getaffinity(0)), len(rows) // _FEW + 1)
    return map(one, rows) if workers == 1 else _side_by_side(one, rows, workers)


def _side_by_side(one: partial[Examined], rows: Sequence[Record], workers: int) -> Iterator[Examined]:
    with ProcessPoolExecutor(workers, mp_context=get_context("forkserver")) as pool:
        yield from pool.map(one, rows, chunksize=16)


def _examine(row: Record, limits: ClipLimits, decode: bool) -> Examined:
    if not row.audio.is_file():
        what = "no ordinary file" if row.audio.exists() else "no such file"
        return Examined(row, None, None, [("missing", what)])
    try:
        info = audio_info(row.audio)
        header = Header(info.sample_rate, info.samples)
        reasons = _header_reasons(header, info.channels, limits)
        # A file that is far too long is not decoded.
        if not decode or info.seconds > limits.max_seconds:
            return Examined(row, header, None, reasons)
        wav = load_audio(row.audio, info.sample_rate, mix_down=True)
    except InputError as error:
        return Examined(row, None, None, [("unreadable", str(error))])
    trimmed = trim_silence(wav, info.sample_rate)
    reasons += _sample_reasons(wav, limits) or _speech_reasons(trimmed.start, trimmed.end, info.seconds, limits)
    return Examined(row, header, trimmed.end - trimmed.start, reasons)


def _header_reasons(header: Header, channels: int, limits: ClipLimits) -> list[Reason]:
    seconds = header.samples / header.sample_rate
    reasons = []
    if seconds < limits.min_seconds:
        reasons.append(("too short", f"{seconds:.2f} s, expected at least {limits.min_seconds:g} s"))
    if seconds > limits.max_seconds:
        reasons.append(("too long", f"{seconds:.1f} s, expected at most {limits.max_seconds:g} s"))
    if header.sample_rate < limits.sample_rate:
        reasons.append(("wrong rate", f"{header.sample_rate} Hz, expected at least {limits.sample_rate} Hz"))
    if channels > limits.channels:
        expected = "mono" if limits.channels == 1 else f"at most {limits.channels}"
        detail = f"{channels} channels, expected {expected}; corpus.limits.channels={channels} mixes them down"
        reasons.append(("several channels", detail))
    return reasons


def _sample_reasons(wav: np.ndarray, limits: ClipLimits) -> list[Reason]:
    share = float(np.mean(np.abs(wav) >= limits.full_scale))
    peak = float(np.abs(wav - wav.mean()).max())  # a constant is not heard
    if peak < limits.silence_peak:
        return [("silent", f"largest sample {peak:.5f}, expected at least {limits.silence_peak:g}")]
    if share > limits.clipped_share:
        return [
            (
                "clipped",
                f"{100 * share:.2f} % of the samples at full scale, expected at most {100 * limits.clipped_share:g} %",
            )
        ]
    return []


def _speech_reasons(start: float, end: float, seconds: float, limits: ClipLimits) -> list[Reason]:
    silence = max(start, seconds - end)
    if silence > limits.silent_ends:
        detail = f"{silence:.1f} s before or after the speech, expected at most {limits.silent_ends:g} s"
        return [("silence around speech", detail)]
    if end - start < limits.min_seconds <= seconds:
        return [("too short", f"{end - start:.2f} s without silence, expected at least {limits.min_seconds:g} s")]
    return []
