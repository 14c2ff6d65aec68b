"""The semantic model: phones as a prefix seen from everywhere, then tokens, each seeing the past; both conditioned.

A prefix language model (Raffel et al. 2020, section 3.2.1) over 25 Hz tokens, as GPT-SoVITS' first stage is.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.conditioning.conditions import Conditions, StyleSites
from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.contracts import Corruption, Prompt, SpokenBatch, no_tokens
from sovits_lab.models.gpt.aligned_losses import (
    Predicted,
    aligned_losses,
    phone_durations,
    with_noise,
    with_tempo_errors,
)
from sovits_lab.models.gpt.conditioned import ConditionedGpt
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.transformer import LayerCache, Rotation, TransformerLayer, make_rotation


class EncodedPrefix(NamedTuple):
    """The encoded prefix, right-padded: what the fusion opens it with, then the phones.

    `colour` is added to every token that follows, `condition` enters every layer; `positions` say at which token each
    phone is expected.
    """

    hidden: Float[Tensor, "B N D"]
    mask: Bool[Tensor, "B N"]
    colour: Float[Tensor, "B 1 D"]
    condition: Float[Tensor, "B G"]
    positions: Float[Tensor, "B N"]
    log_durations: Float[Tensor, "B P"]

    @property
    def expected(self) -> Float[Tensor, " B"]:
        """The token at which each row's last phone is expected."""
        return torch.where(self.mask, self.positions, 0).amax(1)

    @property
    def spoken(self) -> Int[Tensor, "B 0"]:
        """The tokens of the prompt: none."""
        return no_tokens(len(self.mask), self.mask.device)


class CachedDecoding:
    """A generation of a `SemanticGpt` under way.

    Args:
        model, prefix: what speaks, and what opened the sequence.
        steps: tokens for which there is room.
    """

    def __init__(self, model: SemanticGpt, prefix: EncodedPrefix, steps: int) -> None:
        self.model, self.prefix, self.index = model, prefix, -1
        self.caches = model.caches(prefix, steps + 1)
        self.logits = self.step(torch.full((len(prefix.mask),), model.start, device=prefix.mask.device))

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """Append one token to each row; returns the new `logits`."""
        self.index += 1
        self.logits = self.model.step(tokens, self.index, self.prefix, self.caches)
        return self.logits

    def keep(self, rows: Int[Tensor, " R"]) -> None:
        """Go on with these rows alone."""
        self.prefix = EncodedPrefix(*(value[rows] for value in self.prefix))
        self.caches = [cache.rows(rows) for cache in self.caches]
        self.logits = self.logits[rows]


class SemanticGpt(ConditionedGpt):
    """Phones + conditions -> tokens.

    Args:
        codes, reference, speaker_channels, max_tokens, style_sites, labels: see `ConditionedGpt`.
        phones: size of the symbol table.
        channels, layers, heads, dropout: of the transformer.
        phone_layers: convolution blocks over the phones before they enter the prefix.
        guided_layer: whose first head is taught to look at the phone being spoken.
        duration_layers: blocks of the duration predictor.
        fusion: how conditions enter; None is `PrefixSumFusion`, whatever the configuration's default.
    """

    own_losses: ClassVar[tuple[str, ...]] = ("token", "guided_attention", "duration", "aligned_phone")

    def __init__(
        self,
        codes: int,
        phones: int,
        reference: ReferenceEncoder,
        speaker_channels: int,
        channels: int = 256,
        layers: int = 4,
        heads: int = 4,
        dropout: float = 0.1,
        phone_layers: int = 2,
        guided_layer: int = 1,
        max_tokens: int = 750,
        duration_layers: int = 2,
        fusion: Fusion | None = None,
        style_sites: StyleSites | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
    ) -> None:
        super().__init__(codes, reference, speaker_channels, max_tokens, style_sites, labels)
        self.start = codes + 1
        self.copied_layers = (min(guided_layer, layers - 1),)  # its attention is read beside its forward pass
        self.heads, self.guided_layer = heads, min(guided_layer, layers - 1)
        fusion = fusion or PrefixSumFusion()
        condition_channels = self.conditions.channels("gpt")
        self.phones = nn.Embedding(phones, channels)
        self.phone_stack = ConvStack(channels, channels, layers=phone_layers, dropout=dropout)
        self.entry = fusion.entry(
            channels, {name: self.conditions.widths[name] for name in self.conditions.names("gpt")}
        )
        self.tokens = nn.Embedding(codes + 2, channels)
        self.durations = ConvStack(
            channels, channels // 2, 1, duration_layers, condition_channels=condition_channels, modulate=fusion.block
        )
        self.kind = nn.Parameter(torch.zeros(2, channels))  # phone or token
        self.layers = nn.ModuleList(
            TransformerLayer(
                channels, heads, dropout=dropout, condition_channels=condition_channels, modulate=fusion.layer
            )
            for _ in range(layers)
        )
        self.norm = nn.LayerNorm(channels)
        self.predict = nn.Linear(channels, codes + 1)
        self.current = nn.Linear(channels, phones)
        for table in (self.phones, self.tokens):
            nn.init.normal_(table.weight, std=0.1)

    def prefix(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        conditions: Conditions,
        durations: Float[Tensor, "B P"] | None = None,
        prompt: Prompt | None = None,
        bert: Float[Tensor, "B P F"] | None = None,
    ) -> EncodedPrefix:
        """Return what opens the sequence, and the phones, coloured as the fusion says.

        A phone's position is the token at which its middle is expected, by the durations (in tokens) given or predicted
        for these conditions: tempo is explicit, and attention starts out near the right place.

        Raises:
            ValueError: a prompt or BERT features, which this model does not take.
        """
        self._refuse_prompt(prompt, bert)
        filled = self.conditions(conditions)
        head, colour = self.entry.enter(filled)
        text = self.phone_stack(self.phones(phones).transpose(1, 2), phone_mask).transpose(1, 2)
        text = text + colour + self.kind[0]
        mask = torch.cat([phone_mask.new_ones(head.shape[:2]), phone_mask], dim=1)
        condition = self.conditions.vector("gpt", filled)
        log_durations = self.durations(self.phones(phones).transpose(1, 2), phone_mask, condition)[:, 0].float()
        if durations is None:
            durations = log_durations.exp()
        durations = durations.detach() * phone_mask
        middle = durations.cumsum(1) - durations / 2
        positions = torch.cat([middle.new_zeros(head.shape[:2]), middle], dim=1)
        return EncodedPrefix(torch.cat([head, text], dim=1), mask, colour, condition, positions, log_durations)

    def forward(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        conditions: Conditions,
        durations: Float[Tensor, "B P"] | None = None,
    ) -> Predicted:
        """Predict by teacher forcing: `tokens` are the inputs *after* the start symbol; S + 1 predictions come out."""
        prefix = self.prefix(phones, phone_mask, conditions, durations)
        shifted = torch.cat([tokens.new_full((len(tokens), 1), self.start), tokens], dim=1)
        x = torch.cat([prefix.hidden, self.tokens(shifted) + self.kind[1] + prefix.colour], dim=1)
        size, total = prefix.mask.shape[1], x.shape[1]
        rotation = self._rotation(prefix, shifted.shape[1])
        mask = self._mask(prefix.mask, shifted.shape[1])
        attention = None
        for i, layer in enumerate(self.layers):
            assert isinstance(layer, TransformerLayer)
            if i == self.guided_layer:
                weights = layer.weights(x, mask, rotation, prefix.condition)
                attention = weights[:, size:, self.entry.positions : size]
            x = layer(x, mask, rotation, condition=prefix.condition)
        assert attention is not None and total == size + shifted.shape[1]
        h = self.norm(x[:, size:])
        return Predicted(self.predict(h).float(), attention, self.current(h).float(), prefix.log_durations)

    def spoken_phones(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        conditions: Conditions,
    ) -> Float[Tensor, "B S V"]:
        """Return log probabilities of which phone (of V) each token speaks, by one teacher-forced pass.

        They come from the helper that training with an alignment teaches, see `aligned_losses`.
        """
        return self(phones, phone_mask, tokens, conditions).current[:, :-1].log_softmax(-1)

    def _rotation(self, prefix: EncodedPrefix, steps: int) -> Rotation:
        """Rotate the prefix by its positions and the tokens from 0: both start where padding cannot shift them."""
        tokens = torch.arange(float(steps), device=prefix.positions.device)
        positions = torch.cat([prefix.positions, tokens[None].expand(len(prefix.positions), -1)], dim=1)
        return make_rotation(positions, prefix.hidden.shape[2] // self.heads)

    def _mask(self, prefix_mask: Tensor, steps: int) -> Bool[Tensor, "B 1 L N"]:
        """Everyone sees the real prefix; tokens see themselves and the past."""
        batch, size = prefix_mask.shape
        total = size + steps
        mask = torch.zeros(batch, total, total, dtype=torch.bool, device=prefix_mask.device)
        mask[:, :, :size] = prefix_mask[:, None]
        mask[:, size:, size:] = torch.ones(steps, steps, dtype=torch.bool, device=mask.device).tril()
        return mask[:, None]

    def open(self, prefix: EncodedPrefix, steps: int) -> CachedDecoding:
        """Run the prefix and the start symbol; returns a decoding with room for `steps` tokens."""
        return CachedDecoding(self, prefix, steps)

    def losses(self, batch: SpokenBatch, conditions: Conditions, corruption: Corruption) -> dict[str, Tensor]:
        """Compute `aligned_losses` of a pass with true durations and tokens, which the corruption changes."""
        durations = phone_durations(batch.place, batch.phone_mask, batch.token_mask)
        placed = with_tempo_errors(durations, batch.step, corruption)
        tokens = with_noise(batch.tokens, self.codes, batch.step, corruption)
        out = self(batch.phones, batch.phone_mask, tokens, conditions, placed)
        return aligned_losses(out, batch, durations, self.end, corruption.label_smoothing)

    def caches(self, prefix: EncodedPrefix, steps: int) -> list[LayerCache]:
        """Run the prefix once; return caches with room for `steps` tokens."""
        batch, size = prefix.mask.shape
        width = prefix.hidden.shape[2] // self.heads
        caches = [LayerCache.empty(batch, self.heads, size + steps, width, prefix.hidden) for _ in self.layers]
        x, rotation = prefix.hidden, self._rotation(prefix, 0)
        mask = prefix.mask[:, None, None].expand(-1, 1, size, -1)
        for layer, cache in zip(self.layers, caches, strict=True):
            assert isinstance(layer, TransformerLayer)
            cache.constants = layer.prepare(prefix.condition)
            x = layer(x, mask, rotation, cache, start=0)
        return caches

    def step(
        self, tokens: Int[Tensor, " B"], index: int, prefix: EncodedPrefix, caches: list[LayerCache]
    ) -> Float[Tensor, "B K"]:
        """Return the logits after the token at `index` (0 = the start symbol), by the cache."""
        batch, size = prefix.mask.shape
        x = (self.tokens(tokens) + self.kind[1])[:, None] + prefix.colour
        past = prefix.mask.new_ones(batch, index + 1)
        mask = torch.cat([prefix.mask, past], dim=1)[:, None, None]
        here = torch.full((batch, 1), float(index), device=tokens.device)
        rotation = make_rotation(here, x.shape[2] // self.heads)
        for layer, cache in zip(self.layers, caches, strict=True):
            x = layer(x, mask, rotation, cache, start=size + index)
        return self.predict(self.norm(x[:, 0])).float()
