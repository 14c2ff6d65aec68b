"""Training of the reference encoder alone, before the models that are conditioned on it.

A reference encoder inside a large model first learns what its style vector means when the rest already works; started
from here, GPT and SoVITS see emotions apart from their first step on, for a few seconds of computing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from sovits_lab.audio.changes import Change, Clip
from sovits_lab.checkpoints.bundle import build, load_parts, write_bundle
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.batches import Labels, drawn, pad, stack_mels
from sovits_lab.data.plan import Size, generator
from sovits_lab.data.references import ReferenceArguments, References
from sovits_lab.data.store import FeatureStore
from sovits_lab.nn.normalisation import MaskedBatchRenorm
from sovits_lab.reporting import Reporter
from sovits_lab.training.callbacks import of_store
from sovits_lab.training.released import built, initial, look_at_bundle
from sovits_lab.training.stage import TrainingJob, TrainingStage
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.trial import check_buildable
from sovits_lab.types import Count, got


class StyleBatch(NamedTuple):
    """Clips, how they are spoken and by whom; F0 is in Hz, 0 where unvoiced."""

    step: int
    mel: Float[Tensor, "B M L"]
    mask: Bool[Tensor, "B L"]
    emotion: Int[Tensor, " B"]
    speaker: Int[Tensor, " B"]
    f0: Float[Tensor, "B L"]


class StyleData:
    """Clips drawn evenly over the training utterances, each changed by all `changes` in turn."""

    def __init__(
        self,
        store: FeatureStore,
        rows: Sequence[int],
        references: References,
        labels: Labels,
        batch_size: int,
        seed: int,
        changes: Sequence[Change] = (),
    ) -> None:
        self.store, self.rows, self.references = store, list(rows), references
        self.labels, self.batch_size, self.seed, self.changes = labels, batch_size, seed, changes

    def size(self) -> Size:
        """Return the number of batches; an epoch is as many clips as there are utterances."""
        return drawn(self.batch_size, self.references.frames, len(self.rows), self.store.frames_per_second)

    def batch(self, step: int, rank: int = 0) -> StyleBatch:
        """Return batch number `step` of this rank."""
        rng = generator(self.seed, step, rank, 4)
        chosen = [self.rows[i] for i in rng.integers(len(self.rows), size=self.batch_size)]
        clips = [self._clip(i, rng) for i in chosen]
        mels = stack_mels([clip.mel for clip in clips])
        facts = [self.store.rows[i] for i in chosen]
        emotion = torch.tensor([self.labels.emotions.index(row.emotion) for row in facts])
        speaker = torch.tensor([self.labels.speakers.index(row.speaker) for row in facts])
        return StyleBatch(step, mels.mel, mels.mask, emotion, speaker, pad([clip.f0 for clip in clips]))

    def _clip(self, row: int, rng: np.random.Generator) -> Clip:
        start, frames = self.references.piece(row, rng)
        mel = self.references.disguised(self.store.mel(row, start, frames), rng)
        clip = Clip(mel, self.store.f0(row, start, frames))
        for change in self.changes:
            clip = change(clip, rng)
        return clip


class StyleTask(Task):
    """Emotions apart, speakers not: nothing but regularisers.

    Args:
        model: the reference encoder.
        weights: of the regularisers, and of the losses that the encoder has of its own.
        regularisers: of `style`, by name.
    """

    def __init__(
        self,
        model: ReferenceEncoder,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model, self.regularisers = model, regularisers

    def losses(self, batch: StyleBatch) -> dict[str, Tensor]:
        """Compute the regularisers, then the encoder's own losses."""
        facts = {"emotion": batch.emotion, "speaker": batch.speaker}
        if self.model.frame_channels:
            frames = self.model.frames(batch.mel, batch.mask)
            shown = {"frames": frames.values, "mask": frames.mask, "f0": batch.f0[:, :: frames.stride]}
            return self.regularised({**facts, **shown, "style": self.model.pooled(frames)})
        style, own = self.model.encode(batch.mel, batch.mask)
        return {**self.regularised({**facts, "style": style}), **own}

    @property
    def reference(self) -> ReferenceEncoder:
        """The reference encoder, for those who look on."""
        return self.model


@dataclass(kw_only=True)
class TrainStyle(TrainingStage):
    """Stage: train a reference encoder, write it as a bundle of kind "style".

    One that hears no clip has nothing to learn and is written as it is.

    Args:
        model: node of the encoder.
        references: arguments of `References`.
        roles: whose training speech is used.
        batch_size: clips in a batch.
        changes: nodes of `Change`, made of every clip in turn.
        without: speakers that it does not hear.
        init: a bundle of kind "style" with an encoder of the same sizes, whose weights it starts from.
        others: see `TrainingStage`.

    Raises:
        InputError: what is no encoder or cannot be built; an encoder that hears clips, and no regulariser to learn by.
    """

    references: ReferenceArguments
    roles: Sequence[str]
    batch_size: Count
    changes: Sequence[Mapping[str, Any]] = ()
    without: Sequence[str] = ()
    init: str | None = None

    def check(self) -> None:
        References.check(self.references)
        self.declared.check((), ("style", "frames"), self.model)
        self.changed: list[Change] = [build(change) for change in self.changes]
        model = check_buildable(lambda: build(self.model))
        if not isinstance(model, ReferenceEncoder):
            raise got("reference", self.model["_target_"], "a ReferenceEncoder: any option of reference= fits")
        self.learns = model.takes_clips
        if self.learns and not self.declared.of(model):
            raise got("losses", "no regulariser with a weight above 0", "one or more: styles are learned by them")

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what a corpus lacks to be trained on."""
        return lacks_training(rows, self.roles, self.without)

    def look(self) -> None:
        """Refuse a bundle to start from that is not there."""
        look_at_bundle(self.init, "style")

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Train, where there is something to learn, and write `out/bundle`."""
        if self.learns:
            super().run(inputs, out, report)
            return
        report.say("no clip is heard: nothing is trained here")
        self._write(build(self.model), out)

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Begin the training, which needs `inputs["features"]`."""
        store = FeatureStore(inputs["features"])
        rows = [i for i in store.select(["train"], self.roles) if store.rows[i].speaker not in self.without]
        if not rows:
            raise got("training utterances", f"none of roles {list(self.roles)}", "at least one")
        labels = Labels.of(store, rows)
        torch.manual_seed(self.seed)
        model = built(self.model, initial(Path(self.init), "style") if self.init else None)
        references = References(store, rows, **self.references)
        data = StyleData(store, rows, references, labels, self.batch_size, self.seed, self.changed)
        task = StyleTask(model, self.declared.weights, self.plan, self._taught(model, labels, report))
        return TrainingJob(task, data, of_store(store, rows, report), lambda: self._write(model, out))

    def _write(self, model: ReferenceEncoder, out: Path) -> None:
        write_bundle(out / "bundle", {"reference": model}, {"kind": "style", "model": dict(self.model)})

    def _taught(self, model: ReferenceEncoder, labels: Labels, report: Reporter) -> nn.ModuleDict:
        widths = {"style": model.out_channels} | ({"frames": model.frame_channels} if model.frame_channels else {})
        for name in self.declared.not_shown(model):
            report.say(f"{name} is not taught: the encoder shows no {self.declared.regularisers[name]['input']}")
        return self.declared.build(widths, labels, model)


def refuse_foreign_parts(model: Mapping[str, Any], key: str, own: Sequence[str]) -> None:
    """Raise an InputError, naming `key`: `style_sites` of a model has no list of parts, or one that the model lacks."""
    parts = (model.get("style_sites") or {}).get("parts", ())
    if not isinstance(parts, list | tuple):
        raise got(key, parts, f"a list of some of {', '.join(own)}")
    for part in parts:
        if part not in own:
            raise got(key, part, f"one of {', '.join(own)}")


def start_from(inputs: Mapping[str, Path], reference: ReferenceEncoder) -> None:
    """Give a model's reference encoder the weights of the `style` stage, where the chain has one and clips are heard.

    That drew its clips evenly; batches from here on are of one length, so their statistics are no longer used.
    """
    if "style" in inputs and reference.takes_clips:
        load_parts(inputs["style"] / "bundle", {"reference": reference})
        for module in reference.modules():
            if isinstance(module, MaskedBatchRenorm):
                module.settle()
