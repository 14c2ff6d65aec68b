"""Reference encoder of the upstream family: spectral layers, gated convolutions, self-attention, mean over time.

After Min et al. 2021 (Meta-StyleSpeech), section 3.1.1, the mel-style encoder.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.checks import refuse_even, refuse_part, refuse_rate, refuse_small
from sovits_lab.conditioning.pooling import ReferencePool
from sovits_lab.conditioning.reference import ReferenceEncoder


class GatedConv(nn.Module):
    """`x + drop(a * sigmoid(b))` with a, b the two halves of one convolution (Dauphin et al. 2017, eq. 1)."""

    def __init__(self, channels: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, 2 * channels, kernel, padding=kernel // 2)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Float[Tensor, "B C L"]) -> Float[Tensor, "B C L"]:
        return x + self.dropout(F.glu(self.conv(x), dim=1))


class StyleAttention(nn.Module):
    """Self-attention over frames with a residual.

    Scores are divided by √(model width), not by √(head width), as published.
    """

    def __init__(self, channels: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.scale = 1 / math.sqrt(channels)
        self.query, self.key, self.value, self.out = (nn.Linear(channels, channels) for _ in range(4))
        self.dropout = dropout

    def forward(self, x: Float[Tensor, "B L C"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B L C"]:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        drop = self.dropout if self.training else 0.0
        h = F.scaled_dot_product_attention(q, k, v, mask[:, None, None], dropout_p=drop, scale=self.scale)
        return x + F.dropout(self.out(h.transpose(1, 2).flatten(2)), drop)


class MelStyleEncoder(ReferenceEncoder):
    """Spectrogram of a reference clip -> style vector.

    Args:
        mels: input bins M; rows of the input beyond them are ignored (the upstream family hears 704 of 1025).
        hidden: inner width.
        out_channels: width C of the style vector.
        kernel, heads, dropout: of the convolutions, the attention, all layers.
        mask_padding: zero padded frames before every convolution, so that padding changes nothing. `False` is
            upstream's behaviour: the biases of the spectral layers leak into the real frames next to padding.
        pool: of several references, see `ReferenceEncoder`.
    """

    def __init__(
        self,
        mels: int = 80,
        hidden: int = 128,
        out_channels: int = 256,
        kernel: int = 5,
        heads: int = 2,
        dropout: float = 0.1,
        mask_padding: bool = True,
        pool: ReferencePool | None = None,
    ) -> None:
        super().__init__(pool)
        refuse_small("reference", mels=mels, hidden=hidden, out_channels=out_channels, kernel=kernel, heads=heads)
        refuse_even("reference.kernel", kernel)
        refuse_part("reference.heads", heads, hidden, "reference.hidden")
        refuse_rate("reference.dropout", dropout)
        self.mels = mels
        self.out_channels = out_channels
        self.mask_padding = mask_padding
        self.spectral = nn.ModuleList([nn.Linear(mels, hidden), nn.Linear(hidden, hidden)])
        self.temporal = nn.ModuleList(GatedConv(hidden, kernel, dropout) for _ in range(2))
        self.attention = StyleAttention(hidden, heads, dropout)
        self.out = nn.Linear(hidden, out_channels)
        self.dropout = nn.Dropout(dropout)

    def forward(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Float[Tensor, "B G"]:
        """Return the mean over real frames of the attended features, `B G`."""
        keep = mask[:, :, None]
        h = mel[:, : self.mels].transpose(1, 2)
        for linear in self.spectral:
            h = self.dropout(F.mish(linear(h)))
        h = h.transpose(1, 2)
        for block in self.temporal:
            h = block(h * mask[:, None] if self.mask_padding else h)
        h = self.out(self.attention(h.transpose(1, 2) * keep, mask))
        lengths = mask.sum(1, keepdim=True).clamp(min=1)
        return ((h * keep) / lengths[:, :, None]).sum(1, dtype=torch.float32).to(h.dtype)
