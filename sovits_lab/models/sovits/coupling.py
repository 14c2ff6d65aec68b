"""The flow between posterior and prior: mean-only couplings, so its volume stays (Kim et al. 2021, section 2.5.2)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.nn.convolution import ConvStack


class ConvCoupling(nn.Module):
    """`z = [a, b + m(a)]`, halves swapped by turns; `reverse` is the exact inverse.

    Args:
        channels: width of the latents, even.
        hidden, layers: of the network that predicts m.
        condition_channels: width of the condition.
        couplings: number of steps.
        fusion: how the condition enters; None is `PrefixSumFusion`, whatever the configuration's default.
    """

    def __init__(
        self,
        channels: int,
        hidden: int,
        layers: int,
        condition_channels: int,
        couplings: int = 4,
        fusion: Fusion | None = None,
    ) -> None:
        super().__init__()
        assert channels % 2 == 0, "a coupling splits the latents in two"
        half, block = channels // 2, (fusion or PrefixSumFusion()).block
        self.shifts = nn.ModuleList(  # starting at zero, the flow starts as a permutation
            ConvStack(half, hidden, half, layers, condition_channels=condition_channels, modulate=block).start_at_zero()
            for _ in range(couplings)
        )

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        condition: Float[Tensor, "B G"],
        reverse: bool = False,
    ) -> Float[Tensor, "B C L"]:
        for shift in reversed(self.shifts) if reverse else self.shifts:
            first, second = z.chunk(2, dim=1)
            if reverse:  # first = b + m(a), second = a
                z = torch.cat([second, first - shift(second, mask, condition)], dim=1)
            else:
                z = torch.cat([second + shift(first, mask, condition), first], dim=1)
        return z
