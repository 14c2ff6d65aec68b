"""Batches of every training stage. Each `batch(step, rank)` is a pure function of its seed and arguments."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from sovits_lab.audio.silences import silences
from sovits_lab.data.padding import Mels, mask_of, pad, stack_mels
from sovits_lab.data.plan import Size, generator
from sovits_lab.data.references import References, shift
from sovits_lab.data.store import FeatureStore
from sovits_lab.data.voices import SpeakerClips
from sovits_lab.types import InputError, got

__all__ = ["Labels", "Mels", "SpeechBatch", "SpeechData", "drawn", "mask_of", "pad", "stack_mels"]


def drawn(items: int, frames: Sequence[int], rows: int, frames_per_second: float) -> Size:
    """Return the size of batches of `items` clips, their lengths drawn evenly from a range of frames, over `rows`
    utterances.
    """
    return Size(items * (frames[0] + frames[1]) / 2 / frames_per_second, items, max(1, round(rows / items)))


class TokenizerBatch(NamedTuple):
    """`targets`: phone id of every frame, -1 where unknown; `guessed`: the same where nobody says where the phones
    are, as if all were equally long, -1 in silences; None where all times are known. `phones` of every utterance for
    CTC.

    `place`: which of its phones each frame speaks, -1 unknown; `position`: how far into it, from 0 to 1. `sentence`:
    equal for equal phones.
    """

    step: int
    mel: Float[Tensor, "B M L"]
    mask: Bool[Tensor, "B L"]
    targets: Int[Tensor, "B L"]
    guessed: Int[Tensor, "B L"] | None
    phones: Int[Tensor, "B P"]
    phone_mask: Bool[Tensor, "B P"]
    place: Int[Tensor, "B L"]
    position: Float[Tensor, "B L"]
    sentence: Int[Tensor, " B"]
    speaker: Int[Tensor, " B"]
    emotion: Int[Tensor, " B"]


class TokenizerData:
    """Whole utterances with their phones.

    Args:
        store: features.
        rows: indices of the utterances to train on.
        batch_seconds: longest padded batch.
        seed: of order.
        mel_shift: largest shift of the mel bins, a cheap change of voice.
        world: ranks that share the work.
        parallel_takes: recordings of each sentence in a batch, N. Above 1, only every N-th utterance of a planned batch
            is kept, and others with the same phones join it, whoever speaks them and however.

    Raises:
        InputError: `parallel_takes` below 1, or above it where no sentence was recorded twice.
    """

    def __init__(
        self,
        store: FeatureStore,
        rows: Sequence[int],
        batch_seconds: float,
        seed: int,
        mel_shift: int = 2,
        world: int = 1,
        parallel_takes: int = 1,
    ) -> None:
        self.store, self.rows, self.seed, self.mel_shift = store, list(rows), seed, mel_shift
        self.labels, self.parallel_takes = Labels.of(store, self.rows), parallel_takes
        self.of: dict[tuple[int, tuple[str, ...]], list[int]] = defaultdict(list)
        for i in self.rows:
            self.of[self._spoken(i)].append(i)
        if parallel_takes < 1:
            raise got("parallel_takes", parallel_takes, "at least 1")
        if parallel_takes > 1 and max(map(len, self.of.values()), default=0) < 2:
            raise got("parallel_takes", parallel_takes, "1: no sentence was recorded twice")
        self.sentences = {phones: number for number, phones in enumerate(dict.fromkeys(key[1] for key in self.of))}
        self.plan = store.plan(self.rows, batch_seconds, seed, world)

    def _spoken(self, row: int) -> tuple[int, tuple[str, ...]]:
        """What can join each other in a batch: the same phones and, in a stream, the same shard."""
        return int(self.store.shards[row]), self.store.rows[row].phones

    def _joined(self, planned: Sequence[int], rng: np.random.Generator) -> list[int]:
        """Some of the planned utterances, each with other takes of its sentence."""
        if self.parallel_takes == 1:
            return list(planned)
        joined = []
        for row in planned[:: self.parallel_takes]:
            others = [i for i in self.of[self._spoken(row)] if i != row]
            count = min(self.parallel_takes - 1, len(others))
            joined += [row, *(int(i) for i in rng.choice(others, count, replace=False))] if others else [row]
        return joined

    def size(self) -> Size:
        """Return the number of batches and epochs."""
        return self.plan.size(self.store.frames_per_second)

    def batch(self, step: int, rank: int = 0) -> TokenizerBatch:
        """Return batch number `step` of this rank."""
        rng = generator(self.seed, step, rank, 1)
        chosen = self._joined([self.rows[i] for i in self.plan.batch(step, rank)], rng)
        recorded = [self.store.mel(i) for i in chosen]
        mels = stack_mels([shift(mel, rng, self.mel_shift) for mel in recorded])
        phones = [self.store.phones(i) for i in chosen]
        places = [self.store.phone_of_frame(i) for i in chosen]
        guessed = [
            np.full(len(mel), -1) if (place >= 0).any() else evenly_placed(mel, ids)
            for mel, place, ids in zip(recorded, places, phones, strict=True)
        ]
        targets = [np.where(p >= 0, ids[p], -1) for p, ids in zip(places, phones, strict=True)]
        facts = [self.store.rows[i] for i in chosen]
        return TokenizerBatch(
            step=step,
            mel=mels.mel,
            mask=mels.mask,
            targets=pad(targets, -1),
            guessed=pad(guessed, -1) if any((guess >= 0).any() for guess in guessed) else None,
            phones=pad(phones),
            phone_mask=mask_of(phones),
            place=pad(places, -1),
            position=pad([_position(place) for place in places]),
            sentence=torch.tensor([self.sentences[row.phones] for row in facts]),
            speaker=torch.tensor([self.labels.speakers.index(row.speaker) for row in facts]),
            emotion=torch.tensor([self.labels.emotions.index(row.emotion) for row in facts]),
        )


def evenly_placed(mel: Float[np.ndarray, "L M"], phones: Int[np.ndarray, " P"]) -> Int[np.ndarray, " L"]:
    """Return the phone of each frame if all were equally long, -1 in silences."""
    spoken = np.flatnonzero(~silences(mel.T))
    placed = np.full(len(mel), -1, dtype=np.int64)
    placed[spoken] = phones[np.arange(len(spoken)) * len(phones) // len(spoken)]
    return placed


def _position(place: np.ndarray) -> np.ndarray:
    """How far into its phone the middle of each frame lies, from 0 to 1; `place` [L] never falls."""
    first, count = np.unique(place, return_index=True, return_counts=True)[1:]
    return ((np.arange(len(place)) - np.repeat(first, count) + 0.5) / np.repeat(count, count)).astype(np.float32)


class SpeakerBatch(NamedTuple):
    """Crops and who speaks. `emotion` is -1 for a speaker with one emotion alone: it would say who, not how."""

    step: int
    mel: Float[Tensor, "B M L"]
    mask: Bool[Tensor, "B L"]
    speaker: Int[Tensor, " B"]
    emotion: Int[Tensor, " B"]


class SpeakerData:
    """Random crops, speakers drawn evenly."""

    def __init__(self, store: FeatureStore, rows: Sequence[int], items: int, frames: Sequence[int], seed: int) -> None:
        self.store, self.items, self.frames, self.seed = store, items, frames, seed
        self.of: dict[str, list[int]] = defaultdict(list)
        for i in rows:
            self.of[store.rows[i].speaker].append(i)
        self.speakers = sorted(self.of)
        if not self.speakers:
            raise InputError("training data: got no utterance, expected at least one; `sovits_lab doctor` says why")
        self.labels = Labels.of(store, rows)
        shown = {(store.rows[i].speaker, store.rows[i].emotion) for i in rows}
        self.emotional = {speaker for speaker in self.speakers if sum(name == speaker for name, _ in shown) > 1}

    def size(self) -> Size:
        """Return the number of batches; an epoch is as many crops as there are utterances."""
        rows = sum(len(each) for each in self.of.values())
        return drawn(self.items, self.frames, rows, self.store.frames_per_second)

    def batch(self, step: int, rank: int = 0) -> SpeakerBatch:
        """Return batch number `step` of this rank."""
        rng = generator(self.seed, step, rank, 2)
        length = int(rng.integers(self.frames[0], self.frames[1] + 1))
        who = rng.integers(len(self.speakers), size=self.items)
        crops, emotions = [], []
        for speaker in who:
            name = self.speakers[speaker]
            row = int(rng.choice(self.of[name]))
            emotion = self.labels.emotions.index(self.store.rows[row].emotion)
            emotions.append(emotion if name in self.emotional else -1)
            spare = self.store.rows[row].frames - length
            crops.append(self.store.mel(row, int(rng.integers(max(spare, 0) + 1)), length))
        mels = stack_mels(crops)
        return SpeakerBatch(step, mels.mel, mels.mask, torch.from_numpy(who), torch.tensor(emotions))


class Labels(NamedTuple):
    """Names of the classes in the order of their ids."""

    emotions: tuple[str, ...]
    speakers: tuple[str, ...]

    @classmethod
    def of(cls, store: FeatureStore, rows: Sequence[int]) -> Labels:
        """Return all labels of these rows, sorted."""
        seen = [store.rows[i] for i in rows]
        return cls(tuple(sorted({r.emotion for r in seen})), tuple(sorted({r.speaker for r in seen})))


class SpeechBatch(NamedTuple):
    """What GPT and SoVITS learn from: whole utterances.

    `place`: which phone each frame speaks, -1 unknown. `baseline`: fields of the speaker's `Baseline`. `reference`: mel
    of the style reference. `bert`: features of the phones; `content`: what tokens are made from; `voice`: waveform of a
    clip of the speaker, and its real frames. Those three are None where the data have none or nobody asks.
    """

    step: int
    tokens: Int[Tensor, "B S"]
    token_mask: Bool[Tensor, "B S"]
    phones: Int[Tensor, "B P"]
    phone_mask: Bool[Tensor, "B P"]
    place: Int[Tensor, "B L"]
    mel: Float[Tensor, "B M L"]
    mask: Bool[Tensor, "B L"]
    f0: Float[Tensor, "B L"]
    wav: Float[Tensor, "B T"]
    baseline: Float[Tensor, "B 4"]
    speaker_vector: Float[Tensor, "B G"]
    speaker: Int[Tensor, " B"]
    emotion: Int[Tensor, " B"]
    reference: Float[Tensor, "B M R"]
    reference_mask: Bool[Tensor, "B R"]
    bert: Float[Tensor, "B P F"] | None = None
    content: Float[Tensor, "B C L"] | None = None
    voice: Float[Tensor, "B U"] | None = None
    voice_mask: Bool[Tensor, "B V"] | None = None

    def rows(self, places: Sequence[int]) -> SpeechBatch:
        """Return these rows, in this order."""
        values: list[Any] = [None if value is None else value[list(places)] for value in self[1:]]
        return SpeechBatch(self.step, *values)


class SpeechData:
    """Utterances with tokens, speaker vectors and style references.

    Args:
        store, rows: features and the utterances to train on.
        tokens: tokens of every utterance id.
        speakers: mean vector of every speaker.
        labels: ids of emotions and speakers.
        batch_seconds: longest padded batch of whole utterances.
        references: where style references come from.
        seed: of everything random.
        waveforms: load them too.
        world: ranks that share the work.
        voices: where clips of the speakers come from; None gives none.
        bert: text features `P F` by utterance id; those without have zeros.
    """

    def __init__(
        self,
        store: FeatureStore,
        rows: Sequence[int],
        tokens: Mapping[str, np.ndarray],
        speakers: Mapping[str, np.ndarray],
        labels: Labels,
        references: References,
        batch_seconds: float,
        seed: int,
        waveforms: bool = False,
        world: int = 1,
        voices: SpeakerClips | None = None,
        bert: Mapping[str, np.ndarray] = MappingProxyType({}),
    ) -> None:
        self.voices, self.bert = voices, bert
        self.store, self.rows, self.tokens, self.speakers = store, list(rows), tokens, speakers
        self.labels, self.references, self.seed, self.waveforms = labels, references, seed, waveforms
        self.plan = store.plan(self.rows, batch_seconds, seed, world)

    def size(self) -> Size:
        """Return the number of batches and epochs."""
        return self.plan.size(self.store.frames_per_second)

    def batch(self, step: int, rank: int = 0) -> SpeechBatch:
        """Return batch number `step` of this rank."""
        rng = generator(self.seed, step, rank, 3)
        store, chosen = self.store, [self.rows[i] for i in self.plan.batch(step, rank)]
        facts = [store.rows[i] for i in chosen]
        mels = stack_mels([store.mel(i) for i in chosen])
        reference = stack_mels([self.references.draw(i, rng) for i in chosen])
        tokens = [self.tokens[row.id] for row in facts]
        phones = [store.phones(i) for i in chosen]
        voices = None if self.voices is None else self.voices.draw(chosen, generator(self.seed, step, rank, 9))
        return SpeechBatch(
            step=step,
            tokens=pad(tokens).long(),
            token_mask=mask_of(tokens),
            phones=pad(phones),
            phone_mask=mask_of(phones),
            place=pad([store.phone_of_frame(i) for i in chosen], -1),
            mel=mels.mel,
            mask=mels.mask,
            f0=pad([store.f0(i) for i in chosen]),
            wav=pad([store.wav(i) for i in chosen]) if self.waveforms else torch.zeros(len(chosen), 1),
            baseline=torch.tensor([store.baselines[row.speaker] for row in facts]),
            speaker_vector=torch.from_numpy(np.stack([self.speakers[row.speaker] for row in facts])),
            speaker=torch.tensor([self.labels.speakers.index(row.speaker) for row in facts]),
            emotion=torch.tensor([self.labels.emotions.index(row.emotion) for row in facts]),
            reference=reference.mel,
            reference_mask=reference.mask,
            bert=self._text_features([row.id for row in facts], phones),
            voice=None if voices is None else voices.wav,
            voice_mask=None if voices is None else voices.mask,
        )

    def _text_features(self, names: Sequence[str], phones: Sequence[np.ndarray]) -> Tensor | None:
        """Text features of a batch; None where no utterance of the data has some."""
        if not self.bert:
            return None
        width = next(iter(self.bert.values())).shape[1]
        none = {name: np.zeros((len(each), width), np.float16) for name, each in zip(names, phones, strict=True)}
        return pad([self.bert.get(name, none[name]) for name in names]).float()
