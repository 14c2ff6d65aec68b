"""Listeners who gave each other's answers: agreement beyond what two people of this test reach by themselves."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from evaluation.listening.results import ListenerResult
from evaluation.listening.trials import TRAP

FEWEST, SHARE = 12, 0.85  # answers in common, share of equal answers
LEVEL = 0.01  # chance that any two of all listeners are called copies by accident

Codes = NDArray[np.int64]


def find_copies(results: Sequence[ListenerResult]) -> dict[str, list[str]]:
    """Find for each listener those with the same answers, number by number as shown or trial by trial as meant."""
    found: dict[str, list[str]] = {one.listener: [] for one in results}
    for table, kinds in (_by_number(results), _by_trial(results)):
        for i, j in _alike(table, kinds):
            a, b = results[i].listener, results[j].listener
            for mine, other in ((a, b), (b, a)):
                if other not in found[mine]:
                    found[mine].append(other)
    return found


def _by_number(results: Sequence[ListenerResult]) -> tuple[Codes, Codes]:
    """Answers as shown [listener, number of the question], and kinds [listener, number]; -1 where there is none."""
    size = max(len(one.responses) for one in results)
    table = np.full((len(results), size), -1, dtype=np.int64)
    kinds = np.full((len(results), size), -1, dtype=np.int64)
    for i, one in enumerate(results):
        for n, response in enumerate(one.responses):
            if response.trial.role != TRAP:  # whose answer is told to everybody
                table[i, n] = _code((response.trial.kind, str(response.answer)))
                kinds[i, n] = _code(response.trial.kind)
    return table, kinds


def _by_trial(results: Sequence[ListenerResult]) -> tuple[Codes, Codes]:
    """Canonical answers [listener, trial], and the trial as its own kind; -1 where it was not asked."""
    names = sorted({r.trial.id for one in results for r in one.responses})
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(results), len(names)), -1, dtype=np.int64)
    kinds = np.full((len(results), len(names)), -1, dtype=np.int64)
    for i, one in enumerate(results):
        for response in one.responses:
            if response.trial.role == "main" and not response.turn.again:
                table[i, place[response.trial.id]] = _code(response.values)
                kinds[i, place[response.trial.id]] = place[response.trial.id]
    return table, kinds


def _code(value: object) -> int:
    """A whole number that stands for a value, the same in every process."""
    return zlib.crc32(str(value).encode())


def _alike(table: Codes, kinds: Codes) -> list[tuple[int, int]]:
    """Find pairs of rows that agree too often: equal answers against the chance that two answers of a kind are equal.

    The count of equal ones is a sum of independent draws of unlike chances (Poisson binomial), corrected over all pairs
    (Bonferroni).
    """
    chance = np.zeros(table.shape)
    for kind in np.unique(kinds[kinds >= 0]):
        inside = kinds == kind
        _, counts = np.unique(table[inside], return_counts=True)
        chance[inside] = float(np.square(counts / counts.sum()).sum())
    found, pairs = [], len(table) * (len(table) - 1) / 2
    for i, j in combinations(range(len(table)), 2):
        both = (kinds[i] == kinds[j]) & (kinds[i] >= 0)
        equal = int((table[i] == table[j])[both].sum())
        if both.sum() < FEWEST or equal < SHARE * both.sum():
            continue
        if stats.poisson_binom.sf(equal - 1, chance[i][both]) < LEVEL / pairs:
            found.append((i, j))
    return found
