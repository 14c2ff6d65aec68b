"""Streams of our own voices: the whole in pieces, and work that ends when nobody wants it any more."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab import Synthesizer
from sovits_lab.inference import streaming, waveforms
from sovits_lab.inference.request import Request
from sovits_lab.inference.utterances import utterances_of
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


@pytest.mark.parametrize("chunk", [1, 4, 99])
def test_chunks_joined_are_the_speech(synthesizer: Synthesizer, chunk: int) -> None:
    request = Request("The river is cold. Nobody went there.", "ann", emotion="sad", strength=0.5, rate=0.8, seed=6)
    whole = synthesizer.speak_all([request])[0]
    pieces, flags = taken(synthesizer.stream(request, chunk))
    assert np.array_equal(np.concatenate(pieces), whole.wav) and set(flags) == set(whole.flags)
    assert all(len(piece) <= chunk * 2 * synthesizer.voice.hop for piece in pieces if piece.any())  # others are pauses


def test_a_closed_stream_samples_no_more(synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = []
    usual = streaming.sampled_tokens

    def counted(*args: Any) -> Any:
        for token in usual(*args):
            tokens.append(token)
            yield token

    monkeypatch.setattr(streaming, "sampled_tokens", counted)
    stream = synthesizer.stream(Request(PLAIN, "ann", seed=4), 2)
    next(stream)
    count = len(tokens)
    stream.close()
    assert len(tokens) == count
    list(synthesizer.stream(Request(PLAIN, "ann", seed=4)))
    assert len(tokens) > 3 * count  # a clause was decoded of many


def test_a_cancelled_stream_ends_within_a_token(synthesizer: Synthesizer) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(1)
        return len(asked) > 5

    pieces, flags = taken(synthesizer.stream(Request(TEXT, "ann", seed=4), cancelled=cancelled))
    assert flags[-1] == "cancelled" and len(asked) == 6 and not pieces


def test_a_cancelled_clause_is_planned_and_not_rendered(
    synthesizer: Synthesizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = []
    usual = waveforms.planned_utterance
    monkeypatch.setattr(waveforms, "planned_utterance", lambda *said: planned.append(1) or usual(*said))
    pieces, flags = taken(synthesizer.stream(Request(TEXT, "ann", seed=4), 8, cancelled=lambda: bool(planned)))
    assert len(planned) == 1 and flags[-1] == "cancelled" and not pieces


@pytest.mark.parametrize(
    ("more", "chunk", "match"),
    [
        ({"f0": [100.0]}, None, "f0: got .*expected none in a stream"),
        ({"prosody": "b.wav"}, None, "prosody: got 'b.wav', expected none in a stream"),
        ({}, 0, "chunk: got 0, expected a whole number of tokens from 1"),
        ({"speaker": "carl"}, None, "speaker: got 'carl'"),
    ],
)
def test_what_needs_the_whole_is_refused_before_the_first_piece(
    synthesizer: Synthesizer, more: dict[str, Any], chunk: int | None, match: str
) -> None:
    with pytest.raises(InputError, match=match):
        synthesizer.stream(Request(**{"text": "Yes.", "speaker": "ann", **more}), chunk)


@pytest.fixture(scope="module")
def starter() -> Synthesizer:
    """A voice whose tokens are made all at once, and that was trained."""
    return Synthesizer.load()


CONTROLS = ({}, {"rate": 0.8, "pitch_shift": -2.0}, {"emotion": "sad", "strength": 0.6, "energy_shift": 3.0})


@pytest.mark.parametrize("controls", CONTROLS)
def test_chunks_of_the_starter_voice_are_the_speech_itself(starter: Synthesizer, controls: dict[str, Any]) -> None:
    request = Request("The river is cold. Nobody went there.", seed=3, **controls)
    whole = starter.speak_all([request])[0]
    pieces, flags = taken(starter.stream(request, 8))
    assert np.array_equal(np.concatenate(pieces), whole.wav) and set(flags) == set(whole.flags)
    assert max(len(piece) for piece in pieces if piece.any()) == 8 * 2 * starter.voice.hop


def test_chunks_bring_each_time_once(starter: Synthesizer) -> None:
    request = Request("The river is cold. Nobody went there.", rate=0.8)
    clauses, chunks = (list(starter.stream_timed(request, chunk)) for chunk in (None, 8))
    for name in ("phones", "words"):
        expected = [time for piece in clauses for time in getattr(piece.timings, name)]
        assert [time for piece in chunks for time in getattr(piece.timings, name)] == expected and expected
    heard = 0
    for piece in chunks[:3]:  # a phone is told with the piece in which it ends
        heard += len(piece.wav)
        assert all(phone.end <= heard / starter.voice.sample_rate for phone in piece.timings.phones)


def test_prosody_between_two_styles_is_that_of_their_plans(starter: Synthesizer) -> None:
    plan = utterances_of(Request("Nobody went there.", emotion="sad", strength=0.6), starter.clips)
    ends = plan[0].style.ends
    assert ends is not None
    tokens = torch.arange(40) % starter.voice.sovits.prior.tokens.num_embeddings
    between = waveforms.planned_utterance(starter.voice, plan[0], tokens)
    neutral, full = (
        waveforms.planned_utterance(starter.voice, replace(plan[0], style=style), tokens)
        for style in (ends.neutral, ends.full)
    )
    assert not torch.equal(neutral.pitch, full.pitch)
    for name in ("pitch", "voiced", "energy", "extent"):
        expected = torch.lerp(getattr(neutral, name), getattr(full, name), ends.strength)
        assert torch.equal(getattr(between, name), expected)
