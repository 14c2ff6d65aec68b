"""A supervised semantic tokenizer: mel -> 25 Hz tokens that carry the phones, trained by CTC and frame targets.

The place of HuBERT and its quantizer where no weights can be downloaded. After CosyVoice's supervised tokens (Du et al.
2024) with finite scalar quantization. The same network with `IdentityQuantizer` is a recogniser for evaluation.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.masks import length_mask, masked_mean
from sovits_lab.nn.normalisation import InstanceNorm, NoNorm
from sovits_lab.quantization.finite_scalar import Quantizer


class TokenizerOutput(NamedTuple):
    """One pass.

    `before` / `after`: frame logits at 50 Hz left and right of the bottleneck; `ctc`: logits at 25 Hz, blank 0; `soft`:
    what the bottleneck rounds.
    """

    before: Float[Tensor, "B L P"]
    after: Float[Tensor, "B L P"]
    ctc: Float[Tensor, "B S Q"]
    tokens: Int[Tensor, "B S"]
    soft: Float[Tensor, "B S D"]
    distillation: Float[Tensor, ""]


def halve(mask: Bool[Tensor, "B L"]) -> Bool[Tensor, "B S"]:
    """Halve a mask at 50 Hz to 25 Hz; a token exists where its first frame does."""
    return mask[:, ::2]


class CtcTokenizer(nn.Module):
    """Conv stacks around a quantizer at half the frame rate.

    Args:
        quantizer: maps `B S D` to `Quantized`; has `dimensions`, `codes`, `soft`.
        phones: size of the symbol table.
        mels: mel bins.
        channels: width of the stacks.
        layers: blocks before the stride, between stride and quantizer, after the quantizer.
        dropout: of every block.
        norm: what is done to the features at 50 Hz before the stride, such as `InstanceNorm`; None is nothing.
    """

    def __init__(
        self,
        quantizer: Quantizer,
        phones: int,
        mels: int = 80,
        channels: int = 192,
        layers: tuple[int, int, int] = (4, 2, 3),
        dropout: float = 0.05,
        norm: NoNorm | InstanceNorm | None = None,
    ) -> None:
        super().__init__()
        first, middle, last = layers
        self.quantizer, self.norm = quantizer, norm or NoNorm()
        self.encode_fast = ConvStack(mels, channels, layers=first, dropout=dropout)
        self.frames_before = nn.Linear(channels, phones)
        self.stride = nn.Conv1d(channels, channels, 2, stride=2)
        self.encode_slow = ConvStack(channels, channels, quantizer.dimensions, layers=middle, dropout=dropout)
        self.decode = ConvStack(quantizer.dimensions, channels, layers=last, dropout=dropout)
        self.frames_after = nn.Linear(channels, 2 * phones)
        self.ctc = nn.Linear(channels, phones + 1)

    @property
    def codes(self) -> int:
        """Number of tokens K."""
        return self.quantizer.codes

    def _hidden(self, mel: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The utterance's own mean and spread are removed, level and channel with them: quiet reads like loud."""
        mean = masked_mean(mel, mask)[..., None]
        spread = masked_mean((mel - mean) ** 2, mask).mean(1).clamp(min=1e-4).sqrt()[:, None, None]
        fast = self.encode_fast((mel - mean) / spread, mask)
        fast = self.norm(fast, mask)
        even = nn.functional.pad(fast, (0, fast.shape[-1] % 2))
        return fast, self.encode_slow(self.stride(even), halve(mask)).transpose(1, 2)

    def forward(
        self,
        mel: Float[Tensor, "B M L"],
        mask: Bool[Tensor, "B L"],
        bypass: Bool[Tensor, " B"] | None = None,
    ) -> TokenizerOutput:
        """Turn log-mel into logits and tokens. Rows where `bypass` is true are not rounded (warm-up of the
        bottleneck).
        """
        fast, hidden = self._hidden(mel, mask)
        quantized, soft = self.quantizer(hidden), self.quantizer.soft(hidden)
        distance = (quantized.vectors.detach() - soft).square().mean(-1)
        vectors = quantized.vectors
        if bypass is not None:
            vectors = torch.where(bypass[:, None, None], soft, vectors)
        slow_mask = halve(mask)
        h = self.decode(vectors.transpose(1, 2), slow_mask).transpose(1, 2)
        after = self.frames_after(h).unflatten(-1, (2, -1)).flatten(1, 2)[:, : mel.shape[-1]]
        weight = slow_mask.to(distance.dtype)
        return TokenizerOutput(
            self.frames_before(fast.transpose(1, 2)),
            after,
            self.ctc(h),
            quantized.tokens,
            soft,
            (distance * weight).sum() / weight.sum().clamp(min=1),
        )

    @torch.no_grad()
    def tokenize(self, mel: Float[Tensor, "B M L"], lengths: Int[Tensor, " B"]) -> Int[Tensor, "B S"]:
        """Return the tokens of a padded batch; positions past the end are meaningless."""
        return self.quantizer(self._hidden(mel, length_mask(lengths, mel.shape[-1]))[1]).tokens

    @torch.no_grad()
    def recognise(self, mel: Float[Tensor, "B M L"], lengths: Int[Tensor, " B"]) -> list[list[int]]:
        """Decode by greedy CTC: best path, repeats merged, blanks dropped."""
        mask = length_mask(lengths, mel.shape[-1])
        best = self(mel, mask).ctc.argmax(-1)
        return [collapse(row[m].tolist()) for row, m in zip(best, halve(mask), strict=True)]


def collapse(path: list[int]) -> list[int]:
    """Apply CTC's many-to-one map (Graves et al. 2006, B): merge repeats, drop blank 0; a symbol's id is label - 1."""
    merged = [label for i, label in enumerate(path) if i == 0 or label != path[i - 1]]
    return [label - 1 for label in merged if label]
