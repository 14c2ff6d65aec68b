"""Waveform heads: exact length, F0 that is followed, a source of the asked pitch, power and silence."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from sovits_lab.audio.pitch import f0 as track
from sovits_lab.inference.loading import prepare_head
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.models.heads.latent_vocos import LatentVocos
from sovits_lab.models.heads.prosodic_hifigan import ProsodicHifiGan
from sovits_lab.models.heads.spectral import (
    HarmonicHead,
    InverseStft,
    VocosHead,
    hold_pitch,
    minimum_phase,
    pulse_train,
    spectrum_of,
)
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.pipeline.validation import check_node
from sovits_lab.types import InputError
from tests.models import small

HOP, RATE = small.HOP, small.RATE


def flat(batch: int, frames: int, hertz: float) -> Prosody:
    """One pitch, one level."""
    return Prosody(torch.full((batch, frames), hertz), torch.full((batch, frames), -4.0))


def heads() -> list[nn.Module]:
    torch.manual_seed(0)
    hifi = ProsodicHifiGan(8, 3, HOP, 32, resblock_kernels=(3,), resblock_dilations=((1, 3),))
    light = LatentVocos(8, 16, 1, condition_channels=3, samples_per_frame=HOP)
    return [HarmonicHead(8, 3, 16, 1), VocosHead(8, 3, 16, 1), light, hifi]


@pytest.mark.parametrize("head", heads(), ids=lambda h: type(h).__name__)
@pytest.mark.parametrize("frames", [2, 5, 12])
def test_every_head_makes_a_hop_of_samples_a_frame(head: nn.Module, frames: int) -> None:
    wav = head(torch.randn(2, 8, frames), torch.randn(2, 3), flat(2, frames, 100.0))
    assert wav.shape == (2, frames * HOP) and wav.isfinite().all()


@pytest.mark.parametrize("head", heads(), ids=lambda h: type(h).__name__)
def test_gradients_reach_latents_and_condition(head: nn.Module) -> None:
    z, condition = torch.randn(1, 8, 6, requires_grad=True), torch.randn(1, 3, requires_grad=True)
    small.shaken(head)  # the modulation starts at zero
    head(z, condition, flat(1, 6, 100.0)).square().sum().backward()
    assert z.grad is not None and z.grad.abs().sum() > 0
    assert condition.grad is not None and condition.grad.abs().sum() > 0


def test_inverse_stft_inverts() -> None:
    stft, wav = InverseStft(1024, HOP), torch.randn(2, 10 * HOP)
    torch.testing.assert_close(stft(stft.analyse(wav), 10 * HOP), wav, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("hertz", [70.0, 123.4, 250.0, 480.0])
def test_pulses_have_the_asked_pitch_unit_power_and_no_aliasing(hertz: float) -> None:
    wav = pulse_train(torch.full((1, 50), hertz), HOP, RATE)[0]
    assert abs(wav.square().mean().item() - 1) < 0.05  # a harmonic at exactly half the rate counts double
    spectrum = np.abs(np.fft.rfft(wav.numpy() * np.hanning(len(wav))))
    peaks = np.arange(len(spectrum)) * RATE / len(wav)
    harmonic = np.abs(peaks / hertz - np.round(peaks / hertz)) * hertz < 3.0  # Hz around a multiple of F0
    outside = ~harmonic | (peaks < hertz / 2)
    assert np.square(spectrum[outside]).sum() < 1e-4 * np.square(spectrum).sum()
    near = spectrum[(peaks > 0.7 * hertz) & (peaks < 1.3 * hertz)]
    assert abs(peaks[(peaks > 0.7 * hertz) & (peaks < 1.3 * hertz)][near.argmax()] - hertz) <= RATE / len(wav)


def test_a_gliding_pitch_is_tracked() -> None:
    curve = torch.linspace(100, 220, 100)[None]
    heard = track(pulse_train(curve, HOP, RATE)[0].numpy(), RATE, HOP)
    cents = 1200 * np.abs(np.log2(heard[5:-5] / curve[0, 5:-5].numpy()))
    assert np.median(cents) < 10


def test_unvoiced_frames_hold_the_nearest_pitch() -> None:
    curve = torch.tensor([[0.0, 100, 0, 0, 0, 200, 0], [0, 0, 0, 0, 0, 0, 0]])
    assert hold_pitch(curve).tolist() == [[100, 100, 100, 100, 200, 200, 200], [1] * 7]


def test_silence_where_unvoiced_and_no_chirp_at_its_edges() -> None:
    curve = torch.zeros(1, 40)
    curve[:, 10:20], curve[:, 30:] = 100.0, 300.0
    wav = pulse_train(curve, HOP, RATE)[0]
    voiced = (curve[0] > 0).repeat_interleave(HOP)
    assert not wav[~voiced].any() and wav[voiced].abs().max() > 1
    zero_crossings = torch.diff(torch.nonzero(wav[10 * HOP : 20 * HOP] > 8.0)[:, 0])
    periods = zero_crossings[zero_crossings > 20]  # samples from one pulse to the next
    assert (periods - RATE / 100).abs().max() <= 2, "the low voice keeps its pitch up to the edge of the pause"
    assert not pulse_train(torch.zeros(2, 5), HOP, RATE).any()


def test_the_harmonic_head_follows_f0_at_any_latent() -> None:
    torch.manual_seed(0)
    head = small.shaken(HarmonicHead(8, 3, 16, 1), 0.02)
    with torch.no_grad():
        head.filters.conv.bias[head.bins :] = -4.0  # harmonics above the noise, as in a voiced sound
        for hertz in (110.0, 220.0):
            wav = head(torch.randn(1, 8, 60), torch.randn(1, 3), flat(1, 60, hertz))[0]
            heard = track(wav.numpy(), RATE, HOP)[5:-5]
            assert abs(np.median(heard[heard > 0]) / hertz - 1) < 0.01


def test_what_follows_the_end_is_heard_only_within_the_heads_reach() -> None:
    torch.manual_seed(0)
    head, z, prosody = HarmonicHead(8, 3, 16, 1).eval(), torch.randn(1, 8, 30), flat(1, 30, 100.0)
    condition = torch.randn(1, 3)

    def voice(latents: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(0)
        return head(latents, condition, prosody)

    changed = z.clone()
    changed[:, :, 20:] = 5.0
    a, b = voice(z), voice(changed)
    reach = 20 - 3 - 2  # a kernel of 5, the edge between two frames, half a window
    assert torch.equal(a[:, : reach * HOP], b[:, : reach * HOP]) and not torch.equal(a, b)


def test_a_minimum_phase_filter_is_found_from_its_magnitudes() -> None:
    from scipy.signal import freqz

    zeros_inside = np.poly([0.9 * np.exp(0.7j), 0.9 * np.exp(-0.7j), -0.5])
    _, response = freqz(zeros_inside, worN=513, include_nyquist=True)
    log_magnitude = torch.from_numpy(np.log(np.abs(response)))[None, :, None].float()
    found = spectrum_of(log_magnitude, minimum_phase(log_magnitude))[0, :, 0].numpy()
    np.testing.assert_allclose(found, response, atol=1e-4)


def test_the_phase_of_the_head_moves_no_magnitude() -> None:
    zero, minimum = (small.shaken(HarmonicHead(8, 3, 16, 1, phase=phase)) for phase in ("zero", "minimum"))
    minimum.load_state_dict(zero.state_dict())
    z, condition = torch.randn(1, 8, 40), torch.randn(1, 3)
    a, b = (
        head(z, condition, flat(1, 40, 100.0), torch.Generator().manual_seed(0))[0].detach() for head in (zero, minimum)
    )
    assert (a - b).abs().max() > 0.1 * a.abs().max()
    assert abs(a.square().mean().log() - b.square().mean().log()) < 0.2


def test_another_phase_is_refused_with_the_configuration() -> None:
    node = {"_target_": "sovits_lab.models.heads.spectral.HarmonicHead", "in_channels": 8, "phase": "linear"}
    with pytest.raises(InputError, match=r"head\.phase: got 'linear', expected zero or minimum"):
        check_node(node, "head", {"condition_channels"})


def test_a_pitch_above_half_the_rate_is_silence() -> None:
    assert not pulse_train(torch.full((1, 5), 9000.0), HOP, RATE).any()


def test_hifigan_hears_pitch_and_energy() -> None:
    head = small.shaken(heads()[-1])
    z, condition = torch.randn(1, 8, 6), torch.randn(1, 3)
    base = head(z, condition, flat(1, 6, 100.0))
    assert not torch.equal(base, head(z, condition, flat(1, 6, 150.0)))
    assert not torch.equal(base, head(z, condition, Prosody(flat(1, 6, 100.0).f0, torch.full((1, 6), -1.0))))


@pytest.mark.parametrize(("more", "match"), [({"hop": 640}, "hop of 640"), ({"kernels": (16, 10, 8, 4)}, "kernels")])
def test_hifigan_must_fit_the_hop(more: dict[str, object], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ProsodicHifiGan(8, 3, **more)


@pytest.mark.parametrize("channels", [64, 80, 100])
def test_widths_that_do_not_halve_evenly_are_rounded_down_as_published(channels: int) -> None:
    rates = (5, 2, 2, 2, 2)
    head = HifiGan(8, channels, rates, (9, 4, 4, 4, 4), (3,), ((1, 3),))
    widths = [up.in_channels for up in head.upsamples] + [head.post.in_channels]
    assert widths == [channels // 2**i for i in range(len(rates) + 1)]
    assert head(torch.zeros(1, 8, 3)).shape == (1, 3 * 80)


def test_a_light_head_computes_the_same_in_the_layout_for_speaking() -> None:
    torch.manual_seed(0)
    head = small.shaken(LatentVocos(8, 16, 2, condition_channels=3, samples_per_frame=HOP, steps=2))
    z, condition = torch.randn(1, 8, 20), torch.randn(1, 3)
    with torch.inference_mode():
        before = head(z, condition)
        prepare_head(head.requires_grad_(False).eval(), torch.device("cpu"))
        torch.testing.assert_close(head(z, condition), before, atol=1e-5, rtol=1e-4)
    assert type(head.stack) is not ConvStack
