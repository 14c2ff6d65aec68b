"""Normalisation: by its definitions, blind to padding, the same in training as afterwards."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.normalisation import InstanceNorm, MaskedBatchRenorm, NoNorm, RunningScale


def test_each_channel_of_each_utterance_is_normal() -> None:
    torch.manual_seed(0)
    x, mask = 3 * torch.randn(2, 4, 50) + 7, length_mask(torch.tensor([50, 30]))
    y = InstanceNorm()(x, mask)
    torch.testing.assert_close(y[1, :, :30].mean(1), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(y[1, :, :30].var(1, correction=0), torch.ones(4), atol=1e-4, rtol=0)
    torch.testing.assert_close(y[1:, :, :30], torch.nn.functional.instance_norm(x[1:, :, :30]))
    assert not y[1, :, 30:].any()
    torch.testing.assert_close(InstanceNorm()(x * 5 + 2, mask), y, atol=1e-4, rtol=1e-4)
    assert NoNorm()(x, mask) is x


MASK = length_mask(torch.tensor([15, 9, 4]))


def batch(seed: int, shift: float = 0.0, padding: float = 50.0) -> torch.Tensor:
    x = torch.randn(3, 6, 15, generator=torch.Generator().manual_seed(seed)) + shift
    return torch.where(MASK[:, None], x, torch.full_like(x, padding))


def settled(updates: int = 400) -> MaskedBatchRenorm:
    model = MaskedBatchRenorm(6, alone=20, opening=20)
    for seed in range(updates):
        model(batch(seed), MASK)
    return model


def test_the_first_batches_are_normalised_as_by_batch_normalisation() -> None:
    ours, plain = MaskedBatchRenorm(6), nn.BatchNorm1d(6)
    out = ours(batch(0), MASK)
    torch.testing.assert_close(out.transpose(1, 2)[MASK], plain(batch(0).transpose(1, 2)[MASK]))
    assert not out.transpose(1, 2)[~MASK].any()
    assert torch.equal(ours(batch(0, padding=7.0), MASK), out)
    torch.testing.assert_close(ours.running_mean, batch(0).transpose(1, 2)[MASK].mean(0))


def test_an_unusual_batch_gives_in_training_what_it_gives_afterwards() -> None:
    model, odd = settled(), batch(1000, shift=2.0)
    before = (model.running_mean.clone(), model.running_var.clone())
    trained = model(odd, MASK)
    assert not torch.equal(model.running_mean, before[0])
    model.running_mean, model.running_var = before
    torch.testing.assert_close(trained, model.eval()(odd, MASK), atol=1e-5, rtol=1e-5)
    assert float(trained.transpose(1, 2)[MASK].mean()) == pytest.approx(2, abs=0.3), "it is unusual, and stays so"
    freshly = MaskedBatchRenorm(6)(odd, MASK)
    assert abs(float(freshly.transpose(1, 2)[MASK].mean())) < 1e-5


def test_a_clip_does_not_tell_of_its_company() -> None:
    model = settled()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    alone = []
    for company in (0.0, 3.0):
        model.load_state_dict(state)
        x = batch(5)
        x[1:] += company
        alone.append(model(x, MASK)[0])
    torch.testing.assert_close(alone[0], alone[1], atol=1e-5, rtol=1e-5)


def test_corrections_are_bounded_and_carry_no_gradient() -> None:
    model = settled()
    x = batch(7).requires_grad_()
    pull = torch.randn(3, 6, 15, generator=torch.Generator().manual_seed(8))
    (model(x, MASK) * pull).sum().backward()
    pulled, real = x.grad.transpose(1, 2)[MASK], x.detach().transpose(1, 2)[MASK]
    moved, stretched = pulled.sum(0), (pulled * (real - real.mean(0))).sum(0)  # of the batch as a whole: nothing
    torch.testing.assert_close(torch.stack([moved, stretched]), torch.zeros(2, 6), atol=1e-3, rtol=0)
    far = model(batch(9, shift=1e3), MASK).transpose(1, 2)[MASK]
    assert float(far.mean()) == pytest.approx(5, abs=1e-3), "by at most `most_shift`"


def test_styles_of_any_length_come_out_at_one_scale() -> None:
    mask = torch.tensor([True, True, True, False])
    for size in (0.01, 1.0, 300.0):
        model = RunningScale()
        for seed in range(200):
            x = size * torch.randn(4, 16, generator=torch.Generator().manual_seed(seed))
            x[3] = 1e6  # absent: not counted
            model(x, mask)
        out = model.eval()(x, mask)
        assert float(out[:3].square().mean().sqrt()) == pytest.approx(1, abs=0.25)
        torch.testing.assert_close(model(2 * x, mask), 2 * out)


def test_a_batch_without_any_style_changes_no_scale() -> None:
    model = RunningScale()
    model(torch.full((2, 3), 9.0), torch.zeros(2, dtype=torch.bool))
    assert float(model.mean_square) == 1 and int(model.updates) == 0
    torch.testing.assert_close(model.eval()(torch.ones(1, 3), torch.ones(1, dtype=torch.bool)), torch.ones(1, 3))
