"""The embedded prefix of a `PrefixDecoder`, and who sees whom in it."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


class DecoderStyle(NamedTuple):
    """A decoder's conditions besides its text: `colour` is added to every phone and token, `how` goes to the adapters
    behind the layers; None for one that the decoder does not have."""

    colour: Float[Tensor, "B D"] | None = None
    how: Float[Tensor, "B R"] | None = None

    def rows(self, rows: Int[Tensor, " R"]) -> DecoderStyle:
        """Return the same for these rows alone."""
        return DecoderStyle(*(None if each is None else each[rows] for each in self))

    def added(self, x: Float[Tensor, "B *L D"]) -> Float[Tensor, "B *L D"]:
        """Add the colour to positions, one or many in each row."""
        if self.colour is None:
            return x
        return x + (self.colour if x.dim() == 2 else self.colour[:, None])


class PaddedPrefix(NamedTuple):
    """An embedded, left-padded prefix of a generation: `[padding; phones; prompt]` in every row.

    `prompts` holds the prompt tokens, left-padded with -1; `lengths` their number. `style` is the
    condition of every token that follows, too.
    """

    x: Float[Tensor, "B L D"]
    real: Bool[Tensor, "B L"]
    audio: Bool[Tensor, "B L"]
    prompts: Int[Tensor, "B Y"]
    lengths: Int[Tensor, " B"]
    style: DecoderStyle = DecoderStyle()

    @property
    def expected(self) -> None:
        """Nothing: the decoder has no durations."""

    @property
    def spoken(self) -> Int[Tensor, "B Y"]:
        """Tokens of the prompts, -1 where padded."""
        return self.prompts


def additive(allowed: Bool[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """Return 0 where allowed, minus infinity elsewhere."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, -torch.inf)


def prefix_mask(real: Bool[Tensor, "B L"], audio: Bool[Tensor, "B L"]) -> Bool[Tensor, "B 1 L L"]:
    """Let phones see phones, and token j all phones and the tokens up to j; nobody sees padding.

    Every row holds at least one real phone, so every query, padded ones too, has something to look at.
    """
    n = real.shape[1]
    causal = torch.ones(n, n, dtype=torch.bool, device=real.device).tril()
    allowed = ~audio[:, None, :] | (audio[:, :, None] & causal)
    return (allowed & real[:, None, :])[:, None]
