"""Style adapters without training: directions that are measured between emotional and neutral clips, to be added with a
strength, or taken out (Xie et al. 2025). They fill the slot that trained adapters have, and are spoken with alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.checkpoints.adapters import adapt, base_nodes, load_base, write_adapters
from sovits_lab.checkpoints.bundle import allowed_class, build
from sovits_lab.corpora.needs import Lack, RowFacts, lacks_training, select
from sovits_lab.data.batches import Labels
from sovits_lab.data.prepared import Prepared, open_prepared, training_rows
from sovits_lab.data.voices import SpeakerClips
from sovits_lab.models.adapters.lora import share_of
from sovits_lab.models.adapters.slot import NEUTRAL
from sovits_lab.models.contracts import DataSizes
from sovits_lab.nn.adapters import ErasingAdapter, LayerAdapter, ShiftAdapter
from sovits_lab.training.adapters import lacks_emotions, refuse_other_tables
from sovits_lab.training.sovits import refuse_other_audio
from sovits_lab.types import Count, got

LONGEST = 20.0  # seconds of an utterance that is measured
PARTS = ("gpt", "sovits")


def between(found: Mapping[tuple[str, str], Sequence[Tensor]], emotion: str) -> Float[Tensor, " D"]:
    """Return how an emotion's vectors differ from neutral ones: the mean over speakers who have both.

    Args:
        found: vectors of clips by (speaker, emotion).

    Raises:
        InputError: no speaker has both.
    """
    speakers = [who for who, how in found if how == emotion and (who, NEUTRAL) in found]
    if not speakers:
        raise got(f"clips of {emotion}", "no speaker who has neutral ones, too", "at least one")
    means = {key: torch.stack(list(each)).mean(0) for key, each in found.items()}
    return torch.stack([means[who, emotion] - means[who, NEUTRAL] for who in speakers]).mean(0)


def put(adapter: LayerAdapter, place: int, direction: Float[Tensor, " D"]) -> None:
    """Let an adapter add a direction, or take it out, as far as component `place` of the vector says."""
    with torch.no_grad():
        if isinstance(adapter, ErasingAdapter):
            adapter.directions[place] = direction / direction.norm().clamp(min=1e-12)
        elif isinstance(adapter, ShiftAdapter):
            adapter.shift.weight[:, place] = direction


def refuse_what_learns(part: str, model: Mapping[str, Any]) -> None:
    """Refuse adapters that no measurement fills.

    Args:
        part: gpt or sovits.
        model: node of the adapters.

    Raises:
        InputError: they hear clips, have a rank or labels of a width of their own, or neither shift nor take out.
    """
    labels = model.get("labels") or {}
    learned = [
        *(["a reference encoder"] if model.get("style_encoder") else []),
        *(["no labels of out_channels 0"] if labels.get("out_channels") != 0 else []),
        *(["a rank"] if model.get("rank") != 0 else []),
    ]
    if not learned:
        some = DataSizes(codes=1, phones=1, speaker=1, emotions=(NEUTRAL, "another"))
        adapters = build(allowed_class(model["_target_"]).sized(model, some, build))  # type: ignore[attr-defined]
        layers = {type(one) for one in adapters.modules() if isinstance(one, LayerAdapter)}
        learned = sorted(kind.__name__ for kind in layers - {ShiftAdapter, ErasingAdapter, LayerAdapter})
    if learned:
        raise got(f"adapters.{part}", ", ".join(learned), "shifts or erasing, which can be measured: adapters=steering")


class MeasureDirections:
    """Stage: adapters of one part of a base whose directions are measured, not trained; told by labels.

    In the GPT the mean output of each layer over a clip is compared, layer after layer: neutral clips are already
    steered in the layers before, so that at strength 1 every layer's mean is that of the emotion. In SoVITS the prior's
    frames are compared where the adapters have some, and where `voice` asks for it the voice vectors that the base's
    own reference encoder makes of clips, for each part that the adapters name.

    Args:
        part: gpt or sovits.
        model: node of the adapters: labels of width 0, no rank, shifts or erasing.
        base: the bundle of the trained models.
        roles: whose training speech is measured.
        clips: most clips of each speaker and emotion; 0: all.
        voice: whether voice vectors are mixed.
        audio: fields of the `AudioSpec` of the features; needed for sovits, which hears them.

    Raises:
        InputError: an unknown part, adapters with weights that only training fills, or features at another rate.
    """

    resumable = False
    supplies = frozenset({"labels"})

    def __init__(
        self,
        part: str,
        model: Mapping[str, Any],
        base: str | None,
        roles: Sequence[str],
        clips: Count = 12,
        voice: bool = True,
        audio: Mapping[str, Any] | None = None,
    ) -> None:
        if part not in PARTS:
            raise got("steering.part", part, f"one of {', '.join(PARTS)}")
        refuse_what_learns(part, model)
        refuse_other_audio(model, audio)
        self.part, self.model, self.base, self.roles = part, model, base, roles
        self.clips, self.voice = clips, voice

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Tell what is missing before anything is computed: the base, emotions, neutral speech."""
        base_nodes(self._base)
        emotional = lacks_emotions(select(rows, self.roles, ["train"]), self.roles)
        return [*lacks_training(rows, self.roles), *emotional]

    @property
    def _base(self) -> Path:
        if self.base is None:
            raise got("adapters.base", None, "the bundle of a trained model, which `sovits_lab convert` makes")
        return Path(self.base)

    @torch.no_grad()
    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `out/bundle`: needs `features`, `tokens` and the speaker vectors."""
        prepared = open_prepared(inputs)
        rows = self._chosen(prepared, training_rows(prepared, self.roles, LONGEST))
        labels = Labels.of(prepared.store, rows)
        width = len(next(iter(prepared.speakers.values())))
        model: Any = load_base(self._base)[self.part]
        refuse_other_tables(self._base, model, prepared, width)
        sizes = DataSizes(prepared.codes, len(prepared.store.symbols), width, labels.emotions)
        node = allowed_class(self.model["_target_"]).sized(self.model, sizes, build)  # type: ignore[attr-defined]
        adapt(model, node)
        measure = self._measure_gpt if self.part == "gpt" else self._measure_sovits
        for place, emotion in enumerate(name for name in labels.emotions if name != NEUTRAL):
            measure(model, prepared, [i for i in rows if prepared.store.rows[i].emotion in (emotion, NEUTRAL)],
                    emotion, place)  # fmt: skip
            report.progress(place + 1, len(labels.emotions) - 1, "emotions")
        means = {emotion: [0.0] for emotion in labels.emotions}  # no clip is heard: labels alone say how
        facts = {"variant": self.part, "parts": {self.part: node}, "emotions": {self.part: means}, "lora": {},
                 "share": {self.part: share_of(model)}}  # fmt: skip
        write_adapters(out / "bundle", {self.part: model}, self._base, facts)

    def _chosen(self, prepared: Prepared, rows: Sequence[int]) -> list[int]:
        """The first clips of each speaker and emotion, of speakers who have neutral ones."""
        kept: dict[tuple[str, str], list[int]] = defaultdict(list)
        for i in rows:
            kept[prepared.store.rows[i].speaker, prepared.store.rows[i].emotion].append(i)
        return [i for each in kept.values() for i in each[: self.clips or None]]

    def _measure_gpt(self, model: Any, prepared: Prepared, rows: Sequence[int], emotion: str, place: int) -> None:
        erasing = any(isinstance(adapter, ErasingAdapter) for adapter in model.adapters.layers)
        for index, adapter in enumerate(model.adapters.layers):
            found: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
            for i, utterance in _utterances(model, prepared, rows):
                who, how = prepared.store.rows[i].speaker, prepared.store.rows[i].emotion
                steered = {} if how == emotion or erasing else {"emotion": _label(model, emotion)}
                found[who, how].append(_layer_output(model, index, utterance, steered))
            put(adapter, place, between(found, emotion))

    def _measure_sovits(self, model: Any, prepared: Prepared, rows: Sequence[int], emotion: str, place: int) -> None:
        frames: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
        voices: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
        clips = SpeakerClips(prepared.store, rows)
        for i, (tokens, phones, vector) in _utterances(model, prepared, rows):
            row = prepared.store.rows[i]
            spoken = torch.from_numpy(prepared.store.wav(i))[None]
            voices[row.speaker, row.emotion].append(model.speaker(spoken, None, vector)[0])
            known = clips.some(row.speaker, 1)[0]  # the same voice for all clips of a speaker
            condition = model.reference.text(model.speaker(known.wav, known.mask, vector))
            ones = torch.ones(1, 2 * tokens.shape[1], dtype=torch.bool)
            h = model.prior.encode(model.quantized(tokens), ones, phones, torch.ones_like(phones).bool(), condition)
            frames[row.speaker, row.emotion].append(h[0].mean(1))
        put(model.adapters.frames, place, between(frames, emotion))
        if self.voice:
            for name, project in model.adapters.beside.items():
                view: Callable[[Tensor], Tensor] = model.reference.text if name == "prior" else lambda v: v
                seen = {key: [view(v[None])[0] for v in each] for key, each in voices.items()}
                project.weight[:, place] = between(seen, emotion)


def _label(model: Any, emotion: str) -> Tensor:
    """The vector of an emotion's label, a row of one."""
    vector: Tensor = model.labels.mixture({emotion: 1.0})[None]
    return vector


def _utterances(
    model: Any, prepared: Prepared, rows: Sequence[int]
) -> Iterator[tuple[int, tuple[Tensor, Tensor, Tensor]]]:
    """Yield rows with tokens, phones and the speaker's vector, one utterance at a time."""
    for i in rows:
        row = prepared.store.rows[i]
        tokens = torch.from_numpy(prepared.tokens[row.id].astype("int64"))[None]
        phones = torch.from_numpy(prepared.store.phones(i).astype("int64"))[None]
        yield i, (tokens, phones, torch.from_numpy(prepared.speakers[row.speaker])[None])


def _layer_output(
    model: Any, index: int, utterance: tuple[Tensor, Tensor, Tensor], how: Mapping[str, Tensor]
) -> Float[Tensor, " D"]:
    """The mean output of a layer over a clip, its phones included, with the adapters before it."""
    from sovits_lab.conditioning.conditions import SPEAKER, given

    tokens, phones, vector = utterance
    known = {SPEAKER: vector} if SPEAKER in model.conditions.widths else {}
    kept: list[Tensor] = []
    hook = model.layers[index].register_forward_hook(lambda module, inputs, output: kept.append(output[0].mean(0)))
    try:
        model(phones, torch.ones_like(phones).bool(), tokens, torch.ones_like(tokens).bool(), None,
              model.style(given(**known, **how)))  # fmt: skip
    finally:
        hook.remove()
    return kept[0]
