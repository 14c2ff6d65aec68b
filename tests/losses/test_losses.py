"""Losses: zero where they should be, larger where things are worse, equal to their closed forms."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.losses.spectral import MultiResolutionMelLoss
from sovits_lab.nn.masks import length_mask


@pytest.fixture(scope="module")
def mel_loss() -> MultiResolutionMelLoss:
    return MultiResolutionMelLoss(16_000, (256, 512), (10, 20))


def tone(seconds: float = 0.3) -> torch.Tensor:
    t = torch.arange(int(16_000 * seconds)) / 16_000
    return (0.3 * torch.sin(2 * torch.pi * 220 * t) + 0.1 * torch.sin(2 * torch.pi * 1300 * t))[None]


def test_mel_distance_is_zero_at_identity_symmetric_and_grows_with_noise(mel_loss: MultiResolutionMelLoss) -> None:
    wav = tone()
    torch.manual_seed(0)
    noise = torch.randn_like(wav)
    distances = [mel_loss(wav, wav + level * noise).item() for level in (0, 1e-3, 1e-2, 1e-1, 1)]
    assert distances[0] == 0.0
    assert distances == sorted(distances) and distances[1] > 1e-3
    assert mel_loss(wav + noise, wav).item() == pytest.approx(distances[-1], rel=1e-5)


def test_mel_distance_of_a_gain_is_the_gain_in_nats() -> None:
    loss = MultiResolutionMelLoss(16_000, (512,), (20,), floor=0.0)
    torch.manual_seed(0)
    wav = torch.randn(1, 4000) * 0.1  # every band is far above the floor
    assert loss(wav, wav * torch.e).item() == pytest.approx(1.0, abs=1e-3)


def test_linear_windows_tell_where_harmonics_lie_within_a_mel_bin() -> None:
    t = torch.arange(16_000) / 16_000
    here, between = (
        torch.stack([torch.sin(2 * torch.pi * f * t + f) for f in range(first, 7800, 200)]).sum(0)[None] / 20
        for first in (4000, 4100)
    )
    mels = MultiResolutionMelLoss(16_000, (2048,), (30,))
    both = MultiResolutionMelLoss(16_000, (2048,), (30,), linear_windows=(2048,))
    assert both(here, between) - mels(here, between) > 5 * mels(here, between)
    assert both(here, here) == 0


def test_mel_of_a_full_scale_tone_is_about_its_amplitude(mel_loss: MultiResolutionMelLoss) -> None:
    t = torch.arange(8000) / 16_000
    peak = mel_loss.log_mel(torch.sin(2 * torch.pi * 1000 * t)[None], 512).exp().amax().item()
    assert 0.1 < peak < 1.0


def test_mel_distance_has_a_gradient_at_silence(mel_loss: MultiResolutionMelLoss) -> None:
    fake = torch.zeros(1, 4800, requires_grad=True)
    mel_loss(tone(), fake).backward()
    assert fake.grad is not None and fake.grad.isfinite().all()


def test_flow_kl_averages_to_the_closed_form() -> None:
    torch.manual_seed(0)
    shape = (1, 3, 4)
    q_mean, q_log = torch.randn(shape), 0.3 * torch.randn(shape)
    p_mean, p_log = torch.randn(shape), 0.3 * torch.randn(shape)
    mask = torch.ones(1, 4, dtype=torch.bool)
    draws = [flow_kl(q_mean + torch.randn(shape) * q_log.exp(), q_log, p_mean, p_log, mask) for _ in range(4000)]
    q, p = torch.distributions.Normal(q_mean, q_log.exp()), torch.distributions.Normal(p_mean, p_log.exp())
    exact = torch.distributions.kl_divergence(q, p).mean()
    spread = torch.stack(draws).std() / len(draws) ** 0.5
    assert abs(torch.stack(draws).mean() - exact) < 4 * spread + 1e-3


def test_flow_kl_ignores_padding() -> None:
    torch.manual_seed(0)
    values = [torch.randn(2, 3, 6) for _ in range(4)]
    mask = length_mask(torch.tensor([6, 2]))
    spoiled = [torch.where(mask[:, None], v, torch.full_like(v, 5.0)) for v in values]
    assert flow_kl(*values, mask) == flow_kl(*spoiled, mask)


def test_adversarial_losses_are_least_squares() -> None:
    real, fake = [torch.tensor([[1.0, 1.0]])], [torch.tensor([[0.0, 0.0]])]
    assert discriminator_loss(real, fake) == 0 and generator_loss(fake) == 1
    assert discriminator_loss(fake, real) == 2 and generator_loss(real) == 0
    assert feature_matching_loss([real], [fake]) == 2 and feature_matching_loss([real], [real]) == 0
