"""Batches: every item once an epoch, the same number on every rank, a pure function of the step."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from sovits_lab.data.plan import BatchPlan, generator
from sovits_lab.types import InputError

FRAMES = [int(n) for n in np.random.default_rng(0).integers(20, 120, size=97)]
BUDGET = 400


def epoch(plan: BatchPlan, number: int) -> list[list[int]]:
    """All batches of an epoch, of every rank."""
    plan.batch(10_000 // plan.world)  # enough epochs are laid out
    a, b = plan._starts[number], plan._starts[number + 1]
    return [plan.batch(step, rank) for step in range(a, b) for rank in range(plan.world)]


@pytest.mark.parametrize("number", [0, 1, 5])
def test_every_item_once_an_epoch(number: int) -> None:
    seen = [i for batch in epoch(BatchPlan(FRAMES, BUDGET, seed=1), number) for i in batch]
    assert sorted(seen) == list(range(len(FRAMES)))


@pytest.mark.parametrize("world", [2, 3, 5])
def test_ranks_share_an_epoch_evenly(world: int) -> None:
    alone, shared = BatchPlan(FRAMES, BUDGET, seed=1), BatchPlan(FRAMES, BUDGET, seed=1, world=world)
    one, many = epoch(alone, 2), epoch(shared, 2)
    assert len(many) % world == 0 and 0 <= len(many) - len(one) < world
    assert many[: len(one)] == one, "the same batches in the same order, dealt out"
    assert {i for batch in many for i in batch} == set(range(len(FRAMES)))


def test_few_batches_on_many_ranks() -> None:
    plan = BatchPlan([10, 10, 10], 30, seed=0, world=4)
    assert all(sorted(plan.batch(step, rank)) == [0, 1, 2] for step in range(3) for rank in range(4))


def test_no_batch_is_longer_than_asked_and_lengths_are_near() -> None:
    batches = epoch(BatchPlan(FRAMES, BUDGET, seed=1), 0)
    assert all(len(b) * max(FRAMES[i] for i in b) <= BUDGET for b in batches)
    padded = sum(len(b) * max(FRAMES[i] for i in b) for b in batches)
    assert sum(FRAMES) / padded > 0.8, "little of a batch is padding"


def test_a_step_depends_on_nothing_but_its_number() -> None:
    straight, jumping = BatchPlan(FRAMES, BUDGET, seed=3), BatchPlan(FRAMES, BUDGET, seed=3)
    wanted = [straight.batch(step) for step in range(200)]
    for step in (150, 3, 199, 0, 77):
        assert jumping.batch(step) == wanted[step]
    assert BatchPlan(FRAMES, BUDGET, seed=4).batch(0) != wanted[0]


def test_epochs_differ() -> None:
    plan = BatchPlan(FRAMES, BUDGET, seed=1)
    assert all(a != b for a, b in pairwise(epoch(plan, n) for n in range(4)))


def test_what_cannot_be_planned_is_named() -> None:
    with pytest.raises(InputError, match="no utterance"):
        BatchPlan([], 100, seed=0)
    with pytest.raises(InputError, match=r"batch_frames: got 100, expected 150 or more"):
        BatchPlan([10, 150], 100, seed=0)


def test_generators_depend_on_their_whole_key() -> None:
    assert generator(1, 2, 3).random() == generator(1, 2, 3).random()
    assert len({generator(*key).random() for key in [(1, 2, 3), (2, 1, 3), (1, 2), (1, 2, 4)]}) == 4
