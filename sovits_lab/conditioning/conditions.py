"""Conditions: what a model is given besides its text, by name, each as a value and a mask of the rows that have it.

`speaker` says who; every other name says how it is spoken. `StyleSites` say which parts of a model hear how; all parts
hear who. After kyutai's moshi, whose conditions are pairs of a value and a mask, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from sovits_lab.conditioning.checks import refuse_rate
from sovits_lab.nn.normalisation import RunningScale
from sovits_lab.types import got

CONDITIONS = SPEAKER, STYLE, EMOTION = "speaker", "style", "emotion"
GPT_PARTS, SOVITS_PARTS = ("gpt",), ("prosody", "latents", "flow", "head")
PARTS = GPT_PARTS + SOVITS_PARTS


class Condition(NamedTuple):
    """A vector for each row; where `mask` is False the row has none, whatever its value."""

    value: Float[Tensor, "B G"]
    mask: Bool[Tensor, " B"]


Conditions = Mapping[str, Condition]
Filled = Mapping[str, Tensor]  # name -> B G, with something in every row


def given(**values: Float[Tensor, "B _"]) -> dict[str, Condition]:
    """Return the conditions that are there in every row, by name; a vector of no width is no condition."""
    return {
        name: Condition(value, torch.ones(len(value), dtype=torch.bool, device=value.device))
        for name, value in values.items()
        if value.shape[1]
    }


def without(conditions: Conditions, *names: str) -> dict[str, Condition]:
    """Return the conditions, those of these names absent from every row."""
    return {
        name: Condition(value, torch.zeros_like(mask) if name in names else mask)
        for name, (value, mask) in conditions.items()
    }


def drop(
    conditions: Conditions, rates: Mapping[str, float], generator: torch.Generator | None = None
) -> dict[str, Condition]:
    """Take each condition from each row by chance, `rates[name]` of the time, one independently of another."""
    kept = {}
    for name, (value, mask) in conditions.items():
        if rate := rates.get(name, 0.0):
            draw = torch.rand(len(mask), generator=generator, device=mask.device)
            mask = mask & (draw >= rate)
        kept[name] = Condition(value, mask)
    return kept


@dataclass(frozen=True)
class StyleSites:
    """Which parts of a model hear the style, and how often a condition is withheld in training.

    Args:
        parts: of `PARTS`. `gpt`: the tokens and the durations of phones; `prosody`: the explicit pitch, voicing and
            energy; `latents`: their prior; `flow`: the flow and the posterior; `head`: the waveform.
        dropout: rate by the condition's name. A condition with a rate above 0 may be absent later, and then a learned
            vector stands for it: guidance needs that.

    Raises:
        InputError: no list or an unknown part in it, a rate of an unknown condition or outside [0, 1).
    """

    parts: Sequence[str] = PARTS
    dropout: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not isinstance(self.parts, list | tuple):
            raise got("style_sites.parts", self.parts, f"a list of some of {', '.join(PARTS)}")
        for part in self.parts:
            if part not in PARTS:
                raise got("style_sites.parts", part, f"one of {', '.join(PARTS)}")
        if not isinstance(self.dropout, Mapping):
            raise got("style_sites.dropout", self.dropout, f"rates of {', '.join(CONDITIONS)}, by name")
        for name, rate in self.dropout.items():
            if name not in CONDITIONS:
                raise got(f"style_sites.dropout.{name}", rate, f"only rates of {', '.join(CONDITIONS)}")
            refuse_rate(f"style_sites.dropout.{name}", rate)

    def names_for(self, part: str, names: Sequence[str]) -> list[str]:
        """Select the conditions that a part hears, in their order."""
        return [name for name in names if name == SPEAKER or part in self.parts]


class Conditioner(nn.Module):
    """Conditions of a batch -> one vector for each part of a model.

    Styles enter with components of one size, whatever the encoder: the longer a vector, the further each step of
    training moves what is made of it.

    Args:
        style_sites: see `StyleSites`.
        widths: of the conditions that the model knows, in the order in which they are joined; 0 is not known.
    """

    def __init__(self, style_sites: StyleSites, widths: Mapping[str, int]) -> None:
        super().__init__()
        self.style_sites, self.widths = style_sites, {name: width for name, width in widths.items() if width}
        self.rates = {name: style_sites.dropout[name] for name in self.widths if style_sites.dropout.get(name)}
        self.scale = RunningScale() if STYLE in self.widths else None
        self.null = nn.ParameterDict({name: nn.Parameter(torch.zeros(self.widths[name])) for name in self.rates})

    def forward(self, conditions: Conditions) -> Filled:
        """Fill every known condition: dropped by chance in training, with the learned vector where it is absent.

        Raises:
            ValueError: a condition that is not known, or an absent one without a learned vector.
        """
        if unknown := sorted(set(conditions) - set(self.widths)):
            raise ValueError(f"conditions: got {unknown[0]!r}, expected only {', '.join(self.widths)}")
        if self.scale is not None and STYLE in conditions:
            value, mask = conditions[STYLE]
            conditions = {**conditions, STYLE: Condition(self.scale(value, mask), mask)}
        if self.training and self.rates:
            conditions = drop(conditions, self.rates)
        batch = len(next(iter(conditions.values())).mask)
        return {name: self._filled(name, conditions.get(name), batch) for name in self.widths}

    def _filled(self, name: str, condition: Condition | None, batch: int) -> Tensor:
        if name in self.null:
            null = self.null[name].expand(batch, -1)
            return null if condition is None else torch.where(condition.mask[:, None], condition.value, null)
        known = torch.compiler.is_exporting() or condition is None or bool(condition.mask.all())  # a graph asks no data
        if condition is None or not known:
            raise ValueError(
                f"condition {name}: got none, expected a vector in every row; the model was trained with "
                f"style_sites.dropout.{name}=0 and has learned nothing for its absence"
            )
        return condition.value

    def names(self, part: str) -> list[str]:
        """Return the names of the conditions that a part hears."""
        return self.style_sites.names_for(part, list(self.widths))

    def channels(self, part: str) -> int:
        """Return the width of `vector`."""
        return sum(self.widths[name] for name in self.names(part))

    def vector(self, part: str, filled: Filled) -> Float[Tensor, "B G"]:
        """Join all conditions that a part hears."""
        return joined([filled[name] for name in self.names(part)])

    def style(self, part: str, filled: Filled) -> Float[Tensor, "B Y"]:
        """Join the conditions that a part hears except the speaker; no width where it hears no other."""
        how = [filled[name] for name in self.names(part) if name != SPEAKER]
        return joined(how) if how else filled[SPEAKER][:, :0]


def joined(vectors: Sequence[Float[Tensor, "B _"]]) -> Float[Tensor, "B G"]:
    """Join vectors side by side; one alone stays as it is."""
    return vectors[0] if len(vectors) == 1 else torch.cat(list(vectors), dim=1)
