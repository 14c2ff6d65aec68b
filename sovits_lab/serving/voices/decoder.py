"""Decodes one upload in a process of its own, with little memory, no files and a few seconds of processor time.

`python -I decoder.py SECONDS` reads an audio file from its input and writes a line of JSON, then float32 samples
[T, C]. It runs as a file, without the package, so that a decoder that is led astray has little to lead to.
"""

from __future__ import annotations

import io
import json
import resource
import sys

import numpy as np
import soundfile

MEMORY = 2 << 30  # bytes of addresses, most of which are the libraries'
PROCESSOR_SECONDS = 20
RATES, CHANNELS = (8000, 192_000), 8


def limit() -> None:
    """Give up what decoding does not need."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, PROCESSOR_SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NPROC, 0),
    ):
        resource.setrlimit(what, (most, most))


def decode(data: bytes, seconds: float) -> tuple[dict[str, object], bytes]:
    """Decode at most so many seconds; more of them is a refusal, whatever the header said."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        if not RATES[0] <= file.samplerate <= RATES[1] or file.channels > CHANNELS:
            return {"refused": f"{file.samplerate} Hz and {file.channels} channels"}, b""
        most = int(seconds * file.samplerate)
        blocks, have = [], 0
        while have <= most:
            block = file.read(min(65_536, most + 1 - have), dtype="float32", always_2d=True)
            if not len(block):
                break
            blocks.append(block)
            have += len(block)
        if have > most:
            return {"refused": f"more than {seconds:g} s"}, b""
        if not have:
            return {"refused": "no samples"}, b""
        wav = np.concatenate(blocks)
        if not np.isfinite(wav).all():
            return {"refused": "NaN or infinite samples"}, b""
        return {"rate": file.samplerate, "channels": file.channels, "samples": have}, wav.tobytes()


def main() -> int:
    """Decode the input; the reply says what was found or why it was refused."""
    data = sys.stdin.buffer.read()
    limit()
    try:
        answer, samples = decode(data, float(sys.argv[1]))
    except (soundfile.LibsndfileError, OSError, ValueError, MemoryError) as error:
        answer, samples = {"refused": f"cannot be decoded ({error})"[:200]}, b""
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + samples)
    sys.stdout.buffer.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
