"""Speaks one sentence by OpenAI's own client; usage: speak_openai.py [TEXT] [VOICE] [EMOTION]."""

from __future__ import annotations

import os
import sys

from openai import OpenAI


def main() -> None:
    """Write speech.wav."""
    text, voice, emotion = (*sys.argv[1:], *("The river is cold.", "heart", "sad")[len(sys.argv) - 1 :])
    url = os.environ.get("SOVITS_URL", "http://127.0.0.1:8000")
    client = OpenAI(base_url=f"{url}/v1", api_key=os.environ["SOVITS_KEY"])
    reply = client.audio.speech.create(
        model="tts-1", voice=voice, input=text, response_format="wav", extra_body={"emotion": emotion, "seed": 7}
    )
    reply.write_to_file("speech.wav")


if __name__ == "__main__":
    main()
