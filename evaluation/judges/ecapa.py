"""ECAPA-TDNN (Desplanques et al. 2020) by speechbrain: the primary speaker judge.

The classes are speechbrain's; its hyperparameter file, which can name any code, is not run: sizes are read from the
shapes of the weights, and the weights are read without pickle's freedom. A test holds the vectors to those of
speechbrain's own loader.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from evaluation.judges.contract import JudgeCard, weight_hash
from sovits_lab.audio.torchaudio_compat import ensure
from sovits_lab.types import got
from sovits_lab.weights import locate
from sovits_lab.weights.tensors import read_tensors

RATE = 16000
WEIGHTS = "embedding_model.ckpt"


class Ecapa:
    """192 dimensions, 16 kHz, VoxCeleb weights; verification threshold 0.25 as in speechbrain's own recipe.

    Args:
        source: hub name, or a folder with `embedding_model.ckpt`.
        self_graded: the judged model is conditioned on, or trained with, these vectors.
    """

    def __init__(self, source: str | Path = "speechbrain/spkrec-ecapa-voxceleb", self_graded: bool = False) -> None:
        self.path = locate("judge ecapa", source, (WEIGHTS,)) / WEIGHTS
        self.card = JudgeCard(
            name=f"ECAPA-TDNN {Path(str(source)).name}",
            version="speechbrain",
            construct="speaker",
            rate=RATE,
            weight_hash=weight_hash(self.path),
            minimum_seconds=1.0,
            needs=("enrolment",),
            threshold=0.25,
            licence="Apache-2.0",
            self_graded=self_graded,
        )

    @cached_property
    def _parts(self) -> tuple[Any, Any, Any]:
        ensure()
        from speechbrain.lobes.features import Fbank
        from speechbrain.processing.features import InputNormalization

        state = read_tensors(self.path)
        normalise = InputNormalization(norm_type="sentence", std_norm=False)
        network = ecapa_network(state, self.path)
        return Fbank(n_mels=state["blocks.0.conv.conv.weight"].shape[1]), normalise, network

    def release(self) -> None:
        """Let go of the network."""
        self.__dict__.pop("_parts", None)

    @torch.inference_mode()
    def embed(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Return unit vectors [N, D] of recordings [T] at 16 kHz, one at a time: padding would change the features."""
        fbank, normalise, network = self._parts
        vectors = []
        for wav in wavs:
            features = normalise(fbank(torch.from_numpy(wav)[None]), torch.ones(1))
            vectors.append(network(features, torch.ones(1))[0, 0])
        return torch.nn.functional.normalize(torch.stack(vectors), dim=-1).numpy()


def ecapa_network(state: dict[str, Tensor], path: Path) -> Any:
    """Build speechbrain's ECAPA-TDNN with the sizes of these weights.

    Raises:
        InputError: the weights are of another network.
    """
    from speechbrain.lobes.models.ECAPA_TDNN import ECAPA_TDNN

    try:
        blocks = sorted({int(key.split(".")[1]) for key in state if key.startswith("blocks.")})
        first, last = state["blocks.0.conv.conv.weight"], state["mfa.conv.conv.weight"]
        inner = [state[f"blocks.{i}.res2net_block.blocks.0.conv.conv.weight"] for i in blocks[1:]]
        pieces = len({key.split(".")[4] for key in state if key.startswith("blocks.1.res2net_block.blocks.")})
        network = ECAPA_TDNN(
            first.shape[1],
            lin_neurons=state["fc.conv.weight"].shape[0],
            channels=[first.shape[0], *(one.shape[0] * (pieces + 1) for one in inner), last.shape[0]],
            kernel_sizes=[first.shape[2], *(one.shape[2] for one in inner), last.shape[2]],
            attention_channels=state["asp.tdnn.conv.conv.weight"].shape[0],
            res2net_scale=pieces + 1,
            se_channels=state["blocks.1.se_block.conv1.conv.weight"].shape[0],
        )
        network.load_state_dict(state)
    except (KeyError, RuntimeError) as error:
        raise got(f"judge ecapa, weights {path}", str(error).splitlines()[0], "weights of an ECAPA-TDNN") from error
    return network.eval()
