"""Forced alignment against all paths, tried one by one."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from sovits_lab.content.alignment import align, place_phones, refine
from sovits_lab.content.ctc import collapse


def best_counts(log_p: np.ndarray, phones: list[int]) -> list[int]:
    """Steps per phone of the most probable path among all label sequences that collapse to `phones`."""
    steps, labels = log_p.shape
    paths = [p for p in itertools.product(range(labels), repeat=steps) if collapse(list(p)) == phones]
    best = max(paths, key=lambda path: sum(log_p[t, label] for t, label in enumerate(path)))
    counts, place, before = [0] * len(phones), -1, 0
    for label in best:
        if label and label != before:
            place += 1
        counts[max(place, 0)] += 1
        before = label
    return counts


@pytest.mark.parametrize("phones", [[0], [0, 1], [1, 1], [2, 0, 2], [0, 0, 1]])
@pytest.mark.parametrize("seed", range(4))
def test_the_path_is_the_best_of_all(phones: list[int], seed: int) -> None:
    logits = np.random.default_rng(seed).normal(size=(6, 4)) * 2
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert align(log_p, np.array(phones)) == best_counts(log_p, phones)


@pytest.mark.parametrize(("steps", "phones"), [(1, 1), (2, 5), (3, 3), (7, 2), (4, 3)])
def test_counts_sum_to_the_steps(steps: int, phones: int) -> None:
    log_p = np.log(np.full((steps, 9), 1 / 9))
    counts = align(log_p, np.arange(phones))
    assert sum(counts) == steps and len(counts) == phones and min(counts) >= 0


def test_too_few_steps_are_divided_evenly() -> None:
    counts = align(np.log(np.full((3, 3), 1 / 3)), np.array([0, 0, 0]))  # repeats need a blank between: 5 steps
    assert counts == [1, 1, 1]


@pytest.mark.parametrize("phones", [64, 65, 127, 128, 133, 256, 400])
@pytest.mark.parametrize("blank_between", [True, False])
def test_long_sequences_align_where_they_were_spoken(phones: int, blank_between: bool) -> None:
    said = np.random.default_rng(phones).integers(8, size=phones)
    path, counts = [], []
    for number, phone in enumerate(said):
        again = number > 0 and said[number - 1] == phone
        if again or blank_between:
            path.append(0)
            if counts:
                counts[-1] += 1  # a blank counts for the phone before it
        counts.append(2 + (not counts and bool(path)))
        path += [phone + 1] * 2
    log_p = np.full((len(path), 9), -8.0)
    log_p[np.arange(len(path)), path] = 0.0
    assert align(log_p, said) == counts


@pytest.mark.parametrize("phones", [[0], [0, 1], [1, 1], [2, 0, 2]])
@pytest.mark.parametrize("seed", range(3))
def test_refined_edges_are_those_of_the_best_of_all_divisions(phones: list[int], seed: int) -> None:
    log_p = np.log(np.random.default_rng(seed).dirichlet(np.ones(3), size=7))
    divisions = [d for d in itertools.product(range(1, 8), repeat=len(phones)) if sum(d) == 7]
    best = max(divisions, key=lambda d: log_p[np.arange(7), np.repeat(phones, d)].sum())
    about = [7 - len(phones) + 1, *[1] * (len(phones) - 1)]
    assert refine(about, log_p, np.array(phones), slack=7) == list(best)


def test_refined_phones_stay_near_where_they_were() -> None:
    log_p = np.log(np.array([[0.9, 0.1]] * 2 + [[0.1, 0.9]] * 18))
    assert refine([2, 18], log_p, np.array([0, 1])) == [2, 18]
    assert refine([4, 16], log_p, np.array([0, 1])) == [2, 18]
    assert refine([14, 6], log_p, np.array([0, 1]), slack=3) == [11, 9]  # as far as it may go


def test_fewer_frames_than_phones_stay_as_they_were() -> None:
    assert refine([1, 0, 1], np.zeros((2, 3)), np.array([0, 1, 2])) == [1, 0, 1]


def best_places(log_p: torch.Tensor, spoken: list[int], phones: list[int]) -> float:
    """Log probability of the likeliest division of the spoken frames among the phones; none where they are too few."""
    scores = []
    for cuts in itertools.combinations(range(1, len(spoken)), len(phones) - 1):
        edges = [0, *cuts, len(spoken)]
        said = [phone for phone, (a, b) in zip(phones, itertools.pairwise(edges), strict=True) for _ in range(a, b)]
        scores.append(sum(float(log_p[frame, phone]) for frame, phone in zip(spoken, said, strict=True)))
    return max(scores)


@pytest.mark.parametrize("seed", range(20))
def test_phones_lie_on_the_likeliest_spoken_frames(seed: int) -> None:
    draw = torch.Generator().manual_seed(seed)
    log_p = torch.randn(4, 9, 5, generator=draw).log_softmax(-1)
    spoken = torch.rand(4, 9, generator=draw) > 0.25
    counts = torch.randint(1, 5, (4, 1), generator=draw)
    mask = torch.arange(4) < counts
    phones = torch.randint(0, 5, (4, 4), generator=draw) * mask
    placed = place_phones(log_p, spoken, phones, mask)
    assert (placed[~spoken] == -1).all()
    for row in range(4):
        frames, said = spoken[row].nonzero()[:, 0].tolist(), phones[row][mask[row]].tolist()
        if len(frames) < len(said):
            assert (placed[row] == -1).all()
            continue
        found = [int(placed[row, frame]) for frame in frames]
        score = sum(float(log_p[row, frame, phone]) for frame, phone in zip(frames, found, strict=True))
        assert score == pytest.approx(best_places(log_p[row], frames, said), abs=1e-4)
