"""Adapters on a trained model: nothing before training and at strength 0, one function whichever way it is run."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from sovits_lab.conditioning.conditions import EMOTION, STYLE, given, without
from sovits_lab.conditioning.conv_gru import ConvGruReference
from sovits_lab.conditioning.fusion import (
    AdaptiveNormFusion,
    CrossAttentionFusion,
    FilmFusion,
    PrefixFusion,
    PrefixSumFusion,
    SumFusion,
)
from sovits_lab.models.adapters.gpt import GptAdapters
from sovits_lab.models.adapters.slot import RelativeLabels
from sovits_lab.models.adapters.sovits import SovitsAdapters
from sovits_lab.models.gpt.decoder import AS_RELEASED, PrefixDecoder
from sovits_lab.models.gpt.generation import steps
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import VERSIONS, small_sovits

GREEDY = Sampler(top_k=1, order="upstream")
FUSIONS = [
    SumFusion(),
    FilmFusion(),
    AdaptiveNormFusion(),
    PrefixFusion(),
    PrefixSumFusion(),
    CrossAttentionFusion(2, 2),
]
ONES = torch.ones(1, 5, dtype=torch.bool)


def encoder():
    return ConvGruReference(10, (8, 12), 3, 2, 12, 6)


def decoder():
    torch.manual_seed(0)
    return PrefixDecoder(phones=20, codes=33, width=32, heads=4, layers=2, bert_channels=8).eval()


def trained(adapters):
    """Weights as after training: none is zero."""
    torch.manual_seed(3)
    for name, parameter in adapters.named_parameters():
        if not name.startswith(("style_encoder.", "labels.")):
            parameter.data.normal_(0, 0.2)
    return adapters


def adapted(model, adapters):
    torch.manual_seed(1)
    adapters.attach(model)
    adapters.conditions.calibrate(torch.linspace(-1, 1, 6), torch.randn(9, 6))
    return model.eval()


def hidden(model, conditions):
    torch.manual_seed(2)
    phones, tokens = torch.randint(20, (1, 5)), torch.randint(32, (1, 5))
    return model(phones, ONES, tokens, ONES, None, model.style(conditions))


NEUTRAL, SAD = torch.linspace(-1, 1, 6)[None], torch.full((1, 6), 0.7)


@torch.no_grad()
@pytest.mark.parametrize("fusion", FUSIONS, ids=lambda f: type(f).__name__)
def test_a_decoder_says_the_same_before_training_and_at_strength_zero(fusion):
    base = decoder()
    plain = hidden(base, {})
    model = adapted(copy.deepcopy(base), GptAdapters(32, 2, encoder(), fusion=fusion, rank=4))
    torch.testing.assert_close(hidden(model, given(style=SAD)), plain, atol=0, rtol=0)
    trained(model.adapters)
    assert not torch.allclose(hidden(model, given(style=SAD)), plain, atol=1e-3)
    for silent in (given(style=NEUTRAL), without(given(style=SAD), STYLE)):
        torch.testing.assert_close(hidden(model, silent), plain, atol=0, rtol=0)


@torch.no_grad()
@pytest.mark.parametrize("fusion", FUSIONS[:1] + FUSIONS[3:4], ids=lambda f: type(f).__name__)
def test_cached_steps_equal_the_full_pass(fusion):
    model = adapted(decoder(), trained(GptAdapters(32, 2, encoder(), fusion=fusion, rank=4)))
    told = given(style=SAD)
    phones, prompt = torch.randint(20, (7,)), torch.randint(32, (3,))
    prefix = model.embed_rows([phones], [prompt], style=model.style(told))
    run = list(steps(model, prefix, GREEDY, replace(AS_RELEASED, max_tokens=12)))
    tokens = torch.cat([prompt, *(s.tokens for s in run)])[None]
    h = model(phones[None], torch.ones(1, 7, dtype=torch.bool), tokens, torch.ones_like(tokens, dtype=torch.bool), None,
              model.style(told))  # fmt: skip
    expected = model.out(h)[0, 7 + 3 - 1 : -1]
    torch.testing.assert_close(torch.cat([s.logits for s in run]), expected, atol=1e-4, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("version", VERSIONS)
def test_a_synthesizer_sounds_the_same_before_training_and_at_strength_zero(version):
    base = small_sovits(version).eval()
    torch.manual_seed(4)
    voice = torch.randn(1, base.reference.channels)
    tokens, phones = torch.randint(8, (1, 6)), torch.randint(9, (1, 5))
    mask, phone_mask = torch.ones(1, 12, dtype=torch.bool), torch.ones(1, 5, dtype=torch.bool)

    def sound(model, **conditions):
        made = torch.Generator().manual_seed(5)
        told = given(speaker=voice, **conditions)
        planned = model.plan(tokens, mask, phones, phone_mask, told, generator=made)
        streamed = model.stream(tokens, phones, told, keep_last=4, generator=torch.Generator().manual_seed(5))
        return torch.cat([planned.z.flatten(1), model.render(planned).wav, streamed.frames.flatten(1)], dim=1)

    plain = sound(base)
    adapters = SovitsAdapters(**base.adapter_sizes, style_encoder=encoder(), rank=4, inner=8)
    model = adapted(copy.deepcopy(base), adapters)
    torch.testing.assert_close(sound(model, style=SAD), plain, atol=0, rtol=0)
    trained(adapters)
    assert not torch.allclose(sound(model, style=SAD), plain, atol=1e-2)
    torch.testing.assert_close(sound(model, style=NEUTRAL), plain, atol=0, rtol=0)


def test_the_style_encoder_stays_as_it_was_trained():
    model = adapted(decoder(), GptAdapters(32, 2, encoder(), rank=4))
    model.train()
    assert model.adapters.training and not model.style_encoder.training
    assert not [name for name in model.state_dict() if name.startswith(("style_encoder", "conditions"))]


@torch.no_grad()
def test_labels_are_differences_from_neutral():
    labels = RelativeLabels(["angry", "neutral", "sad"], 0)
    assert labels(torch.tensor([1, 2])).tolist() == [[0.0, 0.0], [0.0, 1.0]]
    torch.testing.assert_close(labels.mixture({"sad": 0.25, "neutral": 0.75}), torch.tensor([0.0, 0.25]))
    base = decoder()
    plain = hidden(base, {})
    model = copy.deepcopy(base)
    GptAdapters(32, 2, labels=labels, fusion=SumFusion(), rank=0).attach(model)
    trained(model.adapters)
    torch.testing.assert_close(hidden(model, given(emotion=labels(torch.tensor([1])))), plain, atol=0, rtol=0)
    assert not torch.allclose(hidden(model, {EMOTION: given(e=labels(torch.tensor([2])))["e"]}), plain, atol=1e-3)


@torch.no_grad()
def test_an_erased_direction_is_gone_from_every_layers_output():
    model = decoder()
    GptAdapters(32, 2, labels=RelativeLabels(["neutral", "sad"], 0), rank=0, erase=True).attach(model)
    direction = torch.nn.functional.normalize(torch.randn(32), dim=0)
    for layer in model.adapters.layers:
        layer.directions.copy_(direction[None])
    h = hidden(model, given(emotion=torch.ones(1, 1)))
    assert (h @ direction).abs().max() < 1e-5 < (hidden(model, {}) @ direction).abs().max()


def test_adapters_come_once_and_hear_something():
    model = adapted(decoder(), GptAdapters(32, 2, encoder()))
    with pytest.raises(InputError, match="already told a style"):
        GptAdapters(32, 2, encoder()).attach(model)
    with pytest.raises(InputError, match="neither a reference encoder nor labels"):
        GptAdapters(32, 2)
    with pytest.raises(InputError, match="neutral among them"):
        RelativeLabels(["sad", "angry"])
    with pytest.raises(InputError, match=r"adapters\.frames: got 'x'"):
        SovitsAdapters(8, 8, 8, encoder(), frames="x")
