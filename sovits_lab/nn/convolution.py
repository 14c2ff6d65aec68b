"""Residual convolution blocks with feature-wise modulation, the workhorse of our own models.

Plain kernel-5 blocks were chosen over ConvNeXt and transformer layers because they are the cheapest per parameter on a
CPU; normalisation is over channels only, so padding never changes a real position.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.modulation import Film, Modulate, Modulation


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of `B C L`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


def gelu_of_channels_first(h: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
    """Compute GELU as `B C L`: gradients then arrive at the convolution in its own layout, which is faster."""
    return F.gelu(h.transpose(1, 2)).transpose(1, 2)


class ConvBlock(nn.Module):
    """`x + modulate(norm(conv(x)), condition, gelu)`.

    Args:
        channels: width C.
        kernel: odd kernel length.
        condition_channels: width G of the condition, 0 for none.
        dropout: applied to the branch.
        modulate: makes what the condition does to the branch.
    """

    def __init__(
        self,
        channels: int,
        kernel: int = 5,
        condition_channels: int = 0,
        dropout: float = 0.0,
        modulate: Modulate = Film,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.norm = ChannelNorm(channels)
        self.dropout = nn.Dropout(dropout)
        self.modulation = modulate(channels, condition_channels) if condition_channels else Modulation()

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B C L"]:
        keep = mask[:, None].to(x.dtype)
        h = self.norm(self.conv(x * keep)).transpose(1, 2)
        branch = self.modulation(h, condition, gelu_of_channels_first).transpose(1, 2)
        return (x + self.dropout(branch)) * keep


class ConvStack(nn.Module):
    """Projection in, `layers` residual blocks, projection out.

    Args:
        in_channels, channels, out_channels: widths; `out_channels=0` leaves the last projection away.
        layers: number of blocks.
        kernel: odd kernel length.
        condition_channels: width of the condition of every block, 0 for none.
        dropout, modulate: of every block.
    """

    def __init__(
        self,
        in_channels: int,
        channels: int,
        out_channels: int = 0,
        layers: int = 4,
        kernel: int = 5,
        condition_channels: int = 0,
        dropout: float = 0.0,
        modulate: Modulate = Film,
    ) -> None:
        super().__init__()
        self.enter = nn.Conv1d(in_channels, channels, 1)
        self.blocks = nn.ModuleList(
            ConvBlock(channels, kernel, condition_channels, dropout, modulate) for _ in range(layers)
        )
        self.leave = nn.Conv1d(channels, out_channels, 1) if out_channels else nn.Identity()

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B D L"]:
        keep = mask[:, None].to(x.dtype)
        h = self.enter(x) * keep
        for block in self.blocks:
            h = block(h, mask, condition)
        return self.leave(h) * keep

    def start_at_zero(self) -> ConvStack:
        """Make the last projection zero, so that whatever adds this stack's output starts as the identity."""
        assert isinstance(self.leave, nn.Conv1d), "a stack without a last projection cannot start at zero"
        nn.init.zeros_(self.leave.weight)
        assert self.leave.bias is not None
        nn.init.zeros_(self.leave.bias)
        return self
