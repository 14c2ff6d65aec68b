"""SoVITS' slots: invariance to padding, an invertible flow, speaker and style where they belong."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.conditioning.conditions import Conditions, given
from sovits_lab.models.contracts import Rendered
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.acoustic import Planned, SoVits
from sovits_lab.nn.masks import length_mask
from tests.models import small

FRAMES, LENGTHS = 16, [16, 10]
TEXT, TEXTS = 7, [7, 4]


@pytest.fixture(scope="module")
def model() -> SoVits:
    return small.sovits()


class Batch:
    """Two utterances, the second shorter; garbage where padded."""

    def __init__(self) -> None:
        torch.manual_seed(3)
        self.mask, self.phone_mask = length_mask(torch.tensor(LENGTHS)), length_mask(torch.tensor(TEXTS))
        self.tokens = torch.randint(small.CODES, (2, FRAMES // 2))
        self.phones = torch.randint(small.PHONES, (2, TEXT))
        self.mel = torch.where(self.mask[:, None], torch.randn(2, small.MELS, FRAMES) - 4, 30.0)
        self.speaker, self.style = torch.randn(2, small.SPEAKER), torch.randn(2, small.STYLE)
        self.z = torch.randn(2, small.LATENT, FRAMES) * self.mask[:, None]

    def row(self, i: int) -> Batch:
        """One utterance by itself, without padding."""
        alone = Batch()
        frames, text = LENGTHS[i], TEXTS[i]
        alone.mask, alone.phone_mask = self.mask[i : i + 1, :frames], self.phone_mask[i : i + 1, :text]
        alone.tokens, alone.phones = self.tokens[i : i + 1, : frames // 2], self.phones[i : i + 1, :text]
        alone.mel, alone.z = self.mel[i : i + 1, :, :frames], self.z[i : i + 1, :, :frames]
        alone.speaker, alone.style = self.speaker[i : i + 1], self.style[i : i + 1]
        return alone

    @property
    def told(self) -> Conditions:
        return given(speaker=self.speaker, style=self.style)

    @property
    def condition(self) -> torch.Tensor:
        return torch.cat([self.speaker, self.style], dim=1)

    def prior(self, model: SoVits) -> dict[str, torch.Tensor]:
        made = model.prior(self.tokens, self.mask, self.phones, self.phone_mask, self.condition, self.style)
        return dict(made._asdict())


@pytest.mark.parametrize("row", [0, 1])
def test_prior_and_posterior_do_not_see_padding(model: SoVits, row: int) -> None:
    batch = Batch()
    alone, size = batch.row(row), LENGTHS[row]
    for name, value in batch.prior(model).items():
        torch.testing.assert_close(value[row, ..., :size], alone.prior(model)[name][0], atol=1e-5, rtol=1e-4)
    together = model.posterior(batch.mel, batch.mask, batch.condition)
    single = model.posterior(alone.mel, alone.mask, alone.condition)
    torch.testing.assert_close(together.mean[row, :, :size], single.mean[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.log_std[row, :, :size], single.log_std[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("reverse", [False, True])
def test_flow_does_not_see_padding(model: SoVits, reverse: bool) -> None:
    batch = Batch()
    together = model.flow(batch.z, batch.mask, batch.condition, reverse)
    for i, size in enumerate(LENGTHS):
        alone = batch.row(i)
        single = model.flow(alone.z, alone.mask, alone.condition, reverse)
        torch.testing.assert_close(together[i, :, :size], single[0], atol=1e-5, rtol=1e-4)


def test_flow_is_invertible_and_keeps_volume(model: SoVits) -> None:
    batch = Batch()
    there = model.flow(batch.z, batch.mask, batch.condition)
    assert not torch.allclose(there, batch.z, atol=0.1), "the flow does something"
    torch.testing.assert_close(model.flow(there, batch.mask, batch.condition, True), batch.z, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        model.flow(model.flow(batch.z, batch.mask, batch.condition, True), batch.mask, batch.condition), batch.z,
        atol=1e-5, rtol=1e-5,
    )  # fmt: skip
    one = batch.row(1)
    flat = lambda z: model.flow(z.view(one.z.shape), one.mask, one.condition).flatten()  # noqa: E731
    jacobian = torch.autograd.functional.jacobian(flat, one.z.flatten())
    assert abs(torch.linalg.slogdet(jacobian).logabsdet) < 1e-3


def test_a_fresh_flow_is_a_permutation() -> None:
    flow = small.ConvCoupling(small.LATENT, 8, 1, 3, 2)
    z = torch.randn(1, small.LATENT, 4)
    assert torch.equal(flow(z, torch.ones(1, 4, dtype=torch.bool), torch.randn(1, 3)), z)


def test_pitch_hears_the_style_but_not_the_speaker(model: SoVits) -> None:
    batch = Batch()
    base = batch.prior(model)
    batch.speaker = torch.randn_like(batch.speaker)
    other_speaker = batch.prior(model)
    for name in ("pitch", "voiced", "energy"):
        assert torch.equal(base[name], other_speaker[name])
    assert not torch.allclose(base["mean"], other_speaker["mean"], atol=1e-3)
    batch.style = torch.randn_like(batch.style)
    assert not torch.allclose(base["pitch"], batch.prior(model)["pitch"], atol=1e-3)


def test_the_pitch_of_the_whole_utterance_is_of_the_style_alone() -> None:
    model, batch = small.sovits(utterance_pitch=True), Batch()
    base = batch.prior(model)["extent"]
    batch.speaker, batch.tokens = torch.randn_like(batch.speaker), batch.tokens.flip(1)
    assert base.shape == (2, 3) and torch.equal(base, batch.prior(model)["extent"])
    batch.style = torch.randn_like(batch.style)
    assert ((base - batch.prior(model)["extent"])[:, 2].abs() > 1e-3).all()
    plan = model.plan(batch.tokens, batch.mask, batch.phones, batch.phone_mask, batch.told)
    assert torch.equal(plan.extent[:, 2:], model.prior.utterance_pitch(batch.style))


def speak(model: SoVits, batch: Batch, seed: int = 0, **more: object) -> Rendered:
    torch.manual_seed(seed)
    with torch.no_grad():
        return model.speak(
            batch.tokens, batch.mask, batch.phones, batch.phone_mask, batch.told,
            torch.tensor([[120.0, -5.0, 0.1, -4.8]]).expand(len(batch.mask), -1), **more,
        )  # fmt: skip


def test_speech_is_as_long_as_its_tokens_and_silent_past_the_end(model: SoVits) -> None:
    spoken = speak(model, Batch())
    assert spoken.wav.shape == (2, FRAMES * small.HOP)
    assert not spoken.wav[1, LENGTHS[1] * small.HOP :].any() and not spoken.prosody.f0[1, LENGTHS[1] :].any()
    assert spoken.wav[0].abs().max() > 0


def test_a_drawn_curve_is_followed_and_kept(model: SoVits) -> None:
    curve, level = torch.full((2, FRAMES), 200.0), torch.full((2, FRAMES), -5.0)
    spoken = speak(model, Batch(), prosody=Prosody(curve, level))
    assert torch.equal(spoken.prosody.f0, curve * Batch().mask)
    assert not torch.allclose(spoken.wav, speak(model, Batch(), prosody=Prosody(curve * 1.5, level)).wav)
    louder = speak(model, Batch(), prosody=Prosody(curve, level + 1.0))
    torch.testing.assert_close(louder.wav, torch.e * spoken.wav, atol=1e-5, rtol=1e-3)


def test_same_seed_same_speech_and_noise_is_asked_for(model: SoVits) -> None:
    assert torch.equal(speak(model, Batch(), 1).wav, speak(model, Batch(), 1).wav)
    quiet, noisy = speak(model, Batch(), 1), speak(model, Batch(), 1, noise=1.0)
    assert torch.equal(quiet.prosody.f0, noisy.prosody.f0) and not torch.equal(quiet.wav, noisy.wav)


def test_training_pass_samples_the_posterior_within_the_mask(model: SoVits) -> None:
    batch = Batch()
    out = model(batch.mel, batch.mask, batch.tokens, batch.phones, batch.phone_mask, batch.told)
    assert not out.recognised.z[1, :, LENGTHS[1] :].any() and not out.recognised.z_prior[1, :, LENGTHS[1] :].any()
    back = model.flow(out.recognised.z_prior, batch.mask, out.parts.flow, reverse=True)
    torch.testing.assert_close(back, out.recognised.z, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("frames", [25, 100, 137])
def test_a_plan_lasts_as_long_as_is_said_and_keeps_pitch_and_level(frames: int) -> None:
    time = torch.linspace(0, 1, 50)[None]
    plan = Planned(time[:, None].expand(1, 3, 50), time.sin(), time - 0.5, 2 * time, torch.ones(1, 2), torch.ones(1, 4))
    longer = plan.lasting(frames)
    assert plan.lasting(50) is plan
    assert longer.z.shape == (1, 3, frames)
    for before, after in ((plan.pitch, longer.pitch), (plan.voiced, longer.voiced), (plan.energy, longer.energy)):
        assert after.shape == (1, frames)
        assert after.mean().item() == pytest.approx(before.mean().item(), abs=0.01)
        assert after.amax().item() == pytest.approx(before.amax().item(), abs=0.05)
    assert longer.extent is plan.extent and longer.head is plan.head
