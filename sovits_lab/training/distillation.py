"""Training of a small model of tokens on what a large one says."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from sovits_lab.data.batches import SpeechData
from sovits_lab.data.teacher_targets import TeacherData, read_targets
from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.released import Carried, Initial, initial, look_at_bundle
from sovits_lab.training.speech import SpeechSource
from sovits_lab.types import got

LAYER = re.compile(r"layers\.(\d+)\.")


@dataclass(kw_only=True)
class TeachGpt(TrainGpt):
    """Stage: a student learns what the stage `teacher_targets` wrote, in place of the tokens of recordings.

    Args:
        layers: numbers of the teacher's layers that the student begins with, in their order; none: it begins afresh,
            and may be of another class than its teacher.
        teacher: the voice that they are taken from.
        others: see `TrainGpt`.
    """

    layers: Sequence[int] = ()
    teacher: str | None = None

    def check(self) -> None:
        super().check()
        own = self.model.get("layers")
        if self.layers and len(self.layers) != own:
            raise got("stages.gpt.layers", list(self.layers), f"{own} numbers, one for each of the student's layers")
        if self.layers and self.init:
            raise got("stages.gpt.init", self.init, "null: the student begins with layers of its teacher")

    def look(self) -> None:
        super().look()
        look_at_bundle(self.teacher if self.layers else None, "gpt")

    def _start(self, inputs: Mapping[str, Path], carried: Carried | None) -> Initial | None:
        if not self.layers:
            return super()._start(inputs, carried)
        if self.teacher is None:
            raise got("stages.gpt.teacher", None, "the voice whose layers the student begins with")
        whole = initial(Path(self.teacher), "gpt")
        return whole._replace(weights=kept_layers(whole.weights, self.layers))

    def _from_store(self, inputs: Mapping[str, Path]) -> SpeechSource:
        source, self.targets = super()._from_store(inputs), read_targets(inputs["teacher_targets"])
        assert source.prepared is not None
        chosen = [i for i in source.rows if source.prepared.store.rows[i].id in self.targets]
        if not chosen:
            raise got("teacher_targets", "none of the training utterances", "those of the same features")
        return source._replace(rows=chosen)

    def _with_data(self, source: SpeechSource, model: Any) -> SpeechSource:
        source = super()._with_data(source, model)
        assert isinstance(source.data, SpeechData)
        return source._replace(data=TeacherData(source.data, self.targets))


def kept_layers(weights: Mapping[str, Tensor], layers: Sequence[int]) -> dict[str, Tensor]:
    """Return weights of a model that has these layers alone, numbered anew; what is in no layer stays.

    Raises:
        InputError: a layer that there is not.
    """
    there = {int(found[1]) for name in weights if (found := LAYER.match(name))}
    if strange := [layer for layer in layers if layer not in there]:
        raise got("stages.gpt.layers", strange[0], f"one of the teacher's {len(there)} layers, from 0")
    kept = {name: value for name, value in weights.items() if not LAYER.match(name)}
    for new, old in enumerate(layers):
        front = f"layers.{old}."
        kept |= {f"layers.{new}.{name.removeprefix(front)}": v for name, v in weights.items() if name.startswith(front)}
    return kept
