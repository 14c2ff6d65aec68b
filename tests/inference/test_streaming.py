"""Streams of our own voices: the whole in pieces, and work that ends when nobody wants it any more."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sovits_lab import Synthesizer
from sovits_lab.inference import streaming
from sovits_lab.inference.request import Request
from sovits_lab.types import InputError

PLAIN = "The river is cold. Nobody went there any more, and nobody asked why. " * 3
TEXT = (
    "The river is cold. [pause:0.2][emotion:sad]Nobody went there any more, and nobody asked why.[/emotion] "
    "Yes [rate:0.8]now[/rate]!"
)


def taken(stream: Any) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """Pieces and flags."""
    pieces = []
    while True:
        try:
            pieces.append(next(stream))
        except StopIteration as end:
            return pieces, end.value


def test_clauses_joined_are_the_speech(synthesizer: Synthesizer) -> None:
    request = Request(TEXT, "ann", seed=4)
    whole = synthesizer.speak_all([request])[0]
    pieces, flags = taken(synthesizer.stream(request))
    assert len(pieces) > 4 and set(flags) == set(whole.flags)
    assert np.array_equal(np.concatenate(pieces), whole.wav)


def test_chunks_are_as_long_as_the_tokens(synthesizer: Synthesizer) -> None:
    request = Request("The river is cold.", "ann", emotion="sad", strength=0.5, seed=6)
    whole = synthesizer.speak_all([request])[0]
    for chunk in (1, 4, 99):
        pieces, flags = taken(synthesizer.stream(request, chunk))
        assert sum(map(len, pieces)) == len(whole.wav) and set(whole.flags) - {"pitch", "soft"} <= set(flags)


def test_a_closed_stream_samples_no_more(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = []
    usual = streaming.token_steps

    def counted(*args: Any) -> Any:
        for step in usual(*args):
            steps.append(step)
            yield step

    monkeypatch.setattr(streaming, "token_steps", counted)
    stream = synthesizer.stream(Request(PLAIN, "ann", seed=4), 2)
    next(stream)
    count = len(steps)
    stream.close()
    assert len(steps) == count and count <= 3
    list(synthesizer.stream(Request(PLAIN, "ann", seed=4)))
    assert len(steps) > 10 * count


def test_a_cancelled_stream_ends_within_a_token(synthesizer: Synthesizer) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    pieces, flags = taken(synthesizer.stream(Request(TEXT, "ann", seed=4), cancelled=cancelled))
    assert flags[-1] == "cancelled" and len(asked) == 6 and not pieces


@pytest.mark.parametrize(
    ("more", "chunk", "match"),
    [
        ({"f0": [100.0]}, None, "f0: got .*expected none in a stream"),
        ({"prosody": "b.wav"}, None, "prosody: got 'b.wav', expected none in a stream"),
        ({"rate": 2.0}, 8, "rate: got 2.0, expected 1 beside chunk"),
        ({"guidance": 2.0}, 8, "guidance: got 2.0, expected 1 beside chunk"),
        ({}, 0, "chunk: got 0, expected a whole number of tokens from 1"),
        ({"speaker": "carl"}, None, "speaker: got 'carl'"),
        ({"text": "[rate:0.8]Yes.[/rate]"}, 8, "rate: got 0.8, expected 1 beside chunk"),
    ],
)
def test_what_needs_the_whole_is_refused_before_the_first_piece(
    synthesizer: Synthesizer, more: dict[str, Any], chunk: int | None, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        synthesizer.stream(Request(**{"text": "Yes.", "speaker": "ann", **more}), chunk)
