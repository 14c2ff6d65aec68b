"""The tokenizer: padding changes nothing, tokens spell what the whole pass hears, level does not matter."""

from __future__ import annotations

import pytest
import torch

from sovits_lab.content.ctc import CtcTokenizer, collapse, halve
from sovits_lab.nn.masks import length_mask
from sovits_lab.quantization.finite_scalar import FiniteScalarQuantizer, IdentityQuantizer, Quantizer


def tokenizer(quantizer: Quantizer | None = None) -> CtcTokenizer:
    torch.manual_seed(0)
    return CtcTokenizer(quantizer or FiniteScalarQuantizer((8, 5)), 7, 10, 16, (1, 1, 1), 0.1).eval()


@pytest.fixture
def mel() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randn(2, 10, 12)


def test_padding_and_its_content_change_nothing(mel: torch.Tensor) -> None:
    model, lengths = tokenizer(), [12, 7]
    mask = length_mask(torch.tensor(lengths), 12)
    padded = torch.where(mask[:, None], mel, torch.full_like(mel, 9.0))
    together = model(padded, mask)
    for i, size in enumerate(lengths):
        alone, half = model(mel[i : i + 1, :, :size], mask[i : i + 1, :size]), (size + 1) // 2
        assert torch.equal(together.tokens[i, :half], alone.tokens[0])
        for name in ("before", "after"):
            got, wanted = getattr(together, name)[i, :size], getattr(alone, name)[0]
            torch.testing.assert_close(got, wanted, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(together.ctc[i, :half], alone.ctc[0], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("frames", [6, 7])
def test_two_frames_make_a_token(frames: int) -> None:
    out = tokenizer()(torch.randn(1, 10, frames), torch.ones(1, frames, dtype=torch.bool))
    assert out.tokens.shape == (1, (frames + 1) // 2) == halve(torch.ones(1, frames, dtype=torch.bool)).shape
    assert out.after.shape == out.before.shape == (1, frames, 7)


def test_a_quiet_recording_reads_like_a_loud_one(mel: torch.Tensor) -> None:
    model, mask = tokenizer(), torch.ones(2, 12, dtype=torch.bool)
    quiet = model(mel - 3.0, mask)  # a factor on the waveform is a constant in log-mel
    torch.testing.assert_close(quiet.ctc, model(mel, mask).ctc, atol=1e-4, rtol=1e-4)


def test_bypassed_rows_are_not_rounded(mel: torch.Tensor) -> None:
    model, mask = tokenizer(), torch.ones(2, 12, dtype=torch.bool)
    hard, mixed = model(mel, mask), model(mel, mask, torch.tensor([False, True]))
    assert torch.equal(hard.ctc[0], mixed.ctc[0]) and not torch.allclose(hard.ctc[1], mixed.ctc[1])
    assert torch.equal(hard.tokens, mixed.tokens)


def test_gradient_reaches_the_first_layer_through_the_rounding(mel: torch.Tensor) -> None:
    model = tokenizer()
    model(mel, torch.ones(2, 12, dtype=torch.bool)).ctc.square().sum().backward()
    assert model.encode_fast.enter.weight.grad is not None and model.encode_fast.enter.weight.grad.abs().sum() > 0


def test_without_a_bottleneck_it_only_recognises(mel: torch.Tensor) -> None:
    model = tokenizer(IdentityQuantizer(6))
    assert model.codes == 1 and len(model.recognise(mel, torch.tensor([12, 8]))) == 2


def test_collapse_merges_repeats_then_drops_blanks() -> None:
    assert collapse([0, 3, 3, 0, 3, 1, 1, 0]) == [2, 2, 0]
    assert collapse([0, 0]) == [] == collapse([])
