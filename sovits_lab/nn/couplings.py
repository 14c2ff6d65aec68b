"""Mean-only affine couplings over WaveNets (Kim et al. 2021, section 2.5.2): volume never changes."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.nn.wavenet import WaveNet


class MeanCoupling(nn.Module):
    """`[a, b] -> [a, b + m(a)]`; starts as the identity.

    Args:
        channels: width C, even.
        hidden, kernel, layers, condition_channels: of the WaveNet that predicts m.
    """

    def __init__(self, channels: int, hidden: int, kernel: int, layers: int, condition_channels: int) -> None:
        super().__init__()
        assert channels % 2 == 0, "a coupling splits the latents in two"
        self.pre = nn.Conv1d(channels // 2, hidden, 1)
        self.wavenet = WaveNet(hidden, kernel, layers, condition_channels)
        self.post = nn.Conv1d(hidden, channels // 2, 1)
        nn.init.zeros_(self.post.weight)
        assert self.post.bias is not None
        nn.init.zeros_(self.post.bias)

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        condition: Float[Tensor, "B G"],
        reverse: bool = False,
    ) -> Float[Tensor, "B C L"]:
        keep = mask[:, None].to(z.dtype)
        a, b = z.chunk(2, dim=1)
        m = self.post(self.wavenet(self.pre(a) * keep, mask, condition)) * keep
        return torch.cat([a, (b - m if reverse else b + m) * keep], dim=1)


class WaveNetFlow(nn.Module):
    """Couplings, the channels reversed after each.

    Args:
        channels: width C of the latents.
        hidden, kernel, layers, condition_channels: of every coupling.
        couplings: number of steps.
    """

    def __init__(
        self,
        channels: int = 192,
        hidden: int = 192,
        condition_channels: int = 512,
        kernel: int = 5,
        layers: int = 4,
        couplings: int = 4,
    ) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(
            MeanCoupling(channels, hidden, kernel, layers, condition_channels) for _ in range(couplings)
        )

    def forward(
        self,
        z: Float[Tensor, "B C L"],
        mask: Bool[Tensor, "B L"],
        condition: Float[Tensor, "B G"],
        reverse: bool = False,
    ) -> Float[Tensor, "B C L"]:
        """Take posterior latents to the prior's space; `reverse` is the exact inverse."""
        if reverse:
            for coupling in reversed(self.couplings):
                z = coupling(z.flip(1), mask, condition, reverse=True)
            return z
        for coupling in self.couplings:
            z = coupling(z, mask, condition).flip(1)
        return z
