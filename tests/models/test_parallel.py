"""The model that decides all tokens at once: lengths by durations, rows by themselves, passes that agree."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from sovits_lab.conditioning.conditions import given
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.models.contracts import Bounds, Corruption, SemanticModel
from sovits_lab.models.fitting import require
from sovits_lab.models.gpt import generation
from sovits_lab.models.gpt.generation import generate, limits_of, speak_tokens, steps
from sovits_lab.models.gpt.parallel import ParallelGpt, spread
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.nn.masks import length_mask
from tests.models import small

SAMPLER = Sampler(0.8, 5, None, 1.0)


def model(passes: int = 1, max_tokens: int = 60) -> ParallelGpt:
    """A small one whose every part says something."""
    torch.manual_seed(0)
    made = ParallelGpt(small.CODES, small.PHONES, small.reference(), small.SPEAKER, 16, 1, 2, 1, 0.1, passes, 0.5,
                       max_tokens)  # fmt: skip
    small.shaken(made)
    return made


def asked(rows: int = 3) -> tuple[Tensor, Tensor, Any]:
    """Phones of unequal number, and conditions."""
    torch.manual_seed(1)
    phones = torch.randint(small.PHONES, (rows, 7))
    mask = length_mask(torch.tensor([7, 5, 2])[:rows], 7)
    told = given(speaker=torch.randn(rows, small.SPEAKER), style=torch.randn(rows, small.STYLE))
    return phones, mask, told


def test_it_meets_the_contract_and_refuses_a_prompt() -> None:
    require(ParallelGpt, SemanticModel, "gpt")
    assert isinstance(model(), SemanticModel)
    phones, mask, told = asked()
    with pytest.raises(ValueError, match="expected none"):
        model().prefix(phones, mask, told, bert=torch.zeros(3, 7, 4))


def test_tokens_lie_in_the_phone_that_lasts_there() -> None:
    durations = torch.tensor([[1.0, 0.2, 2.0, 9.0], [3.0, 1.0, 0.0, 0.0]])
    mask = length_mask(torch.tensor([3, 2]), 4)
    laid = spread(durations, mask, 4)
    assert laid.place.tolist() == [[0, 2, 2, 2], [0, 0, 0, 1]]
    assert torch.allclose(laid.within[0, 1, 0], torch.tensor((1.5 - 1.2) / 2.0))
    assert torch.allclose(laid.within[1, :3, 0], torch.tensor([0.5, 1.5, 2.5]) / 3)


@torch.no_grad()
def test_every_phone_that_is_spoken_has_a_token_of_its_own() -> None:
    net = model()
    phones, mask, told = asked()
    short = torch.tensor([[0.2, 1.6, 0.4, 3.0, 0.1, 0.5, 0.3]]).expand(3, -1)
    assert net.prefix(phones, mask, told, short).mask.sum(1).tolist() == [10, 8, 3]  # 1 + 1.6 + 1 + 3 + 1 ...
    spoken = net.spoken_durations(phones, mask, told)
    assert spoken[mask].min() >= 1 and not spoken[~mask].any()
    for row, size in zip(spread(spoken, mask, int(spoken.sum(1).max()) + 1).place, (7, 5, 2), strict=True):
        assert set(row.tolist()) == set(range(size))


@torch.no_grad()
def test_the_length_is_that_of_the_durations() -> None:
    phones, mask, told = asked()
    net = model()
    durations = torch.full((3, 7), 1.5)
    made = generate(net, net.prefix(phones, mask, told, durations), SAMPLER)
    assert [len(row) for row in made.tokens] == [10, 8, 3]  # halves are rounded to even
    assert all(row.max() < small.CODES for row in made.tokens)


@torch.no_grad()
@pytest.mark.parametrize("passes", [1, 3])
def test_a_row_says_alone_what_it_says_in_a_batch(passes: int) -> None:
    phones, mask, told = asked()
    net = model(passes)
    together = speak_tokens(net, phones, mask, told, SAMPLER, [1, 2, 3]).tokens
    for row in range(3):
        size = int(mask[row].sum())
        own = {name: type(one)(one.value[row : row + 1], one.mask[row : row + 1]) for name, one in told.items()}
        alone = speak_tokens(net, phones[row : row + 1, :size], mask[row : row + 1, :size], own, SAMPLER, [row + 1])
        assert torch.equal(alone.tokens[0], together[row])


@torch.no_grad()
def test_later_passes_see_what_earlier_ones_were_surest_of() -> None:
    phones, mask, told = asked()
    one, many = model(1), model(4)
    prefix = many.prefix(phones, mask, told)
    first, last = one.settle(prefix), many.settle(prefix)
    settled = last.isinf().any(-1)
    assert settled[prefix.mask].any() and not settled[~prefix.mask].any()
    assert not settled[prefix.mask].all()
    open_ = prefix.mask & ~settled
    assert not torch.allclose(first[open_], last[open_]), "what is shown changes what is expected beside it"


@torch.no_grad()
def test_read_off_step_by_step_it_ends_where_it_is_long_enough() -> None:
    phones, mask, told = asked()
    net = model()
    prefix = net.prefix(phones, mask, told)
    penalised = Sampler(0.8, 1, None, 1.2)  # a repetition penalty depends on what was drawn before
    said = [step.tokens.tolist() for step in steps(net, prefix, penalised)]
    assert len(said) == int(prefix.mask.sum(1).max()) + 1
    assert said[-1] == [net.end]


@torch.no_grad()
def test_limits_cut_and_are_reported() -> None:
    phones, mask, told = asked()
    net = model(max_tokens=6)
    made = generate(net, net.prefix(phones, mask, told, torch.full((3, 7), 3.0)), SAMPLER)
    assert made.flags == ["runaway"] * 3 and [len(row) for row in made.tokens] == [6, 6, 6]


SAMPLERS = [SAMPLER, Sampler(0.0, 1, None, 1.0), Sampler(1.1, None, 0.7, 1.0)]
CUT, USUAL = Bounds(most=0.4, margin=3), Bounds()


@torch.no_grad()
@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("bounds", [CUT, USUAL], ids=["cut", "usual"])
def test_all_at_once_are_the_tokens_that_steps_give(passes: int, sampler: Sampler, bounds: Bounds) -> None:
    phones, mask, told = asked()
    net = model(passes)
    prefix = net.prefix(phones, mask, told, torch.full((3, 7), 2.5))

    def draws() -> list[torch.Generator]:
        return [torch.Generator().manual_seed(seed) for seed in (1, 2, 3)]

    rows: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for step in steps(net, prefix, sampler, bounds, draws(), limits_of(mask, bounds)):
        for row, token, end in zip(step.rows.tolist(), step.tokens.tolist(), step.ended.tolist(), strict=True):
            rows[row] += [] if end else [token]
    made = generate(net, prefix, sampler, bounds, draws(), mask)
    assert [row.tolist() for row in made.tokens] == list(rows.values())
    assert ("runaway" in made.flags) == (bounds is CUT)
    assert not any(row.is_inference() for row in made.tokens), "others may go on computing with them"


@torch.no_grad()
def test_no_step_is_taken_where_all_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generation, "Step", None)  # none can be made
    phones, mask, told = asked()
    net = model()
    made = generate(net, net.prefix(phones, mask, told, torch.ones(3, 7)), SAMPLER)
    assert [len(row) for row in made.tokens] == [7, 5, 2]


def spoken() -> SpeechBatch:
    """Two aligned utterances, the second of them shorter."""
    phones, phone_mask, _ = asked(2)
    tokens = torch.randint(small.CODES, (2, 12))
    token_mask, mask = (length_mask(torch.tensor(sizes), size) for sizes, size in (([12, 8], 12), ([24, 16], 24)))
    place = torch.stack([torch.arange(24) * 7 // 24, torch.arange(24) * 5 // 16]).masked_fill(~mask, -1)
    none = torch.zeros(2, dtype=torch.long)
    return SpeechBatch(
        5, tokens, token_mask, phones, phone_mask, place, torch.randn(2, small.MELS, 24), mask, torch.zeros(2, 24),
        torch.zeros(2, 24 * 320), torch.zeros(2, 4), torch.randn(2, small.SPEAKER), none, none,
        torch.randn(2, small.MELS, 20), torch.ones(2, 20, dtype=torch.bool),
    )  # fmt: skip


def test_losses_are_finite_repeat_and_do_not_see_what_is_hidden() -> None:
    net, made = model(), spoken()
    told = given(speaker=made.speaker_vector, style=torch.zeros(2, small.STYLE))
    first, again = (net.losses(made, told, Corruption(seed=3)) for _ in range(2))
    assert set(first) == set(net.own_losses)
    assert all(torch.equal(first[name], again[name]) and first[name].isfinite() for name in first)
    blind = net(made.phones, made.phone_mask, made.tokens, told, torch.full((2, 7), 1.7))
    other = net(made.phones, made.phone_mask, (made.tokens + 1) % small.CODES, told, torch.full((2, 7), 1.7))
    assert torch.equal(blind.logits, other.logits)
    assert blind.logits.shape == (2, 13, small.CODES)


def test_it_learns_tokens_that_follow_from_phones() -> None:
    torch.manual_seed(0)
    net, made = model().train(), spoken()
    made = made._replace(tokens=made.phones.gather(1, made.place[:, ::2].clamp(min=0)) + 3)
    told = given(speaker=made.speaker_vector, style=torch.zeros(2, small.STYLE))
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    for step in range(120):
        loss = net.losses(made._replace(step=step), told, Corruption())
        optimiser.zero_grad()
        (loss["token"] + loss["duration"]).backward()
        optimiser.step()
    net.eval()
    with torch.no_grad():
        said = generate(net, net.prefix(made.phones, made.phone_mask, told), Sampler(1.0, 1, None, 1.0)).tokens
    for row, true, mask in zip(said, made.tokens, made.token_mask, strict=True):
        assert len(row) == int(mask.sum())
        assert (row == true[mask]).float().mean() > 0.8
