"""What the GPT is trained for: next-token cross-entropy over `[phones; tokens]`, and the preference term.

Two rules for a padded batch, see `docs/interop.md`:

| | `AS_PUBLISHED` (upstream at HEAD) | `INTENDED` (default) |
|---|---|---|
| phones visible to the model | the last n of the padded row, although padding is on the right | the n real ones |
| first prediction from | the last column of the padded phones | each row's own last phone |
| loss at padding | every padded position must predict the end token | none |

Rows of equal length are treated alike by both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.nn.masks import length_mask


@dataclass(frozen=True)
class PaddingRule:
    """How padding is read. `first_token` False leaves out the prediction from text alone: the released base models
    were trained without it."""

    visible_from_left: bool = True
    count_padding: bool = False
    first_token: bool = True


INTENDED = PaddingRule()
AS_PUBLISHED = PaddingRule(visible_from_left=False, count_padding=True)


class TokenBatch(NamedTuple):
    """A right-padded batch of pairs; padding values do not matter."""

    phones: Int[Tensor, "B P"]
    phone_lengths: Int[Tensor, " B"]
    tokens: Int[Tensor, "B S"]
    token_lengths: Int[Tensor, " B"]
    bert: Float[Tensor, "B P F"] | None = None


class Scored(NamedTuple):
    """Logits of the Y + 1 predictions of every row, what they should be, and which of them count."""

    logits: Float[Tensor, "B N K"]
    targets: Int[Tensor, "B N"]
    counted: Bool[Tensor, "B N"]

    def log_likelihood(self) -> Float[Tensor, " B"]:
        """Sum the counted log-probabilities of every row."""
        logp = self.logits.float().log_softmax(-1).gather(-1, self.targets[..., None])[..., 0]
        return (logp * self.counted).sum(1)

    def cross_entropy(self, label_smoothing: float = 0.0) -> Float[Tensor, ""]:
        """Sum over all counted predictions, as upstream; divide by `counted.sum()` for nats a token."""
        logits, targets = self.logits.float().flatten(0, 1), self.targets.flatten()
        loss = F.cross_entropy(logits, targets, reduction="none", label_smoothing=label_smoothing)
        return (loss * self.counted.flatten()).sum()

    def accuracy(self, end: int, k: int = 3) -> Float[Tensor, ""]:
        """Measure how often the target is among the k most likely; end targets are left out."""
        hit = (self.logits.topk(k, dim=-1).indices == self.targets[..., None]).any(-1)
        real = self.counted & (self.targets != end)
        return (hit & real).sum() / real.sum().clamp(min=1)


def phone_visibility(lengths: Tensor, size: int, rule: PaddingRule) -> Bool[Tensor, "B P"]:
    """Return which columns of the right-padded phones the model may see."""
    mask = length_mask(lengths, size)
    return mask if rule.visible_from_left else mask.flip(1)


def preference_loss(chosen: Float[Tensor, " B"], rejected: Float[Tensor, " B"], beta: float = 0.2) -> Float[Tensor, ""]:
    """Compute mean -log sigma(beta (log p(chosen) - log p(rejected))), Rafailov et al. 2023, eq. 7, no reference."""
    return -F.logsigmoid(beta * (chosen - rejected)).mean()
