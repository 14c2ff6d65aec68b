"""A film in the terminal through the engine protocol: text on the screen, sound into a WAV file.

    python player.py ws://127.0.0.1:8765/film film.wav

It needs `pip install websockets`.
"""

from __future__ import annotations

import base64
import json
import sys
import wave

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect


def main(address: str, path: str) -> None:
    """Play one film; a lost connection is resumed."""
    first: dict = {"type": "start", "seed": 0}
    session, seq, said = "", 0, ""
    with wave.open(path, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        while True:
            try:
                with connect(address) as film:
                    film.send(json.dumps(first))
                    if said:  # it may be lost; the film takes an answer to one question once
                        film.send(said)
                    for text in film:
                        message = json.loads(text)
                        seq, said = max(seq, message.get("seq", 0)), ""
                        if message["type"] == "hello":
                            session = message["session"]
                            sound.setframerate(message["sample_rate"])
                            print(message["notice"])
                        elif message["type"] == "audio":
                            sound.writeframes(base64.b64decode(message["pcm"]))
                        elif message["type"] == "choices":
                            said = json.dumps(answer(message["choices"]) | {"question": message["seq"]})
                            film.send(said)
                        elif message["type"] == "end":
                            print(f"-- {message['ending']} --")
                            return
                        else:
                            show(message)
            except (ConnectionClosed, ConnectionError):
                if not session:
                    raise
            first = {"type": "resume", "session": session, "after": seq}


def show(message: dict) -> None:
    """Print what is said."""
    if message["type"] == "line":
        print(f"{message['character']} ({message['emotion']}): {message['text']}")
    elif message["type"] in ("narration", "error"):
        print(message.get("text") or message["message"])


def answer(choices: list[dict]) -> dict:
    """Ask for a number or free words."""
    for number, choice in enumerate(choices, 1):
        print(f"  {number}. {choice['text']}")
    said = input("> ").strip()
    if said.isdigit() and 1 <= int(said) <= len(choices):
        return {"type": "choose", "index": choices[int(said) - 1]["index"]}
    return {"type": "say", "text": said[:300] or "..."}


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["ws://127.0.0.1:8765/film", "film.wav"]))
