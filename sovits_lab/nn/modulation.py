"""How a vector enters a residual block: around the branch, `x + modulation(norm(x), vector, branch)`.

All act on `B L D` and, but for the gates of `AdaptiveNorm`, start as the identity. They compute as `B D L`, the layout
of the convolutions that most of them stand behind.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

Branch = Callable[[Tensor], Tensor]
Prepared = tuple[Tensor, ...]  # what a modulation makes of the vector alone, each with the rows first


class Modulation(nn.Module):
    """Null object: the branch as it is, for blocks without a condition.

    A generation asks the same vector at every step: `prepare` once, then `around` for each.
    """

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> Prepared:
        """Return what does not depend on the sequence."""
        return ()

    def around(self, h: Float[Tensor, "B L D"], prepared: Prepared, branch: Branch) -> Float[Tensor, "B L D"]:
        """Return the branch, modulated by what was prepared."""
        return branch(h)

    def forward(
        self, h: Float[Tensor, "B L D"], condition: Float[Tensor, "B G"] | None, branch: Branch
    ) -> Float[Tensor, "B L D"]:
        return self.around(h, self.prepare(condition), branch)


Modulate = Callable[[int, int], Modulation]  # (width D of the block, width G of the vector)


def zero_linear(in_channels: int, out_channels: int) -> nn.Linear:
    """Return a linear layer that starts as zero."""
    linear = nn.Linear(in_channels, out_channels)
    nn.init.zeros_(linear.weight)
    nn.init.zeros_(linear.bias)
    return linear


def required(condition: Tensor | None) -> Tensor:
    """Return the condition; a block that was built for one gets one."""
    assert condition is not None, "a block built with condition_channels needs a condition"
    return condition


class Shift(Modulation):
    """`branch(h + b)`: the vector's projection is added to every position.

    Args:
        channels: width D.
        condition_channels: width G of the vector.
    """

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.linear = zero_linear(condition_channels, channels)

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> Prepared:
        return (self.linear(required(condition))[..., None],)

    def around(self, h: Float[Tensor, "B L D"], prepared: Prepared, branch: Branch) -> Float[Tensor, "B L D"]:
        return branch((h.mT + prepared[0]).mT)


class Film(Modulation):
    """`branch((1 + g) h + b)`, feature-wise linear modulation (Perez et al. 2018, eq. 1).

    Args: as `Shift`.
    """

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.linear = zero_linear(condition_channels, 2 * channels)

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> Prepared:
        scale, shift = self.linear(required(condition))[..., None].chunk(2, dim=1)
        return 1 + scale, shift

    def around(self, h: Float[Tensor, "B L D"], prepared: Prepared, branch: Branch) -> Float[Tensor, "B L D"]:
        gain, shift = prepared
        return branch((h.mT * gain + shift).mT)


class AdaptiveNorm(Modulation):
    """`a branch((1 + g) h + b)`, adaptive normalisation with a gate (Peebles & Xie 2023, section 3.2, adaLN-Zero).

    Gates start at zero, so a stack starts as its residual path. The norm before it keeps a gain and bias of its own,
    a departure that changes nothing it can express.

    Args: as `Shift`.
    """

    def __init__(self, channels: int, condition_channels: int) -> None:
        super().__init__()
        self.linear = zero_linear(condition_channels, 3 * channels)

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> Prepared:
        scale, shift, gate = self.linear(F.silu(required(condition)))[..., None].chunk(3, dim=1)
        return 1 + scale, shift, gate.mT

    def around(self, h: Float[Tensor, "B L D"], prepared: Prepared, branch: Branch) -> Float[Tensor, "B L D"]:
        gain, shift, gate = prepared
        return gate * branch((h.mT * gain + shift).mT)


class CrossAttention(Modulation):
    """`branch(h + attention(h, tokens))`: every position looks among a few tokens that the vector is unfolded to.

    Args:
        channels, condition_channels: as `Shift`.
        tokens: how many the vector becomes.
        heads: they divide the width.
    """

    def __init__(self, channels: int, condition_channels: int, tokens: int = 4, heads: int = 4) -> None:
        super().__init__()
        self.tokens, self.heads = tokens, heads
        self.query = nn.Linear(channels, channels)
        self.key_value = nn.Linear(condition_channels, 2 * tokens * channels)
        self.out = zero_linear(channels, channels)

    def prepare(self, condition: Float[Tensor, "B G"] | None) -> Prepared:
        pair = self.key_value(required(condition)).unflatten(-1, (self.tokens, -1)).chunk(2, dim=-1)
        k, v = (self._by_head(each) for each in pair)
        return k, v

    def around(self, h: Float[Tensor, "B L D"], prepared: Prepared, branch: Branch) -> Float[Tensor, "B L D"]:
        k, v = prepared
        seen: torch.Tensor = F.scaled_dot_product_attention(self._by_head(self.query(h)), k, v)
        return branch(h + self.out(seen.transpose(1, 2).flatten(2)))

    def _by_head(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B H L W"]:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)
