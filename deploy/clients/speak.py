"""Speaks one sentence as a stream of raw samples; usage: speak.py [TEXT] [VOICE] [EMOTION]."""

from __future__ import annotations

import os
import sys
import time
import wave
from pathlib import Path

import httpx


def main() -> None:
    """Write speech.wav, and say when its first sound came."""
    text, voice, emotion = (*sys.argv[1:], *("The river is cold.", "ann", "sad")[len(sys.argv) - 1 :])
    ask = {
        "input": text,
        "voice": voice,
        "emotion": emotion,
        "seed": 7,
        "response_format": "pcm",
        "stream_format": "audio",
    }
    url = os.environ.get("SOVITS_URL", "http://127.0.0.1:8000")
    key = {"Authorization": f"Bearer {os.environ['SOVITS_KEY']}"}
    began, pieces = time.monotonic(), []
    with httpx.stream("POST", f"{url}/v1/audio/speech", json=ask, headers=key, timeout=60) as reply:
        if reply.is_error:
            sys.exit(reply.read().decode())
        for piece in reply.iter_bytes():
            if not pieces:
                print(f"first sound after {1000 * (time.monotonic() - began):.0f} ms")
            pieces.append(piece)
        rate = int(reply.headers["X-Sample-Rate"])
    with wave.open(str(Path("speech.wav")), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(b"".join(pieces))


if __name__ == "__main__":
    main()
