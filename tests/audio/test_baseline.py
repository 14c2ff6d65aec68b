"""A voice's baseline, and what an utterance as a whole is against it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from sovits_lab.audio.baseline import Baseline, Voiced, baseline, extent, median_of
from sovits_lab.models.sovits.acoustic import Planned


def test_a_baseline_is_of_voiced_frames_and_of_utterances_long_enough() -> None:
    rng = np.random.default_rng(0)
    high, low = (Voiced(math.log(f0) + rng.normal(0, 0.1, 4000), rng.normal(-5, 0.3, 4000)) for f0 in (220, 180))
    found = baseline([high, low, Voiced(np.array([0.0]), np.array([99.0]))])
    assert found is not None
    assert found.f0 == pytest.approx(math.sqrt(220 * 180), rel=0.01)
    assert found.spread == pytest.approx(0.1, rel=0.05), "within an utterance, not between the two"
    assert found.level == pytest.approx(-5 + 0.3**2, abs=0.02), "the mean of a squared log-normal"
    assert baseline([]) is None


def test_an_extent_does_not_see_what_is_unvoiced() -> None:
    log_f0, energy, voiced = torch.randn(2, 50), torch.randn(2, 50), torch.rand(2, 50) < 0.6
    noise = torch.randn(2, 50) * 100
    found = extent(torch.where(voiced, log_f0, noise), torch.where(voiced, energy, noise), voiced)
    assert torch.equal(found, extent(log_f0, energy, voiced))
    assert found[0, 0].item() == pytest.approx(log_f0[0][voiced[0]].std(correction=0).log().item(), abs=1e-4)


def planned(extents: torch.Tensor) -> Planned:
    torch.manual_seed(0)
    pitch, energy = torch.randn(2, 80) * 0.05 + 0.2, torch.randn(2, 80) * 0.4 - 0.1
    voiced = torch.where(torch.rand(2, 80) < 0.7, 3.0, -3.0)
    return Planned(torch.zeros(2, 4, 80), pitch, voiced, energy, extents, torch.zeros(2, 3))


def test_contours_get_the_extent_that_was_planned_about_the_mean_they_had() -> None:
    asked = torch.tensor([[0.5, 0.4], [-0.3, -0.6]])
    bases = torch.tensor([Baseline(200.0, -5.0, 0.06, -4.8), Baseline(100.0, -6.0, 0.04, -5.7)])
    plan = planned(asked)
    f0, energy = plan.prosody(bases)
    voiced = plan.voiced > 0
    assert torch.equal(f0 > 0, voiced)
    got = extent(f0.clamp(min=1e-3).log(), energy, voiced) - torch.stack([bases[:, 2].log(), bases[:, 3]], dim=1)
    torch.testing.assert_close(got, asked, atol=1e-3, rtol=1e-3)
    for row in (0, 1):
        mean = (f0[row][voiced[row]].log() - bases[row, 0].log()).mean()
        assert mean.item() == pytest.approx(plan.pitch[row][voiced[row]].mean().item(), abs=1e-4)


def test_a_median_is_that_of_the_voiced_frames() -> None:
    log_f0, voiced = torch.randn(5, 9), torch.rand(5, 9) < 0.6
    voiced[:3, 0], voiced[3], voiced[4] = True, False, True
    wanted = [float(np.median(log_f0[row][voiced[row]].numpy())) for row in (0, 1, 2, 4)]
    assert median_of(log_f0, voiced).tolist() == pytest.approx([*wanted[:3], 0.0, wanted[3]])


def test_a_contour_is_brought_to_the_median_that_was_planned() -> None:
    bases = torch.tensor([Baseline(200.0, -5.0, 0.06, -4.8), Baseline(100.0, -6.0, 0.04, -5.7)])
    plan = planned(torch.tensor([[0.5, 0.4, -0.3], [-0.3, -0.6, 0.1]]))
    f0, energy = plan.prosody(bases)
    assert torch.equal(energy, planned(plan.extent[:, :2]).prosody(bases).energy)
    voiced = plan.voiced > 0
    log_f0 = torch.where(voiced, (f0.clamp(min=1) / bases[:, :1]).log(), 0.0)
    torch.testing.assert_close(median_of(log_f0, voiced), plan.extent[:, 2], atol=1e-5, rtol=1e-5)
    got = extent(log_f0, energy, voiced)[:, 0] - bases[:, 2].log()
    torch.testing.assert_close(got, plan.extent[:, 0], atol=1e-3, rtol=1e-3)


def test_a_grunt_keeps_its_contour() -> None:
    plan = planned(torch.full((2, 2), 0.5))
    short = plan._replace(voiced=torch.where(torch.arange(80) < 4, 3.0, -3.0).expand(2, -1))
    bases = torch.tensor([Baseline(200.0, -5.0, 0.06, -4.8)] * 2)
    torch.testing.assert_close(short.prosody(bases).energy, plan.energy - 5)
