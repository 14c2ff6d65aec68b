"""CAM++ (Wang et al. 2023), trained on 200 000 speakers of Chinese and English: the primary speaker judge offline."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.audio.trim import trim_silence
from sovits_lab.conditioning.campplus import Campplus
from sovits_lab.conditioning.eres2net import speaker_features
from sovits_lab.weights import locate
from sovits_lab.weights.tensors import load_by_name, read_tensors

RATE = 16000
WEIGHTS = "campplus_cn_en_common.pt"
SHORTEST = 400  # samples of one frame of the filter bank
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
        network = Campplus()
        load_by_name(network, read_tensors(self.path), "CAM++ with 192 dimensions", self.path)
        return network.eval()

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("network", None)

    @torch.inference_mode()
    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Unit vectors [N, 192] of recordings [T] at 16 kHz, one at a time: padding would change the features."""
        if not wavs:
            return np.zeros((0, 192), dtype=np.float32)
        vectors = []
        for wav in wavs:
            inner = trim_silence(wav.astype(np.float32), RATE).wav
            inner = np.pad(inner, (0, max(0, SHORTEST - len(inner))))
            features = speaker_features(torch.from_numpy(inner)[None])
            vectors.append(self.network(features - features.mean(1, keepdim=True))[0])
        return torch.nn.functional.normalize(torch.stack(vectors), dim=-1).numpy()
