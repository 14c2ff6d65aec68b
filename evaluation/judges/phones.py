"""Recognisers from the folders of a run: the run's own tokenizer, and an independent one trained on other voices."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
        present: whether a folder holds a recogniser at all; without it every folder does.
    """

    def __init__(
        self,
        name: str,
        stage: str,
        load: Callable[[Path], PhoneRecogniser],
        self_graded: bool = False,
        present: Callable[[Path], bool] | None = None,
    ) -> None:
        self.name, self.stage, self.load, self.self_graded, self.present = name, stage, load, self_graded, present

    def folder(self, inputs: Mapping[str, Path]) -> Path:
        """Return the recogniser's folder among the inputs of a stage.

        Raises:
            InputError: the stage is no input.
        """
        if self.stage not in inputs:
            raise got(f"recogniser {self.name}, stage", self.stage, f"one of the inputs {', '.join(sorted(inputs))}")
        return inputs[self.stage]

    def card(self, folder: Path, rate: int) -> JudgeCard:
        """Return the card of who judges, known before the judge is loaded."""
        weights = sorted(folder.rglob("*.safetensors"))
        return JudgeCard(
            name=self.name,
            version="1",
            construct="intelligibility",
            rate=rate,
            weight_hash=weight_hash(*weights) if weights else "",
            minimum_seconds=0.1,
            needs=("phones",),
            licence="Apache-2.0",
            self_graded=self.self_graded,
        )

    def open(self, folder: Path) -> PhoneRecogniser:
        """Return the loaded recogniser.

        Raises:
            InputError: what was loaded cannot transcribe.
        """
        recogniser = self.load(folder)
        if not isinstance(recogniser, PhoneRecogniser):
            raise got(f"recogniser {self.name}", type(recogniser).__name__, "an object with transcribe(wavs, rate)")
        return recogniser
