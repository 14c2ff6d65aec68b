"""Sound inside a page: recordings as base64 MP3, which every browser on every phone plays."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import soundfile

from evaluation.scoring.recording import Recording, read_recording

RATE = 16000


def encode_audio(path: Path | None) -> str:
    """Encode a recording as the `data:` address of an MP3; empty where there is no playable file."""
    clip = read_recording(path, RATE)
    if not isinstance(clip, Recording):
        return ""
    memory = io.BytesIO()
    soundfile.write(memory, clip.wav, RATE, format="MP3", subtype="MPEG_LAYER_III")
    return f"data:audio/mpeg;base64,{base64.b64encode(memory.getvalue()).decode('ascii')}"
