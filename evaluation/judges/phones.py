"""Recognisers from the folders of a run: the run's own tokenizer, and an independent one trained on other voices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from evaluation.judges.contract import JudgeCard, PhoneRecogniser, weight_hash
from sovits_lab.types import got


class FolderRecogniser:
    """A phone recogniser in the folder of a stage, loaded when its turn comes.

    Args:
        name: what the report prints.
        stage: name of the input whose folder holds it.
        load: folder to an object with `transcribe(list of [T] arrays, rate) -> list of phone lists`.
        self_graded: the judged models were trained with it.
    """

    def __init__(
        self, name: str, stage: str, load: Callable[[Path], PhoneRecogniser], self_graded: bool = False
    ) -> None:
        self.name, self.stage, self.load, self.self_graded = name, stage, load, self_graded

    def open(self, inputs: dict[str, Path], rate: int) -> tuple[JudgeCard, PhoneRecogniser]:
        """The loaded recogniser and its card.

        Raises:
            InputError: the stage is no input, or the object cannot transcribe.
        """
        if self.stage not in inputs:
            raise got(f"recogniser {self.name}, stage", self.stage, f"one of the inputs {', '.join(sorted(inputs))}")
        folder = inputs[self.stage]
        recogniser = self.load(folder)
        if not isinstance(recogniser, PhoneRecogniser):
            raise got(f"recogniser {self.name}", type(recogniser).__name__, "an object with transcribe(wavs, rate)")
        weights = sorted(folder.rglob("*.safetensors"))
        card = JudgeCard(
            name=self.name,
            version="ctc",
            construct="intelligibility",
            rate=rate,
            weight_hash=weight_hash(*weights) if weights else "",
            minimum_seconds=0.1,
            needs=("phones",),
            licence="Apache-2.0",
            self_graded=self.self_graded,
        )
        return card, recogniser
