"""The upstream family's GPT: phones (with BERT) as a bidirectional prefix, then semantic tokens, causal.

One set of weights serves three passes:
`forward` for training, `prefill` for the prefix of a generation and `step` for each new token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.conditions import EMOTION, SPEAKER, STYLE, Conditioner, Conditions, StyleSites
from sovits_lab.conditioning.fusion import SumFusion
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.models.adapters.gpt import GptAdapters, NoGptAdapters
from sovits_lab.models.contracts import Bounds, Build, Corruption, DataSizes, Prompt, SpokenBatch, with_labels
from sovits_lab.models.gpt.aligned_losses import with_noise
from sovits_lab.models.gpt.cache import StaticCache
from sovits_lab.models.gpt.objective import INTENDED, PaddingRule, Scored, TokenBatch, phone_visibility
from sovits_lab.models.gpt.post_norm import PostNormLayer
from sovits_lab.models.gpt.prefix import DecoderStyle, PaddedPrefix, additive, prefix_mask
from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.positions import ScaledSinePosition

# Released weights were only ever run with these.
AS_RELEASED = Bounds(least=0.0, banned_steps=11, on_argmax=True)


class PrefixDecoding:
    """A generation of a `PrefixDecoder` under way: its cache and where each row stands.

    Args:
        decoder, prefix: what speaks, and what opened the sequence.
        steps: tokens for which there is room.
    """

    def __init__(self, decoder: PrefixDecoder, prefix: PaddedPrefix, steps: int) -> None:
        batch, size, _ = prefix.x.shape
        self.decoder, self.style = decoder, prefix.style
        self.cache = decoder.empty_cache(batch, size + steps)
        self.positions = prefix.lengths.clone()
        self.longest = int(prefix.lengths.max())
        self.logits = decoder.prefill(prefix, self.cache)

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """Append one token to each row; returns the new `logits`."""
        self.logits = self.decoder.step(tokens, self.positions, self.longest, self.cache, self.style)
        self.positions += 1
        self.longest += 1
        return self.logits

    def keep(self, rows: Int[Tensor, " R"]) -> None:
        """Go on with these rows alone."""
        self.cache.keep_rows(rows)
        self.logits, self.positions = self.logits[rows], self.positions[rows]
        self.style = self.style.rows(rows)


class PrefixDecoder(nn.Module):
    """Phones (+ BERT) and tokens -> logits of the next token.

    Conditions for speaker and style are projected and added to every phone and token. The projections start at zero,
    so a released decoder with them says exactly what it says without until they are trained. A decoder that is trained
    already takes adapters behind its layers instead, see `GptAdapters`.

    Args:
        phones: size of the phone table.
        codes: tokens and the end token, K; the end token is the last.
        width, heads, layers: of the transformer; its feed-forward is `expansion` times as wide.
        bert_channels: width of the BERT features.
        dropout: inside the layers and after the positions.
        attention_dropout: on attention weights.
        style_encoder: encodes a style clip's mel; None hears no style.
        labels: vectors of emotion labels; None for none.
        speaker_channels: width of the speaker vector; 0 for none.
        style_sites: whether the style is heard here, and how often conditions are dropped; None hears it, drops none.
        max_tokens: longest sequence that can be generated; a minute.
    """

    own_losses: ClassVar[tuple[str, ...]] = ("token",)
    takes_prompt: bool
    bounds = AS_RELEASED
    codes: int
    end: int
    max_tokens: int
    bert_channels: int
    style_encoder: ReferenceEncoder
    labels: LabelEmbedding | NoLabels
    conditions: Conditioner
    adapters: GptAdapters | NoGptAdapters

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
        style_encoder: ReferenceEncoder | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
        speaker_channels: int = 0,
        style_sites: StyleSites | None = None,
        max_tokens: int = 1500,
    ) -> None:
        super().__init__()
        self.width, self.heads, self.max_tokens = width, heads, max_tokens
        self.takes_prompt = (
            not speaker_channels
        )  # a decoder with a speaker condition has no need of a clip to go on from
        self.codes = self.end = codes - 1
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
        self.style_encoder, self.labels = style_encoder or NoReference(), labels or NoLabels()
        style_channels = self.style_encoder.out_channels if self.style_encoder.takes_clips else 0
        widths = {SPEAKER: speaker_channels, STYLE: style_channels, EMOTION: self.labels.out_channels}
        self.conditions = Conditioner(style_sites or StyleSites(), widths)
        own_widths = {name: self.conditions.widths[name] for name in self.conditions.names("gpt")}
        self.entry = SumFusion().entry(width, own_widths)
        self.adapters = NoGptAdapters()
        self.one_row: Callable[[Tensor, StaticCache], Tensor] | None = None  # a faster step, see `packed`

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return the decoder's node with what only the data know; the end is one more code."""
        known = {"codes": sizes.codes + 1, "phones": sizes.phones, "speaker_channels": sizes.speaker}
        return with_labels({**node, **known}, sizes)

    @property
    def adapter_sizes(self) -> dict[str, int]:
        """Sizes that adapters must have."""
        return {"width": self.width, "layers": len(self.layers)}

    def style(self, conditions: Conditions) -> DecoderStyle:
        """Return the conditions of phones, tokens and adapters."""
        if not len(self.entry) and not self.adapters.parts:
            return DecoderStyle()
        filled = self.conditions(conditions)
        colour = self.entry.enter(filled).colour[:, 0] if len(self.entry) else None
        return DecoderStyle(colour, self.adapters.how(filled))

    def embed_phones(
        self, phones: Int[Tensor, "B P"], bert: Float[Tensor, "B P F"] | None = None
    ) -> Float[Tensor, "B P D"]:
        """Add phone, projected BERT and position; `None` stands for zero features, as for every language but
        Chinese.
        """
        x = self.phones(phones) + (self.bert.bias if bert is None else self.bert(bert))
        return self.phone_position(x)

    def embed_tokens(self, tokens: Int[Tensor, "B S"]) -> Float[Tensor, "B S D"]:
        """Add token and position from 0."""
        return self.token_position(self.tokens(tokens))

    def hidden(
        self,
        x: Float[Tensor, "B L D"],
        allowed: Bool[Tensor, "B 1 L L"],
        front: int = 0,
        how: Float[Tensor, "B R"] | None = None,
    ) -> Float[Tensor, "B L D"]:
        """Run all layers over a whole sequence, whose `front` first positions see only each other.

        Args:
            how: the adapters' condition.
        """
        mask = additive(allowed, x.dtype)
        for index, layer in enumerate(self.layers):
            x = self.adapters.behind(index, layer(x, mask, front=front), how)
        return x

    def forward(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        token_mask: Bool[Tensor, "B S"],
        bert: Float[Tensor, "B P F"] | None = None,
        style: DecoderStyle = DecoderStyle(),  # noqa: B008 - a tuple
    ) -> Float[Tensor, "B L D"]:
        """Return the hidden states of `[phones; tokens]` for a padded batch; masked positions are seen by nobody else.

        Args:
            style: the condition of every position.
        """
        x = torch.cat([self.embed_phones(phones, bert), self.embed_tokens(tokens)], dim=1)
        x = style.added(x)
        real = torch.cat([phone_mask, token_mask], dim=1)
        audio = torch.zeros_like(real)
        audio[:, phones.shape[1] :] = True
        return self.hidden(x, prefix_mask(real, audio), phones.shape[1], style.how)

    def empty_cache(self, batch: int, capacity: int) -> StaticCache:
        """Return a cache on the decoder's device and in its dtype."""
        weight = self.phones.weight
        return StaticCache(
            len(self.layers), batch, self.heads, capacity, self.width // self.heads, weight.dtype, weight.device
        )

    def prefix(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        durations: Float[Tensor, "B P"] | None = None,
        prompt: Prompt | None = None,
        bert: Float[Tensor, "B P F"] | None = None,
    ) -> PaddedPrefix:
        """Embed right-padded rows: the prompt's phones, the row's own, then the prompt's tokens; no durations."""
        rows = [row[mask] for row, mask in zip(phones, phone_mask, strict=True)]
        features: list[Tensor | None] = [
            None if bert is None else row[mask]
            for row, mask in zip(phones if bert is None else bert, phone_mask, strict=True)
        ]
        tokens = [rows[0][:0]] * len(rows)
        if prompt is not None:
            tokens = [row[mask] for row, mask in zip(prompt.tokens, prompt.token_mask, strict=True)]
            for i, mask in enumerate(prompt.phone_mask):
                before = None if prompt.bert is None else prompt.bert[i][mask]
                features[i] = self._joined_bert(before, int(mask.sum()), features[i], len(rows[i]))
                rows[i] = torch.cat([prompt.phones[i][mask], rows[i]])
        return self.embed_rows(rows, tokens, features, self.style(conditions))

    def _joined_bert(self, first: Tensor | None, count: int, second: Tensor | None, more: int) -> Tensor | None:
        """Features of two texts in a row, zeros for the one that has none."""
        if first is None and second is None:
            return None
        zeros = self.bert.weight.new_zeros(max(count, more), self.bert_channels)
        return torch.cat([zeros[:count] if first is None else first, zeros[:more] if second is None else second])

    def embed_rows(
        self,
        phones: list[Int[Tensor, " _"]],
        prompts: list[Int[Tensor, " _"]],
        bert: list[Float[Tensor, "_ F"] | None] | None = None,
        style: DecoderStyle = DecoderStyle(),  # noqa: B008 - a tuple
    ) -> PaddedPrefix:
        """Embed rows of any lengths and pad them on the left, so that all end in the same column."""
        rows = []
        for i, (p, s) in enumerate(zip(phones, prompts, strict=True)):
            features = None if bert is None else bert[i]
            row = self.embed_phones(p[None], None if features is None else features[None])
            rows.append(torch.cat([row, self.embed_tokens(s[None])], dim=1)[0])
            rows[i] = rows[i] if style.colour is None else rows[i] + style.colour[i]
        longest = max(map(len, rows))
        device = rows[0].device
        x = torch.stack([F.pad(row, (0, 0, longest - len(row), 0)) for row in rows])
        column = torch.arange(longest, device=device)
        real = column >= torch.tensor([longest - len(row) for row in rows], device=device)[:, None]
        audio = column >= torch.tensor([longest - len(s) for s in prompts], device=device)[:, None]
        width = max(map(len, prompts))
        padded = torch.stack([F.pad(s, (width - len(s), 0), value=-1) for s in prompts])
        return PaddedPrefix(x, real, audio, padded, torch.tensor([len(s) for s in prompts], device=device), style)

    def open(self, prefix: PaddedPrefix, steps: int) -> PrefixDecoding:
        """Run the prefix; returns a decoding with room for `steps` tokens."""
        return PrefixDecoding(self, prefix, steps)

    def losses(self, batch: SpokenBatch, conditions: Conditions, corruption: Corruption) -> dict[str, Tensor]:
        """Compute `token`: cross-entropy in nats a real token, with each row's first one and its end."""
        lengths = batch.phone_mask.sum(1), batch.token_mask.sum(1)
        pairs = TokenBatch(batch.phones, lengths[0], batch.tokens, lengths[1], batch.bert)
        entered = with_noise(batch.tokens, self.codes, batch.step, corruption) if corruption.noise else None
        scored = self.score(pairs, entered=entered, style=self.style(conditions))
        return {"token": scored.cross_entropy(corruption.label_smoothing) / scored.counted.sum()}

    def score(
        self,
        batch: TokenBatch,
        rule: PaddingRule = INTENDED,
        entered: Int[Tensor, "B S"] | None = None,
        style: DecoderStyle = DecoderStyle(),  # noqa: B008 - a tuple
    ) -> Scored:
        """Make one teacher-forced pass.

        Args:
            entered: tokens that the decoder is given in place of the true ones, which stay the targets.
            style: the condition of every position, see `style`.
        """
        size, width = batch.phones.shape[1], batch.tokens.shape[1]
        token_mask = length_mask(batch.token_lengths, width)
        tokens = batch.tokens.masked_fill(~token_mask, self.end)
        entered = tokens if entered is None else entered.masked_fill(~token_mask, self.end)
        visible = phone_visibility(batch.phone_lengths, size, rule)
        hidden = self(batch.phones, visible, entered, token_mask, batch.bert, style)
        if rule.visible_from_left:  # the first prediction sits at each row's own last phone
            rows = torch.arange(len(hidden), device=hidden.device)
            first = hidden[rows, batch.phone_lengths - 1]
            hidden = torch.cat([first[:, None], hidden[:, size:]], dim=1)
        else:
            hidden = hidden[:, size - 1 :]
        targets = F.pad(tokens, (0, 1), value=self.end)
        counted = length_mask(batch.token_lengths + 1, width + 1)
        if rule.count_padding:
            counted = torch.ones_like(counted)
        if not rule.first_token:
            counted = counted & (torch.arange(width + 1, device=counted.device) > 0)
        return Scored(self.out(hidden), targets, counted)

    def prefill(self, prefix: PaddedPrefix, cache: StaticCache) -> Float[Tensor, "B K"]:
        """Run the prefix, fill the cache, return the logits of the first new token."""
        mask = additive(prefix_mask(prefix.real, prefix.audio), prefix.x.dtype)
        x = prefix.x
        for index, (layer, slot) in enumerate(zip(self.layers, cache.layers(), strict=True)):
            x = self.adapters.behind(index, layer(x, mask, slot), prefix.style.how)
        cache.length = x.shape[1]
        cache.set_padding(~prefix.real)
        return self.out(x[:, -1])

    def step(
        self,
        tokens: Int[Tensor, " B"],
        positions: Int[Tensor, " B"],
        longest: int,
        cache: StaticCache,
        style: DecoderStyle = DecoderStyle(),  # noqa: B008 - a tuple
    ) -> Float[Tensor, "B K"]:
        """Append one token a row and return the logits of the next.

        Args:
            positions: of these tokens in each row's own sequence of tokens.
            longest: an upper bound of `positions`.
            style: the condition of every row.
        """
        x = style.added(self.tokens(tokens) + self.token_position.rows(positions, longest))
        mask = cache.blocked(cache.length + 1)
        plain = style.how is None or not bool(style.how.any())  # adapters do nothing for zeros
        if self.one_row is not None and len(x) == 1 and mask is None and plain:
            logits = self.one_row(x, cache)
        else:
            for index, layer in enumerate(self.layers):
                assert isinstance(layer, PostNormLayer)
                x = layer.step(x, cache.layer(index), cache.length, mask)
                x = self.adapters.behind(index, x[:, None], style.how)[:, 0]
            logits = self.out(x)
        cache.length += 1
        return logits
