"""What the released SoVITS learns from, with rows decoded from the prior."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from sovits_lab.conditioning.conditions import given
from sovits_lab.models.contracts import Slicing
from tests.checkpoints.upstream_models import small_sovits

FRAMES = 12
UNUSED = ("token_mask", "place", "mel", "f0", "baseline", "speaker_vector", "bert", "voice", "voice_mask")


def losses(fraction: float, warmup: int = 0, step: int = 0, seed: int = 3):
    """The losses of two utterances, and the model that made them."""
    torch.manual_seed(seed)
    model = small_sovits("v2").train()
    for parameter in model.head.parameters():  # it starts so small that no latent is heard
        parameter.data.normal_(0, 0.3)
    tokens = torch.arange(FRAMES).reshape(2, -1)
    batch = SimpleNamespace(
        step=step,
        **dict.fromkeys(UNUSED),
        wav=torch.randn(2, FRAMES * 640) * 0.1,
        mask=torch.ones(2, FRAMES, dtype=torch.bool),
        content=None,
        tokens=tokens,
        phones=tokens,
        phone_mask=torch.ones(2, FRAMES // 2, dtype=torch.bool),
    )
    told = given(speaker=torch.randn(2, model.reference.channels))
    slicing = Slicing(8, prior_fraction=fraction, prior_start_step=0, kl_warmup=warmup, seed=0)
    return model.training_pass(batch, told, slicing, None), model


@pytest.mark.parametrize("fraction", [0.0, 0.5])
def test_rows_of_the_posterior_are_held_to_the_prior(fraction: float) -> None:
    made, model = losses(fraction)
    assert set(made.losses) == {"mel", "kl"} and made.fake.shape == made.real.shape == (2, 8 * 640)
    torch.stack(list(made.losses.values())).sum().backward()
    assert all(p.grad is not None for p in (*model.posterior.parameters(), *model.prior.project.parameters()))


def test_where_all_rows_come_from_the_prior_the_recording_is_not_encoded_and_its_noise_is_learned() -> None:
    made, model = losses(1.0)
    assert set(made.losses) == {"mel"}
    made.losses["mel"].backward()
    assert all(p.grad is None for p in model.posterior.parameters())
    mean, log_std = model.prior.project.weight.grad.chunk(2)
    assert mean.any() and log_std.any()


def test_the_noise_of_the_prior_rises_from_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    early, late = (losses(1.0, warmup=10_000_000, step=step)[0].fake for step in (0, 10_000_000))
    monkeypatch.setattr("sovits_lab.models.sovits.synthesizer.NOISE", 0.0)
    without = losses(1.0)[0].fake
    assert (late - without).abs().max() > 1000 * (early - without).abs().max()
