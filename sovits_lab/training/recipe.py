"""What of a model learns: frozen parts, and low-rank adaptations in place of full learning."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from sovits_lab.nn.lora import add_lora
from sovits_lab.types import got


@dataclass(frozen=True)
class Recipe:
    """Which parameters of a model learn; names are the model's own. How fast is said by `Optimisation.lr_multipliers`.

    Attributes:
        freeze: regular expressions over names of parameters that do not learn.
        lora: regular expressions over layers to adapt; everything else is frozen then. Empty for full learning.
        rank: of the adaptations.

    Raises:
        InputError: no regular expression, or a rank below 1.
    """

    freeze: Sequence[str] = ()
    lora: Sequence[str] = ()
    rank: int = 16

    def __post_init__(self) -> None:
        for key, patterns in (("freeze", self.freeze), ("lora", self.lora)):
            for pattern in patterns:
                try:
                    re.compile(pattern)
                except re.error as error:
                    raise got(f"recipe.{key}", pattern, f"a regular expression: {error}") from error
        if self.rank < 1:
            raise got("recipe.rank", self.rank, "at least 1")

    def apply(self, model: nn.Module) -> None:
        """Prepare a model.

        Raises:
            InputError: nothing is left to learn, or no layer to adapt.
        """
        if self.lora:
            try:
                add_lora(model, self.lora, self.rank)
            except ValueError as error:
                expected = f"a pattern that matches a linear layer or a convolution of {type(model).__name__}"
                raise got("recipe.lora", list(self.lora), expected) from error
        for name, parameter in model.named_parameters():
            if any(re.search(pattern, name) for pattern in self.freeze):
                parameter.requires_grad_(False)
        if not any(parameter.requires_grad for parameter in model.parameters()):
            raise got("recipe", "nothing left to learn", "parameters outside `freeze`")
