"""Speaks one sentence as a stream of MP3, labelled from its start on; usage: speak.py [TEXT] [VOICE] [EMOTION]."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import httpx


def main() -> None:
    """Write speech.mp3, and say when its first sound came."""
    text, voice, emotion = (*sys.argv[1:], *("The river is cold.", "heart", "sad")[len(sys.argv) - 1 :])
    ask = {
        "input": text,
        "voice": voice,
        "emotion": emotion,
        "seed": 7,
        "response_format": "mp3",
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
    Path("speech.mp3").write_bytes(b"".join(pieces))


if __name__ == "__main__":
    main()
