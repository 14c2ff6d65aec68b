"""Training of the semantic model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.conditioning.conditions import GPT_PARTS, Conditions, given
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.batches import Labels, SpeechBatch, SpeechData
from sovits_lab.data.prepared import open_prepared, training_rows
from sovits_lab.data.references import ReferenceArguments, References
from sovits_lab.models.gpt.semantic import Predicted, SemanticGpt
from sovits_lab.nn.masks import masked_average
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.training.callbacks import GIVEN, build_callbacks, of_speech, refuse_foreign, take_best
from sovits_lab.training.class_means import mean_styles
from sovits_lab.training.loop import fit
from sovits_lab.training.reference_encoder import refuse_foreign_parts, rehearse, start_from
from sovits_lab.training.regularisers import SUPPLIED, build_regularisers, check_weights, facts_of, of_what_is_heard
from sovits_lab.training.task import Optimisation, OptimisationArguments, Task

LOSSES = ("token", "guide", "duration", "current")


class GptTask(Task):
    """Next-token loss with two helpers that the alignment gives for free.

    `guide` (Tachibana et al. 2018, section 4.2, with the true phone in place of the diagonal) teaches one head to look
    at the phone being spoken; `current` classifies that phone. Without them a small model needs many times the steps.

    Args:
        model: the semantic model.
        weights: of `token`, `guide`, `duration`, `current`, of the regularisers, and of the losses that the reference
            encoder has of its own.
        regularisers: of `style` and `speaker_vector`, by name.
        noise: share of input tokens replaced at random, against exposure bias.
        tempo_noise: spread of the errors added to the log durations that place the phones.
        label_smoothing: of the next-token loss.
        seed: of the noise.
    """

    def __init__(
        self,
        model: SemanticGpt,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
        noise: float,
        tempo_noise: float,
        label_smoothing: float,
        seed: int,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model, self.noise, self.label_smoothing, self.seed = model, noise, label_smoothing, seed
        self.tempo_noise = tempo_noise
        self.regularisers = regularisers

    def losses(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """All terms; `guide` and `current` are 0 where no alignment is known."""
        style, own = self.model.reference.encode(batch.reference, batch.reference_mask)
        told = self._told(batch, style)
        durations = phone_durations(batch.place, batch.phone_mask, batch.token_mask)
        placed = self._stretched(batch, durations)
        out = self.model(batch.phones, batch.phone_mask, self._noisy(batch), told, placed)
        end = batch.token_mask.sum(1, keepdim=True)
        targets = F.pad(batch.tokens.masked_fill(~batch.token_mask, -1), (0, 1), value=-1)
        targets = targets.scatter(1, end, self.model.end)
        place = F.pad(batch.place[:, ::2], (0, 1), value=-1)[:, : targets.shape[1]]
        return {
            "token": F.cross_entropy(
                out.logits.flatten(0, 1), targets.flatten(), ignore_index=-1, label_smoothing=self.label_smoothing
            ),
            "guide": guide_loss(out.attention, place),
            "duration": masked_average((out.log_durations - durations.log()).abs(), batch.phone_mask),
            "current": current_loss(out.current, place, batch.phones),
            **self.regularised(facts_of(batch, style)),
            **own,
        }

    @property
    def reference(self) -> ReferenceEncoder:
        """The reference encoder, for those who look on."""
        return self.model.reference

    def predict(self, batch: SpeechBatch, style: Tensor) -> Predicted:
        """What is expected of true tokens in a style that is given, `B Y`; phones stand where they truly are."""
        durations = phone_durations(batch.place, batch.phone_mask, batch.token_mask)
        return self.model(batch.phones, batch.phone_mask, batch.tokens, self._told(batch, style), durations)

    def _told(self, batch: SpeechBatch, style: Tensor) -> Conditions:
        return given(speaker=batch.speaker_vector, style=style, emotion=self.model.labels(batch.emotion))

    def _stretched(self, batch: SpeechBatch, durations: Tensor) -> Tensor:
        """True durations with errors like those of a predictor: a common tempo, and one of each phone."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_033 + batch.step)
        tempo = torch.randn(len(durations), 1, generator=draw) * self.tempo_noise
        each = torch.randn(durations.shape, generator=draw) * self.tempo_noise
        return durations * (tempo + each).exp().to(durations.device)

    def _noisy(self, batch: SpeechBatch) -> Tensor:
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + batch.step)
        shape = batch.tokens.shape
        swap = torch.rand(shape, generator=draw) < self.noise
        other = torch.randint(self.model.codes, shape, generator=draw)
        return torch.where(swap.to(batch.tokens.device), other.to(batch.tokens.device), batch.tokens)


def phone_durations(place: Tensor, phone_mask: Tensor, token_mask: Tensor) -> Tensor:
    """Tokens (half frames) of each phone, `B L` places to `B P`, at least a quarter.

    An utterance without alignment is divided evenly among its phones: its tempo is known, if not where it goes.
    """
    known = (place >= 0).float()
    counts = known.new_zeros(phone_mask.shape).scatter_add(1, place.clamp(min=0), known)
    even = token_mask.sum(1, keepdim=True) / phone_mask.sum(1, keepdim=True).clamp(min=1)
    return torch.where(known.any(1, keepdim=True), counts / 2, even).clamp(min=0.25)


def guide_loss(attention: Tensor, place: Tensor) -> Tensor:
    """Minus log of the attention mass on the phone that each step speaks; `place` is -1 where unknown."""
    known = place >= 0
    if not known.any():
        return attention.sum() * 0
    mass = attention.gather(2, place.clamp(min=0)[..., None])[..., 0]
    return -(mass[known] + 1e-6).log().mean()


def current_loss(logits: Tensor, place: Tensor, phones: Tensor) -> Tensor:
    """Cross-entropy of the identity of the phone that each step speaks."""
    target = phones.gather(1, place.clamp(min=0)).masked_fill(place < 0, -1)
    if not (target >= 0).any():
        return logits.sum() * 0
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=-1)


class TrainGpt:
    """Stage: train a `SemanticGpt`, write it as a bundle of kind "gpt".

    Args:
        model: node of the model; sizes of vocabularies are filled in.
        optimisation, weights, noise, tempo_noise, label_smoothing: see `GptTask`.
        roles: whose training speech is used.
        batch_seconds: longest padded batch.
        references: arguments of `References`.
        precision, seed, world, runtime: as in `TrainTokenizer`.
        callbacks: nodes of callbacks, see `build_callbacks`.
        regularisers: name -> node, see `build_regularisers`.
    """

    resumable = True
    supplies = frozenset({"codes", "phones", "labels", "speaker_channels"}) | GIVEN | SUPPLIED  # what data say

    def __init__(
        self,
        model: Mapping[str, Any],
        optimisation: OptimisationArguments,
        weights: Mapping[str, float],
        noise: float,
        tempo_noise: float,
        label_smoothing: float,
        roles: Sequence[str],
        batch_seconds: float,
        references: ReferenceArguments,
        precision: str,
        seed: int,
        world: int = 1,
        runtime: Mapping[str, Any] | None = None,
        callbacks: Sequence[Mapping[str, Any]] = (),
        regularisers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        refuse_foreign(callbacks)
        self.callbacks, self.regularisers = callbacks, regularisers or {}
        References.check(references)
        check_weights(weights, LOSSES, self.regularisers, ("style", "speaker_vector"), model)
        self.model, self.weights, self.noise, self.label_smoothing = model, weights, noise, label_smoothing
        self.tempo_noise = tempo_noise
        self.optimisation, self.roles, self.batch_seconds = Optimisation(**optimisation), roles, batch_seconds
        self.references = references
        self.precision, self.seed, self.world = precision, seed, world
        self.runtime = Runtime(**(runtime or {}))
        refuse_foreign_parts(model, "site.gpt.parts", GPT_PARTS)
        rehearse(model, codes=2, phones=2, speaker_channels=1)

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """What a corpus lacks to be trained on."""
        return lacks_training(rows, self.roles)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Needs `features`, `tokens`, `speaker`, takes `style`; writes `out/bundle`."""
        prepared = open_prepared(inputs)
        store = prepared.store
        rows = training_rows(prepared, self.roles, self.batch_seconds)
        labels = Labels.of(store, rows)
        width = len(next(iter(prepared.speakers.values())))
        torch.manual_seed(self.seed)
        node = {**self.model, "codes": prepared.codes, "phones": len(store.symbols), "speaker_channels": width}
        if node.get("labels"):
            node["labels"] = {**node["labels"], "labels": list(labels.emotions)}
        model = build(node)
        start_from(inputs, model.reference)
        references = References(store, rows, **self.references)
        data = SpeechData(store, rows, prepared.tokens, prepared.speakers, labels, references, self.batch_seconds,
                          self.seed, world=self.world)  # fmt: skip
        widths = {"style": model.reference.out_channels, "speaker_vector": width}
        task = GptTask(
            model,
            self.weights,
            self.optimisation,
            build_regularisers(of_what_is_heard(self.regularisers, model.reference), self.weights, widths, labels),
            noise=self.noise,
            tempo_noise=self.tempo_noise,
            label_smoothing=self.label_smoothing,
            seed=self.seed,
        )
        steps = self.optimisation.steps
        callbacks = build_callbacks(self.callbacks, of_speech(data, self.roles, steps, out, report))
        fit(task, data, steps, out, report, self.runtime, self.precision, callbacks)
        take_best(task, callbacks, report)
        styles = mean_styles(model.reference, store, rows)
        facts = {"kind": "gpt", "model": node, "symbols": store.symbols, "emotions": styles}
        write_bundle(out / "bundle", {"gpt": model}, facts)
