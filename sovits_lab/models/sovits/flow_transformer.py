"""The velocity field of v3 and v4: a diffusion transformer (Peebles and Xie 2023) over mel frames.

It takes a time t, a step size d (Frans et al. 2024: 0 asks for the velocity here, d for the straight way to t + d),
condition features and the prompt's mel. What does not change from step to step is computed once, see `entered`.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.nn.response_blocks import ResponseBlock
from sovits_lab.nn.rotary import RotaryAngles, rotated

SINUSOID = 256  # values of a time or a step size
TABLE = 4096  # positions of the condition's table; later ones take its last row
GROUPS, KERNEL = 16, 31  # of the position convolutions
EPS = 1e-6


def time_sinusoid(time: Float[Tensor, " B"], channels: int = SINUSOID) -> Float[Tensor, "B S"]:
    """Return sines then cosines of 1000 t at frequencies 10000^(-i / (channels/2 - 1))."""
    half = channels // 2
    rates = torch.exp(torch.arange(half, device=time.device).float() * -(math.log(10000) / (half - 1)))
    angles = 1000 * time.float()[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def position_table(channels: int, positions: int = TABLE) -> Float[Tensor, "L C"]:
    """Return cosines then sines of positions at frequencies 10000^(-2i / channels)."""
    rates = 10000.0 ** (-torch.arange(0, channels, 2)[: channels // 2].float() / channels)
    angles = torch.outer(torch.arange(positions).float(), rates)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class ScalarEmbedding(nn.Module):
    """A number in [0, 1] -> a vector: sinusoid, linear layer, SiLU, linear layer."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.expand, self.out = nn.Linear(SINUSOID, width), nn.Linear(width, width)

    def forward(self, value: Float[Tensor, " B"]) -> Float[Tensor, "B D"]:
        return self.out(F.silu(self.expand(time_sinusoid(value).to(self.expand.weight.dtype))))


class ConditionEmbedding(nn.Module):
    """Condition features with their positions through ConvNeXt blocks."""

    table: Tensor

    def __init__(self, channels: int, layers: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(ResponseBlock(channels, 2 * channels) for _ in range(layers))
        self.register_buffer("table", position_table(channels), persistent=False)

    def positions(self, frames: int) -> Float[Tensor, "L C"]:
        """Return rows of the table, its last one repeated."""
        return self.table[torch.arange(frames, device=self.table.device).clamp(max=len(self.table) - 1)]

    def forward(self, features: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
        h = features + self.positions(features.shape[1])
        for block in self.blocks:
            h = block(h)
        return h


class PositionConvolution(nn.Module):
    """Two grouped convolutions with Mish: frames learn where they are from their neighbours."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2, groups=GROUPS) for _ in range(2)
        )

    def forward(self, x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        return F.mish(self.second(F.mish(self.first(x.transpose(1, 2))))).transpose(1, 2)


class FirstHeadRotaryAttention(nn.Module):
    """Self-attention whose head 0 is rotated by position; padded frames are not seen and come out as zero.

    Args:
        width: D.
        heads, head_width: their product is the inner width.
        dropout: on the output.
    """

    def __init__(self, width: int, heads: int, head_width: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, heads * head_width) for _ in range(3))
        self.out = nn.Linear(heads * head_width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "B L D"], mask: Bool[Tensor, "B L"] | None, angles: Float[Tensor, "1 L H"]
    ) -> Float[Tensor, "B L D"]:
        given, kind = x.to(self.query.weight.dtype), x.dtype  # packed weights take and give their own precision
        asked, known = rotated(self.query(given), angles), rotated(self.key(given), angles)
        q, k, v = (h.unflatten(-1, (self.heads, -1)).transpose(1, 2) for h in (asked, known, self.value(given)))
        seen = None if mask is None else mask[:, None, None]
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        h = self.dropout(self.out(h.transpose(1, 2).flatten(2))).to(kind)
        return h if mask is None else h.masked_fill(~mask[:, :, None], 0.0)


class ModulatedBlock(nn.Module):
    """Attention and feed-forward, each shifted, scaled and gated by the modulation (adaLN-Zero).

    Args:
        width, heads, head_width, dropout: of the attention.
        expansion: inner width of the feed-forward, in widths.
    """

    def __init__(self, width: int, heads: int, head_width: int, expansion: int, dropout: float) -> None:
        super().__init__()
        self.modulate = nn.Linear(width, 6 * width)
        self.attention = FirstHeadRotaryAttention(width, heads, head_width, dropout)
        self.expand, self.contract = nn.Linear(width, expansion * width), nn.Linear(expansion * width, width)
        self.dropout = nn.Dropout(dropout)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        modulation: Float[Tensor, "_ D"],
        mask: Bool[Tensor, "B L"] | None,
        angles: Float[Tensor, "1 L H"],
    ) -> Float[Tensor, "B L D"]:
        shift, scale, gate, shift2, scale2, gate2 = self.modulate(F.silu(modulation))[:, None].chunk(6, dim=-1)
        x = x + gate * self.attention(normed(x) * (1 + scale) + shift, mask, angles)
        given = (normed(x) * (1 + scale2) + shift2).to(self.expand.weight.dtype)
        h = F.gelu(self.expand(given), approximate="tanh")
        return x + gate2 * self.contract(self.dropout(h)).to(x.dtype)


def normed(x: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
    """Normalise layers without weights of their own."""
    return F.layer_norm(x, x.shape[-1:], eps=EPS)


class FlowTransformer(nn.Module):
    """Noisy mel, prompt, condition features, time and step size -> velocity.

    Args:
        mels: bands M.
        condition_channels: width C of the condition features.
        width, layers, heads, head_width, expansion, dropout: of the transformer.
        condition_layers: ConvNeXt blocks of the condition.
    """

    def __init__(
        self,
        mels: int = 100,
        condition_channels: int = 512,
        width: int = 1024,
        layers: int = 22,
        heads: int = 16,
        head_width: int = 64,
        expansion: int = 2,
        condition_layers: int = 4,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.mels, self.width = mels, width
        self.time, self.step = ScalarEmbedding(width), ScalarEmbedding(width)
        self.condition = ConditionEmbedding(condition_channels, condition_layers)
        self.enter = nn.Linear(2 * mels + condition_channels, width)
        self.positions = PositionConvolution(width)
        self.rotary = RotaryAngles(head_width)
        self.blocks = nn.ModuleList(ModulatedBlock(width, heads, head_width, expansion, dropout) for _ in range(layers))
        self.modulate_out = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, mels)
        for layer in (self.modulate_out, self.out):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def pack(self, dtype: torch.dtype = torch.bfloat16) -> FlowTransformer:
        """Keep the large products' weights in another precision, for inference; what is summed stays in float32."""
        for block in self.blocks:
            assert isinstance(block, ModulatedBlock)
            attention = block.attention
            for layer in (attention.query, attention.key, attention.value, attention.out, block.expand, block.contract):
                layer.to(dtype)
        return self

    def modulation(self, time: Float[Tensor, " #B"], step: Float[Tensor, " B"]) -> Float[Tensor, "B D"]:
        """Return the vector that modulates every block."""
        return self.time(time) + self.step(step)

    def context(self, features: Float[Tensor, "B L C"]) -> Float[Tensor, "B L C"]:
        """Embed condition features; zeros stand for a condition that is withheld."""
        return self.condition(features)

    def entered(self, prompt: Float[Tensor, "B M L"], context: Float[Tensor, "B L C"]) -> Float[Tensor, "B L D"]:
        """Return the part of the first layer that is the same at every step: of prompt and condition."""
        weight = self.enter.weight[:, self.mels :]
        return F.linear(torch.cat([prompt.transpose(1, 2), context], dim=-1), weight, self.enter.bias)

    def opened(self, x: Float[Tensor, "B M L"], entered: Float[Tensor, "B L D"]) -> Float[Tensor, "B L D"]:
        """Return what the first block is given: noisy mel, prompt and condition, and where they are."""
        h = entered + F.linear(x.transpose(1, 2), self.enter.weight[:, : self.mels])
        return self.positions(h) + h

    def forward(
        self,
        x: Float[Tensor, "B M L"],
        entered: Float[Tensor, "B L D"],
        modulation: Float[Tensor, "_ D"],
        mask: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B M L"]:
        """Return the velocity.

        Args:
            x: noisy mel, zero where the prompt is.
            entered: see `entered`.
            modulation: see `modulation`, of each row or of all.
            mask: real frames; None where all are. It hides padding from attention alone, as the models were trained.
        """
        h, angles = self.opened(x, entered), self.rotary(x.shape[2])
        for block in self.blocks:
            h = block(h, modulation, mask, angles)
        scale, shift = self.modulate_out(F.silu(modulation))[:, None].chunk(2, dim=-1)
        return self.out(normed(h) * (1 + scale) + shift).transpose(1, 2)
