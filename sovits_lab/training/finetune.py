"""Fine-tuning both stages of the upstream family on a few minutes of one voice, resumable at any step.

The recipe: what is frozen, which parts learn more slowly, and where low-rank adaptations replace full learning. A
held-out share of the utterances chooses the weights that are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import lightning
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.rnn import pad_sequence

from sovits_lab.audio.upstream import log_mel_32k, spectrogram_32k
from sovits_lab.checkpoints.bundle import write_bundle
from sovits_lab.checkpoints.upstream_bundle import UpstreamBundle, fresh_bundle, load_bundle
from sovits_lab.data.upstream_folder import Utterance, read_folder
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.discriminators import judged_together
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.objective import TokenBatch, score
from sovits_lab.models.sovits.latent_plan import slice_frames
from sovits_lab.models.sovits.synthesizer import VitsSynthesizer
from sovits_lab.nn.lora import add_lora, merge_lora
from sovits_lab.nn.masks import length_mask
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Reporter
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.loop import fit
from sovits_lab.training.regularisers import check_weights
from sovits_lab.training.strategies import whole
from sovits_lab.training.task import by_factor
from sovits_lab.types import ArgumentsOf, got

LOSSES = ("mel", "kl", "adversarial", "feature_matching")


@dataclass(frozen=True)
class Recipe:
    """What learns, and how fast.

    Attributes:
        freeze: regular expressions over parameter names that do not learn.
        slow: regular expression -> factor on the learning rate.
        lora: regular expressions over layers to adapt; everything else is frozen then. Empty for full learning.
        rank: of the adaptations.
    """

    freeze: Sequence[str] = ()
    slow: Mapping[str, float] = field(default_factory=dict)
    lora: Sequence[str] = ()
    rank: int = 16

    def apply(self, model: nn.Module, lr: float) -> list[dict[str, Any]]:
        """Prepare a model; returns the optimiser's groups."""
        if self.lora:
            add_lora(model, self.lora, self.rank)
        for name, parameter in model.named_parameters():
            if any(re.search(p, name) for p in self.freeze):
                parameter.requires_grad_(False)
        groups = by_factor(((name, p) for name, p in model.named_parameters() if p.requires_grad), self.slow)
        if not groups:
            raise got("finetune.recipe", "nothing left to learn", "parameters outside `freeze`")
        return [{"params": params, "lr": lr * factor} for factor, params in groups.items()]


class FamilyBatch(NamedTuple):
    """Utterances of one voice, right-padded."""

    step: int
    content: Tensor
    wav: Tensor
    lengths: Tensor
    phones: Tensor
    phone_lengths: Tensor
    tokens: Tensor
    token_lengths: Tensor
    bert: Tensor | None
    speaker: Tensor | None


def collate(items: Sequence[Utterance], step: int) -> FamilyBatch:
    """Stack utterances of unequal length."""
    tokens = [i.tokens if i.tokens is not None else torch.zeros(0, dtype=torch.long) for i in items]
    width = next((i.bert.shape[1] for i in items if i.bert is not None), 0)
    berts = [torch.zeros(len(i.phones), width) if i.bert is None else i.bert for i in items]
    speakers = [i.speaker for i in items if i.speaker is not None]
    return FamilyBatch(
        step,
        pad_sequence([i.content.T for i in items], batch_first=True).transpose(1, 2),
        pad_sequence([i.wav for i in items], batch_first=True),
        torch.tensor([i.content.shape[1] for i in items]),
        pad_sequence([i.phones for i in items], batch_first=True),
        torch.tensor([len(i.phones) for i in items]),
        pad_sequence(tokens, batch_first=True),
        torch.tensor([len(t) for t in tokens]),
        pad_sequence(berts, batch_first=True) if width else None,
        torch.stack(speakers) if len(speakers) == len(items) else None,
    )


@torch.no_grad()
def with_tokens(item: Utterance, tokenizer: nn.Module | None) -> Utterance:
    """The utterance with semantic tokens, made by the model's own quantizer where the folder has none."""
    if item.tokens is not None or tokenizer is None:
        return item
    assert isinstance(tokenizer, VitsSynthesizer)
    return replace(item, tokens=tokenizer.tokens(item.content[None])[0])


class FamilyData:
    """Batches by step: a pure function of seed and step.

    Args:
        items: to draw from, anew for every batch.
        batch_size: utterances in a batch.
        seed: of the draws.
    """

    def __init__(self, items: Sequence[Utterance], batch_size: int, seed: int) -> None:
        self.items, self.batch_size, self.seed = items, batch_size, seed

    def batch(self, step: int, rank: int = 0) -> FamilyBatch:
        """Batch number `step` of this rank."""
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + 7919 * rank + step)
        order = torch.randperm(len(self.items), generator=draw)[: self.batch_size].tolist()
        return collate([self.items[i] for i in order], step)


class SovitsTask(lightning.LightningModule):
    """One step of the discriminators, one of the generator. The generator's step leaves the discriminators' own
    gradients uncomputed, which upstream computes and throws away.

    Args:
        model, discriminator: to train; `discriminator` None leaves the adversarial terms out.
        recipe, lr: of the generator; the discriminators learn at `lr`.
        weights: of `mel`, `kl`, `adversarial`, `feature_matching`.
        segment: decoded frames of each utterance.
    """

    automatic_optimization = False

    def __init__(
        self,
        model: VitsSynthesizer,
        discriminator: nn.Module | None,
        recipe: Recipe,
        lr: float,
        weights: Mapping[str, float],
        segment: int,
    ) -> None:
        super().__init__()
        self.model, self.discriminator = model, discriminator
        self.weights, self.segment, self.lr = dict(weights), segment, lr
        self.groups = recipe.apply(model, lr)
        self.to_mel = log_mel_32k()

    def losses(
        self, batch: FamilyBatch, generator: torch.Generator | None = None
    ) -> tuple[dict[str, Tensor], Tensor, Tensor]:
        """Mel and divergence, the real slice and the made one."""
        spec = spectrogram_32k(batch.wav)
        mask = length_mask(batch.lengths, spec.shape[2])
        segment = min(self.segment, int(batch.lengths.min()))
        phone_mask = length_mask(batch.phone_lengths, batch.phones.shape[1])
        passed = self.model(
            batch.content, spec, mask, batch.phones, phone_mask, batch.speaker, segment, generator=generator
        )
        mel = slice_frames(self.to_mel.from_linear(spec), passed.starts, segment)
        hop = batch.wav.shape[1] // spec.shape[2]
        real = slice_frames(batch.wav[:, None], passed.starts * hop, segment * hop)[:, 0]
        prior, posterior = passed.prior, passed.posterior
        kl = flow_kl(passed.z_prior, posterior.log_std, prior.mean, prior.log_std, mask) * passed.z.shape[1]
        return {"mel": (mel - self.to_mel(passed.wav)).abs().mean(), "kl": kl}, real, passed.wav

    def training_step(self, batch: FamilyBatch, batch_idx: int) -> None:
        """Discriminators first, as upstream."""
        losses, real, fake = self.losses(batch)
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        logged = {}
        if self.discriminator is not None:
            heard, made = judged_together(self.discriminator, real, fake.detach())
            loss = discriminator_loss(heard.logits, made.logits)
            self._update(optimizers[1], loss)
            logged["train/discriminator"] = loss.detach()
            self.discriminator.requires_grad_(False)
            with parametrize.cached():  # the second pass takes the normalised weights of the first
                made = self.discriminator(fake)
                with torch.no_grad():
                    heard = self.discriminator(real)
            losses["adversarial"] = generator_loss(made.logits)
            losses["feature_matching"] = feature_matching_loss(heard.maps, made.maps)
        self._update(optimizers[0], torch.stack([self.weights[k] * v for k, v in losses.items()]).sum())
        if self.discriminator is not None:
            self.discriminator.requires_grad_(True)
        self.log_dict(logged | {f"train/{k}": v.detach() for k, v in losses.items()})

    def _update(self, optimizer: Any, loss: Tensor) -> None:
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(loss)
        optimizer.step()

    def configure_optimizers(self) -> list[torch.optim.Optimizer]:
        """AdamW as published: betas (0.8, 0.99), eps 1e-9; one pass over memory for each tensor."""
        kind: dict[str, Any] = {"lr": self.lr, "betas": (0.8, 0.99), "eps": 1e-9, "fused": True}
        optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(self.groups, **kind)]
        if self.discriminator is not None:
            optimizers.append(torch.optim.AdamW(self.discriminator.parameters(), **kind))
        return optimizers

    @torch.no_grad()
    def held_out(self, batch: FamilyBatch) -> float:
        """Mel distance of reconstructions, lower is better; the slices are the same every time."""
        return float(self.losses(batch, torch.Generator().manual_seed(0))[0]["mel"])


class GptTask(lightning.LightningModule):
    """Next-token loss, in nats a token.

    Args:
        model: to train.
        recipe, lr: what learns and how fast.
    """

    def __init__(self, model: PrefixDecoder, recipe: Recipe, lr: float) -> None:
        super().__init__()
        self.model, self.lr = model, lr
        self.groups = recipe.apply(model, lr)

    def loss(self, batch: FamilyBatch) -> Tensor:
        """Cross-entropy over real tokens, each row's first one and its end among them."""
        scored = score(
            self.model, TokenBatch(batch.phones, batch.phone_lengths, batch.tokens, batch.token_lengths, batch.bert)
        )
        return scored.cross_entropy() / scored.counted.sum()

    def training_step(self, batch: FamilyBatch, batch_idx: int) -> Tensor:
        """One optimiser step."""
        loss = self.loss(batch)
        self.log("train/cross_entropy", loss.detach())
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW: a handful of adapted tensors needs no scaling to their size."""
        return torch.optim.AdamW(self.groups, lr=self.lr, betas=(0.9, 0.95))

    @torch.no_grad()
    def held_out(self, batch: FamilyBatch) -> float:
        """Cross-entropy of held-out utterances, lower is better."""
        return float(self.loss(batch))


class KeepBest(Callback):
    """Every `every` steps scores held-out utterances and remembers the best weights; its state survives a kill.

    Args:
        batch: held-out utterances.
        every: steps between two looks.
        report: gets the value of each look.
    """

    def __init__(self, batch: FamilyBatch, every: int, report: Reporter) -> None:
        self.batch, self.every, self.report = batch, every, report
        self.best, self.weights = float("inf"), {}  # type: tuple[float, dict[str, Tensor]]

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Look, and keep a copy where it is the best so far."""
        if (batch_idx + 1) % self.every:
            return
        module.eval()
        value = module.held_out(self.batch)
        module.train()
        self.report.metrics(batch_idx + 1, {"valid/held_out": value})
        if value < self.best:
            self.best = value
            self.weights = {k: whole(v).detach().clone() for k, v in module.model.state_dict().items()}

    def state_dict(self) -> dict[str, Any]:
        return {"best": self.best, "weights": self.weights}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.best, self.weights = state["best"], state["weights"]


class Finetune:
    """Stage: fine-tune one part of a converted bundle on a folder in upstream's prepared layout.

    Args:
        bundle: bundle of kind "upstream"; the bundle of an input stage takes its place.
        fresh: nodes of `gpt`, `sovits` and `discriminator`, to start from random weights where there is no bundle.
        folder: see `data/upstream_folder.py`.
        part: "sovits" or "gpt".
        steps, batch_size, lr: of the training.
        recipe: fields of `Recipe`.
        held_out: utterances, the last by name, that choose the weights and are not trained on.
        look_every: steps between two looks at them.
        weights: of the losses of stage 2.
        segment: decoded frames of each utterance, stage 2.
        precision, seed, world, runtime: as in every training stage.
    """

    resumable = True

    def __init__(
        self,
        folder: str | None,
        part: str,
        steps: int,
        batch_size: int,
        lr: float,
        recipe: Annotated[Mapping[str, Any], ArgumentsOf(Recipe)],
        held_out: int,
        look_every: int,
        precision: str,
        seed: int,
        bundle: str | None = None,
        fresh: Mapping[str, Any] | None = None,
        weights: Mapping[str, float] | None = None,
        segment: int = 32,
        world: int = 1,
        runtime: Mapping[str, Any] | None = None,
    ) -> None:
        if part not in ("gpt", "sovits"):
            raise got("finetune.part", part, "'gpt' or 'sovits'")
        self.bundle, self.fresh = bundle, {k: v for k, v in (fresh or {}).items() if v is not None}
        self.folder, self.part = folder, part
        self.steps, self.batch_size, self.lr = steps, batch_size, lr
        self.recipe, self.held_out, self.look_every = Recipe(**recipe), held_out, look_every
        self.weights, self.segment = dict(weights or {}), segment
        check_weights(self.weights, LOSSES if part == "sovits" else (), optional=LOSSES)
        self.precision, self.seed, self.world = precision, seed, world
        self.runtime = Runtime(**(runtime or {}))

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Writes `out/bundle`: the base with the chosen weights; an input stage's bundle replaces the base."""
        base = self._base(inputs)
        items = self._items(base)
        held, rest = items[len(items) - self.held_out :], items[: len(items) - self.held_out]
        torch.manual_seed(self.seed)
        task = self._task(base)
        best = KeepBest(collate(held, 0), self.look_every, report)
        data = FamilyData(rest, self.batch_size, self.seed)
        fit(task, data, self.steps, out, report, self.runtime, self.precision, [best])
        if best.weights:
            base.parts[self.part].load_state_dict(best.weights)
            report.say(f"kept the weights with held-out value {best.best:.4f}")
        merge_lora(base.parts[self.part])
        write_bundle(out / "bundle", base.parts, base.facts)

    def _base(self, inputs: Mapping[str, Path]) -> UpstreamBundle:
        folder = next(iter(inputs.values())) / "bundle" if inputs else Path(self.bundle or "")
        if not inputs and self.bundle is None:
            torch.manual_seed(self.seed)
            base = fresh_bundle(self.fresh)
        else:
            base = load_bundle(folder)
        if self.part not in base.parts:
            raise got(f"bundle {folder}: parts", sorted(base.parts), f"a part {self.part!r}")
        return base

    def _items(self, base: UpstreamBundle) -> list[Utterance]:
        if self.folder is None:
            raise got("stages.sovits.folder", None, "a folder in upstream's prepared layout")
        items = read_folder(Path(self.folder), load_symbols(base.facts["symbols"]))
        if len(items) <= self.held_out:
            raise got(f"prepared data {self.folder}", f"{len(items)} utterances", f"more than {self.held_out} held out")
        return [with_tokens(item, base.parts.get("sovits")) for item in items]

    def _task(self, base: UpstreamBundle) -> SovitsTask | GptTask:
        model = base.parts[self.part]
        if isinstance(model, PrefixDecoder):
            return GptTask(model, self.recipe, self.lr)
        assert isinstance(model, VitsSynthesizer)
        return SovitsTask(model, base.parts.get("discriminator"), self.recipe, self.lr, self.weights, self.segment)
