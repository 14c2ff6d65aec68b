"""Residual convolution blocks with feature-wise modulation, the workhorse of our own models.

Plain kernel-5 blocks were chosen over ConvNeXt and transformer layers because they are the cheapest per parameter on a
CPU; normalisation is over channels only, so padding never changes a real position.
"""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F


class ChannelNorm(nn.Module):
    """Layer normalisation over the channels of `B C L`."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        return self.norm(x.transpose(1, 2)).transpose(1, 2)


class ConvBlock(nn.Module):
    """`x + gelu(film(norm(conv(x)), condition))`, FiLM after Perez et al. 2018, eq. 1.

    Args:
        channels: width C.
        kernel: odd kernel length.
        condition_channels: width G of the condition, 0 for none.
        dropout: applied to the branch.
    """

    def __init__(self, channels: int, kernel: int = 5, condition_channels: int = 0, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.norm = ChannelNorm(channels)
        self.dropout = nn.Dropout(dropout)
        self.film = nn.Linear(condition_channels, 2 * channels) if condition_channels else None
        if self.film is not None:  # starts as the identity
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(
        self, x: Float[Tensor, "B C L"], mask: Bool[Tensor, "B L"], condition: Float[Tensor, "B G"] | None = None
    ) -> Float[Tensor, "B C L"]:
        keep = mask[:, None].to(x.dtype)
        branch = self.norm(self.conv(x * keep))
        if self.film is not None:
            assert condition is not None, "a block built with condition_channels needs a condition"
            scale, shift = self.film(condition)[..., None].chunk(2, dim=1)
            branch = branch * (1 + scale) + shift
        return (x + self.dropout(F.gelu(branch))) * keep


class ConvStack(nn.Module):
    """Projection in, `layers` residual blocks, projection out.

    Args:
        in_channels, channels, out_channels: widths; `out_channels=0` leaves the last projection away.
        layers: number of blocks.
        kernel: odd kernel length.
        condition_channels: width of the condition that modulates every block, 0 for none.
        dropout: of every block.
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
    ) -> None:
        super().__init__()
        self.enter = nn.Conv1d(in_channels, channels, 1)
        self.blocks = nn.ModuleList(ConvBlock(channels, kernel, condition_channels, dropout) for _ in range(layers))
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
