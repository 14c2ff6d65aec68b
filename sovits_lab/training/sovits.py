"""Training of a model of waveforms, ours or a released one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sovits_lab.audio.spec import AudioSpec
from sovits_lab.audio.torch_resample import resampled
from sovits_lab.checkpoints.bundle import allowed_class, build
from sovits_lab.conditioning.conditions import SOVITS_PARTS
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.data.voices import SpeakerClips
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.models.contracts import AcousticLosses, AcousticModel, Rendered, Slicing
from sovits_lab.training.released import Carried
from sovits_lab.training.speech import SpeechSource, SpeechStage, SpeechTask
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.trial import on_trial
from sovits_lab.types import Count, InputError, NonNegativeInt, Share, got

ADVERSARIAL = ("adversarial", "feature_matching")  # where there is a discriminator


class AcousticTask(SpeechTask):
    """The losses of an acoustic model, and a discriminator that learns before it at each step.

    Args:
        model: the acoustic model.
        weights: of the model's losses, of the regularisers, of `adversarial` and `feature_matching` where there is a
            discriminator, and of the losses that the style encoder has of its own.
        regularisers: of `style` and `speaker_vector`, by name.
        reconstruction: distance of waveforms; None is the model's own.
        discriminator: or None for no adversarial training.
        adversarial_start_step: first step with the discriminator.
        slice_frames: frames decoded of each utterance.
        prior_fraction: share of the batch that is decoded from the prior from the step `prior_start_step` on.
        kl_warmup: steps over which the weight of `kl` rises from 0, and the noise of rows from the released prior.
        seed: of slices and shares.
    """

    def __init__(
        self,
        model: nn.Module,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        regularisers: nn.ModuleDict,
        reconstruction: nn.Module | None,
        discriminator: nn.Module | None,
        adversarial_start_step: int,
        slice_frames: int,
        prior_fraction: float,
        prior_start_step: int,
        kl_warmup: int,
        seed: int,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model, self.reconstruction, self.discriminator = model, reconstruction, discriminator
        self.adversarial_start_step = adversarial_start_step
        self.slicing = Slicing(slice_frames, prior_fraction, prior_start_step, kl_warmup, seed)
        self.regularisers = regularisers

    def speaker(self, batch: SpeechBatch) -> Tensor:
        """Return what the model makes of a clip of the speaker, or of the speaker vector."""
        vector: Tensor = self.model.speaker(batch.voice, batch.voice_mask, batch.speaker_vector)
        return vector

    def losses(self, batch: SpeechBatch) -> dict[str, Tensor]:
        """Compute all losses but the adversarial terms."""
        return self._pass(batch).losses

    def score(self, batch: SpeechBatch) -> Tensor:
        """Return the distance of reconstructions, what chooses among weights."""
        return self._pass(batch).losses["mel"]

    def synthesize(self, batch: SpeechBatch) -> Tensor:
        """Return waveforms `B T` from the prior, with everything predicted that synthesis predicts."""
        return self.speak(batch, self.reference(batch.reference, batch.reference_mask)).wav

    def speak(self, batch: SpeechBatch, style: Tensor, noise: float = 0.0) -> Rendered:
        """Return the same in a style that is given, `B Y`, with `noise` standard deviations of the prior."""
        conditions = self.conditions(batch, style)
        planned = self.model.plan(batch.tokens, batch.mask, batch.phones, batch.phone_mask, conditions, noise)
        made: Rendered = self.model.render(planned, batch.mask, planned.prosody(batch.baseline))
        spoken = getattr(self.model, "spoken_rate", None)  # v3 and v4 speak at another rate than they learn from
        return made if spoken is None else made._replace(wav=resampled(made.wav, spoken, self.model.sample_rate))

    def _pass(self, batch: SpeechBatch) -> AcousticLosses:
        style, own = self.encoded(batch)
        made: AcousticLosses = self.model.training_pass(
            batch, self.conditions(batch, style), self.slicing, self.reconstruction
        )
        return made._replace(losses={**made.losses, **self.asked(batch, style), **own})

    def training_step(self, batch: SpeechBatch, batch_idx: int) -> None:
        """Make one step of the generator and, once its time has come, one of the discriminator before it."""
        losses, real, fake = self._pass(batch)
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        judged = self.discriminator is not None and batch.step >= self.adversarial_start_step
        if judged:
            losses["discriminator"] = self._discriminator_step(optimizers[1], real, fake, batch.step)
            losses |= self._adversarial(real, fake)
        total = self.total({k: v for k, v in losses.items() if k != "discriminator"})
        parameters = [p for _, p in self._generator_parameters()]
        norm = self.optimisation.update(optimizers[0], self, total, parameters, batch.step)
        if judged and self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        logged = {f"train/{k}": v.detach() for k, v in losses.items()}
        self.log_dict({**logged, "train/total": total.detach(), "train/gradient_norm": norm})

    def _adversarial(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """What the generator learns from a discriminator, whose own gradients nobody needs here."""
        assert self.discriminator is not None
        self.discriminator.requires_grad_(False)
        with parametrize.cached():  # the second pass takes the normalised weights of the first
            made = self.discriminator(fake)
            with torch.no_grad():
                true = self.discriminator(real)
        return {
            "adversarial": generator_loss(made.logits),
            "feature_matching": feature_matching_loss(true.maps, made.maps),
        }

    def _discriminator_step(self, optimizer: Any, real: Tensor, fake: Tensor, step: int) -> Tensor:
        discriminator: Any = self.discriminator
        true, made = discriminator.judge_both(real, fake.detach())
        loss = discriminator_loss(true.logits, made.logits)
        self.optimisation.update(optimizer, self, loss, list(discriminator.parameters()), step)
        return loss.detach()

    def _generator_parameters(self) -> list[tuple[str, nn.Parameter]]:
        return [(name, p) for name, p in self.named_parameters() if not name.startswith("discriminator.")]

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """Return the generator's optimiser first, then the discriminator's if there is one."""
        optimizers: list[torch.optim.Optimizer] = [self.optimisation.build(self._generator_parameters())]
        if self.discriminator is not None:
            optimizers.append(self.optimisation.build(self.discriminator.named_parameters()))
        return optimizers


def refuse_other_audio(model: Mapping[str, Any], audio: Mapping[str, Any] | None) -> None:
    """Compare the audio of features with that which a model is made for.

    Args:
        model: node of the model, or of its adapters.
        audio: fields of the `AudioSpec` of the features, or None.

    Raises:
        InputError: another rate.
    """
    kind: Any = allowed_class(model["_target_"])
    if audio is None or getattr(kind, "sample_rate", None) is None:
        return
    spec: AudioSpec = build(audio)
    if (spec.sample_rate, spec.hop) != (kind.sample_rate, kind.sample_rate // 50):
        given = f"{spec.sample_rate} Hz, hop {spec.hop}"
        wanted = f"{kind.sample_rate} Hz, hop {kind.sample_rate // 50}: add audio=32k"
        raise got(f"audio for {kind.__name__}", given, wanted)


@dataclass(kw_only=True)
class TrainSovits(SpeechStage):
    """Stage: train an acoustic model, write it as a bundle of kind "sovits" (of a folder: the whole released family).

    Args:
        audio: fields of the `AudioSpec` of the features; None for a folder, whose audio is fixed.
        discriminator: node, or None.
        reconstruction: node of the waveform distance; None is the model's own.
        adversarial_start_step, slice_frames, prior_fraction, prior_start_step, kl_warmup: see `AcousticTask`.
        others: see `SpeechStage` and `TrainingStage`.
    """

    contract: ClassVar[type | None] = AcousticModel
    group: ClassVar[str] = "sovits"
    part: ClassVar[str] = "sovits"
    parts: ClassVar[tuple[str, ...]] = SOVITS_PARTS
    task_class: ClassVar[type[AcousticTask]] = AcousticTask
    slice_frames: Count
    prior_fraction: Share = 0.0
    prior_start_step: NonNegativeInt = 0
    kl_warmup: NonNegativeInt = 0
    reconstruction: Mapping[str, Any] | None = None
    discriminator: Mapping[str, Any] | None = None
    adversarial_start_step: NonNegativeInt = 0
    audio: Mapping[str, Any] | None = None

    @property
    def optional(self) -> tuple[str, ...]:
        return ADVERSARIAL

    def check(self) -> None:
        super().check()
        refuse_other_audio(self.model, self.audio)
        self._refuse_discriminator()
        self._try_judges()

    def _refuse_discriminator(self) -> None:
        """Raises InputError: a discriminator of waveforms for a model that learns mels."""
        kind: Any = allowed_class(self.model["_target_"])
        if self.discriminator and hasattr(kind, "spoken_rate"):
            raise got(f"discriminator for {kind.__name__}", self.discriminator.get("_target_"), "discriminator=null")

    def _try_judges(self) -> None:
        """Let the distance and the discriminator hear silence of a slice's length, so that numbers that do not fit are
        known before any stage has run.

        Raises:
            InputError: one cannot be built, or not hear it.
        """
        kind: Any = allowed_class(self.model["_target_"])
        known = self.audio is not None or getattr(kind, "sample_rate", None) is not None
        if hasattr(kind, "spoken_rate") or not known:  # it learns mels, or nobody says how long a slice is
            return
        hop = build(self.audio).hop if self.audio is not None else kind.sample_rate // 50
        samples = self.slice_frames * hop
        judges = {"reconstruction": (self.reconstruction, 2), "discriminator": (self.discriminator, 1)}
        for key, (node, count) in judges.items():
            if node is None:
                continue
            try:
                hear_silence(node, count, samples)
            except (RuntimeError, ZeroDivisionError) as error:
                wanted = f"numbers that fit a slice of {samples} samples (slice_frames)"
                raise got(key, str(error).splitlines()[0], wanted) from error

    def look(self) -> None:
        super().look()
        if self.folder is not None and self.init is not None and self.discriminator:
            facts = json.loads((Path(self.init) / "bundle.json").read_text(encoding="utf-8"))  # which `super` has read
            if facts.get("upstream") and "discriminator" not in facts.get("parts", {}):
                raise self._without_discriminator()

    def _without_discriminator(self) -> InputError:
        """The error of a bundle without what the configuration trains with: nothing is left out silently."""
        return InputError(
            f"init: got {self.init}, which holds no discriminator, expected one that was converted with "
            f"`convert ... discriminator=s2D.pth`; discriminator=null trains without"
        )

    def make_task(self, model: Any, regularisers: nn.ModuleDict, carried: Carried | None) -> Task:
        reconstruction = build(self.reconstruction) if self.reconstruction else None
        discriminator = None if carried is None else carried.bundle.parts.get("discriminator")
        if discriminator is None and self.discriminator:
            if carried is not None and not carried.fresh:
                raise self._without_discriminator()
            discriminator = build(self.discriminator)
        return self.task_class(
            model,
            self.declared.weights,
            self.plan,
            regularisers,
            reconstruction,
            discriminator,
            self.adversarial_start_step,
            self.slice_frames,
            self.prior_fraction,
            self.prior_start_step,
            self.kl_warmup,
            self.seed,
        )

    def more_nodes(self, carried: Carried) -> dict[str, Any]:
        known = carried.bundle.facts["parts"].get("discriminator")
        node = known or (self.discriminator if carried.fresh else None)
        return {"discriminator": node} if node else {}

    def facts(self, model: Any, source: SpeechSource) -> dict[str, Any]:
        assert source.prepared is not None
        store, known = source.prepared.store, source.prepared.speakers
        facts: dict[str, Any] = {"baselines": dict(store.baselines)}
        if model.speaks_from_clip:
            clips = SpeakerClips(store, source.rows)
            facts["voices"] = {name: speaker_condition(model, clips, name, known[name]) for name in clips.of}
        return facts


@torch.no_grad()
def speaker_condition(model: Any, clips: SpeakerClips, speaker: str, vector: Any) -> list[float]:
    """Return the mean of what a model makes of a speaker's clips, one at a time."""
    model.eval()
    known = torch.from_numpy(vector)[None]
    made = [model.speaker(each.wav, each.mask, known)[0] for each in clips.some(speaker)]
    return list(torch.stack(made).mean(0).tolist())


def hear_silence(judge: Mapping[str, Any], count: int, samples: int) -> None:
    """Build a judge of waveforms on trial and let it hear as many as it compares.

    Raises:
        InputError, RuntimeError, ZeroDivisionError: numbers that do not fit together, or no waveform of this length.
    """

    def hear() -> None:
        with torch.no_grad():
            build(judge)(*[torch.zeros(1, samples)] * count)

    on_trial(hear)
