"""Training of the speaker encoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.conditioning.speaker import MarginClassifier, SpeakerEncoder
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.batches import SpeakerBatch, SpeakerData, stack_mels
from sovits_lab.data.store import FeatureStore
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.training.loop import fit
from sovits_lab.training.regularisers import SUPPLIED, build_regularisers, check_weights
from sovits_lab.training.task import Optimisation, OptimisationArguments, Task


class SpeakerTask(Task):
    """Tell the training speakers apart, in every emotion they have.

    Args:
        model: the encoder.
        speakers: how many.
        weights: of the regularisers; that of `speaker` is 1.
        regularisers: of `speaker_vector`, by name; the emotion of a speaker with one emotion alone is unknown to them.
    """

    def __init__(
        self,
        model: SpeakerEncoder,
        speakers: int,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
    ) -> None:
        super().__init__({"speaker": 1.0, **weights}, optimisation)
        self.model = model
        self.classifier = MarginClassifier(model.out_channels, speakers)
        self.regularisers = regularisers

    def losses(self, batch: SpeakerBatch) -> dict[str, Tensor]:
        """Additive-margin softmax, then the regularisers."""
        vector = self.model(batch.mel, batch.mask)
        facts = {"speaker_vector": vector, "speaker": batch.speaker, "emotion": batch.emotion}
        return {"speaker": self.classifier(vector, batch.speaker), **self.regularised(facts)}


class TrainSpeaker:
    """Stage: train a `SpeakerEncoder`, write it as a bundle of kind "speaker" and the mean vector of every speaker.

    Args:
        model: node of the encoder.
        audio: node of the `AudioSpec`.
        optimisation: see `Optimisation`.
        roles: whose training speech is used.
        items, frames: crops in a batch and the range of their lengths.
        precision, seed, world, runtime: as in `TrainTokenizer`.
        weights, regularisers: see `SpeakerTask` and `build_regularisers`.
    """

    resumable = True
    supplies = SUPPLIED

    def __init__(
        self,
        model: Mapping[str, Any],
        audio: Mapping[str, Any],
        optimisation: OptimisationArguments,
        roles: Sequence[str],
        items: int,
        frames: Sequence[int],
        precision: str,
        seed: int,
        world: int = 1,
        runtime: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
        regularisers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.weights, self.regularisers = weights or {}, regularisers or {}
        check_weights(self.weights, (), self.regularisers, ("speaker_vector",))
        self.model, self.audio, self.optimisation = model, audio, Optimisation(**optimisation)
        self.roles, self.items, self.frames = roles, items, frames
        self.precision, self.seed, self.world = precision, seed, world
        self.runtime = Runtime(**(runtime or {}))

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """What a corpus lacks to be trained on."""
        return lacks_training(rows, self.roles)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Needs `inputs["features"]`; writes `out/bundle` and `out/speakers.npz` (speaker -> unit vector)."""
        store = FeatureStore(inputs["features"])
        rows = store.select(["train"], self.roles)
        torch.manual_seed(self.seed)
        model = build(self.model)
        data = SpeakerData(store, rows, self.items, self.frames, self.seed)
        task = SpeakerTask(
            model,
            len(data.speakers),
            self.weights,
            self.optimisation,
            build_regularisers(self.regularisers, self.weights, {"speaker_vector": model.out_channels}, data.labels),
        )
        fit(task, data, self.optimisation.steps, out, report, self.runtime, self.precision)
        np.savez(out / "speakers.npz", **mean_vectors(model, store, rows))  # type: ignore[arg-type]
        write_bundle(
            out / "bundle",
            {"speaker": model},
            {"kind": "speaker", "model": dict(self.model), "audio": dict(self.audio)},
        )


@torch.no_grad()
def mean_vectors(model: SpeakerEncoder, store: FeatureStore, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Unit-length mean of each speaker's neutral utterances, of all where none is neutral.

    Only neutral, so that a speaker who has nothing else is described just as the others are.
    """
    model.eval()
    vectors: dict[str, list[Tensor]] = defaultdict(list)
    neutral = {store.rows[i].speaker for i in rows if store.rows[i].emotion == "neutral"}
    for row in rows:
        if store.rows[row].emotion != "neutral" and store.rows[row].speaker in neutral:
            continue
        mels = stack_mels([store.mel(row)])
        vectors[store.rows[row].speaker].append(model(mels.mel, mels.mask)[0])
    means = {name: torch.stack(v).mean(0) for name, v in vectors.items()}
    return {name: (v / v.norm()).numpy() for name, v in means.items()}
