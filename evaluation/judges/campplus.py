"""CAM++ (Wang et al. 2023), trained on 200 000 speakers of Chinese and English: the primary speaker judge offline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.conditioning.campplus import WEIGHTS, Campplus, load_campplus, speaker_vectors
from sovits_lab.weights import locate

RATE = 16000
THRESHOLD = 0.37  # equal-error point of 18 actors in 8 emotions, see docs/evaluation.md


class CampplusSpeaker:
    """192 dimensions, 16 kHz; the quiet ends of a recording are cut, as for Resemblyzer.

    Args:
        source: `campplus`, or a folder with `campplus_cn_en_common.pt`.
        self_graded: the judged model is conditioned on, or trained with, these vectors.
    """

    def __init__(self, source: str | Path = "campplus", self_graded: bool = False) -> None:
        self.path = locate("judge", source, (WEIGHTS,)) / WEIGHTS
        self.card = JudgeCard(
            name="CAM++",
            version="3D-Speaker zh-en, ends trimmed",
            construct="speaker",
            rate=RATE,
            weight_hash=weight_hash(self.path),
            minimum_seconds=1.0,
            needs=("enrolment",),
            threshold=THRESHOLD,
            licence="Apache-2.0",
            self_graded=self_graded,
        )

    @cached_property
    def network(self) -> Campplus:
        """The network with the released weights, loaded at first use.

        Raises:
            InputError: the weights are of another network or of another size.
        """
        return load_campplus(self.path.parent)

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("network", None)

    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Return unit vectors [N, 192] of recordings [T] at 16 kHz."""
        return speaker_vectors(self.network, wavs)
