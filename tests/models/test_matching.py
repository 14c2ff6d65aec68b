"""v3 and v4: the contract, an inert style slot, windows, solvers, streams, and losses."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.audio.overlap_join import overlap_joined
from sovits_lab.models.contracts import AcousticModel, conditions_of
from sovits_lab.models.fitting import misfit
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.mel_plan import SpokenClip
from sovits_lab.models.sovits.mel_windows import batched_pieces, spans
from sovits_lab.models.sovits.solvers import AdamsBashforth, EulerPlain, EulerShortcut, Midpoint, RungeKutta
from tests.checkpoints.upstream_models import MATCHED, small_sovits, small_sovits_node
from tests.models.test_contracts import loud, trained, with_slot


def arguments(rows=1, tokens=9):
    torch.manual_seed(2)
    mask = torch.ones(rows, 2 * tokens, dtype=torch.bool)
    phones = torch.randint(732, (rows, 5))
    return torch.randint(16, (rows, tokens)), mask, phones, torch.ones_like(phones, dtype=torch.bool)


def seeded(seed=1):
    return torch.Generator().manual_seed(seed)


def spoken_clip(tokens=12):
    torch.manual_seed(4)
    return SpokenClip(0.1 * torch.randn(1280 * tokens), torch.randint(16, (tokens,)), torch.randint(732, (4,)))


@pytest.mark.parametrize("version", MATCHED)
def test_meets_the_contract_and_speaks(version):
    model = small_sovits(version)
    assert misfit(MatchingSynthesizer, AcousticModel) is None and isinstance(model, AcousticModel)
    voice = model.speaker(torch.randn(1, 32_000), None, None)
    opening = model.opening(spoken_clip(), voice[0])
    told = conditions_of(model, voice, None)
    planned = model.plan(*arguments(), told, generator=seeded(), opening=opening)
    assert planned.frames == 18
    wav = model.render(planned).wav
    assert wav.shape == (1, planned.mel.shape[2] * model.spoken_rate // {"v3": 93.75, "v4": 100}[version])
    assert wav.std() > 0


@pytest.mark.parametrize("version", MATCHED)
def test_style_slot_is_inert_until_it_is_trained(version):
    plain = small_sovits(version)
    styled = with_slot(small_sovits_node(version), plain)
    voice = plain.speaker(torch.randn(1, 32_000), None, None)
    bare = plain.plan(*arguments(), conditions_of(plain, voice, None), generator=seeded()).mel
    slot = styled.plan(*arguments(), loud(styled, 1, voice), generator=seeded()).mel
    assert torch.equal(bare, slot)
    trained(styled, styled.styles)
    told = styled.plan(*arguments(), loud(styled, 1, voice), generator=seeded()).mel
    assert not torch.allclose(told, slot)
    ways = {
        scale: styled.plan(*arguments(), loud(styled, 1, voice), generator=seeded(), guidance=scale).mel
        for scale in (0.0, 1.0, 2.5)
    }
    assert torch.equal(ways[1.0], told) and not torch.allclose(ways[2.5], told)
    assert torch.allclose(ways[0.0], bare, atol=1e-5)  # nothing is left of the style


@pytest.mark.parametrize("version", MATCHED)
def test_pieces_of_a_waveform_are_the_whole(version):
    model = small_sovits(version)
    voice = model.speaker(torch.randn(1, 32_000), None, None)
    said, told = arguments(tokens=600), conditions_of(model, voice, None)
    more = {"rate": 1.1, "opening": model.opening(spoken_clip(), voice[0]), "first": model.head.context_frames + 40}
    whole = model.render(model.plan(*said, told, generator=seeded(), **more)).wav
    pieces = list(model.rendered_in_pieces(*said, told, generator=seeded(), **more))
    assert len(pieces) > 2 and len(pieces[0].wav[0]) == 40 * model.head.samples_per_frame
    assert [piece.left for piece in pieces][-1] == 0
    torch.testing.assert_close(torch.cat([piece.wav for piece in pieces], dim=1), whole, atol=1e-6, rtol=1e-4)


@pytest.mark.parametrize("version", MATCHED)
def test_a_vocoder_hears_no_further_than_it_says(version):
    head = small_sovits(version).head
    reach, frames = head.context_frames, 4 * head.context_frames
    mel = torch.randn(1, head.pre.in_channels, frames)
    other = mel.clone()
    other[..., frames // 2] = torch.nan  # whatever hears it is nan
    changed = head(other)[0].isnan().nonzero() // head.samples_per_frame
    assert frames // 2 - reach <= changed.min() and changed.max() <= frames // 2 + reach
    assert changed.max() - changed.min() > 1.5 * reach  # and not much less far


def test_pieces_cover_a_target_whatever_its_length():
    for frames in (1, 465, 466, 467, 1500):
        assert [end for _, end in spans(frames, 466)][-1] == frames
        assert sum(end - begin for begin, end in spans(frames, 466, first=60)) == frames
        cut = batched_pieces(torch.ones(1, 1, frames), 466, 12)
        assert len(cut.features) * 466 - 12 * (len(cut.features) - 1) - cut.padding == frames + 12


@pytest.mark.parametrize(("solver", "order"), [(EulerPlain, 1), (Midpoint, 2), (AdamsBashforth, 2), (RungeKutta, 4)])
def test_solvers_have_their_order(solver, order):
    """dx/dt = x from 1 ends in e; halving the step divides the error by 2^order."""
    one = torch.ones((), dtype=torch.float64)

    def error(steps):
        return float((solver(steps).solve(lambda x, t, d: x, one, lambda x: x) - torch.e).abs())

    assert error(8) / error(16) == pytest.approx(2**order, rel=0.25)


def test_shortcut_is_told_its_step_and_others_are_not():
    for solver, told in ((EulerShortcut(4), 0.25), (EulerPlain(4), 0.0)):
        steps = []
        solver.solve(lambda x, t, d, steps=steps: steps.append(d) or x, torch.zeros(1), lambda x: x)
        assert steps == [told] * solver.evaluations


def test_padding_of_a_row_keeps_its_length():
    model = small_sovits("v3")
    tokens, mask, phones, said = arguments(2)
    mask[1, 10:] = False
    voice = model.speaker(torch.randn(2, 32_000), None, None)
    rendered = model.render(model.plan(tokens, mask, phones, said, conditions_of(model, voice, None), noise=1.0)).wav
    assert rendered[1, 5 * 960 + 960 :].abs().max() == 0 and rendered[0].abs().max() > 0


def test_join_finds_planted_shifts():
    wave = torch.sin(torch.arange(9000) * 0.07) * torch.cos(torch.arange(9000) * 0.0131)
    pieces = [wave[:3000], wave[2600 - 37 : 5600], wave[5200 - 5 :]]
    made = overlap_joined(pieces, 400)
    assert made.shifts == (37, 5)
    assert torch.allclose(made.wav, wave, atol=1e-5)
