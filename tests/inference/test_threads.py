"""Requests of many threads to one synthesizer are as if each had it alone; the host's chance is left alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from sovits_lab import Synthesizer
from sovits_lab.inference.bounded import BoundedCache
from sovits_lab.inference.synthesizer import Request

TEXTS = ("Yes.", "No, not now.", "The river is cold.", "[emotion:sad]Go.[/emotion] [pause:0.1]Stay!")
WAYS = ({"emotion": "sad"}, {"rate": 1.2, "pitch_shift": 2.0}, {"style": "high.wav", "strength": 0.5}, {})


def requests_of(clips: Path, count: int) -> list[Request]:
    made = []
    for i in range(count):
        how = dict(WAYS[i % len(WAYS)])
        if "style" in how:
            how["style"] = str(clips / "high.wav")
        speaker = ("ann", "bob", clips / "low.wav")[i % 3]
        made.append(Request(TEXTS[(i // 3) % len(TEXTS)], speaker, seed=i, **how))  # type: ignore[arg-type]
    return made


def test_eight_threads_say_what_one_says(voice_folder: Path, clips: Path) -> None:
    requests = requests_of(clips, 100)
    alone, shared = Synthesizer.load(voice_folder), Synthesizer.load(voice_folder)
    serial = [alone.speak_all([request])[0] for request in requests]
    torch.manual_seed(7)
    states = torch.get_rng_state(), np.random.get_state()[1].copy()  # type: ignore[index]
    with ThreadPoolExecutor(8) as pool:
        spoken = list(pool.map(lambda request: shared.speak_all([request])[0], requests))
    assert torch.equal(states[0], torch.get_rng_state())
    assert np.array_equal(states[1], np.random.get_state()[1])  # type: ignore[index]
    for one, other in zip(serial, spoken, strict=True):
        assert one.tokens == other.tokens and np.array_equal(one.wav, other.wav) and one.flags == other.flags
    assert len({one.wav.tobytes() for one in serial}) > 50  # they do differ among themselves


def test_a_bounded_cache_forgets_the_oldest_and_keeps_no_error() -> None:
    cache: BoundedCache[int] = BoundedCache(2)
    made = []

    def make(value: int) -> int:
        made.append(value)
        if value < 0:
            raise ValueError
        return value

    for value in (1, 2, 1, 3, 1, 2):  # 2 leaves when 3 comes, for 1 was asked for later
        assert cache.get(value, lambda v=value: make(v)) == value  # type: ignore[misc]
    assert made == [1, 2, 3, 2] and len(cache) == 2
    for _ in range(2):
        try:
            cache.get(-1, lambda: make(-1))
        except ValueError:
            continue
        raise AssertionError("an error was swallowed")
    assert made[-2:] == [-1, -1]
