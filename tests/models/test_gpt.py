"""The semantic model and its generation: causal, cached, independent of neighbours, and guarded."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from sovits_lab.conditioning.conditions import Conditions, given
from sovits_lab.models.contracts import Bounds
from sovits_lab.models.gpt.generation import Generated, speak_tokens
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.nn.masks import length_mask
from tests.models import small

TEXTS = [8, 5, 3]
GUARD = Bounds(least=0.5, most=4.0, margin=6, early=0.0)


@pytest.fixture(scope="module")
def model() -> SemanticGpt:
    return small.gpt()


class Prompt:
    """Three texts of unequal length with their conditions; garbage phones where padded."""

    def __init__(self) -> None:
        torch.manual_seed(5)
        self.mask = length_mask(torch.tensor(TEXTS))
        self.phones = torch.randint(small.PHONES, self.mask.shape)
        self.speaker, self.style = torch.randn(3, small.SPEAKER), torch.randn(3, small.STYLE)

    def rows(self, *chosen: int) -> tuple[torch.Tensor, torch.Tensor, Conditions]:
        longest = max(TEXTS[i] for i in chosen)
        index = list(chosen)
        told = given(speaker=self.speaker[index], style=self.style[index])
        return self.phones[index, :longest], self.mask[index, :longest], told


def tokens(size: int = 6) -> torch.Tensor:
    torch.manual_seed(6)
    return torch.randint(small.CODES, (3, size))


def run(model: SemanticGpt, *rows: int, seeds: list[int] | None = None, guard: Bounds = GUARD) -> Generated:
    sampler = Sampler(temperature=1.0, top_k=None, repetition_penalty=1.2)
    return speak_tokens(model, *Prompt().rows(*rows), sampler, seeds or [10 + i for i in rows], guard)


def test_cached_steps_equal_the_full_pass(model: SemanticGpt) -> None:
    phones, mask, told = Prompt().rows(0, 1, 2)
    said = tokens()
    whole = model(phones, mask, said, told).logits
    prefix = model.prefix(phones, mask, told)
    caches = model.caches(prefix, said.shape[1] + 1)
    entered = torch.cat([said.new_full((3, 1), model.start), said], dim=1)
    for index in range(entered.shape[1]):
        step = model.step(entered[:, index], index, prefix, caches)
        torch.testing.assert_close(step, whole[:, index], atol=1e-5, rtol=1e-4)


def test_tokens_see_the_past_and_all_phones_but_no_future(model: SemanticGpt) -> None:
    prompt, said = Prompt().rows(0, 1, 2), tokens()
    changed = said.clone()
    changed[:, 3] = (changed[:, 3] + 1) % small.CODES
    a, b = (model(*prompt[:2], entered, prompt[2]).logits for entered in (said, changed))
    assert torch.equal(a[:, :4], b[:, :4]) and not torch.allclose(a[:, 4:], b[:, 4:], atol=1e-3)
    phones = prompt[0].clone()
    phones[:, 2] = (phones[:, 2] + 1) % small.PHONES
    assert not torch.allclose(a[:, 0], model(phones, prompt[1], said, prompt[2]).logits[:, 0], atol=1e-4)


@pytest.mark.parametrize("row", [0, 1, 2])
def test_a_text_among_longer_ones_is_as_alone(model: SemanticGpt, row: int) -> None:
    phones, mask, told = Prompt().rows(0, 1, 2)
    together = model(phones, mask, tokens(), told)
    phones, mask, told = Prompt().rows(row)
    alone = model(phones, mask, tokens()[row : row + 1], told)
    torch.testing.assert_close(together.logits[row], alone.logits[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(together.current[row], alone.current[0], atol=1e-5, rtol=1e-4)
    got = together.attention[row, :, : TEXTS[row]]
    torch.testing.assert_close(got, alone.attention[0], atol=1e-5, rtol=1e-4)
    assert together.attention[row, :, TEXTS[row] :].abs().max().item() < 1e-6 if TEXTS[row] < 8 else True


def test_every_row_speaks_as_alone_by_its_own_seed(model: SemanticGpt) -> None:
    together = run(model, 0, 1, 2)
    for place, row in enumerate((0, 1, 2)):
        alone = run(model, row)
        assert torch.equal(together.tokens[place], alone.tokens[0]) and together.flags[place] == alone.flags[0]
    turned = run(model, 2, 0)
    assert torch.equal(turned.tokens[0], together.tokens[2]) and torch.equal(turned.tokens[1], together.tokens[0])


def test_the_seed_decides(model: SemanticGpt) -> None:
    assert torch.equal(run(model, 0, seeds=[1]).tokens[0], run(model, 0, seeds=[1]).tokens[0])
    said = {tuple(run(model, 0, seeds=[seed]).tokens[0].tolist()) for seed in range(6)}
    assert len(said) > 1


class Scripted(SemanticGpt):
    """Ends after exactly `stop` tokens."""

    stop = 0

    def step(self, tokens: torch.Tensor, index: int, prefix: object, caches: object) -> torch.Tensor:
        logits = torch.zeros(len(tokens), self.codes + 1)
        logits[:, self.end if index >= self.stop else index % self.codes] = 50.0
        return logits


def scripted(stop: int, max_tokens: int = 60) -> Scripted:
    model = Scripted(small.CODES, small.PHONES, small.reference(), small.SPEAKER, 16, 1, 2, max_tokens=max_tokens)
    model.stop = stop
    return model.eval()


@pytest.mark.parametrize(
    ("stop", "flag", "length"),
    [
        (0, "empty", 0),
        (2, "truncated", 2),
        (4, "", 4),
        (20, "", 20),
        (37, "", 37),
        (38, "runaway", 38),
        (999, "runaway", 38),
    ],
)
def test_the_guard_reports(stop: int, flag: str, length: int) -> None:
    made = run(scripted(stop), 0)  # 8 phones: at least 4 tokens, at most 4 x 8 + 6 = 38
    assert made.flags == [flag] and len(made.tokens[0]) == length
    assert not (made.tokens[0] == small.CODES).any(), "the end symbol is never a token"


def test_no_row_ends_long_before_its_last_phone_is_expected() -> None:
    model = scripted(0)
    planned = [model.prefix(*Prompt().rows(i)).positions.max().item() for i in (0, 1, 2)]
    soonest = [math.ceil(0.75 * place) for place in planned]
    assert min(soonest) >= 2
    made = run(model, 0, 1, 2, guard=replace(GUARD, early=0.75))
    assert [len(said) for said in made.tokens] == soonest, "whatever is beside it"
    assert not any((said == small.CODES).any() for said in made.tokens)


def test_the_models_own_limit_is_a_runaway_too() -> None:
    made = run(scripted(999, max_tokens=12), 0)
    assert made.flags == ["runaway"] and len(made.tokens[0]) == 12


def test_a_runaway_neighbour_does_not_lengthen_a_row() -> None:
    made = run(scripted(999), 0, 2)
    assert [len(t) for t in made.tokens] == [38, 18] and made.flags == ["runaway", "runaway"]


def test_phones_lie_where_they_are_expected_and_no_padding_moves_them(model: SemanticGpt) -> None:
    phones, mask, told = Prompt().rows(0, 1, 2)
    normal = model.prefix(phones, mask, told)
    places = normal.positions[:, 2:]
    assert all((row[m].diff() > 0).all() for row, m in zip(places, mask, strict=True)), "phones follow each other"
    spread = model.prefix(phones, mask, told, durations=torch.full(mask.shape, 2.0))
    assert spread.positions[0, 2:].tolist() == [1, 3, 5, 7, 9, 11, 13, 15], "the middle of each phone, in tokens"
    alone = model.prefix(*Prompt().rows(2))
    torch.testing.assert_close(alone.positions[0], normal.positions[2, : 2 + TEXTS[2]], atol=1e-5, rtol=1e-5)
