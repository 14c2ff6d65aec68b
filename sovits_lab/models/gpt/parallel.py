"""A semantic model without a loop over tokens: durations first, then every token at once by mask-predict.

Phones are encoded and spread over the tokens that they are expected to last (FastSpeech; Ren et al. 2019, section 3.3);
each token is classified from the phone there and its neighbours. Tokens that are already known may be shown: a few
passes, each of which keeps what it is surest of, make neighbours agree (Ghazvininejad et al. 2019; Chang et al. 2022).
"""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.conditioning.conditions import Conditions, StyleSites
from sovits_lab.conditioning.fusion import Fusion, PrefixSumFusion
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.models.contracts import Corruption, Prompt, SpokenBatch, no_tokens
from sovits_lab.models.gpt.aligned_losses import phone_durations, with_noise, with_tempo_errors
from sovits_lab.models.gpt.conditioned import ConditionedGpt
from sovits_lab.nn.convolution import ConvStack
from sovits_lab.nn.masks import length_mask, masked_average

SHORTEST = 0.05  # tokens; a phone that lasts less than a token is passed over where no token's middle falls into it
LEAST_SPOKEN = 1.0  # tokens of a phone where the model speaks: consonants of half a token, passed over, cost words


class SpreadPrefix(NamedTuple):
    """Phones spread over the tokens that they are to last: what every token is classified from."""

    frames: Float[Tensor, "B S D"]
    mask: Bool[Tensor, "B S"]
    condition: Float[Tensor, "B G"]
    log_durations: Float[Tensor, "B P"]

    @property
    def expected(self) -> None:
        """Nothing has to be awaited: the length is settled."""

    @property
    def spoken(self) -> Int[Tensor, "B 0"]:
        """The tokens of the prompt: none."""
        return no_tokens(len(self.mask), self.mask.device)


class ParallelPass(NamedTuple):
    """Training pass: logits of every token (the last column stands for the end, of which nothing is predicted), and the
    predicted log durations of phones in tokens."""

    logits: Float[Tensor, "B N K"]
    log_durations: Float[Tensor, "B P"]


class SettledDecoding:
    """A generation of which all logits are known, read off one position at a time; the last column is the end."""

    def __init__(self, everything: Float[Tensor, "B N K"]) -> None:
        self.everything, self.index = everything, 0
        self.logits = everything[:, 0]

    def step(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B K"]:
        """Return the logits of the next position, whatever was drawn for this one."""
        self.index = min(self.index + 1, self.everything.shape[1] - 1)
        self.logits = self.everything[:, self.index]
        return self.logits

    def keep(self, rows: Int[Tensor, " R"]) -> None:
        """Go on with these rows alone."""
        self.everything, self.logits = self.everything[rows], self.logits[rows]


class PhonePlaces(NamedTuple):
    """Which phone each token speaks, and where in it the token stands: share of the phone, log of its length."""

    place: Int[Tensor, "B S"]
    within: Float[Tensor, "B S 2"]


def spread(durations: Float[Tensor, "B P"], phone_mask: Bool[Tensor, "B P"], size: int) -> PhonePlaces:
    """Locate each token: the token j speaks the phone in which j + 1/2 lies.

    Args:
        durations: in tokens.
        size: tokens S of the longest row; past its end a row repeats its last phone.
    """
    durations = (durations.clamp(min=SHORTEST) * phone_mask).float()
    ends = durations.cumsum(1)
    middle = (torch.arange(size, device=ends.device) + 0.5).expand(len(ends), -1)
    last = (phone_mask.sum(1, keepdim=True) - 1).clamp(min=0)
    place = torch.minimum((ends[:, None] < middle[..., None]).sum(2), last)  # as `searchsorted`, which ONNX lacks
    length = durations.gather(1, place).clamp(min=SHORTEST)
    share = ((middle - ends.gather(1, place) + length) / length).clamp(0, 1)
    return PhonePlaces(place, torch.stack([share, length.log()], dim=2))


class ParallelGpt(ConditionedGpt):
    """Phones + conditions -> tokens, all of them in a few passes.

    Args:
        codes, reference, speaker_channels, max_tokens, style_sites, labels: see `ConditionedGpt`.
        phones: size of the symbol table.
        channels, dropout: of all stacks.
        phone_layers, layers, duration_layers: convolution blocks over phones, over tokens, of the duration predictor.
        passes: of mask-predict; 1 classifies every token by itself.
        blind: share of the training rows that see no token; the others see a random share of them.
        fusion: how conditions enter the blocks; None is `PrefixSumFusion`, whatever the configuration's default.
    """

    own_losses: ClassVar[tuple[str, ...]] = ("token", "duration")

    def __init__(
        self,
        codes: int,
        phones: int,
        reference: ReferenceEncoder,
        speaker_channels: int,
        channels: int = 192,
        phone_layers: int = 3,
        layers: int = 4,
        duration_layers: int = 2,
        dropout: float = 0.1,
        passes: int = 1,
        blind: float = 0.5,
        max_tokens: int = 750,
        fusion: Fusion | None = None,
        style_sites: StyleSites | None = None,
        labels: LabelEmbedding | NoLabels | None = None,
    ) -> None:
        super().__init__(codes, reference, speaker_channels, max_tokens, style_sites, labels)
        self.unknown, self.passes, self.blind = codes, passes, blind
        fusion = fusion or PrefixSumFusion()
        condition_channels = self.conditions.channels("gpt")
        self.phones, self.tokens = nn.Embedding(phones, channels), nn.Embedding(codes + 1, channels)
        self.phone_stack = ConvStack(channels, channels, layers=phone_layers, dropout=dropout)
        self.durations = ConvStack(
            channels, channels // 2, 1, duration_layers, condition_channels=condition_channels, modulate=fusion.block
        )
        self.within = nn.Linear(2, channels)
        self.stack = ConvStack(
            channels,
            channels,
            codes,
            layers,
            condition_channels=condition_channels,
            dropout=dropout,
            modulate=fusion.block,
        )
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
    ) -> SpreadPrefix:
        """Return the phones, spread over the tokens that they last by the durations given or predicted, one at least.

        Raises:
            ValueError: a prompt or BERT features, which this model does not take.
        """
        self._refuse_prompt(prompt, bert)
        condition, log_durations = self._predicted_durations(phones, phone_mask, conditions)
        durations = (log_durations.exp() if durations is None else durations).clamp(min=LEAST_SPOKEN) * phone_mask
        lengths = durations.sum(1).round().long().clamp(1, self.max_tokens)
        frames = self.frames(phones, phone_mask, durations, int(lengths.max()))
        return SpreadPrefix(frames, length_mask(lengths, frames.shape[1]), condition, log_durations)

    def spoken_durations(
        self, phones: Int[Tensor, "B P"], phone_mask: Bool[Tensor, "B P"], conditions: Conditions
    ) -> Float[Tensor, "B P"]:
        """Return how many tokens each phone lasts where none is said: what `prefix` spreads them by."""
        return self._predicted_durations(phones, phone_mask, conditions)[1].exp().clamp(min=LEAST_SPOKEN) * phone_mask

    def _predicted_durations(self, phones: Tensor, phone_mask: Tensor, conditions: Conditions) -> tuple[Tensor, Tensor]:
        """The stacks' conditions, and the log durations."""
        condition = self.conditions.vector("gpt", self.conditions(conditions))
        found = self.durations(self.phones(phones).transpose(1, 2), phone_mask, condition)[:, 0].float()
        return condition, found

    def frames(self, phones: Tensor, phone_mask: Tensor, durations: Tensor, size: int) -> Float[Tensor, "B S D"]:
        """Return the encoded phones, spread over `size` tokens."""
        text = self.phone_stack(self.phones(phones).transpose(1, 2), phone_mask).transpose(1, 2)
        laid = spread(durations, phone_mask, size)
        here = text.gather(1, laid.place[..., None].expand(-1, -1, text.shape[2]))
        return here + self.within(laid.within.to(here.dtype))

    def classify(self, prefix: SpreadPrefix, shown: Int[Tensor, "B S"] | None = None) -> Float[Tensor, "B S K"]:
        """Return the logits of every token, of which those `shown` are known (`unknown` where not)."""
        shown = torch.full_like(prefix.mask, self.unknown, dtype=torch.long) if shown is None else shown
        x = (prefix.frames + self.tokens(shown)).transpose(1, 2)
        return self.stack(x, prefix.mask, prefix.condition).transpose(1, 2).float()

    def forward(
        self,
        phones: Int[Tensor, "B P"],
        phone_mask: Bool[Tensor, "B P"],
        tokens: Int[Tensor, "B S"],
        conditions: Conditions,
        durations: Float[Tensor, "B P"],
        shown: Int[Tensor, "B S"] | None = None,
        mask: Bool[Tensor, "B S"] | None = None,
    ) -> ParallelPass:
        """Predict `tokens` where phones truly stand; S + 1 predictions come out, as of an autoregressive model.

        Args:
            shown: tokens that are known, `unknown` where not; None knows none.
            mask: real tokens; None for all.
        """
        condition, log_durations = self._predicted_durations(phones, phone_mask, conditions)
        mask = torch.ones_like(tokens, dtype=torch.bool) if mask is None else mask
        whole = mask.sum(1, keepdim=True) / (durations * phone_mask).sum(1, keepdim=True).clamp(min=SHORTEST)
        frames = self.frames(phones, phone_mask, durations * whole, tokens.shape[1])
        logits = self.classify(SpreadPrefix(frames, mask, condition, log_durations), shown)
        return ParallelPass(F.pad(logits, (0, 0, 0, 1)), log_durations)

    def losses(self, batch: SpokenBatch, conditions: Conditions, corruption: Corruption) -> dict[str, Tensor]:
        """Compute `token`, the cross-entropy of the tokens that are not shown, and `duration`, the mean error of the
        log durations.
        """
        durations = phone_durations(batch.place, batch.phone_mask, batch.token_mask)
        placed = with_tempo_errors(durations, batch.step, corruption)
        hidden = self._hidden(batch, corruption)
        shown = with_noise(batch.tokens, self.codes, batch.step, corruption).masked_fill(hidden, self.unknown)
        out = self(batch.phones, batch.phone_mask, batch.tokens, conditions, placed, shown, batch.token_mask)
        targets = batch.tokens.masked_fill(~(hidden & batch.token_mask), -1)
        token = F.cross_entropy(
            out.logits[:, :-1].flatten(0, 1),
            targets.flatten(),
            ignore_index=-1,
            label_smoothing=corruption.label_smoothing,
        )
        duration = masked_average((out.log_durations - durations.log()).abs(), batch.phone_mask)
        return {"token": token, "duration": duration}

    def _hidden(self, batch: SpokenBatch, corruption: Corruption) -> Bool[Tensor, "B S"]:
        """Which tokens are to be guessed: all, or a share cos(u pi / 2) of them (Chang et al. 2022, section 3.1)."""
        draw = torch.Generator().manual_seed(corruption.seed * 1_000_007 + batch.step)
        rows = len(batch.tokens)
        share = (torch.rand(rows, 1, generator=draw) * math.pi / 2).cos()
        share = torch.where(torch.rand(rows, 1, generator=draw) < self.blind, 1.0, share)
        hidden = torch.rand(batch.tokens.shape, generator=draw) <= share
        hidden[:, 0] |= ~hidden.any(1)
        return hidden.to(batch.tokens.device)

    @torch.no_grad()
    def settle(self, prefix: SpreadPrefix) -> Float[Tensor, "B S K"]:
        """Return the logits of every token after all passes: of those that were kept they allow nothing else."""
        shown = torch.full_like(prefix.mask, self.unknown, dtype=torch.long)
        logits = self.classify(prefix, shown)
        if self.passes == 1:
            return logits
        size = prefix.mask.sum(1, keepdim=True)
        for done in range(1, self.passes):
            kept = (size * (1 - math.cos(math.pi / 2 * done / self.passes))).long()
            sure, best = logits.softmax(-1).max(-1)
            known = shown != self.unknown
            sure = sure.masked_fill(known, torch.inf).masked_fill(~prefix.mask, -torch.inf)
            chosen = sure.argsort(1, descending=True).argsort(1) < kept
            shown = torch.where(chosen & ~known, best, shown)
            logits = self.classify(prefix, shown)
        known = shown != self.unknown
        only = F.one_hot(shown.clamp(max=self.codes - 1), self.codes).bool()
        return logits.masked_fill(known[..., None] & ~only, -torch.inf)

    def open(self, prefix: SpreadPrefix, steps: int) -> SettledDecoding:
        """Decide everything; returns a decoding that reads it off, with the end where each row's length says."""
        logits = self.settle(prefix)
        over = ~F.pad(prefix.mask, (0, 1))
        logits = F.pad(F.pad(logits, (0, 1), value=-torch.inf), (0, 0, 0, 1))
        end = torch.arange(self.codes + 1, device=logits.device) == self.end
        return SettledDecoding(
            logits.masked_fill(over[..., None] & ~end, -torch.inf).masked_fill(over[..., None] & end, 0.0)
        )
