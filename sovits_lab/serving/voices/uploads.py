"""Bytes from outside to a recording, or to a reason why not. The bytes are not kept: what is stored is coded anew."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from sovits_lab.files import printable
from sovits_lab.provenance.containers import container_of
from sovits_lab.serving.contracts import RefusedClipError
from sovits_lab.serving.voices.foreign import foreign_content

MOST_BYTES = 32 << 20
PATIENCE = 30.0  # seconds for the decoder
DECODER = Path(__file__).with_name("decoder.py")
ACCEPTED = ("wav", "flac", "mp3", "ogg")
STORED = ("FLAC", "PCM_16")


class UploadedClip(NamedTuple):
    """A recording as it was uploaded: samples [T, C] in [-1, 1], and their rate in Hz."""

    wav: NDArray[np.float32]
    sample_rate: int

    @property
    def mono(self) -> NDArray[np.float32]:
        """The mean of all channels, [T]."""
        return np.ascontiguousarray(self.wav.mean(axis=1), dtype=np.float32)

    def stored(self) -> bytes:
        """Return the recording as it is kept: mono, FLAC, no metadata; the same samples give the same bytes."""
        out = io.BytesIO()
        soundfile.write(out, np.clip(self.mono, -1, 1), self.sample_rate, format=STORED[0], subtype=STORED[1])
        return out.getvalue()


def decode_upload(what: str, data: bytes, longest: float) -> UploadedClip:
    """Decode an upload, see `decoder`.

    Args:
        what: its role, for messages.
        data: the bytes.
        longest: seconds; decoding stops there.

    Raises:
        RefusedClipError: no recording of a kind that is accepted, something else inside of it, too long or too large.
    """
    if not isinstance(data, bytes) or not data:
        raise RefusedClipError(f"{what}: got no bytes, expected a recording")
    if len(data) > MOST_BYTES:
        raise RefusedClipError(f"{what}: got {len(data)} bytes, expected at most {MOST_BYTES}")
    kind = container_of(data)
    if kind not in ACCEPTED:
        raise RefusedClipError(f"{what}: got {kind or 'no audio file'}, expected one of {', '.join(ACCEPTED)}")
    if why := foreign_content(data, kind):
        raise RefusedClipError(f"{what}: {why}, expected a plain recording")
    return _decoded(what, data, longest)


def _decoded(what: str, data: bytes, longest: float) -> UploadedClip:
    """The samples, by a process of its own."""
    environment = {"PATH": os.defpath, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    try:
        done = subprocess.run(  # noqa: S603  our own file, no shell
            [sys.executable, "-I", str(DECODER), str(longest)],
            input=data,
            capture_output=True,
            timeout=PATIENCE,
            env=environment,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise RefusedClipError(f"{what}: decoding took more than {PATIENCE:g} s, expected a plain recording") from error
    head, _, samples = done.stdout.partition(b"\n")
    try:
        answer = json.loads(head)
    except ValueError:
        answer = {"refused": f"the decoder ended with status {done.returncode}"}
    if "refused" in answer:
        expected = f"a recording of at most {longest:g} s"
        raise RefusedClipError(f"{what}: got {printable(str(answer['refused']))}, expected {expected}")
    wav = np.frombuffer(samples, dtype=np.float32).reshape(answer["samples"], answer["channels"])
    return UploadedClip(wav, int(answer["rate"]))
