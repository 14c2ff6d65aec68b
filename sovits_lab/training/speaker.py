"""Training of the speaker encoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from sovits_lab.provenance.cards import began_with
from sovits_lab.reporting import Reporter
from sovits_lab.training.callbacks import of_store
from sovits_lab.training.released import built, initial, look_at_bundle
from sovits_lab.training.stage import TrainingJob, TrainingStage
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.trial import check_buildable
from sovits_lab.types import Count


class SpeakerTask(Task):
    """Tell the training speakers apart, in every emotion they have.

    Args:
        model: the encoder.
        speakers: how many.
        weights: of `speaker`, and of the regularisers.
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
        super().__init__(weights, optimisation)
        self.model = model
        self.classifier = MarginClassifier(model.out_channels, speakers)
        self.regularisers = regularisers

    def losses(self, batch: SpeakerBatch) -> dict[str, Tensor]:
        """Compute the additive-margin softmax, then the regularisers."""
        vector = self.model(batch.mel, batch.mask)
        facts = {"speaker_vector": vector, "speaker": batch.speaker, "emotion": batch.emotion}
        return {"speaker": self.classifier(vector, batch.speaker), **self.regularised(facts)}


@dataclass(kw_only=True)
class TrainSpeaker(TrainingStage):
    """Stage: train a `SpeakerEncoder`, write it as a bundle of kind "speaker" and the mean vector of every speaker.

    Args:
        model: node of the encoder.
        audio: node of the `AudioSpec`.
        roles: whose training speech is used.
        batch_size, frames: crops in a batch and the range of their lengths.
        init: a bundle with a speaker encoder of the same sizes, whose weights it starts from.
        others: see `TrainingStage`.
    """

    audio: Mapping[str, Any]
    roles: Sequence[str]
    batch_size: Count
    frames: Sequence[int]
    init: str | None = None

    def check(self) -> None:
        self.declared.check(("speaker",), ("speaker_vector",))
        check_buildable(lambda: build(self.model))

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what a corpus lacks to be trained on."""
        return lacks_training(rows, self.roles)

    def look(self) -> None:
        """Refuse a bundle to start from that is not there."""
        look_at_bundle(self.init, "speaker")

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Begin the training: needs `inputs["features"]`, also writes `out/speakers.npz` (speaker -> unit vector)."""
        store = FeatureStore(inputs["features"])
        rows = store.select(["train"], self.roles)
        torch.manual_seed(self.seed)
        model = built(self.model, initial(Path(self.init), "speaker") if self.init else None)
        data = SpeakerData(store, rows, self.batch_size, self.frames, self.seed)
        widths = {"speaker_vector": model.out_channels}
        regularisers = self.declared.build(widths, data.labels)
        task = SpeakerTask(model, len(data.speakers), self.declared.weights, self.plan, regularisers)

        def finish() -> None:
            np.savez(out / "speakers.npz", **mean_vectors(model, store, rows))  # type: ignore[arg-type]
            facts = {"kind": "speaker", "model": dict(self.model), "audio": dict(self.audio)}
            facts |= began_with(None if self.init is None else Path(self.init))
            write_bundle(out / "bundle", {"speaker": model}, facts)

        return TrainingJob(task, data, of_store(store, rows, report), finish)


@torch.no_grad()
def mean_vectors(model: SpeakerEncoder, store: FeatureStore, rows: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the unit-length mean of each speaker's neutral utterances, of all where none is neutral.

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
