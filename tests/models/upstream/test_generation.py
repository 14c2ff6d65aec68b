"""The GPT of the upstream family: one function, whichever way it is run."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from sovits_lab.models.gpt.decoder import AS_RELEASED, PrefixDecoder
from sovits_lab.models.gpt.generation import generate, steps
from sovits_lab.models.gpt.objective import AS_PUBLISHED, INTENDED, TokenBatch
from sovits_lab.models.gpt.packed import pack, supported
from sovits_lab.models.gpt.sampling import Sampler, keep_top_p
from sovits_lab.models.gpt.streaming import fixed_chunks
from sovits_lab.nn.dropout import attention, dropout

GREEDY = Sampler(top_k=1, order="upstream")


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return PrefixDecoder(phones=20, codes=33, width=32, heads=4, layers=2, bert_channels=8).eval()


def texts(*sizes):
    torch.manual_seed(1)
    return [torch.randint(20, (n,)) for n in sizes], [torch.randint(32, (n // 2,)) for n in sizes]


def test_cached_steps_equal_the_full_pass(decoder):
    """Truth by teacher forcing: the logits of every step are those of one pass over the whole sequence."""
    (phones,), (prompt,) = texts(9)
    run = list(steps(decoder, decoder.embed_rows([phones], [prompt]), GREEDY, replace(AS_RELEASED, max_tokens=12)))
    tokens = torch.cat([prompt, *(s.tokens for s in run)])
    ones = torch.ones(1, len(phones), dtype=torch.bool), torch.ones(1, len(tokens), dtype=torch.bool)
    hidden = decoder(phones[None], ones[0], tokens[None], ones[1])
    expected = decoder.out(hidden)[0, len(phones) + len(prompt) - 1 : -1]
    torch.testing.assert_close(torch.cat([s.logits for s in run]), expected, atol=1e-5, rtol=1e-5)


def test_a_left_padded_batch_equals_each_row_alone(decoder):
    """Texts and prompts of any lengths; rows that end early leave the batch."""
    phones, prompts = texts(9, 4, 13)
    decoder.out.weight.data[decoder.end] += 0.35
    stopping = replace(AS_RELEASED, max_tokens=40)
    together = generate(decoder, decoder.embed_rows(phones, prompts), GREEDY, stopping)
    for i in range(3):
        alone = generate(decoder, decoder.embed_rows([phones[i]], [prompts[i]]), GREEDY, stopping)
        assert torch.equal(together.tokens[i], alone.tokens[0])
        assert together.ended[i] == alone.ended[0]


def test_padding_is_invisible_to_the_loss_as_intended(decoder):
    phones, tokens = texts(9, 5)
    lengths = torch.tensor([9, 5]), torch.tensor([4, 2])
    padded = [torch.nn.utils.rnn.pad_sequence(rows, batch_first=True) for rows in (phones, tokens)]
    both = decoder.score(TokenBatch(padded[0], lengths[0], padded[1], lengths[1]), INTENDED)
    alone = [
        decoder.score(TokenBatch(p[None], torch.tensor([len(p)]), t[None], torch.tensor([len(t)])), INTENDED)
        for p, t in zip(phones, tokens, strict=True)
    ]
    torch.testing.assert_close(both.cross_entropy(), sum(a.cross_entropy() for a in alone))


def test_cheap_dropout_has_the_mean_and_spread_of_independent_dropout():
    """Of the mask itself, of `x` and its gradient, and of attention, whose mean is the attention without it."""
    torch.manual_seed(0)
    x = torch.ones(400_000, requires_grad=True)
    y = dropout(x, 0.3)
    assert abs(float((y == 0).float().mean()) - 0.3) < 0.004
    assert abs(float(y.mean()) - 1) < 0.005
    assert torch.equal(torch.autograd.grad(y.sum(), x)[0], y)
    a, b = y[:-1] == 0, y[1:] == 0  # neighbours share a word of noise
    assert abs(float((a & b).float().mean()) - 0.09) < 0.003
    torch.manual_seed(0)
    assert torch.equal(dropout(x, 0.3), y)


def test_dropped_attention_is_attention_in_the_mean_and_differentiates_exactly():
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 2, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = torch.full((1, 1, 5, 5), -torch.inf, dtype=torch.float64).triu(1)
    mean = torch.stack([attention(q, k, v, mask, 0.1) for _ in range(3000)]).mean(0)
    torch.testing.assert_close(mean, attention(q, k, v, mask, 0.0), atol=0.05, rtol=0)

    def same_noise(*tensors):
        torch.manual_seed(1)
        return attention(*tensors, mask, 0.1)

    assert torch.autograd.gradcheck(same_noise, (q, k, v))


def test_equal_lengths_are_read_alike_by_both(decoder):
    phones, tokens = (torch.stack(rows) for rows in texts(8, 8))
    batch = TokenBatch(phones, torch.tensor([8, 8]), tokens, torch.tensor([4, 4]))
    torch.testing.assert_close(
        decoder.score(batch, INTENDED).cross_entropy(), decoder.score(batch, AS_PUBLISHED).cross_entropy()
    )


@pytest.mark.parametrize("precision", ["fp32", "bf16", "int8"])
def test_packed_decoders_agree_with_the_plain_one(decoder, precision):
    if not supported(precision):
        pytest.skip(f"this build of torch has no kernels for {precision}")
    (phones,), (prompt,) = texts(9)
    prefix = decoder.embed_rows([phones], [prompt])
    plain = next(iter(steps(decoder, prefix, GREEDY))).logits
    packed = pack(copy.deepcopy(decoder), precision)
    run = steps(packed, prefix, GREEDY, replace(AS_RELEASED, max_tokens=3))
    error = (next(iter(run)).logits - plain).abs().max() / plain.abs().max()
    assert error < {"fp32": 1e-5, "bf16": 0.03, "int8": 0.03}[precision]
    assert len(list(run)) == 2


def test_the_fused_step_follows_the_plain_one_to_the_end(decoder):
    """Every logit of twenty steps, each reading the cache that the steps before it wrote."""
    (phones,), (prompt,) = texts(9)
    prefix, stopping = decoder.embed_rows([phones], [prompt]), replace(AS_RELEASED, max_tokens=20)
    plain = list(steps(decoder, prefix, GREEDY, stopping))
    fused = list(steps(pack(copy.deepcopy(decoder), "fp32"), prefix, GREEDY, stopping))
    assert [int(s.tokens) for s in fused] == [int(s.tokens) for s in plain]
    for ours, theirs in zip(fused, plain, strict=True):
        torch.testing.assert_close(ours.logits, theirs.logits, atol=1e-5, rtol=1e-5)


def test_eight_bit_keys_and_values_stay_near_the_plain_ones(decoder):
    """Forty steps of the same tokens: the error of 8 bits does not grow with what is kept in them."""
    (phones,), (prompt,) = texts(9)
    prefix, packed = decoder.embed_rows([phones], [prompt]), pack(copy.deepcopy(decoder), "int8")
    errors = []
    with torch.inference_mode():
        plain, fused = decoder.open(prefix, 41), packed.open(prefix, 41)
        for token in torch.randint(32, (40, 1)):
            expected = plain.step(token)
            errors.append(float((fused.step(token) - expected).abs().max() / expected.abs().max()))
    kept = fused.cache.one_row
    assert kept.keys.dtype == kept.values.dtype == np.int8 and (kept.key_scales > 0).all()
    assert max(errors) < 0.05 and np.mean(errors[20:]) < 2 * np.mean(errors[:20])


def test_a_row_that_is_left_alone_goes_on_in_the_fused_step(decoder):
    """Rows of one length, without padding: the row that stays takes its keys and values along."""
    prefix, packed = decoder.embed_rows(*texts(9, 9)), pack(copy.deepcopy(decoder), "fp32")
    with torch.inference_mode():
        plain, fused = decoder.open(prefix, 12), packed.open(prefix, 12)
        for index, tokens in enumerate(torch.randint(32, (10, 2))):
            if index == 4:
                for each in (plain, fused):
                    each.keep(torch.tensor([1]))
            now = tokens[1:] if index >= 4 else tokens
            torch.testing.assert_close(fused.step(now), plain.step(now), atol=1e-5, rtol=1e-5)
    assert fused.cache.one_row is not None and plain.cache.one_row is None


def test_rows_that_are_left_alone_with_padding_take_the_plain_step(decoder):
    """The fused step knows no padding: a decoder packed for one row is still right for several."""
    phones, prompts = texts(9, 4)
    stopping = replace(AS_RELEASED, max_tokens=15)
    plain = generate(decoder, decoder.embed_rows(phones, prompts), GREEDY, stopping)
    packed = pack(copy.deepcopy(decoder), "fp32")
    made = generate(packed, packed.embed_rows(phones, prompts), GREEDY, stopping)
    assert all(torch.equal(a, b) for a, b in zip(plain.tokens, made.tokens, strict=True))


def test_sampling_follows_its_generator_and_leaves_logits_alone():
    logits, previous = torch.randn(4, 33), torch.randint(33, (4, 7))
    before, sampler = logits.clone(), Sampler(top_p=0.8, temperature=0.7)
    draws = [sampler(logits, previous, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*draws) and torch.equal(logits, before)


def test_top_p_keeps_or_drops_the_crossing_token():
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    assert torch.isfinite(keep_top_p(logits, 0.6, keep_crossing=True)).tolist() == [[True, True, False]]
    assert torch.isfinite(keep_top_p(logits, 0.6, keep_crossing=False)).tolist() == [[True, False, False]]
    assert torch.isfinite(keep_top_p(logits, 0.0, keep_crossing=False)).tolist() == [[True, False, False]]


@pytest.mark.parametrize("bad", [{"temperature": -1}, {"top_k": 0}, {"repetition_penalty": 0}])
def test_sampler_refuses_what_makes_no_sense(bad):
    with pytest.raises(ValueError, match="sampling"):
        Sampler(**bad)


def test_chunks_joined_are_the_whole():
    tokens = torch.randint(33, (200,)).tolist()
    chunks = list(fixed_chunks(tokens, 7))
    assert [t for chunk in chunks for t in chunk] == tokens
    assert all(len(chunk) == 7 for chunk in chunks[:-1])


def test_a_step_is_compiled_where_nothing_can_be_kept_of_it(monkeypatch):
    """As in a container that is read only, and for a service without a home."""
    from sovits_lab.models.gpt.fused import compiled

    monkeypatch.setattr("numba.core.caching.CacheImpl._locator_classes", [])
    assert compiled(lambda x: 2 * x)(3) == 6
