"""Training of the supervised tokenizer, and of the same network as an independent recogniser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.content.alignment import place_phones
from sovits_lab.content.ctc import CtcTokenizer, halve
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.batches import TokenizerBatch, TokenizerData
from sovits_lab.data.store import FeatureStore
from sovits_lab.reporting import Reporter
from sovits_lab.training.callbacks import GIVEN, of_store
from sovits_lab.training.growth import Vocabularies, axes_of, shapes_of
from sovits_lab.training.regularisers import SUPPLIED
from sovits_lab.training.released import built, initial, look_at_bundle
from sovits_lab.training.stage import TrainingJob, TrainingStage
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.trial import check_buildable, on_trial
from sovits_lab.types import Count, NonNegativeInt, Positive, Share

LOSSES = ("ctc", "frames_before", "frames_after", "distillation")


class TokenizerTask(Task):
    """CTC on phones at 25 Hz, frame targets at 50 Hz where the corpus is aligned, and a slow start for the bottleneck.

    Rounding from the first step stalls the training. Each utterance therefore skips it with a probability that falls
    from 1 to 0 over the first `quantizer_bypass` share of the steps; the skipped vectors are drawn towards their grid
    points.

    Args:
        model: the tokenizer.
        weights: of `ctc`, `frames_before`, `frames_after`, `distillation`, and of the regularisers.
        quantizer_bypass: share of the steps with skipping; 0 for never.
        seed: of the skipping.
        regularisers: of `content`, the vectors that the bottleneck rounds, by name.
        flat_start: first steps, in which frames of recordings without phone times are told the phone that they
            would have if all were equally long (Young et al. 2006, section 8.3); from then on the one that the model
            itself finds there. Without it CTC says nothing but blank for thousands of steps; with too many the even
            phones are learned by heart. 0 tells them nothing.
    """

    def __init__(
        self,
        model: CtcTokenizer,
        weights: Mapping[str, float],
        optimisation: Optimisation,
        quantizer_bypass: float,
        seed: int,
        regularisers: nn.ModuleDict | None = None,
        flat_start: int = 0,
    ) -> None:
        super().__init__(weights, optimisation)
        self.model, self.quantizer_bypass, self.seed = model, quantizer_bypass, seed
        self.flat_start = flat_start
        self.regularisers = regularisers if regularisers is not None else nn.ModuleDict()

    def losses(self, batch: TokenizerBatch) -> dict[str, Tensor]:
        """Compute the losses; `frames_*` are 0 where no phone's place is known or guessed."""
        slow = halve(batch.mask)
        out = self.model(batch.mel, batch.mask, self._skipped(batch))
        targets = batch.targets
        if batch.guessed is not None and self.flat_start:
            targets = torch.where(targets < 0, self._placed(batch, batch.guessed, out.before), targets)
        return {
            "ctc": ctc_loss(out.ctc, slow, batch.phones, batch.phone_mask),
            "frames_before": frame_loss(out.before, targets),
            "frames_after": frame_loss(out.after, targets),
            "distillation": out.distillation,
            **self.regularised(
                {
                    "content": out.soft,
                    "mask": slow,
                    "phone": batch.place[:, ::2],
                    "position": batch.position[:, ::2],
                    "sentence": batch.sentence,
                    "speaker": batch.speaker,
                    "emotion": batch.emotion,
                }
            ),
        }

    @property
    def codes(self) -> int:
        """Number of tokens K."""
        return self.model.codes

    def tokenize(self, mel: Float[Tensor, "B M L"], mask: Bool[Tensor, "B L"]) -> Int[Tensor, "B S"]:
        """Return tokens, for those who look on."""
        return self.model.tokenize(mel, mask.sum(1))

    def _placed(
        self, batch: TokenizerBatch, guessed: Int[Tensor, "B L"], before: Float[Tensor, "B L K"]
    ) -> Int[Tensor, "B L"]:
        """Phones of the frames of recordings without times: even ones at first, then where the model finds them.

        A posterior by its prior is as a likelihood (Bourlard and Morgan 1994): else the commonest phone would have all.
        """
        if batch.step < self.flat_start:
            return guessed
        spoken = guessed >= 0
        log_p = before.detach().float().log_softmax(-1)
        prior = log_p.masked_fill(~spoken[..., None], -torch.inf).flatten(0, 1).logsumexp(0) - spoken.sum().log()
        return place_phones(log_p - prior, spoken, batch.phones, batch.phone_mask)

    def _skipped(self, batch: TokenizerBatch) -> Tensor:
        chance = 1 - batch.step / max(1.0, self.quantizer_bypass * self.optimisation.steps)
        draw = torch.Generator().manual_seed(self.seed * 1_000_003 + batch.step)
        return (torch.rand(len(batch.mel), generator=draw) < chance).to(batch.mel.device)


def ctc_loss(logits: Tensor, mask: Tensor, phones: Tensor, phone_mask: Tensor) -> Tensor:
    """Compute CTC (Graves et al. 2006) per phone; labels are ids + 1, blank is 0. Impossible rows count as zero."""
    log_p = logits.float().log_softmax(-1).transpose(0, 1)
    lengths, targets = mask.sum(1), phone_mask.sum(1)
    loss = F.ctc_loss(log_p, phones + 1, lengths, targets, blank=0, reduction="none", zero_infinity=True)
    return (loss / targets.clamp(min=1)).mean()


def frame_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Compute the cross-entropy over the frames whose phone is known; 0 where none is."""
    if not (targets >= 0).any():
        return logits.sum() * 0
    return F.cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=-1)


@dataclass(kw_only=True)
class TrainTokenizer(TrainingStage):
    """Stage: train a `CtcTokenizer` on a feature store, write it as a bundle of kind "content".

    Args:
        model: node of the tokenizer.
        audio: node of the `AudioSpec` that the bundle needs to hear waveforms.
        quantizer_bypass: see `TokenizerTask`.
        roles: whose training speech is used.
        batch_seconds, mel_shift, parallel_takes: see `TokenizerData`.
        init: a bundle of kind "content" with a tokenizer of the same sizes, whose weights it starts from; phones that
            it did not know are learned anew.
        flat_start: see `TokenizerTask`; a tokenizer that starts from a bundle knows better.
        others: see `TrainingStage`.
    """

    supplies: ClassVar[frozenset[str]] = frozenset({"phones"}) | GIVEN | SUPPLIED  # what the data say about the model
    audio: Mapping[str, Any]
    quantizer_bypass: Share
    roles: Sequence[str]
    batch_seconds: Positive
    mel_shift: NonNegativeInt
    parallel_takes: Count = 1
    init: str | None = None
    flat_start: NonNegativeInt = 60

    def check(self) -> None:
        self.declared.check(LOSSES, ("content",))
        check_buildable(lambda: build({**self.model, "phones": 2}))

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what a corpus lacks to be trained on."""
        return lacks_training(rows, self.roles)

    def look(self) -> None:
        """Refuse a bundle to start from that is not there."""
        look_at_bundle(self.init, "content")

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Begin the training, which needs `inputs["features"]`."""
        store = FeatureStore(inputs["features"])
        torch.manual_seed(self.seed)
        node = {**self.model, "phones": len(store.symbols)}
        model = self._first(node, Vocabularies(tuple(store.symbols)))
        rows = store.select(["train"], self.roles)
        data = TokenizerData(store, rows, self.batch_seconds, self.seed, self.mel_shift, self.world,
                             self.parallel_takes)  # fmt: skip
        widths = {"content": model.quantizer.dimensions}
        regularisers = self.declared.build(widths, data.labels)
        task = TokenizerTask(
            model, self.declared.weights, self.plan, self.quantizer_bypass, self.seed, regularisers,
            0 if self.init else self.flat_start,
        )  # fmt: skip

        def finish() -> None:
            facts = {"kind": "content", "model": node, "audio": dict(self.audio), "symbols": store.symbols}
            write_bundle(out / "bundle", {"content": model}, facts)

        return TrainingJob(task, data, of_store(store, rows, report), finish)

    def _first(self, node: Mapping[str, Any], new: Vocabularies) -> CtcTokenizer:
        """The tokenizer with its first weights."""
        start = initial(Path(self.init), "content") if self.init else None
        if start is None:
            model: CtcTokenizer = build(node)
            return model
        start.known.check(new, start.source)

        def shapes(known: Vocabularies) -> dict[str, tuple[int, ...]]:
            return on_trial(lambda: shapes_of(build({**node, "phones": len(known.phones)})))

        grown: CtcTokenizer = built(node, start, axes_of(shapes, new), new)
        return grown
