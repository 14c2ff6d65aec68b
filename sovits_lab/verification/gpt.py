"""Stage 1 against its fixtures: teacher forcing, gradients, preference term, generation one by one and in a batch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from sovits_lab.checkpoints.names import gpt_names
from sovits_lab.checkpoints.upstream_state import gpt_from
from sovits_lab.models.gpt.decoder import AS_RELEASED, PrefixDecoder
from sovits_lab.models.gpt.generation import generate, steps
from sovits_lab.models.gpt.objective import AS_PUBLISHED, Scored, TokenBatch, phone_visibility, preference_loss
from sovits_lab.models.gpt.prefix import prefix_mask
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.nn.masks import length_mask
from sovits_lab.verification.fixture import Fixture

LOGITS, LOSS, GRADIENT = 2e-4, 1e-6, 1e-4
PENALTY = 1.35  # of repeated tokens, where the json does not say another
ROUNDING = 2**-24  # float32's, times the largest gradient: smaller differences are noise in upstream's own numbers too


def verify_gpt(fixture: Fixture) -> None:
    """Verify all blocks that the fixture holds."""
    config = fixture.facts["config"]["model"]
    weights = fixture.weights()
    decoder = gpt_from(weights, config, fixture.name)
    assert isinstance(decoder, PrefixDecoder)
    decoder.eval()
    for block in ("tf1", "tf2"):
        if f"{block}.out.logits" in fixture:
            _teacher_forced(fixture, decoder, block, weights)
    if "dpo.out.loss_dpo" in fixture:
        _preference(fixture, decoder)
    _generation(fixture, decoder)
    fixture.leftovers()


def _batch(fixture: Fixture, block: str) -> TokenBatch:
    names = ("phoneme_ids", "phoneme_lens", "semantic_ids", "semantic_lens")
    phones, phone_lengths, tokens, token_lengths = (fixture[f"{block}.in.{name}"] for name in names)
    bert = fixture[f"{block}.in.bert_feature"].transpose(1, 2)
    return TokenBatch(phones, phone_lengths, tokens, token_lengths, bert)


def _teacher_forced(fixture: Fixture, decoder: PrefixDecoder, block: str, weights: dict[str, Tensor]) -> None:
    batch = _batch(fixture, block)
    scored = decoder.score(batch, AS_PUBLISHED)
    loss = scored.cross_entropy()
    fixture.close(f"{block}.out.logits", scored.logits, atol=LOGITS)
    fixture.exact(f"{block}.out.targets", scored.targets)
    fixture.close(f"{block}.out.loss", loss, rtol=LOSS)
    fixture.close(f"{block}.out.acc_top3", scored.accuracy(decoder.end), atol=1e-6)
    _inner(fixture, decoder, block, batch)
    gradients = fixture.facts.get(f"{block}_grad_l2")
    if gradients:
        decoder.zero_grad()
        torch.autograd.backward(loss)
        ours = dict(decoder.named_parameters())
        floor = ROUNDING * max(gradients.values()) / GRADIENT
        for key, own in gpt_names(weights).items():
            grad = ours[own].grad
            assert grad is not None, own
            if key in gradients:
                fixture.number(f"{block} |grad| {key}", float(grad.double().norm()), gradients[key], GRADIENT, floor)
            fixture.close(f"{block}.grad.{key}", grad, rtol=GRADIENT, floor=floor)


def _inner(fixture: Fixture, decoder: PrefixDecoder, block: str, batch: TokenBatch) -> None:
    """Embedded sequence, hidden states and mask, where the fixture has them."""
    token_mask = length_mask(batch.token_lengths, batch.tokens.shape[1])
    visible = phone_visibility(batch.phone_lengths, batch.phones.shape[1], AS_PUBLISHED)
    tokens = batch.tokens.masked_fill(~token_mask, decoder.end)
    real = torch.cat([visible, token_mask], dim=1)
    audio = torch.arange(real.shape[1]).expand_as(real) >= batch.phones.shape[1]
    blocked = ~prefix_mask(real, audio)[:, 0]
    fixture.exact(f"{block}.out.attn_mask_blocked_b2TT", blocked)
    with torch.no_grad():
        embedded = torch.cat([decoder.embed_phones(batch.phones, batch.bert), decoder.embed_tokens(tokens)], dim=1)
        fixture.close(f"{block}.out.xy_pos", embedded, atol=LOGITS)
        fixture.close(f"{block}.out.hidden", decoder.hidden(embedded, ~blocked[:, None]), atol=LOGITS)


@torch.no_grad()
def _preference(fixture: Fixture, decoder: PrefixDecoder) -> None:
    """Chosen: the rows as given. Rejected: padded with 0, whose padding counts as end targets like any other."""
    batch = _batch(fixture, "tf2")
    lengths = fixture["dpo.in.reject_semantic_lens"]
    rejected = batch._replace(tokens=fixture["dpo.in.reject_semantic_ids"], token_lengths=lengths)
    chosen, other = decoder.score(batch, AS_PUBLISHED), decoder.score(rejected, AS_PUBLISHED)
    sums = [Scored.log_likelihood(s) for s in (chosen, other)]
    loss = preference_loss(sums[0], sums[1])
    fixture.close("dpo.out.reject_logits", other.logits, atol=LOGITS)
    fixture.close("dpo.out.logps_chosen", sums[0], rtol=LOSS)
    fixture.close("dpo.out.logps_reject", sums[1], rtol=LOSS)
    fixture.close("dpo.out.loss_dpo", loss, rtol=LOSS, floor=1.0)
    fixture.close("dpo.out.loss_total", chosen.cross_entropy() + loss, rtol=LOSS)
    fixture.close("dpo.out.acc_top3", chosen.accuracy(decoder.end), atol=1e-6)


def _greedy(penalty: float) -> Sampler:
    return Sampler(temperature=1.0, top_k=1, top_p=None, repetition_penalty=penalty, order="upstream")


def _spoken(
    decoder: PrefixDecoder, phones: list[Tensor], bert: list[Tensor], prompts: list[Tensor], count: int, penalty: float
) -> list[Tensor]:
    """Prompt and generated tokens of every row."""
    prefix = decoder.embed_rows(phones, prompts, [b.T for b in bert])
    new = generate(decoder, prefix, _greedy(penalty), replace(AS_RELEASED, max_tokens=count)).tokens
    return [torch.cat([p, t]) for p, t in zip(prompts, new, strict=True)]


def _generation(fixture: Fixture, decoder: PrefixDecoder) -> None:
    if "inf1.out.tokens_with_prompt" in fixture:
        _single(fixture, decoder)
    phones, bert = fixture.indexed("infB.in.phoneme_ids"), fixture.indexed("infB.in.bert_feature")
    if not phones:
        return
    prompts = list(fixture["infB.in.prompts"])
    facts: dict[str, Any] = fixture.facts
    count, penalty = facts["infB"]["early_stop_num"], facts["infB"].get("repetition_penalty", PENALTY)
    _batch_logits(fixture, decoder, phones, bert, prompts, count, penalty)
    together = _spoken(decoder, phones, bert, prompts, count, penalty)
    for i, row in enumerate(together):
        fixture.exact(f"infB.out.tokens_with_prompt.{i}", row)
        alone = _spoken(decoder, [phones[i]], [bert[i]], [prompts[i]], count + 1, penalty)[0]
        fixture.exact(f"infB_each.out.tokens_with_prompt.{i}", alone)
    if "eos.in.predict_row_EOS" in fixture:
        with torch.no_grad():
            decoder.out.weight[decoder.end] = fixture["eos.in.predict_row_EOS"]
        count, penalty = facts["eos"]["early_stop_num"], facts["eos"].get("repetition_penalty", PENALTY)
        for i, row in enumerate(_spoken(decoder, phones, bert, prompts, count, penalty)):
            fixture.exact(f"eos.out.batch_tokens_with_prompt.{i}", row)
            alone = _spoken(decoder, [phones[i]], [bert[i]], [prompts[i]], count + 1, penalty)[0]
            fixture.exact(f"eos.out.naive_tokens_with_prompt.{i}", alone)


def _single(fixture: Fixture, decoder: PrefixDecoder) -> None:
    """One text with a prompt, with and without penalty, and without a prompt; upstream stops after N + 1 tokens."""
    phones, bert = fixture["inf1.in.phoneme_ids"], fixture["inf1.in.bert_feature"]
    prompt = fixture["inf1.in.prompt"]
    nothing = torch.zeros(1, 0, dtype=torch.long)
    for block, name, prefix_tokens in (
        ("inf1", "tokens_with_prompt", prompt),
        ("inf1_norep", "tokens_with_prompt", prompt),
        ("inf1_refree", "tokens", nothing),
    ):
        if f"{block}.out.{name}" not in fixture:
            continue
        facts = fixture.facts[block]
        penalty = facts.get("repetition_penalty", PENALTY)
        stopping = replace(AS_RELEASED, max_tokens=facts["early_stop_num"] + 1)
        prefix = decoder.embed_rows([phones[0]], [prefix_tokens[0]], [bert[0].T])
        run = list(steps(decoder, prefix, _greedy(penalty), stopping))
        new = torch.cat([prefix_tokens[0, :0], *(s.tokens for s in run if not s.ended.any())])
        fixture.exact(f"{block}.out.{name}", torch.cat([prefix_tokens[0], new])[None])
        logits = torch.cat([s.logits for s in run])
        fixture.close(f"{block}.out.step_logits", logits, atol=LOGITS)
        fixture.close(f"{block}.out.step_logits_first4", logits[:4], atol=LOGITS)


def _batch_logits(
    fixture: Fixture,
    decoder: PrefixDecoder,
    phones: list[Tensor],
    bert: list[Tensor],
    prompts: list[Tensor],
    count: int,
    penalty: float,
) -> None:
    prefix = decoder.embed_rows(phones, prompts, [b.T for b in bert])
    run = list(steps(decoder, prefix, _greedy(penalty), replace(AS_RELEASED, max_tokens=count + 1)))
    fixture.close("infB.out.step0_logits", run[0].logits, atol=LOGITS)
    first = [s.logits[0] for s in run if 0 in s.rows.tolist()]
    wanted = fixture.arrays.get("infB.out.step_logits_row0_all")
    rows = torch.stack(first)
    fixture.close("infB.out.step_logits_row0_all", rows if wanted is None else rows[: len(wanted)], atol=LOGITS)
