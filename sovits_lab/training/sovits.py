"""Training of SoVITS."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.audio.baseline import FEWEST, extent
from sovits_lab.checkpoints.bundle import allowed_class, build, write_bundle
from sovits_lab.conditioning.conditions import (
    EMOTION,
    SOVITS_PARTS,
    SPEAKER,
    STYLE,
    Conditioner,
    Conditions,
    Site,
    given,
)
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.data.batches import Labels, SpeechBatch, SpeechData
from sovits_lab.data.prepared import Prepared, open_prepared, training_rows
from sovits_lab.data.references import ReferenceArguments, References
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.contracts import Rendered
from sovits_lab.models.sovits.acoustic import SoVits, VariationalPass
from sovits_lab.nn.masks import masked_average
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.training.callbacks import GIVEN, build_callbacks, of_speech, refuse_foreign, take_best
from sovits_lab.training.class_means import mean_styles
from sovits_lab.training.loop import fit
from sovits_lab.training.reference_encoder import refuse_foreign_parts, rehearse, start_from
from sovits_lab.training.regularisers import SUPPLIED, build_regularisers, check_weights, facts_of, of_what_is_heard
from sovits_lab.training.task import Optimisation, OptimisationArguments, Task

LOSSES = ("mel", "kl", "sketch", "pitch", "voiced", "energy", "extent")
ADVERSARIAL = ("adversarial", "feature_matching")  # where there is a discriminator


class Slices(NamedTuple):
    """Equal-length cuts of a batch for the head: the real waveform and the made one."""

    real: Tensor
    fake: Tensor


def mel_energy(mel: Tensor) -> Tensor:
    """Log of the mean mel magnitude per frame, `B M L` -> `B L`; as `sovits_lab.audio.energy.mel_energy`."""
    return mel.float().exp().mean(1).log()


class SoVitsTask(Task):
    """VITS' variational loss, and a share of every batch decoded from the prior: what is sampled sounds at once.

    Args:
        model: the acoustic model.
        weights: of `mel`, `kl`, `sketch`, `pitch`, `voiced`, `energy`, `extent`, of the regularisers, of `adversarial`
            and `feature_matching` where there is a discriminator, and of the losses that the reference encoder has of
            its own.
        regularisers: of `style` and `speaker_vector`, by name.
        reconstruction: distance of waveforms.
        discriminator: or None for no adversarial training.
        adversarial_from: first step with the discriminator.
        slice_frames: frames decoded of each utterance.
        prior_share: share of the batch that is decoded from the prior once the first `prior_from` steps are over.
        kl_warmup: steps over which the weight of `kl` rises from 0.
        seed: of slices and shares.
    """

    def __init__(
        self,
        model: SoVits,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
        reconstruction: nn.Module,
        discriminator: nn.Module | None,
        adversarial_from: int,
        slice_frames: int,
        prior_share: float,
        prior_from: int,
        kl_warmup: int,
        seed: int,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model, self.reconstruction, self.discriminator = model, reconstruction, discriminator
        self.adversarial_from, self.slice_frames, self.seed = adversarial_from, slice_frames, seed
        self.prior_share, self.prior_from, self.kl_warmup = prior_share, prior_from, kl_warmup
        self.regularisers = regularisers

    def losses(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Everything but the adversarial terms."""
        return self._losses(batch)[0]

    @property
    def reference(self) -> ReferenceEncoder:
        """The reference encoder, for those who look on."""
        return self.model.reference

    def say(self, batch: SpeechBatch) -> Tensor:
        """Waveforms `B T` from the prior, with everything predicted that synthesis predicts."""
        return self.speak(batch, self.model.reference(batch.reference, batch.reference_mask)).wav

    def speak(self, batch: SpeechBatch, style: Tensor, noise: float = 0.0) -> Rendered:
        """The same in a style that is given, `B Y`, with `noise` standard deviations of the prior."""
        told = self._told(batch, style)
        return self.model.speak(batch.tokens, batch.mask, batch.phones, batch.phone_mask, told, batch.baseline,
                                noise)  # fmt: skip

    def _told(self, batch: SpeechBatch, style: Tensor) -> Conditions:
        return given(speaker=batch.speaker_vector, style=style, emotion=self.model.labels(batch.emotion))

    def _losses(self, batch: SpeechBatch) -> tuple[dict[str, Tensor], Slices]:
        style, own = self.model.reference.encode(batch.reference, batch.reference_mask)
        told = self._told(batch, style)
        out = self.model(batch.mel, batch.mask, batch.tokens, batch.phones, batch.phone_mask, told)
        slices = self._slices(batch, out)
        voiced = (batch.f0 > 0) & batch.mask
        base_f0, base_energy, spread, level = batch.baseline[..., None].unbind(1)
        true_pitch = torch.where(voiced, (batch.f0.clamp(min=1) / base_f0).log(), 0.0)
        energy = mel_energy(batch.mel)
        kl_rise = min(1.0, (batch.step + 1) / max(1, self.kl_warmup))
        wide = extent(true_pitch, energy, voiced) - torch.cat([spread.log(), level], dim=1)
        known = voiced.sum(1) >= FEWEST
        voicing = F.binary_cross_entropy_with_logits(out.prior.voiced, voiced.float(), reduction="none")
        losses = {
            "mel": self.reconstruction(slices.real, slices.fake),
            "kl": kl_rise * flow_kl(out.z_prior, out.posterior.log_std, out.prior.mean, out.prior.log_std, batch.mask),
            "sketch": masked_average((out.prior.mel - batch.mel).abs().mean(1), batch.mask),
            "pitch": masked_average((out.prior.pitch - true_pitch).abs(), voiced),
            "voiced": masked_average(voicing, batch.mask),
            "energy": masked_average((out.prior.energy + base_energy - energy).abs(), batch.mask),
            "extent": masked_average(
                # an octave error of the tracker is no swing
                F.huber_loss(out.prior.extent, wide, reduction="none", delta=0.5),
                known[:, None].expand(-1, 2),
            ),
            **self.regularised(facts_of(batch, style)),
            **own,
        }
        return losses, slices

    def _slices(self, batch: SpeechBatch, out: VariationalPass) -> Slices:
        """Cut `slice_frames` from each utterance, from the prior for some rows and from the posterior for the rest."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + batch.step)
        rows, lengths = len(batch.mel), batch.mask.sum(1).cpu()
        size = min(self.slice_frames, int(lengths.min()))
        starts = (torch.rand(rows, generator=draw) * (lengths - size + 1)).long().to(batch.mel.device)
        z = out.z
        if batch.step >= self.prior_from and self.prior_share > 0:
            count = round(self.prior_share * rows)
            own = self.model.flow(out.prior.mean[:count] * batch.mask[:count, None], batch.mask[:count],
                                  out.heard.flow[:count], reverse=True)  # fmt: skip
            z = torch.cat([own, z[count:]])
        frames = starts[:, None] + torch.arange(size, device=starts.device)
        hop = batch.wav.shape[1] // batch.mask.shape[1]
        samples = starts[:, None] * hop + torch.arange(size * hop, device=starts.device)
        cut = z.gather(2, frames[:, None].expand(-1, z.shape[1], -1))
        prosody = Prosody(batch.f0.gather(1, frames), mel_energy(batch.mel).gather(1, frames))
        fake = self.model.head(cut, out.heard.head, prosody)
        return Slices(batch.wav.gather(1, samples), fake)

    def training_step(self, batch: SpeechBatch, batch_idx: int) -> None:
        """One step of the generator and, once its time has come, one of the discriminator before it."""
        losses, slices = self._losses(batch)
        norms: dict[str, Tensor] = {}
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        if self.discriminator is not None and batch.step >= self.adversarial_from:
            losses["discriminator"] = self._discriminator_step(optimizers[1], slices, batch.step)
            fake = self.discriminator(slices.fake)
            with torch.no_grad():
                real = self.discriminator(slices.real)
            losses["adversarial"] = generator_loss(fake.logits)
            losses["feature_matching"] = feature_matching_loss(real.maps, fake.maps)
        total = self.total({k: v for k, v in losses.items() if k != "discriminator"})
        norms["train/gradient_norm"] = self.optimisation.update(
            optimizers[0], self, total, [p for _, p in self._generator_parameters()], batch.step
        )
        logged = {f"train/{k}": v.detach() for k, v in losses.items()}
        self.log_dict({**logged, "train/total": total.detach(), **norms})

    def _discriminator_step(self, optimizer: Any, slices: Slices, step: int) -> Tensor:
        assert self.discriminator is not None
        real = self.discriminator(slices.real)
        fake = self.discriminator(slices.fake.detach())
        loss = discriminator_loss(real.logits, fake.logits)
        self.optimisation.update(optimizer, self, loss, list(self.discriminator.parameters()), step)
        return loss.detach()

    def _generator_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.named_parameters() if not name.startswith("discriminator.")]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Generator first, then the discriminator if there is one."""
        optimizers: list[torch.optim.Optimizer] = [self.optimisation.build(self._generator_parameters())]
        if self.discriminator is not None:
            optimizers.append(self.optimisation.build(self.discriminator.named_parameters()))
        return optimizers


class TrainSovits:
    """Stage: train a `SoVits`, write it as a bundle of kind "sovits".

    Args:
        model: node of the model; sizes of vocabularies and conditions are filled in.
        discriminator: node, or None.
        reconstruction: node of the waveform distance.
        optimisation, weights, adversarial_from, slice_frames, prior_share, prior_from, kl_warmup: see `SoVitsTask`.
        roles: whose training speech is used.
        batch_seconds: longest padded batch.
        references: arguments of `References`.
        precision, seed, world, runtime: as in `TrainTokenizer`.
        callbacks: nodes of callbacks, see `build_callbacks`.
        regularisers: name -> node, see `build_regularisers`.
    """

    resumable = True
    # What the data say about the model.
    supplies = frozenset(
        {"codes", "phones", "labels", "speaker_channels", "condition_channels", "prosody_channels"}
    ) | GIVEN | SUPPLIED  # fmt: skip

    def __init__(
        self,
        model: Mapping[str, Any],
        reconstruction: Mapping[str, Any],
        optimisation: OptimisationArguments,
        weights: Mapping[str, float],
        slice_frames: int,
        prior_share: float,
        prior_from: int,
        kl_warmup: int,
        roles: Sequence[str],
        batch_seconds: float,
        references: ReferenceArguments,
        precision: str,
        seed: int,
        discriminator: Mapping[str, Any] | None = None,
        adversarial_from: int = 0,
        world: int = 1,
        runtime: Mapping[str, Any] | None = None,
        callbacks: Sequence[Mapping[str, Any]] = (),
        regularisers: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        refuse_foreign(callbacks)
        self.callbacks, self.regularisers = callbacks, regularisers or {}
        References.check(references)
        check_weights(weights, LOSSES, self.regularisers, ("style", "speaker_vector"), model, ADVERSARIAL)
        self.model, self.discriminator, self.reconstruction = model, discriminator, reconstruction
        self.optimisation, self.weights = Optimisation(**optimisation), weights
        self.schedule: dict[str, Any] = {
            "adversarial_from": adversarial_from,
            "slice_frames": slice_frames,
            "prior_share": prior_share,
            "prior_from": prior_from,
            "kl_warmup": kl_warmup,
        }
        self.roles, self.batch_seconds = roles, batch_seconds
        self.references = references
        self.precision, self.seed, self.world = precision, seed, world
        self.runtime = Runtime(**(runtime or {}))
        refuse_foreign_parts(model, "site.sovits.parts", SOVITS_PARTS)
        rehearse(model, codes=2, phones=2, speaker_channels=1, condition_channels=1, prosody_channels=1)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Needs `features`, `tokens`, `speaker`, takes `style`; writes `out/bundle`."""
        prepared = open_prepared(inputs)
        store = prepared.store
        rows = training_rows(prepared, self.roles, self.batch_seconds)
        labels = Labels.of(store, rows)
        torch.manual_seed(self.seed)
        node = complete(self.model, prepared, labels.emotions)
        model = build(node)
        start_from(inputs, model.reference)
        references = References(store, rows, **self.references)
        data = SpeechData(store, rows, prepared.tokens, prepared.speakers, labels, references, self.batch_seconds,
                          self.seed, waveforms=True, world=self.world)  # fmt: skip
        reconstruction = build(self.reconstruction)
        discriminator = build(self.discriminator) if self.discriminator else None
        widths = {"style": model.reference.out_channels, "speaker_vector": node["speaker_channels"]}
        heard = of_what_is_heard(self.regularisers, model.reference)
        regularisers = build_regularisers(heard, self.weights, widths, labels)
        task = SoVitsTask(model, self.weights, self.optimisation, regularisers, reconstruction, discriminator,
                          seed=self.seed, **self.schedule)  # fmt: skip
        steps = self.optimisation.steps
        callbacks = build_callbacks(self.callbacks, of_speech(data, self.roles, steps, out, report))
        fit(task, data, steps, out, report, self.runtime, self.precision, callbacks)
        take_best(task, callbacks, report)
        facts = {
            "kind": "sovits",
            "model": node,
            "symbols": store.symbols,
            "emotions": mean_styles(model.reference, store, rows),
            "baselines": dict(store.baselines),
        }
        write_bundle(out / "bundle", {"sovits": model}, facts)


SLOT_OF = {STYLE: "reference", EMOTION: "labels"}  # condition -> slot that makes it
PART_OF = {"prior": "latents", "posterior": "flow", "flow": "flow", "head": "head"}  # slot -> part of a site


def complete(model: Mapping[str, Any], prepared: Prepared, emotions: Sequence[str]) -> dict[str, Any]:
    """The model's node with everything that only the data know: vocabularies, labels, and what each slot is told."""
    speaker = len(next(iter(prepared.speakers.values())))
    given_by_data = {"codes": prepared.codes, "phones": len(prepared.store.symbols), "labels": list(emotions),
                     "speaker_channels": speaker}  # fmt: skip
    known = {name: fill(slot, given_by_data) for name, slot in model.items() if isinstance(slot, Mapping)}
    widths = {name: build(known[slot]).out_channels for name, slot in SLOT_OF.items() if slot in known}
    told = Conditioner(build(known["site"]) if "site" in known else Site(), {SPEAKER: speaker, **widths})
    prosody = told.channels("prosody") - speaker
    for slot, part in PART_OF.items():
        known[slot] = fill(known[slot], {"condition_channels": told.channels(part), "prosody_channels": prosody})
    return {**model, **known, "speaker_channels": speaker}


def fill(node: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Add to a node those known values that its class takes and the node leaves open."""
    wanted = inspect.signature(allowed_class(node["_target_"])).parameters
    return {**{k: v for k, v in known.items() if k in wanted}, **{k: v for k, v in node.items() if v is not None}}
