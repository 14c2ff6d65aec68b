"""What the adapters of both models share: who hears the style, and the style as a difference from neutral."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from sovits_lab.conditioning.checks import refuse_rate
from sovits_lab.conditioning.conditions import (
    EMOTION,
    STYLE,
    Condition,
    Conditioner,
    Conditions,
    Filled,
    StyleSites,
    drop,
    joined,
)
from sovits_lab.conditioning.labels import LabelEmbedding, NoLabels
from sovits_lab.conditioning.reference import NoReference, ReferenceEncoder
from sovits_lab.models.contracts import Build, DataSizes
from sovits_lab.types import got

NEUTRAL = "neutral"


class RelativeLabels(LabelEmbedding):
    """Labels as differences from the neutral one, whose vector is zero.

    Args:
        labels: the names, `neutral` among them.
        out_channels: width of the vectors; 0: one component for each label but neutral, as directions of steering need.

    Raises:
        InputError: no label is neutral.
    """

    def __init__(self, labels: Sequence[str], out_channels: int = 16) -> None:
        if NEUTRAL not in labels:
            raise got("labels", ", ".join(labels), f"{NEUTRAL} among them: a style is a difference from it")
        others = [label for label in labels if label != NEUTRAL]
        super().__init__(labels, out_channels or max(1, len(others)))
        if not out_channels:
            with torch.no_grad():
                self.table.weight.zero_()
                for place, label in enumerate(others):
                    self.table.weight[list(labels).index(label), place] = 1.0

    @property
    def _neutral(self) -> Tensor:
        return self.table.weight[self.labels.index(NEUTRAL)]

    def forward(self, ids: Int[Tensor, " B"]) -> Float[Tensor, "B G"]:
        return self.table(ids) - self._neutral

    def mixture(self, weights: Mapping[str, float]) -> Float[Tensor, " G"]:
        """Return the weighted sum of the differences. Errors as `LabelEmbedding.mixture`."""
        return super().mixture(weights) - sum(weights.values()) * self._neutral


class CentredConditioner(Conditioner):
    """The conditions of a trained model and, beside them, how something is spoken: a difference from neutral.

    A style that is neutral, dropped or not there is zero, so that adapters without bias leave the trained model alone.

    Args:
        base: of the trained model, which takes no style.
        parts: of the style sites, that the adapters tell the style.
        how: widths of `style` and `emotion`.
        dropout: rate at which training withholds both, each by itself.
    """

    origin: Tensor
    spread: Tensor

    def __init__(self, base: Conditioner, parts: Sequence[str], how: Mapping[str, int], dropout: float) -> None:
        super().__init__(StyleSites(list(parts)), base.widths)
        self.how = {name: width for name, width in how.items() if width}
        self.widths = {**self.widths, **self.how}
        self.rates = dict.fromkeys(self.how, dropout) if dropout else {}
        self.register_buffer("origin", torch.zeros(self.how.get(STYLE, 1)))
        self.register_buffer("spread", torch.ones(()))

    def calibrate(self, neutral: Float[Tensor, " Y"], styles: Float[Tensor, "N Y"]) -> None:
        """Take the mean style of neutral clips as zero, and the root mean square of what differs from it as one."""
        self.origin.copy_(neutral)
        self.spread.copy_((styles - neutral).square().mean().sqrt().clamp(min=1e-6))

    def forward(self, conditions: Conditions) -> Filled:
        """Fill every condition; errors as `Conditioner` for those of the trained model."""
        known = {name: each for name, each in conditions.items() if name not in self.how}
        if unknown := sorted(set(known) - set(self.widths)):
            raise ValueError(f"conditions: got {unknown[0]!r}, expected only {', '.join(self.widths)}")
        asked = {name: each for name, each in conditions.items() if name in self.how}
        asked = drop(asked, self.rates) if self.training else asked
        some = next(iter(conditions.values())).value if conditions else self.origin[None]
        filled = {name: self._filled(name, known.get(name), len(some)) for name in self.widths if name not in self.how}
        return {**filled, **{name: self._difference(name, asked.get(name), some) for name in self.how}}

    def _difference(self, name: str, condition: Condition | None, like: Tensor) -> Float[Tensor, "B Y"]:
        if condition is None:
            return self.origin.new_zeros(len(like), self.how[name])
        value = (condition.value - self.origin) / self.spread if name == STYLE else condition.value
        return torch.where(condition.mask[:, None], value, torch.zeros_like(value))


class StyleAdapters(nn.Module):
    """Base of the adapters of one model.

    Args:
        style_encoder: hears style clips; it is used as it was trained and does not learn here. None hears none.
        labels: learned or measured vectors of emotions; None for none.
        rank: width of the adapters' condition; 0: the conditions as they are.
        dropout: how often training withholds the style.

    Raises:
        InputError: no style is heard.
    """

    own_losses: ClassVar[tuple[str, ...]] = ()  # of the model that they are attached to
    sample_rate: ClassVar[int | None] = None  # Hz of the audio that this model is made for; None: any
    parts: Sequence[str] = ()  # of the style sites, that take the style
    conditions: CentredConditioner

    def __init__(
        self,
        style_encoder: ReferenceEncoder | None = None,
        labels: RelativeLabels | None = None,
        rank: int = 16,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        refuse_rate("adapters.dropout", dropout)
        self.style_encoder, self.labels = style_encoder or NoReference(), labels or NoLabels()
        style_channels = self.style_encoder.out_channels if self.style_encoder.takes_clips else 0
        self.widths, self.dropout = {STYLE: style_channels, EMOTION: self.labels.out_channels}, dropout
        width = sum(self.widths.values())
        if not width:
            raise got("adapters", "neither a reference encoder nor labels", "one that hears how something is spoken")
        self.narrow = nn.Sequential(nn.Linear(width, rank, bias=False), nn.Tanh()) if rank else nn.Sequential()
        self.how_channels = rank or width

    @staticmethod
    def sized(node: Mapping[str, Any], sizes: DataSizes, build: Build) -> dict[str, Any]:
        """Return the adapters' node with the labels of the data; other sizes are those of the model."""
        labels = node.get("labels")
        if not labels:
            return dict(node)
        return {**node, "labels": {**labels, "labels": sorted({NEUTRAL, *sizes.emotions})}}

    def attach(self, model: Any) -> None:
        """Put the adapters into a trained model, whose own weights keep their names.

        Raises:
            InputError: the model has a style of its own or other adapters.
        """
        if {STYLE, EMOTION} & set(model.conditions.widths) or model.adapters.parts:
            raise got("base", "a model that is already told a style", "one that is not: adapters bring it")
        self.conditions = CentredConditioner(model.conditions, self.parts, self.widths, self.dropout)
        model.adapters = self
        for name in ("style_encoder", "labels", "conditions"):  # other names for the same, not copies in the state
            delattr(model, name)
            model.__dict__[name] = getattr(self, name)

    def share_encoder(self, encoder: ReferenceEncoder, model: Any) -> None:
        """Take the same reference encoder as another model's adapters; `model` is the one that has these."""
        self.style_encoder = encoder
        model.__dict__["style_encoder"] = encoder

    def train(self, mode: bool = True) -> StyleAdapters:
        """Set the mode of all but the reference encoder, whose statistics stay those of its own training."""
        super().train(mode)
        self.style_encoder.eval()
        return self

    def style_vector(self, filled: Filled) -> Float[Tensor, "B R"]:
        """Return the adapters' condition; zero for neutral."""
        vector: Tensor = self.narrow(joined([filled[name] for name in self.conditions.how]))
        return vector
