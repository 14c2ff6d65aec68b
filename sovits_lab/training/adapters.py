"""Training of style adapters: the base is frozen and stays as it is, what is written is the adapters alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor

from sovits_lab.checkpoints.adapters import adapt, base_facts, base_nodes, load_base, write_adapters
from sovits_lab.checkpoints.bundle import allowed_class, build
from sovits_lab.conditioning.conditions import SPEAKER
from sovits_lab.corpora.needs import Lack, RowFacts, select
from sovits_lab.data.batches import SpeechBatch
from sovits_lab.data.prepared import Prepared
from sovits_lab.data.store import FeatureStore
from sovits_lab.models.adapters.lora import share_of
from sovits_lab.models.adapters.slot import NEUTRAL
from sovits_lab.reporting import Reporter
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.class_means import styles_of
from sovits_lab.training.gpt import SemanticTask, TrainGpt
from sovits_lab.training.reference_encoder import start_from
from sovits_lab.training.regularisers import facts_of
from sovits_lab.training.released import Carried, Initial
from sovits_lab.training.sovits import AcousticTask, TrainSovits
from sovits_lab.training.speech import SpeechSource, SpeechStage, SpeechTask
from sovits_lab.training.stage import TrainingJob
from sovits_lab.training.task import Task
from sovits_lab.types import got

HOW = "how"  # the adapters' condition, which a regulariser may take


class AdapterTask(SpeechTask):
    """Mixin: regularisers may take the adapters' condition, the only vector of the model that learns styles."""

    def asked(self, batch: SpeechBatch, style: Tensor) -> dict[str, Tensor]:
        adapters = self.model.adapters
        vector = adapters.style_vector(self.model.conditions(self.conditions(batch, style)))
        return self.regularised({**facts_of(batch, style), HOW: vector})


class SemanticAdapterTask(AdapterTask, SemanticTask):
    """Teacher forcing of a frozen GPT with adapters."""


class AcousticAdapterTask(AdapterTask, AcousticTask):
    """Reconstruction by a frozen SoVITS with adapters."""


@dataclass(kw_only=True)
class AdapterStage(SpeechStage):
    """A stage that trains adapters on one part of a base; `model` is their node.

    Args:
        base: the bundle of the trained models.
        lora: regular expressions over layers of the base that learn by low rank besides, and `rank`; None for none.
        replay: share of neutral utterances in training, so that words and voice stay; None is the corpus' own share.
        others: see `SpeechStage`.
    """

    contract: ClassVar[type | None] = None  # the base meets it
    base: str | None
    lora: Mapping[str, Any] | None = None
    replay: float | None = None

    def check(self) -> None:
        if self.replay is not None and not 0 <= self.replay < 1:
            raise got("replay", self.replay, "a share of neutral utterances, at least 0 and below 1")
        if self.lora is not None and set(self.lora) != {"layers", "rank"}:
            raise got("lora", dict(self.lora), "layers (regular expressions) and rank")
        super().check()

    @property
    def folder_of_base(self) -> Path:
        """The base's bundle. Raises InputError without one."""
        if self.base is None:
            raise got("adapters.base", None, "the bundle of a trained model, which `sovits_lab convert` makes")
        return Path(self.base)

    @property
    def vectors(self) -> tuple[str, ...]:
        return (HOW,)

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what is missing before anything is computed: the base, emotions, neutral speech.

        Raises:
            InputError: the base is no bundle of a model that takes adapters.
        """
        base_nodes(self.folder_of_base)
        return [*super().lacks(rows), *lacks_emotions(select(rows, self.roles, ["train"]), self.roles)]

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Begin the training: needs `features`, `tokens`, `speaker`, and `style` where a reference encoder hears."""
        base_nodes(self.folder_of_base)
        return super().begin(inputs, out, report)

    def make_model(
        self, inputs: Mapping[str, Path], source: SpeechSource, start: Initial | None
    ) -> tuple[Any, Mapping[str, Any]]:
        assert source.prepared is not None and source.sizes is not None
        model: Any = load_base(self.folder_of_base)[self.part]
        refuse_other_tables(self.folder_of_base, model, source.prepared, source.speaker)
        node = allowed_class(self.model["_target_"]).sized(self.model, source.sizes, build)  # type: ignore[attr-defined]
        adapt(model, node, self.lora)
        start_from(inputs, model.style_encoder)
        styles = styles_of(model.style_encoder, source.prepared.store, source.rows)
        means = {emotion: vectors.mean(0) for emotion, vectors in styles.items()}
        if model.style_encoder.takes_clips:
            model.conditions.calibrate(means[NEUTRAL], torch.cat(list(styles.values())))
        self.means = {emotion: mean.tolist() for emotion, mean in means.items()}
        return model, node

    def rows_of(self, prepared: Prepared) -> list[int]:
        rows = super().rows_of(prepared)
        return rows if self.replay is None else replayed(prepared.store, rows, self.replay)

    def widths(self, model: Any, source: SpeechSource) -> dict[str, int]:
        return {**super().widths(model, source), HOW: model.adapters.how_channels}

    def write(
        self, out: Path, model: Any, task: Task, node: Mapping[str, Any], source: SpeechSource, carried: Carried | None
    ) -> None:
        """Write the adapters as a bundle of kind "adapters"."""
        facts = {
            "variant": self.part,
            "parts": {self.part: node},
            "emotions": {self.part: self.means},
            "lora": {} if self.lora is None else {self.part: dict(self.lora)},
            "share": {self.part: share_of(model)},
        }
        write_adapters(out / "bundle", {self.part: model}, self.folder_of_base, facts)


@dataclass(kw_only=True)
class AdaptGpt(AdapterStage, TrainGpt):
    """Stage: train style adapters on a released GPT. Args: see `AdapterStage` and `TrainGpt`."""

    contract: ClassVar[type | None] = None
    task_class: ClassVar[type[SemanticTask]] = SemanticAdapterTask


@dataclass(kw_only=True)
class AdaptSovits(AdapterStage, TrainSovits):
    """Stage: train style adapters on a released SoVITS, without a discriminator. Args: see `AdapterStage` and
    `TrainSovits`."""

    contract: ClassVar[type | None] = None
    task_class: ClassVar[type[AcousticTask]] = AcousticAdapterTask


def lacks_emotions(rows: Sequence[RowFacts], roles: Sequence[str]) -> list[Lack]:
    """Return what training speech lacks for adapters: emotions, and neutral speech of every speaker.

    A speaker without neutral speech would be known by emotional clips: who and how could not be told apart.
    """
    named = " or ".join(roles)
    if rows and {row.emotion for row in rows} == {NEUTRAL}:
        what = (
            f"no emotion but neutral in the training speech of {named}: the corpus has no emotion column, or one value"
        )
        return [Lack(what, key="roles")]
    silent = sorted({row.speaker for row in rows} - {row.speaker for row in rows if row.emotion == NEUTRAL})
    if not silent:
        return []
    what = f"no neutral utterance of {', '.join(silent[:3])}{' and others' if len(silent) > 3 else ''} in split train"
    return [Lack(f"{what}: a style is a difference from neutral")]


def refuse_other_tables(base: Path, model: Any, prepared: Prepared, speaker: int) -> None:
    """Compare phones, tokens and speaker vectors of the data with those that a base was trained on.

    Raises:
        InputError: they are others.
    """
    symbols = base_facts(base)["symbols"]
    names = list(load_symbols(symbols).names) if isinstance(symbols, str) else list(symbols)
    if list(prepared.store.symbols) != names:
        given = f"{len(prepared.store.symbols)} phones of another table"
        raise got("features: symbols", given, f"the {len(names)} of the base: frontend=released for released models")
    codes = model.codes if hasattr(model, "codes") else model.quantizer.codes
    if prepared.codes != codes:
        raise got("tokens", f"{prepared.codes} codes", f"the {codes} of the base, by its own tokenizer")
    wanted = model.conditions.widths.get(SPEAKER) if hasattr(model, "codes") else None
    if wanted is not None and wanted != speaker:
        raise got("speaker vectors", f"width {speaker}", f"{wanted}, as the base is told")


def replayed(store: FeatureStore, rows: Sequence[int], share: float) -> list[int]:
    """Return the emotional rows, and as many neutral ones, in order and over again, as make this share of all."""
    neutral = [i for i in rows if store.rows[i].emotion == NEUTRAL]
    others = [i for i in rows if store.rows[i].emotion != NEUTRAL]
    count = round(len(others) * share / (1 - share))
    return others + [neutral[i % len(neutral)] for i in range(count if neutral else 0)]
