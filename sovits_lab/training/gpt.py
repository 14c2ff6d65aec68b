"""Training of a model of semantic tokens, ours or a released one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn

from sovits_lab.conditioning.conditions import GPT_PARTS
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.models.contracts import Corruption, SemanticModel
from sovits_lab.models.gpt.aligned_losses import Predicted, phone_durations
from sovits_lab.training.released import Carried
from sovits_lab.training.speech import SpeechStage, SpeechTask
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.types import NonNegativeFloat, Share


class SemanticTask(SpeechTask):
    """Teacher forcing: the losses of the model, the regularisers, and those that the style encoder has of its own.

    Args:
        model: the semantic model.
        weights: of all these losses.
        regularisers: of `style` and `speaker_vector`, by name.
        noise, tempo_noise, label_smoothing, seed: see `Corruption`.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
        noise: float,
        tempo_noise: float,
        label_smoothing: float,
        seed: int,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model = model
        self.corruption = Corruption(noise, tempo_noise, label_smoothing, seed)
        self.regularisers = regularisers

    def losses(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Compute all terms by name."""
        style, own = self.encoded(batch)
        conditions = self.conditions(batch, style)
        return {**self.model.losses(batch, conditions, self.corruption), **self.asked(batch, style), **own}

    @property
    def predicts_timing(self) -> bool:
        """Whether the model predicts durations and tokens that `predict` can show."""
        return "duration" in self.model.own_losses

    def predict(self, batch: SpeechBatch, style: Tensor) -> Predicted:
        """Return what is expected of true tokens in a style that is given, `B Y`; phones stand where they truly are."""
        durations = phone_durations(batch.place, batch.phone_mask, batch.token_mask)
        conditions = self.conditions(batch, style)
        made: Predicted = self.model(batch.phones, batch.phone_mask, batch.tokens, conditions, durations)
        return made


@dataclass(kw_only=True)
class TrainGpt(SpeechStage):
    """Stage: train a semantic model, write it as a bundle of kind "gpt" (of a folder: the whole released family).

    Args:
        noise, tempo_noise, label_smoothing: see `SemanticTask`.
        others: see `SpeechStage` and `TrainingStage`.
    """

    contract: ClassVar[type | None] = SemanticModel
    group: ClassVar[str] = "gpt"
    part: ClassVar[str] = "gpt"
    parts: ClassVar[tuple[str, ...]] = GPT_PARTS
    task_class: ClassVar[type[SemanticTask]] = SemanticTask
    noise: NonNegativeFloat = 0.0
    tempo_noise: NonNegativeFloat = 0.0
    label_smoothing: Share = 0.0

    def make_task(self, model: Any, regularisers: nn.ModuleDict, carried: Carried | None) -> Task:
        return self.task_class(
            model,
            self.declared.weights,
            self.plan,
            regularisers,
            self.noise,
            self.tempo_noise,
            self.label_smoothing,
            self.seed,
        )
