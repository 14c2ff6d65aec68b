"""One contract for both families: what fits, what is refused, and slots that say nothing until they are trained."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.conditions import STYLE, Condition, Conditions
from sovits_lab.models.accepts import accepted
from sovits_lab.models.contracts import (
    AcousticModel,
    Prompt,
    SemanticModel,
    StreamingModel,
    conditions_of,
)
from sovits_lab.models.fitting import misfit, require
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.generation import speak_tokens
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.models.sovits.synthesizer import VitsSynthesizer
from sovits_lab.nn.masks import length_mask
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import VERSIONS, small_gpt, small_gpt_node, small_sovits, small_sovits_node
from tests.models import small

STYLED: dict[str, Any] = {
    "_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": small.MELS, "channels": [8, 12],
    "hidden": 12, "out_channels": small.STYLE,
}  # fmt: skip
LABELS = {"_target_": "sovits_lab.conditioning.labels.LabelEmbedding", "labels": ["neutral", "sad"], "out_channels": 3}


def with_slot(node: dict[str, Any], plain: torch.nn.Module, **more: Any) -> Any:
    """The model of `node` with a slot for styles and labels, and the weights of the one without."""
    made = build({**node, "style_encoder": STYLED, "labels": LABELS, **more})
    missing, surplus = made.load_state_dict(plain.state_dict(), strict=False)
    assert missing and not surplus
    return made.eval()


def loud(model: Any, rows: int = 2, speaker: torch.Tensor | None = None) -> Conditions:
    """Conditions far from zero."""
    torch.manual_seed(3)
    return conditions_of(model, speaker, 9 * torch.randn(rows, small.STYLE), torch.arange(rows))


def trained(model: torch.nn.Module, *parts: torch.nn.Module) -> torch.nn.Module:
    """The same with projections that are no longer zero."""
    for part in parts:
        for parameter in part.parameters():
            torch.nn.init.normal_(parameter)
    return model


@torch.no_grad()
@pytest.mark.parametrize("version", VERSIONS)
def test_an_untrained_style_slot_of_the_released_sovits_changes_no_bit(version: str) -> None:
    plain = small.shaken(small_sovits(version), 0.2)  # a fresh head is all but silent
    styled = with_slot(small_sovits_node(version), plain)
    tokens, phones = torch.randint(16, (2, 9)), torch.randint(322, (2, 6))
    mask, phone_mask = torch.ones(2, 18, dtype=torch.bool), torch.ones(2, 6, dtype=torch.bool)
    assert isinstance(plain, VitsSynthesizer)
    wav, vector = torch.randn(2, 640 * 30) * 0.1, torch.randn(2, 20)
    voice = plain.speaker(wav, None, vector)

    def said(model: Any, conditions: Conditions) -> torch.Tensor:
        plan = model.plan(tokens, mask, phones, phone_mask, conditions, generator=torch.Generator().manual_seed(1))
        wav: torch.Tensor = model.render(plan, None, None).wav
        return wav

    before = said(plain, conditions_of(plain, voice, None))
    assert before.any()
    assert torch.equal(before, said(styled, loud(styled, speaker=voice)))
    assert not torch.equal(before, said(trained(styled, styled.styles), loud(styled, speaker=voice)))


@torch.no_grad()
def test_only_the_parts_of_the_site_hear_the_style() -> None:
    plain, told = small_sovits("v2"), torch.randn(2, 12)
    for parts, heard in ((["prosody"], {"prior"}), (["latents", "head"], {"prior", "head"}), (["flow"], {"flow"})):
        site = {"_target_": "sovits_lab.conditioning.conditions.StyleSites", "parts": parts}
        styled = with_slot(small_sovits_node("v2"), plain, style_sites=site)
        trained(styled, styled.styles)
        vectors = styled.part_conditions(loud(styled, speaker=told))
        parts = {part: value for part, value in vectors._asdict().items() if part != "how"}  # of adapters: none here
        assert {part for part, value in parts.items() if not torch.equal(value, told)} == heard


@torch.no_grad()
def test_an_untrained_slot_of_the_released_gpt_changes_no_bit() -> None:
    plain = small_gpt()
    styled = with_slot(small_gpt_node(), plain, speaker_channels=small.SPEAKER)
    phones, mask = torch.randint(732, (2, 7)), length_mask(torch.tensor([7, 4]))
    prompt = Prompt(phones[:, :3], torch.ones(2, 3, dtype=torch.bool), torch.randint(16, (2, 5)),
                    torch.ones(2, 5, dtype=torch.bool), torch.randn(2, 3, 24))  # fmt: skip

    def said(model: Any, conditions: Conditions, opened: Prompt | None) -> list[torch.Tensor]:
        return speak_tokens(model, phones, mask, conditions, Sampler(), [1, 2], prompt=opened).tokens

    for opened in (None, prompt):
        before = said(plain, {}, opened)
        told = loud(styled, speaker=torch.randn(2, small.SPEAKER))
        assert all(torch.equal(a, b) for a, b in zip(before, said(styled, told, opened), strict=True))
        logits = plain.open(plain.prefix(phones, mask, {}, prompt=opened), 2).logits
        assert torch.equal(logits, styled.open(styled.prefix(phones, mask, told, prompt=opened), 2).logits)
    trained(styled, styled.entry)
    assert not torch.equal(logits, styled.open(styled.prefix(phones, mask, told, prompt=prompt), 2).logits)


@torch.no_grad()
def test_cached_steps_of_a_told_decoder_equal_its_full_pass() -> None:
    model = with_slot(small_gpt_node(), small_gpt())
    trained(model, model.entry)
    phones, tokens = torch.randint(732, (2, 6)), torch.randint(16, (2, 5))
    told = loud(model)
    hidden = model(phones, torch.ones(2, 6, dtype=torch.bool), tokens, torch.ones(2, 5, dtype=torch.bool),
                   style=model.style(told))  # fmt: skip
    decoding = model.open(model.prefix(phones, torch.ones(2, 6, dtype=torch.bool), told), 6)
    torch.testing.assert_close(decoding.logits, model.out(hidden[:, 5]))
    for index in range(5):
        torch.testing.assert_close(decoding.step(tokens[:, index]), model.out(hidden[:, 6 + index]))


def test_every_family_meets_its_contract() -> None:
    semantic, acoustic = (small.gpt(), small_gpt()), (small.sovits(), small_sovits("v2"), small_sovits("v2pro"))
    for model in semantic:
        require(model, SemanticModel, "gpt")
        assert isinstance(model, SemanticModel)
    for model in acoustic:
        require(model, AcousticModel, "sovits")
        assert isinstance(model, AcousticModel)
    assert [isinstance(model, StreamingModel) for model in acoustic] == [False, True, True]


@pytest.mark.parametrize(
    ("kind", "contract", "said"),
    [
        (SoVits, SemanticModel, r"gpt: got SoVits, expected a semantic model: it has no .*losses"),
        (PrefixDecoder, AcousticModel, r"got PrefixDecoder, expected an acoustic model: it has no .*plan"),
        (VitsSynthesizer, SemanticModel, r"got VitsSynthesizer, expected a semantic model"),
        (SemanticGpt, AcousticModel, r"got SemanticGpt, expected an acoustic model"),
        (torch.nn.Linear, AcousticModel, r"got Linear, expected an acoustic model"),
    ],
)
def test_what_does_not_fit_is_said_in_one_line(kind: type, contract: type, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        require(kind, contract, "gpt")
    assert "\n" not in str(caught.value)


def test_a_method_that_takes_less_is_named() -> None:
    class Deaf(SemanticGpt):
        def open(self, prefix: Any) -> Any:  # type: ignore[override]
            return prefix

    assert misfit(Deaf, SemanticModel) == "its open takes no steps"


def test_what_a_voice_accepts_follows_from_its_models() -> None:
    gpt, sovits = small_gpt(), small_sovits("v2")
    assert accepted(gpt, sovits) == ("rate",)
    styled = with_slot(small_sovits_node("v2"), sovits)
    assert accepted(gpt, styled) == ("style", "emotion", "mix", "strength", "rate")
    assert accepted(small.gpt(), small.sovits()) == ("style", "emotion", "mix", "strength", "f0", "energy", "rate")


def test_a_condition_that_a_model_does_not_know_is_left_out() -> None:
    model = small_sovits("v2")
    told = conditions_of(model, torch.randn(2, 12), torch.randn(2, 5), torch.zeros(2, dtype=torch.long))
    assert set(told) == {"speaker"}
    with pytest.raises(ValueError, match="style"):
        model.part_conditions({**told, STYLE: Condition(torch.zeros(2, 5), torch.ones(2, dtype=torch.bool))})
