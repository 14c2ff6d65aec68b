"""Many requests at once of several voices: is each what it is alone, and in its own voice?"""

from __future__ import annotations

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import soundfile
from numpy.typing import NDArray

from sovits_lab.audio.files import resample
from sovits_lab.bench.service_stack import ServiceStack
from sovits_lab.conditioning.campplus import installed_ears
from sovits_lab.types import InputError, got

VOICES, REQUESTS, JUDGE_RATE = 8, 50, 16_000
TEXTS = ("The river is cold and the boat is old.", "Seven men walked home in the rain last night.",
         "She asked them why, and nobody said a word.")  # fmt: skip


def requests_of(voices: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return fifty bodies of eight voices, two emotions and a mix of them, every fifth a stream."""
    made = []
    for number in range(REQUESTS):
        voice = voices[number % VOICES]
        labels = sorted(voice["emotions"])[-2:]
        emotion = (*labels, dict.fromkeys(labels, 0.5))[number % 3] if len(labels) == 2 else None
        made.append({"input": TEXTS[number % len(TEXTS)], "voice": voice["id"], "seed": number, "emotion": emotion,
                     "response_format": "wav", "stream_format": "audio" if number % 5 == 0 else None})  # fmt: skip
    return made


def in_own_voice(vectors: NDArray[np.float64], voices: Sequence[str]) -> int:
    """Return how many vectors [N, D] of unit length are nearer to the others of their voice than to another voice."""
    right = 0
    for number, own in enumerate(voices):
        others = [i for i in range(len(voices)) if i != number]
        likeness = {
            name: float(np.mean([vectors[i] @ vectors[number] for i in others if voices[i] == name]))
            for name in set(voices)
        }
        right += max(likeness, key=lambda name: likeness[name]) == own
    return right


def measure_crossed(stack: ServiceStack) -> None:
    """Print how many of fifty requests at once were lost, differ from the same request alone, or are another's voice.

    Raises:
        InputError: fewer than eight voices, or no weights that tell speakers apart.
    """
    ears = installed_ears()
    if ears is None:
        raise InputError("bench serve what=crossed: got no weights of CAM++, see `python -m sovits_lab weights`")
    with stack.client() as client:
        voices = client.get("/v1/audio/voices").json()["voices"]
        if len(voices) < VOICES:
            raise got("bench serve what=crossed, voices of the bundle", len(voices), f"at least {VOICES}")
        asked = requests_of(voices)

        def ask(body: dict[str, Any]) -> httpx.Response:
            return client.post("/v1/audio/speech", json=body)

        alone = [ask(body) for body in asked]
        with ThreadPoolExecutor(REQUESTS) as pool:
            together = list(pool.map(ask, asked))
    equal = sum(_sound(one) == _sound(other) for one, other in zip(alone, together, strict=True))
    judged = np.asarray(ears([_judged(reply) for reply in together]), np.float64)
    right = in_own_voice(judged, [body["voice"] for body in asked])
    spoken = sum(reply.status_code == 200 for reply in together)
    print(f"crossed: {spoken} of {REQUESTS} at once spoken; {equal} equal to the same request alone, bit for bit; "
          f"{right} nearest to their own of {VOICES} voices (CAM++)", flush=True)  # fmt: skip


def _sound(reply: httpx.Response) -> bytes:
    """The samples of a reply; the labels before them hold the request's id."""
    reply.raise_for_status()
    return reply.content[reply.content.index(b"data") + 8 :]


def _judged(reply: httpx.Response) -> NDArray[np.float32]:
    samples = np.frombuffer(_sound(reply)[: len(_sound(reply)) // 2 * 2], "<i2").astype(np.float32) / 32768
    rate = soundfile.info(io.BytesIO(reply.content)).samplerate
    return resample(samples, rate, JUDGE_RATE)
