"""Fusion: how vectors enter a model, by `fusion=`. A recipe gives each part the modules that it asks for.

| recipe | transformer of the GPT | convolution stacks, in every block |
|---|---|---|
| `PrefixSumFusion` | positions before the phones, and their sum on every phone and token | FiLM |
| `PrefixFusion` | positions before the phones | FiLM: a convolution cannot look back at a prefix |
| `SumFusion` | a sum on every phone and token | a sum |
| `FilmFusion` | FiLM after both norms of every layer | FiLM |
| `AdaptiveNormFusion` | gain, bias and gate of both branches of every layer | gain, bias and gate |
| `CrossAttentionFusion` | attention to a few tokens, in both branches of every layer | attention to a few tokens |

An adapter stands behind every layer of a trained model: a prefix with attention of its own for recipes with a prefix or
tokens, a sum for `SumFusion`, gain and bias for the others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from sovits_lab.conditioning.checks import refuse_part, refuse_small
from sovits_lab.conditioning.conditions import Filled
from sovits_lab.nn.adapters import GainShiftAdapter, LayerAdapter, PrefixAdapter, ShiftAdapter
from sovits_lab.nn.modulation import AdaptiveNorm, CrossAttention, Film, Modulation, Shift, zero_linear


class Entered(NamedTuple):
    """What opens a sequence (N may be 0), and what is added to each of its positions after that."""

    head: Float[Tensor, "B N D"]
    colour: Float[Tensor, "B 1 D"]


class FusionEntry(nn.ModuleDict):
    """How conditions enter a sequence model: each by a projection of its own. This base class lets nothing in.

    Projections start at zero, as in every other fusion: a style would drown embeddings of 0.1, and a GPT would learn
    nothing of its text for the first thousand steps.

    Args:
        channels: width D of the sequence.
        widths: of the conditions by name.
    """

    def __init__(self, channels: int, widths: Mapping[str, int]) -> None:
        super().__init__({name: zero_linear(width, channels) for name, width in self.admitted(widths).items()})
        self.channels = channels

    def admitted(self, widths: Mapping[str, int]) -> Mapping[str, int]:
        """Select the conditions that are projected."""
        return {}

    @property
    def positions(self) -> int:
        """How many positions open the sequence, N."""
        return 0

    def projected(self, filled: Filled) -> Float[Tensor, "B N D"]:
        """Return one vector of the sequence's width for each condition."""
        return torch.stack([linear(filled[name]) for name, linear in self.items()], dim=1)

    def enter(self, filled: Filled) -> Entered:
        """Make what enters the sequence of the conditions, `B G` each."""
        nothing = next(iter(filled.values())).new_zeros(1)
        batch = len(next(iter(filled.values())))
        return Entered(nothing.expand(batch, 0, self.channels), nothing.expand(batch, 1, self.channels))


class SumEntry(FusionEntry):
    """The sum of the projections is added to every position."""

    def admitted(self, widths: Mapping[str, int]) -> Mapping[str, int]:
        return widths

    def enter(self, filled: Filled) -> Entered:
        colour = self.projected(filled).sum(1, keepdim=True)
        return Entered(colour[:, :0], colour)


class PrefixEntry(SumEntry):
    """Put the projected conditions before the sequence, as positions of their own."""

    @property
    def positions(self) -> int:
        return len(self)

    def enter(self, filled: Filled) -> Entered:
        head = self.projected(filled)
        return Entered(head, torch.zeros_like(head[:, :1]))


class PrefixSumEntry(PrefixEntry):
    """The projections open the sequence, and their sum is added to every position."""

    def enter(self, filled: Filled) -> Entered:
        head = self.projected(filled)
        return Entered(head, head.sum(1, keepdim=True))


class Fusion:
    """A recipe: which module brings the conditions to each part. This base class gives the GPT's layers nothing and
    stacks FiLM."""

    def entry(self, channels: int, widths: Mapping[str, int]) -> FusionEntry:
        """Build the entry of a sequence model of this width, for conditions of these widths."""
        return FusionEntry(channels, widths)

    def layer(self, channels: int, condition_channels: int) -> Modulation:
        """Return the modulation around one branch of a transformer layer."""
        return Modulation()

    def block(self, channels: int, condition_channels: int) -> Modulation:
        """Return the modulation around the branch of a convolution block."""
        return Film(channels, condition_channels)

    def adapter(self, channels: int, how_channels: int) -> LayerAdapter:
        """Return the module behind a layer of a trained model; it changes nothing until it is trained."""
        return GainShiftAdapter(channels, how_channels)


class PrefixSumFusion(Fusion):
    """Conditions stand before the phones and are added to every position of the GPT; FiLM in stacks."""

    def entry(self, channels: int, widths: Mapping[str, int]) -> FusionEntry:
        return PrefixSumEntry(channels, widths)

    def adapter(self, channels: int, how_channels: int) -> LayerAdapter:
        return PrefixAdapter(channels, how_channels)


class PrefixFusion(Fusion):
    """Conditions stand before the phones of the GPT; FiLM in stacks."""

    def entry(self, channels: int, widths: Mapping[str, int]) -> FusionEntry:
        return PrefixEntry(channels, widths)

    def adapter(self, channels: int, how_channels: int) -> LayerAdapter:
        return PrefixAdapter(channels, how_channels)


class SumFusion(Fusion):
    """Conditions are added to every position, once in the GPT and in every block of a stack."""

    def entry(self, channels: int, widths: Mapping[str, int]) -> FusionEntry:
        return SumEntry(channels, widths)

    def block(self, channels: int, condition_channels: int) -> Modulation:
        return Shift(channels, condition_channels)

    def adapter(self, channels: int, how_channels: int) -> LayerAdapter:
        return ShiftAdapter(channels, how_channels)


class FilmFusion(Fusion):
    """Conditions set gain and bias after every norm, in the GPT and in stacks."""

    def layer(self, channels: int, condition_channels: int) -> Modulation:
        return Film(channels, condition_channels)


class AdaptiveNormFusion(Fusion):
    """Conditions set gain, bias and gate of every branch, in the GPT and in stacks."""

    def layer(self, channels: int, condition_channels: int) -> Modulation:
        return AdaptiveNorm(channels, condition_channels)

    block = layer


class CrossAttentionFusion(Fusion):
    """Every position looks among a few tokens, in every branch of the GPT and of stacks.

    Args:
        tokens: how many the conditions of a part become.
        heads: of the attention; they divide the width of every block.

    Raises:
        InputError: a number below 1; in `layer`, heads that do not divide the width.
    """

    def __init__(self, tokens: int = 4, heads: int = 4) -> None:
        refuse_small("fusion", tokens=tokens, heads=heads)
        self.tokens, self.heads = tokens, heads

    def layer(self, channels: int, condition_channels: int) -> Modulation:
        refuse_part("fusion.heads", self.heads, channels, "the width of a block")
        return CrossAttention(channels, condition_channels, self.tokens, self.heads)

    block = layer

    def adapter(self, channels: int, how_channels: int) -> LayerAdapter:
        return PrefixAdapter(channels, how_channels, self.tokens, self.heads)
