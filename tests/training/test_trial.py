"""Models are built on trial without memory, and nothing that a constructor refuses is lost by that."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sovits_lab.training.trial import check_buildable, on_trial
from sovits_lab.types import InputError


class Positive(nn.Module):
    """A module whose constructor looks at numbers."""

    def __init__(self, least: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((2,), least))
        if self.weight.min().item() <= 0:
            raise InputError(f"least: got {least}, expected a number above 0")


def test_a_trial_has_no_numbers_and_draws_none() -> None:
    before = torch.get_rng_state()
    assert on_trial(lambda: nn.Linear(3, 2)).weight.is_meta
    assert torch.equal(torch.get_rng_state(), before)


def test_a_constructor_that_looks_at_numbers_gets_them() -> None:
    before = torch.get_rng_state()
    assert not on_trial(lambda: Positive(1.0)).weight.is_meta
    with pytest.raises(InputError, match=r"least: got 0\.0"):
        check_buildable(lambda: Positive(0.0))
    assert torch.equal(torch.get_rng_state(), before)


def test_weights_that_no_memory_holds_are_refused_without_asking_for_it() -> None:
    with pytest.raises(InputError, match=r"model: got '4,000,004\.0 GB of weights', expected at most this machine's"):
        check_buildable(lambda: nn.Linear(1_000_000, 1_000_000_000))
