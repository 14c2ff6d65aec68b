"""The upstream family's GPT: phones (with BERT) as a bidirectional prefix, then semantic tokens, causal.

Post-norm transformer with ReLU (Vaswani et al. 2017), laid out `B L D`. One set of weights serves three passes:
`forward` for training, `prefill` for the prefix of a generation and `step` for each new token.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.models.gpt.cache import LayerCache, StaticCache
from sovits_lab.nn.dropout import attention, dropout
from sovits_lab.nn.positions import ScaledSinePosition


class PostNormLayer(nn.Module):
    """`x = norm(x + attention(x))`, `x = norm(x + feedforward(x))`.

    Args:
        width: D, a multiple of `heads`.
        heads: number of heads.
        hidden: inner width of the feed-forward.
        dropout: on both branches and inside the feed-forward.
        attention_dropout: on attention weights.
    """

    def __init__(
        self, width: int, heads: int, hidden: int, dropout: float = 0.1, attention_dropout: float = 0.1
    ) -> None:
        super().__init__()
        assert width % heads == 0, "width must be a multiple of heads"
        self.heads, self.dropout, self.attention_dropout = heads, dropout, attention_dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.attention_norm = nn.LayerNorm(width)
        self.feedforward_norm = nn.LayerNorm(width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def _split(self, x: Float[Tensor, "B L D"]) -> tuple[Tensor, ...]:
        """Queries, keys, values, `B H L D` each, copied once here rather than by each product with them."""
        b, n, _ = x.shape
        return self.qkv(x).view(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4).contiguous().unbind(0)

    def _feedforward(self, x: Tensor) -> Tensor:
        drop = self.dropout if self.training else 0.0
        h = dropout(self.contract(dropout(F.relu(self.expand(x)), drop)), drop)
        return self.feedforward_norm(x + h)

    def forward(
        self,
        x: Float[Tensor, "B L D"],
        mask: Float[Tensor, "B 1 L L"],
        cache: LayerCache | None = None,
        front: int = 0,
    ) -> Float[Tensor, "B L D"]:
        """All positions at once; keys and values are written to the front of `cache`.

        Args:
            mask: additive, minus infinity where blocked.
            front: so many first positions see only each other in every row; what they cannot see is not computed.
        """
        q, k, v = self._split(x)
        if cache is not None:
            cache.keys[:, :, : k.shape[2]] = k
            cache.values[:, :, : v.shape[2]] = v
        drop, blind = (self.dropout, self.attention_dropout) if self.training else (0.0, 0.0)
        h = attention(q[:, :, front:], k, v, mask[:, :, front:], blind)
        if front:
            q, k, v = q[:, :, :front], k[:, :, :front], v[:, :, :front]
            h = torch.cat([attention(q, k, v, mask[:, :, :front, :front], blind), h], dim=2)
        x = self.attention_norm(x + dropout(self.out(h.transpose(1, 2).flatten(2)), drop))
        return self._feedforward(x)

    def step(
        self, x: Float[Tensor, "B D"], cache: LayerCache, position: int, mask: Tensor | None
    ) -> Float[Tensor, "B D"]:
        """One new position, attending to everything before it in the cache and to itself."""
        q, k, v = self.qkv(x).view(len(x), 3, self.heads, -1).unbind(1)
        keys, values = cache
        keys[:, :, position] = k
        values[:, :, position] = v
        scores = (q * (1 / math.sqrt(q.shape[-1])))[:, :, None] @ keys[:, :, : position + 1].transpose(-2, -1)
        if mask is not None:
            scores = scores + mask
        h = scores.softmax(-1) @ values[:, :, : position + 1]
        x = self.attention_norm(x + self.out(h.reshape(x.shape)))
        return self.feedforward_norm(x + self.contract(F.relu(self.expand(x))))


class Prefix(NamedTuple):
    """An embedded, left-padded prefix of a generation: `[padding; phones; prompt]` in every row.

    `prompts` holds the prompt tokens, left-padded with -1; `lengths` their number.
    """

    x: Float[Tensor, "B L D"]
    real: Bool[Tensor, "B L"]
    audio: Bool[Tensor, "B L"]
    prompts: Int[Tensor, "B Y"]
    lengths: Int[Tensor, " B"]


def additive(allowed: Bool[Tensor, "*shape"], dtype: torch.dtype) -> Float[Tensor, "*shape"]:
    """0 where allowed, minus infinity elsewhere."""
    return torch.zeros(allowed.shape, dtype=dtype, device=allowed.device).masked_fill_(~allowed, -torch.inf)


def prefix_mask(real: Bool[Tensor, "B L"], audio: Bool[Tensor, "B L"]) -> Bool[Tensor, "B 1 L L"]:
    """Phones see phones; token j sees all phones and the tokens up to j; nobody sees padding.

    Every row holds at least one real phone, so every query, padded ones too, has something to look at.
    """
    n = real.shape[1]
    causal = torch.ones(n, n, dtype=torch.bool, device=real.device).tril()
    allowed = ~audio[:, None, :] | (audio[:, :, None] & causal)
    return (allowed & real[:, None, :])[:, None]


class PrefixDecoder(nn.Module):
    """Phones (+ BERT) and tokens -> logits of the next token.

    Args:
        phones: size of the phone table.
        codes: tokens and the end token, K; the end token is the last.
        width, heads, layers: of the transformer; its feed-forward is `expansion` times as wide.
        bert_channels: width of the BERT features.
        dropout: inside the layers and after the positions.
        attention_dropout: on attention weights.
    """

    def __init__(
        self,
        phones: int = 732,
        codes: int = 1025,
        width: int = 512,
        heads: int = 16,
        layers: int = 24,
        expansion: int = 4,
        bert_channels: int = 1024,
        dropout: float = 0.1,
        attention_dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.codes, self.width, self.heads = codes, width, heads
        self.end = codes - 1
        self.bert_channels = bert_channels
        self.bert = nn.Linear(bert_channels, width)
        self.phones = nn.Embedding(phones, width)
        self.phone_position = ScaledSinePosition(width, dropout)
        self.tokens = nn.Embedding(codes, width)
        self.token_position = ScaledSinePosition(width, dropout)
        self.layers = nn.ModuleList(
            PostNormLayer(width, heads, expansion * width, dropout, attention_dropout) for _ in range(layers)
        )
        self.out = nn.Linear(width, codes, bias=False)
        self.one_row: Callable[[Tensor, StaticCache], Tensor] | None = None  # a faster step, see `packed`

    def embed_phones(
        self, phones: Int[Tensor, "B P"], bert: Float[Tensor, "B P F"] | None = None
    ) -> Float[Tensor, "B P D"]:
        """Phone + projected BERT + position; `None` stands for zero features, as for every language but Chinese."""
        x = self.phones(phones) + (self.bert.bias if bert is None else self.bert(bert))
        return self.phone_position(x)

    def embed_tokens(self, tokens: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Token + position from 0."""
        return self.token_position(self.tokens(tokens))

    def hidden(
        self, x: Float[Tensor, "B L D"], allowed: Bool[Tensor, "B 1 L L"], front: int = 0
    ) -> Float[Tensor, "B L D"]:
        """All layers over a whole sequence, whose `front` first positions see only each other."""
        mask = additive(allowed, x.dtype)
        for layer in self.layers:
            x = layer(x, mask, front=front)
        return x

    def forward(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        token_mask: Bool[Tensor, "B S"],
        bert: Float[Tensor, "B P F"] | None = None,
    ) -> Float[Tensor, "B L D"]:
        """Hidden states of `[phones; tokens]` for a padded batch; masked positions are seen by nobody else."""
        x = torch.cat([self.embed_phones(phones, bert), self.embed_tokens(tokens)], dim=1)
        real = torch.cat([phone_mask, token_mask], dim=1)
        audio = torch.zeros_like(real)
        audio[:, phones.shape[1] :] = True
        return self.hidden(x, prefix_mask(real, audio), phones.shape[1])

    def empty_cache(self, batch: int, capacity: int) -> StaticCache:
        """A cache on the decoder's device and in its dtype."""
        weight = self.phones.weight
        return StaticCache(
            len(self.layers), batch, self.heads, capacity, self.width // self.heads, weight.dtype, weight.device
        )

    def prefix(
        self,
        phones: list[Int[Tensor, " _"]],
        prompts: list[Int[Tensor, " _"]],
        bert: list[Float[Tensor, "_ F"] | None] | None = None,
    ) -> Prefix:
        """Embed rows of any lengths and pad them on the left, so that all end in the same column."""
        rows = []
        for i, (p, s) in enumerate(zip(phones, prompts, strict=True)):
            features = None if bert is None else bert[i]
            row = self.embed_phones(p[None], None if features is None else features[None])
            rows.append(torch.cat([row, self.embed_tokens(s[None])], dim=1)[0])
        longest = max(map(len, rows))
        device = rows[0].device
        x = torch.stack([F.pad(row, (0, 0, longest - len(row), 0)) for row in rows])
        column = torch.arange(longest, device=device)
        real = column >= torch.tensor([longest - len(row) for row in rows], device=device)[:, None]
        audio = column >= torch.tensor([longest - len(s) for s in prompts], device=device)[:, None]
        width = max(map(len, prompts))
        padded = torch.stack([F.pad(s, (width - len(s), 0), value=-1) for s in prompts])
        return Prefix(x, real, audio, padded, torch.tensor([len(s) for s in prompts], device=device))

    def prefill(self, prefix: Prefix, cache: StaticCache) -> Float[Tensor, "B K"]:
        """Run the prefix, fill the cache, return the logits of the first new token."""
        mask = additive(prefix_mask(prefix.real, prefix.audio), prefix.x.dtype)
        x = prefix.x
        for layer, slot in zip(self.layers, cache.layers(), strict=True):
            x = layer(x, mask, slot)
        cache.length = x.shape[1]
        cache.set_padding(~prefix.real)
        return self.out(x[:, -1])

    def step(
        self, tokens: Int[Tensor, " B"], positions: Int[Tensor, " B"], longest: int, cache: StaticCache
    ) -> Float[Tensor, "B K"]:
        """Append one token a row and return the logits of the next.

        Args:
            positions: of these tokens in each row's own sequence of tokens.
            longest: an upper bound of `positions`.
        """
        x = self.tokens(tokens) + self.token_position.rows(positions, longest)
        mask = cache.blocked(cache.length + 1)
        if self.one_row is not None and len(x) == 1 and mask is None:
            logits = self.one_row(x, cache)
        else:
            for index, layer in enumerate(self.layers):
                assert isinstance(layer, PostNormLayer)
                x = layer.step(x, cache.layer(index), cache.length, mask)
            logits = self.out(x)
        cache.length += 1
        return logits
