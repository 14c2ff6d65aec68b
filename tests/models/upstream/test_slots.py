"""The SoVITS slots of the upstream family: inverses, padding, streaming, gradients."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from sovits_lab.conditioning.conditions import given
from sovits_lab.conditioning.eres2net import ERes2NetV2, speaker_features
from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.models.contracts import Slicing
from sovits_lab.models.discriminators import (
    MultiMelDiscriminator,
    MultiPeriodDiscriminator,
    SpectralPeriodDiscriminator,
)
from sovits_lab.models.sovits.prior_mrte import cross_fade, stretch
from sovits_lab.nn.couplings import WaveNetFlow
from sovits_lab.nn.relative_attention import RelativeEncoder, band_of, diagonals_of
from sovits_lab.nn.wavenet import WaveNet
from sovits_lab.quantization.vector import VectorQuantizer
from tests.checkpoints.upstream_models import small_sovits


def half_padded(length=12, real=7):
    mask = torch.ones(2, length, dtype=torch.bool)
    mask[1, real:] = False
    return mask


def shaken(module):
    """All parameters drawn, also those that start at zero."""
    torch.manual_seed(2)
    for parameter in module.parameters():
        parameter.data.normal_(0, 0.2)
    return module.eval()


@torch.no_grad()
def test_the_flow_is_its_own_inverse():
    flow = shaken(WaveNetFlow(8, 8, 6, kernel=5, layers=2, couplings=3))
    z, condition, mask = torch.randn(2, 8, 12), torch.randn(2, 6), half_padded()
    z = z * mask[:, None]
    there = flow(z, mask, condition)
    assert not torch.allclose(there, z, atol=0.1)
    torch.testing.assert_close(flow(there, mask, condition, reverse=True), z, atol=1e-5, rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("name", ["encoder", "wavenet", "style"])
def test_padding_changes_nothing(name):
    mask, x = half_padded(), torch.randn(2, 8, 12)
    rubbish = x.clone()
    rubbish[1, :, 7:] = 1e3
    module = {
        "encoder": lambda: RelativeEncoder(8, 12, heads=2, layers=2),
        "wavenet": lambda: WaveNet(8, 5, 3, 6),
        "style": lambda: MelStyleEncoder(8, hidden=8, out_channels=6),
    }[name]()
    module, extra = shaken(module), (torch.randn(2, 6),) if name == "wavenet" else ()
    keep = mask[:, None] if name == "wavenet" else torch.ones_like(mask[:, None])
    torch.testing.assert_close(module(x * keep, mask, *extra), module(rubbish * keep, mask, *extra))
    alone = module(x[1:, :, :7], mask[1:, :7], *(e[1:] for e in extra))
    together = module(x * keep, mask, *extra)[1:]
    torch.testing.assert_close(together[..., :7] if together.dim() == 3 else together, alone, atol=1e-5, rtol=1e-5)


def test_relative_bands_are_adjoint():
    """<band(s), w> = <s, diagonals(w)>, and both by hand."""
    scores, weights = torch.randn(1, 1, 6, 5), torch.randn(1, 1, 6, 6)
    left, right = (band_of(scores, 6) * weights).sum(), (scores * diagonals_of(weights, 2)).sum()
    torch.testing.assert_close(left, right)
    band = band_of(scores, 6)[0, 0]
    for i in range(6):
        for j in range(6):
            expected = scores[0, 0, i, j - i + 2] if abs(j - i) <= 2 else torch.tensor(0.0)
            assert band[i, j] == expected


@torch.no_grad()
def test_streamed_frames_joined_are_the_whole():
    """With all tokens known, the chunk's frames are those of the whole; look-ahead frames are heard and dropped."""
    model = small_sovits("v2")
    tokens, phones = torch.randint(16, (1, 10)), torch.randint(732, (1, 6))
    told = given(speaker=model.reference.average([torch.rand(1, 1025, 9)]))
    whole = model.stream(tokens, phones, told, noise=0.0)
    tail = model.stream(tokens, phones, told, keep_last=4, noise=0.0)
    torch.testing.assert_close(tail.frames, whole.frames[..., -8:])
    every = torch.ones(1, 20, dtype=torch.bool), phones, torch.ones(1, 6, dtype=torch.bool)
    planned = model.plan(tokens, *every, told, noise=0.0)
    torch.testing.assert_close(whole.wav, model.render(planned).wav)
    ahead = model.stream(tokens, phones, told, drop_last=2, noise=0.0)
    assert ahead.wav.shape[1] == 8 * 2 * 640


def test_cross_fade_and_speed():
    frames = torch.ones(1, 3, 10)
    joined = cross_fade(frames, torch.zeros(1, 3, 4))
    assert joined[0, 0, 0] == 0 and torch.all(joined[..., 4:] == 1)
    mask = torch.ones(1, 60, dtype=torch.bool)
    for speed, size in ((1.2, 51), (0.8, 76), (1.0, 60)):
        assert stretch(torch.ones(1, 3, 60), mask, speed)[0].shape[2] == size


def test_a_frozen_codebook_gives_no_gradient_and_a_learning_one_learns():
    x = torch.randn(4, 50, 6)
    quantizer = VectorQuantizer(8, 6, frozen=True)
    with pytest.raises(ValueError, match="codebook"):
        quantizer(x)
    learning = VectorQuantizer(8, 6, frozen=False, revive_below=0.0)
    first = (x - learning.vectors(learning(x).tokens)).square().mean()
    for _ in range(20):
        inputs = x.clone().requires_grad_()
        out = learning(inputs)
    assert (x - learning.vectors(out.tokens)).square().mean() < first
    (gradient,) = torch.autograd.grad(out.vectors.sum(), inputs)
    assert torch.equal(gradient, torch.ones_like(x))  # straight through
    assert torch.equal(learning.eval()(learning.vectors(out.tokens)).tokens, out.tokens)


@pytest.mark.parametrize("version", ["v2", "v2pro"])
def test_a_training_pass_reaches_every_learning_part(version):
    model = small_sovits(version).train()
    mask = half_padded(40, 34)
    speaker = torch.randn(2, 20) if version == "v2pro" else None
    wav, phones = torch.randn(2, 40 * 640) * 0.1, torch.ones(2, 5).long()
    unused = ("tokens", "token_mask", "place", "mel", "f0", "baseline", "speaker_vector", "bert", "voice", "voice_mask")
    batch = SimpleNamespace(step=0, content=torch.randn(2, 8, 40), mask=mask, phones=phones, wav=wav,
                            phone_mask=half_padded(5, 4), **dict.fromkeys(unused))  # fmt: skip
    made = model.training_pass(batch, given(speaker=model.speaker(wav, mask, speaker)), Slicing(16), None)
    assert made.fake.shape == (2, 16 * 640)
    loss = made.losses["kl"] + made.losses["mel"]
    loss.backward()
    silent = {name.partition(".")[0] for name, p in model.named_parameters() if p.grad is None}
    assert silent == {"content"}  # a table lookup passes no gradient to what chose its rows


def test_discriminators_answer_and_losses_vanish_where_they_should():
    wav = torch.randn(2, 2000)
    small = {"scale_channels": (4, 4, 4, 4, 4, 4), "scale_groups": (1,) * 6, "period_channels": (4, 4, 4, 4, 4)}
    for ensemble in (
        MultiPeriodDiscriminator((2, 3), **small),
        SpectralPeriodDiscriminator((2, 3), (4, 4, 4, 4, 4), (256,), 4),
        MultiMelDiscriminator(16_000, (512, 256, 128), (128, 64, 64), (20, 10, 10), 4),
    ):
        answer = ensemble(wav)
        assert len(answer.logits) == len(answer.maps) == 3
        assert feature_matching_loss(answer.maps, answer.maps) == 0
    ones, zeros = [torch.ones(2, 3)], [torch.zeros(2, 3)]
    assert discriminator_loss(ones, zeros) == 0 and generator_loss(ones) == 0
    assert discriminator_loss(zeros, ones) == 2


@torch.no_grad()
def test_speaker_vector_is_a_time_average_of_the_fused_map():
    net = ERes2NetV2(blocks=(1, 1, 1, 1), channels=16).eval()
    vector = net(speaker_features(0.1 * torch.randn(1, 8000)))
    assert vector.shape == (1, 16 * 8 * 4 * 10)
    assert torch.isfinite(vector).all()
