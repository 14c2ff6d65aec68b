"""emotion2vec+ (Ma et al. 2024) from a local folder through FunASR: an optional emotion judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.judges.contract import JudgeCard, weight_hash
from evaluation.scoring.samples import Sample
from sovits_lab.types import got
from sovits_lab.weights import locate

RATE = 16000
OURS = {"disgusted": "disgust", "fearful": "fear", "surprised": "surprise"}


class Emotion2vec:
    """Probabilities of nine emotions. Needs the package funasr, which the project does not install.

    Args:
        source: folder of a downloaded emotion2vec_plus model.
        self_graded: the judged model was trained with it.
    """

    def __init__(self, source: str | Path, self_graded: bool = False) -> None:
        if find_spec("funasr") is None:
            raise got("judge emotion2vec", "no installed package funasr", "`pip install funasr`")
        self.folder = locate("judge emotion2vec", source, ("*.pt", "config.yaml"))
        self.card = JudgeCard(
            name=f"emotion2vec {self.folder.name}",
            version="funasr",
            construct="emotion",
            rate=RATE,
            weight_hash=weight_hash(*sorted(self.folder.glob("*.pt"))),
            minimum_seconds=1.0,
            licence="MIT",
            self_graded=self_graded,
        )

    @cached_property
    def _model(self) -> Any:
        from funasr import AutoModel

        return AutoModel(model=str(self.folder), disable_update=True)

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("_model", None)

    def prepare(self, samples: Sequence[Sample]) -> str:
        """Prepare nothing: the judge learned elsewhere."""
        return ""

    def probabilities(
        self, wavs: Sequence[np.ndarray], without: frozenset[str], speaker: str = ""
    ) -> list[Mapping[str, float]]:
        """Return the probability of each emotion for recordings [T] at 16 kHz; none of our speakers taught it."""
        found: list[Mapping[str, float]] = []
        for wav in wavs:
            one = self._model.generate(wav, granularity="utterance", extract_embedding=False)[0]
            names = [Path(label).name.split("/")[-1].strip("<>") for label in one["labels"]]
            found.append({OURS.get(name, name): float(p) for name, p in zip(names, one["scores"], strict=True)})
        return found
