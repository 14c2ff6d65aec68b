"""Training of a light head on what the head of a trained model of the released family makes of the same latents."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from sovits_lab.checkpoints.adapters import load_base
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.checkpoints.exchanged_head import KIND, head_sizes
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.models.contracts import AcousticLosses
from sovits_lab.models.sovits.latent_plan import random_starts, slice_frames
from sovits_lab.training.adapters import refuse_other_tables
from sovits_lab.training.released import Carried, Initial
from sovits_lab.training.sovits import AcousticTask, TrainSovits
from sovits_lab.training.speech import SpeechSource
from sovits_lab.training.task import Task
from sovits_lab.training.trial import check_buildable
from sovits_lab.types import got


class HeadTask(AcousticTask):
    """A light head against the trained one, on latents that the rest of the model plans as it does in synthesis.

    Only the head learns. A target is a waveform that the trained head made, so no recording is imitated, and the
    distance is that of two heads, not of a model and a person.
    """

    teacher: nn.Module

    def train(self, mode: bool = True) -> HeadTask:
        """Set the mode of the light head; what does not learn is never in training mode."""
        super().train(mode)
        self.teacher.eval()
        for name, part in self.model.named_children():
            part.train(mode and name == "head")
        return self

    def _pass(self, batch: SpeechBatch) -> AcousticLosses:
        assert self.reconstruction is not None
        with torch.no_grad():
            style, _ = self.encoded(batch)
            planned = self.model.plan(
                batch.tokens, batch.mask, batch.phones, batch.phone_mask, self.conditions(batch, style)
            )
            lengths = batch.mask.sum(1)
            size = min(self.slicing.size, int(lengths.min()))
            latents = slice_frames(planned.z, random_starts(lengths, size), size)
            real = self.teacher(latents, planned.head)
        fake = self.model.head(latents, planned.head)
        return AcousticLosses({"mel": self.reconstruction(real, fake)}, real, fake)


@dataclass(kw_only=True)
class TeachHead(TrainSovits):
    """Stage: a light head learns from the head of a base, whose other parts stay as they are.

    Args:
        model: node of the light head; widths of latents and condition, and samples a frame, are those of the base.
        base: the bundle of the trained models.
        others: see `TrainSovits`; `reconstruction` is needed.
    """

    contract: ClassVar[type | None] = None  # the base meets it
    task_class: ClassVar[type[AcousticTask]] = HeadTask
    base: str | None

    @property
    def required(self) -> tuple[str, ...]:
        return ("mel",)

    def check(self) -> None:
        if self.reconstruction is None:
            raise got("reconstruction", None, "a distance of waveforms")
        for key in ("init", "folder", "recipe"):  # what trains whole models; nothing is left out silently
            if getattr(self, key):
                raise got(f"stages.head.{key}", getattr(self, key), "null: all but the head is the base's and stays")
        super().check()

    def try_model(self) -> None:
        check_buildable(lambda: build({**self.model, "condition_channels": 1}))

    @property
    def folder_of_base(self) -> Path:
        """The base's bundle. Raises InputError without one."""
        if self.base is None:
            raise got("stages.head.base", None, "the bundle of a trained model, which `sovits_lab convert` makes")
        return Path(self.base)

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what is missing before anything is computed.

        Raises:
            InputError: the base is no bundle of a model of the released family with a head to learn from.
        """
        head_sizes(self.folder_of_base)
        return super().lacks(rows)

    def make_model(
        self, inputs: Mapping[str, Path], source: SpeechSource, start: Initial | None
    ) -> tuple[Any, Mapping[str, Any]]:
        """Return the base with a light head, and the head's node."""
        assert source.prepared is not None
        model: Any = load_base(self.folder_of_base)[self.part].requires_grad_(False)
        refuse_other_tables(self.folder_of_base, model, source.prepared, source.speaker)
        node = {**self.model, **head_sizes(self.folder_of_base)}
        self.teacher, model.head = model.head, build(node)
        return model, node

    def make_task(self, model: Any, regularisers: nn.ModuleDict, carried: Carried | None) -> Task:
        task = super().make_task(model, regularisers, carried)
        assert isinstance(task, HeadTask)
        task.teacher = self.teacher
        return task

    def write(
        self, out: Path, model: Any, task: Task, node: Mapping[str, Any], source: SpeechSource, carried: Carried | None
    ) -> None:
        """Write the head as a bundle of its own."""
        write_bundle(out / "bundle", {"head": model.head}, {"kind": KIND, "model": node})
