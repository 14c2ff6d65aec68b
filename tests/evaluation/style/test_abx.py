"""The vectorised ABX equals its definition, and its chance level is exactly one half."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from evaluation.style.abx import abx_cells, paired_difference, summarise
from evaluation.style.distance import cosine_distances, distances_of, level_removed, standardise


def by_definition(d, emotion, speaker, text) -> float:
    """Mean over cells of the mean over triples, written as loops."""
    cells: dict[tuple, list[float]] = {}
    n = len(emotion)
    for a, b, x in itertools.permutations(range(n), 3):
        if not (speaker[a] == speaker[b] != speaker[x] and emotion[a] == emotion[x] != emotion[b]):
            continue
        if text[x] in (text[a], text[b]):
            continue
        key = (emotion[a], emotion[b], speaker[a], speaker[x], text[x])
        gap = d[b, x] - d[a, x]
        # each X first, then its cell: all X of a cell here have equally many triples
        cells.setdefault(key, []).append(0.5 if abs(gap) < 1e-7 else float(gap > 0))
    return float(np.mean([np.mean(one) for one in cells.values()]))


def test_equals_the_definition() -> None:
    rng = np.random.default_rng(0)
    speaker, emotion, text = (axis.ravel() for axis in np.indices((3, 3, 3)))
    d = cosine_distances(rng.normal(size=(27, 4)))
    cells = abx_cells(d, emotion, speaker, text)
    assert cells.score.mean() == pytest.approx(by_definition(d, emotion, speaker, text))
    assert cells.same_text == 0


def test_label_swap_mirrors_the_roles() -> None:
    """With speaker under test, a one-hot speaker scores 100 % and a one-hot emotion 50 %."""
    speaker, emotion, text = (axis.ravel() for axis in np.indices((4, 3, 2)))
    d = distances_of(standardise(np.eye(4)[speaker]))
    assert abx_cells(d, speaker, emotion, text).score.mean() == 1.0
    assert abx_cells(d, emotion, speaker, text).score.mean() == 0.5
    d = distances_of(standardise(np.eye(3)[emotion]))
    assert abx_cells(d, speaker, emotion, text).score.mean() == 0.5


def test_same_text_is_used_only_when_there_is_no_other_and_is_said() -> None:
    speaker, emotion = (axis.ravel() for axis in np.indices((3, 3)))
    d = cosine_distances(np.random.default_rng(0).normal(size=(9, 3)))
    assert abx_cells(d, emotion, speaker, np.zeros(9, dtype=int)).same_text == 1.0


def test_nothing_to_compare_is_a_reason() -> None:
    speaker = np.array([0, 1, 2])
    d = cosine_distances(np.random.default_rng(0).normal(size=(3, 3)))
    cells = abx_cells(d, np.array([0, 1, 2]), speaker)
    result = summarise(cells, cells.g1, cells.g2, 3)
    assert "no cell" in result.interval.note and np.isnan(result.interval.estimate)
    assert paired_difference(result, result).note


def test_paired_difference_of_equal_encoders_is_zero() -> None:
    speaker, emotion, text = (axis.ravel() for axis in np.indices((5, 3, 2)))
    d = cosine_distances(np.random.default_rng(1).normal(size=(30, 8)))
    cells = abx_cells(d, emotion, speaker, text)
    result = summarise(cells, cells.g1, cells.g2, 5, n=200)
    gap = paired_difference(result, result)
    assert (gap.estimate, gap.low, gap.high) == (0, 0, 0)


def test_level_removed_takes_a_cubic_away() -> None:
    level = np.random.default_rng(2).normal(-26, 4, 50)
    vectors = np.stack([level, level**2, 3 - level], axis=1)
    assert np.abs(level_removed(vectors, level)).max() < 1e-6


def test_a_constant_vector_is_far_from_nothing() -> None:
    d = distances_of(standardise(np.full((6, 3), 0.1)))
    assert abx_cells(d, np.arange(6) % 3, np.arange(6) // 3).score.tolist() == [0.5] * 12
