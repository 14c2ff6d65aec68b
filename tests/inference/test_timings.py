"""Phones and words in time."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import monotonic, timings_of
from sovits_lab.inference.utterances import utterances_of

TEXT = "The river is cold, and the sea is far."


def best_by_hand(log_p: np.ndarray) -> float:
    """The score of the best monotonic path, by trying all."""
    steps, phones = log_p.shape
    best = -np.inf
    for cuts in itertools.combinations(range(1, steps), phones - 1):
        edges = [0, *cuts, steps]
        best = max(best, sum(log_p[a:b, p].sum() for p, (a, b) in enumerate(itertools.pairwise(edges))))
    return best


@pytest.mark.parametrize("seed", range(5))
def test_monotonic_finds_the_best_of_all_paths(seed: int) -> None:
    log_p = np.random.default_rng(seed).normal(size=(8, 4)).astype(np.float32)
    counts = monotonic(log_p)
    edges = np.concatenate([[0], np.cumsum(counts)])
    assert sum(counts) == 8 and min(counts) >= 1
    score = sum(log_p[a:b, p].sum() for p, (a, b) in enumerate(itertools.pairwise(edges)))
    assert score == pytest.approx(best_by_hand(log_p), abs=1e-5)


def test_an_open_path_gives_only_phones_that_are_over() -> None:
    log_p = np.full((6, 5), -5.0, np.float32)
    for t, p in enumerate((0, 0, 1, 1, 2, 2)):
        log_p[t, p] = 0
    assert monotonic(log_p, whole=False) == [2, 2]


@pytest.mark.parametrize("chunk", [None, 5])
def test_the_times_of_a_stream_cover_its_phones_in_order(
    synthesizer: Synthesizer, clips: Path, chunk: int | None
) -> None:
    request = Request(TEXT, clips / "low.wav", seed=3)
    pieces = list(synthesizer.stream_timed(request, chunk))
    whole = list(synthesizer.stream(request, chunk))
    for piece, wav in zip(pieces, whole, strict=True):
        np.testing.assert_array_equal(piece.wav, wav)
    phones = [one for piece in pieces for one in piece.timings.phones]
    assert tuple(one.phone for one in phones) == synthesizer.speak_all([request])[0].phones
    seconds = sum(len(piece.wav) for piece in pieces) / synthesizer.voice.sample_rate
    assert all(a.end == pytest.approx(b.start) or a.end <= b.start for a, b in itertools.pairwise(phones)) or chunk
    assert 0 <= phones[0].start <= phones[-1].end <= seconds + 1e-6
    words = [one.word for piece in pieces for one in piece.timings.words]
    assert words == ["The", "river", "is", "cold", "and", "the", "sea", "is", "far"]


def test_a_model_that_settles_durations_is_asked_for_them(
    synthesizer: Synthesizer, clips: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Edges are sums of what the model spreads its phones by; of a stream only phones that are over come out."""
    voice = synthesizer.voice
    (utterance,) = utterances_of(Request("Yes.", clips / "low.wav", rate=2.0), synthesizer.clips)
    lasts = torch.arange(1.0, len(utterance.phones) + 1)
    monkeypatch.setattr(voice.gpt, "spoken_durations", lambda *_: lasts[None], raising=False)
    ends = lasts.cumsum(0) / 25 / 2
    whole = timings_of(voice, utterance, torch.zeros(int(lasts.sum()), dtype=torch.long))
    assert [one.end for one in whole.phones] == pytest.approx(ends.tolist()) and not whole.estimated
    begun = timings_of(voice, utterance, torch.zeros(4, dtype=torch.long), whole=False)
    assert begun.phones == whole.phones[:2]
