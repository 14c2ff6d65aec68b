"""What the stages of both speech models share: their data, their first weights, and what they hand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import allowed_class, build, write_bundle
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training
from sovits_lab.data.batches import Labels, SpeechBatch, SpeechData
from sovits_lab.data.folder_batches import FolderData, FolderSource, speech_batch, with_tokens
from sovits_lab.data.prepared import Prepared, open_prepared, training_rows
from sovits_lab.data.references import ReferenceArguments, References
from sovits_lab.data.voices import SpeakerClips
from sovits_lab.models.contracts import AcousticModel, DataSizes, conditions_of
from sovits_lab.nn.lora import merge_lora
from sovits_lab.provenance.cards import began_with
from sovits_lab.reporting import Reporter
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.callbacks import GIVEN, Given, of_speech
from sovits_lab.training.class_means import mean_styles
from sovits_lab.training.growth import Axes, Vocabularies, axes_of, shapes_of
from sovits_lab.training.loop import Batches
from sovits_lab.training.recipe import Recipe
from sovits_lab.training.reference_encoder import refuse_foreign_parts, start_from
from sovits_lab.training.regularisers import SUPPLIED, facts_of
from sovits_lab.training.released import Carried, Initial, built, initial, look_at_bundle, merged
from sovits_lab.training.stage import TrainingJob, TrainingStage
from sovits_lab.training.task import Task
from sovits_lab.training.trial import check_buildable, on_trial
from sovits_lab.types import ArgumentsOf, Range, got

OTHERS = (
    "token",
    "guided_attention",
    "duration",
    "aligned_phone",
    "mel",
    "kl",
    "prior_mel",
    "pitch",
    "voicing",
    "energy",
    "utterance_prosody",
)
STAND_INS = DataSizes(2, 2, 1, ("neutral",))


class SpeechTask(Task):
    """A training task of either contract, with the speaker and the style of every batch as conditions."""

    model: Any

    @property
    def reference(self) -> ReferenceEncoder:
        """The style encoder, which monitors read."""
        encoder: ReferenceEncoder = self.model.style_encoder
        return encoder

    def encoded(self, batch: SpeechBatch) -> tuple[Tensor, dict[str, Tensor]]:
        """Return the style vectors of a batch's style clips, and the encoder's own losses."""
        return self.model.style_encoder.encode(batch.reference, batch.reference_mask)

    def conditions(self, batch: SpeechBatch, style: Tensor) -> dict[str, Any]:
        """Select the conditions of speaker, style and emotion that the model knows."""
        return conditions_of(self.model, self.speaker(batch), style, batch.emotion)

    def speaker(self, batch: SpeechBatch) -> Tensor:
        """Return the speaker condition of a batch."""
        return batch.speaker_vector

    def asked(self, batch: SpeechBatch, style: Tensor) -> dict[str, Tensor]:
        """Compute the regularisers' losses of a batch, by name."""
        return self.regularised(facts_of(batch, style))


class SpeechSource(NamedTuple):
    """What a training learns from: its batches, and what is known only with the data."""

    data: Batches
    given: Callable[[Path, Reporter], Given]
    labels: Labels
    speaker: int
    sizes: DataSizes | None  # None: sizes are those of the composed model
    prepared: Prepared | None
    rows: Sequence[int]


@dataclass(kw_only=True)
class SpeechStage(TrainingStage):
    """A stage that trains a model of tokens or of waveforms.

    Args:
        model: node of the model; sizes of vocabularies and conditions are filled in.
        roles: whose training speech is used.
        emotions: only speech of these emotions; none named means any.
        batch_seconds: longest padded batch.
        references: arguments of `References`.
        folder: fields of `FolderSource`, to learn from a folder in upstream's prepared layout instead of a store.
        init: a bundle whose weights the model starts from; the bundle of an input stage takes its place.
        recipe: fields of `Recipe`.
    """

    part: ClassVar[str]
    parts: ClassVar[Sequence[str]]  # of style_sites
    supplies: ClassVar[frozenset[str]] = (
        frozenset({"codes", "phones", "labels", "speaker_channels", "condition_channels", "prosody_channels"})
        | GIVEN
        | SUPPLIED
    )
    roles: Sequence[str] = ()
    emotions: Sequence[str] = ()
    batch_seconds: Annotated[float, Range(0)] = 0.0
    references: ReferenceArguments | None = None
    folder: Annotated[Mapping[str, Any], ArgumentsOf(FolderSource)] | None = None
    init: str | None = None
    recipe: Annotated[Mapping[str, Any], ArgumentsOf(Recipe)] | None = None

    @property
    def required(self) -> tuple[str, ...]:
        """Losses of the composed model, each of which needs a weight."""
        return tuple(_class_of(self.model).own_losses)

    def check(self) -> None:
        References.check(self.references or {})
        if self.folder is None and (not self.roles or not self.batch_seconds or self.references is None):
            raise got(self.part, "no roles, batch_seconds or references", "all three, or a folder to learn from")
        self.recipe_of, self.source = Recipe(**(self.recipe or {})), FolderSource(**(self.folder or {"path": None}))
        vectors = ("style", "speaker_vector", *self.vectors)
        self.declared.check(self.required, vectors, self.model, (*OTHERS, *self.optional))
        refuse_foreign_parts(self.model, f"style_sites.{self.part}.parts", self.parts)
        self.try_model()

    @property
    def optional(self) -> tuple[str, ...]:
        """Losses that the stage has with some settings."""
        return ()

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the vectors, beside style and speaker, that a regulariser may take."""
        return ()

    def try_model(self) -> None:
        """Build the model on trial. Raises InputError as `check_model`."""
        check_model(self.model, self.recipe_of)

    def make_task(self, model: Any, regularisers: nn.ModuleDict, carried: Carried | None) -> Task:
        """Return the task that trains the model."""
        raise NotImplementedError("a stage defines its task")

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what a corpus lacks to be trained on."""
        return [] if self.folder is not None else lacks_training(rows, self.roles, emotions=self.emotions)

    def look(self) -> None:
        """Refuse a bundle to start from that is not there."""
        look_at_bundle(self.init, self.part)

    def begin(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> TrainingJob:
        """Begin the training: a store needs `features`, `tokens` and `speaker` and takes `style`; a folder any
        bundle.
        """
        carried = self._carried(inputs)
        start = self._start(inputs, carried)
        source = self._from_store(inputs) if self.folder is None else self._from_folder(carried)
        source = _with_labels_of(source, start)
        torch.manual_seed(self.seed)
        model, node = self.make_model(inputs, source, start)
        source = self._with_data(source, model)
        task = self.make_task(model, nn.ModuleDict(), carried)
        task.regularisers = self.declared.build(self.widths(model, source), source.labels, model.style_encoder)
        return TrainingJob(
            task, source.data, source.given(out, report), lambda: self.write(out, model, task, node, source, carried)
        )

    def make_model(
        self, inputs: Mapping[str, Path], source: SpeechSource, start: Initial | None
    ) -> tuple[Any, Mapping[str, Any]]:
        """Return the model with its first weights, prepared for what of it learns, and its node."""
        node = merged(self.model, start)
        axes, new = (None, None) if start is None else _grown(node, source, start)
        if source.sizes is not None:
            node = _class_of(node).sized(node, source.sizes, build)
        model = built(node, start, axes, new)
        start_from(inputs, model.style_encoder)
        self.recipe_of.apply(model)
        return model, node

    def widths(self, model: Any, source: SpeechSource) -> dict[str, int]:
        """Return the widths of the vectors that regularisers may take."""
        return {"style": model.style_encoder.out_channels, "speaker_vector": source.speaker}

    def _carried(self, inputs: Mapping[str, Path]) -> Carried | None:
        """The released family that a folder's training hands on; None where a native voice is trained."""
        if self.folder is None:
            return None
        folder = next(iter(inputs.values())) / "bundle" if inputs else Path(self.init) if self.init else None
        carried = Carried.of(folder)
        if self.part not in carried.bundle.parts and not carried.fresh:
            raise got(f"bundle {folder}: parts", sorted(carried.bundle.parts), f"a part {self.part!r}")
        return carried

    def _start(self, inputs: Mapping[str, Path], carried: Carried | None) -> Initial | None:
        if carried is None:
            return initial(Path(self.init), self.part) if self.init else None
        if self.part not in carried.bundle.parts:
            return None
        model = carried.bundle.parts[self.part]
        return Initial(carried.bundle.facts["parts"][self.part], model.state_dict(), f"bundle: {self.part}")

    def _from_store(self, inputs: Mapping[str, Path]) -> SpeechSource:
        prepared = open_prepared(inputs)
        rows = self.rows_of(prepared)
        labels = Labels.of(prepared.store, rows)
        width = len(next(iter(prepared.speakers.values())))
        sizes = DataSizes(prepared.codes, len(prepared.store.symbols), width, labels.emotions)
        return SpeechSource(_NoBatches(), lambda out, report: {}, labels, width, sizes, prepared, rows)

    def rows_of(self, prepared: Prepared) -> list[int]:
        """Return the utterances to learn from."""
        return training_rows(prepared, self.roles, self.batch_seconds, self.emotions)

    def _with_data(self, source: SpeechSource, model: Any) -> SpeechSource:
        """Batches of a store, drawn for what the model hears."""
        prepared, rows = source.prepared, source.rows
        if prepared is None:
            return source
        references = References(prepared.store, rows, **(self.references or {}))
        acoustic = isinstance(model, AcousticModel)
        voices = SpeakerClips(prepared.store, rows) if acoustic and model.speaks_from_clip else None
        data = SpeechData(
            prepared.store,
            rows,
            prepared.tokens,
            prepared.speakers,
            source.labels,
            references,
            self.batch_seconds,
            self.seed,
            waveforms=acoustic,
            world=self.world,
            voices=voices,
            bert=prepared.bert,
        )
        return source._replace(
            data=data, given=lambda out, report: of_speech(data, self.roles, self.plan.steps, out, report)
        )

    def _from_folder(self, carried: Carried | None) -> SpeechSource:
        assert carried is not None
        symbols = load_symbols(carried.bundle.facts["symbols"] if carried.bundle.parts else self._symbols())
        items = self.source.read(symbols)
        if self.part == "gpt":
            sovits: Any = carried.bundle.parts.get("sovits")
            items = with_tokens(items, None if sovits is None else torch.no_grad()(sovits.tokens))
        held, rest = items[len(items) - self.source.held_out :], items[: len(items) - self.source.held_out]
        data = FolderData(rest, self.source.batch_size, self.seed)

        def given(out: Path, report: Reporter) -> Given:
            return {"report": lambda: report, "judged": lambda: speech_batch(held, 0)}

        speaker = 0 if items[0].speaker is None else len(items[0].speaker)
        return SpeechSource(data, given, Labels(("neutral",), ("voice",)), speaker, None, None, ())

    def _symbols(self) -> str:
        """The table of a fresh model, by its size."""
        phones = self.model["prior"]["phones"] if "prior" in self.model else self.model.get("phones")
        return "v1" if phones in (322, 512) else "v2"

    def write(
        self, out: Path, model: Any, task: Task, node: Mapping[str, Any], source: SpeechSource, carried: Carried | None
    ) -> None:
        """Write what was trained as a bundle, adaptations folded in."""
        merge_lora(model)
        if carried is not None:
            judge = getattr(task, "discriminator", None)
            more: dict[str, nn.Module] = {} if judge is None else {"discriminator": judge}
            carried.write(out / "bundle", {self.part: model, **more}, {self.part: node, **self.more_nodes(carried)})
            return
        assert source.prepared is not None
        store = source.prepared.store
        emotions = mean_styles(model.style_encoder, store, source.rows)
        if self.init and not model.style_encoder.takes_clips:  # what only the bundle knows can still be asked for
            emotions = {**initial(Path(self.init), self.part).emotions, **emotions}
        facts = {
            "kind": self.part,
            "model": node,
            "symbols": store.symbols,
            "emotions": emotions,
            **self.facts(model, source),
            **began_with(None if self.init is None else Path(self.init)),
        }
        write_bundle(out / "bundle", {self.part: model}, facts)

    def more_nodes(self, carried: Carried) -> dict[str, Any]:
        """Return the nodes of the modules that the bundle holds beside the model."""
        return {}

    def facts(self, model: Any, source: SpeechSource) -> dict[str, Any]:
        """Return what else a native bundle records."""
        return {}


def check_model(model: Mapping[str, Any], recipe: Recipe) -> None:
    """Build the model of a node on trial, with stand-ins for what only the data know, and prepare it by its recipe.

    Raises:
        InputError: what a constructor or the recipe says, or more weights than memory holds.
    """

    def prepared() -> nn.Module:
        made: nn.Module = build(_class_of(model).sized(model, STAND_INS, build))
        recipe.apply(made)
        return made

    check_buildable(prepared)


def _with_labels_of(source: SpeechSource, start: Initial | None) -> SpeechSource:
    """The labels of the bundle first, then those that the data have besides."""
    if start is None or source.sizes is None or not start.known.labels:
        return source
    emotions = start.known.grown(Vocabularies(labels=source.labels.emotions)).labels
    labels = source.labels._replace(emotions=emotions)
    return source._replace(labels=labels, sizes=source.sizes._replace(emotions=emotions))


def _grown(node: Mapping[str, Any], source: SpeechSource, start: Initial) -> tuple[Axes | None, Vocabularies | None]:
    """Which axes of the model's weights count phones and labels, and of what."""
    sizes, prepared = source.sizes, source.prepared
    if sizes is None or prepared is None or not start.known.phones:
        return None, None
    new = Vocabularies(tuple(prepared.store.symbols), sizes.emotions)
    start.known.check(new, start.source)

    def shapes(known: Vocabularies) -> dict[str, tuple[int, ...]]:
        asked = sizes._replace(phones=len(known.phones), emotions=known.labels)
        return on_trial(lambda: shapes_of(build(_class_of(node).sized(node, asked, build))))

    return axes_of(shapes, new), new


class _NoBatches:
    """Stands for batches until it is known what the model hears."""

    def batch(self, step: int, rank: int = 0) -> Any:
        raise AssertionError("no data yet")


def _class_of(node: Mapping[str, Any]) -> Any:
    return allowed_class(node.get("_target_"))
