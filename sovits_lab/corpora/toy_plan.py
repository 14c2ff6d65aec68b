"""Which voice says which sentence with which emotion: a pure function of the configuration."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from sovits_lab.corpora.manifest import ROLES
from sovits_lab.corpora.settings import within
from sovits_lab.corpora.toy_grammar import sentences
from sovits_lab.types import got

RANGES = {"rate": (0, 450), "pitch": (0, 99), "range": (0, 99), "word_gap": (0, 100), "gain_db": (-60, 60)}


class VariedStyle(Protocol):
    """How an emotion is spoken, in the units of whatever speaks."""

    def vary(self, jitter: Any, generator: np.random.Generator) -> Any:
        """Return a manner of the same class that differs by at most the jitter, which is of that class as well."""
        ...


M = TypeVar("M", bound=VariedStyle)


@dataclass(frozen=True)
class ToyStyle:
    """How an emotion is spoken.

    Attributes:
        rate: words per minute.
        pitch: espeak-ng's base pitch, 0 to 99.
        range: espeak-ng's pitch range, 0 to 99.
        word_gap: pause between words, units of 10 ms.
        gain_db: level against the speaker's neutral level.
    """

    rate: float
    pitch: float
    range: float
    word_gap: float
    gain_db: float

    def __post_init__(self) -> None:
        for name, (least, most) in RANGES.items():
            within(f"corpus: {name} of an emotion or of the jitter", getattr(self, name), least, most)

    def vary(self, jitter: ToyStyle, generator: np.random.Generator) -> ToyStyle:
        """Move each setting by at most its jitter, evenly, within what espeak-ng takes."""
        width = asdict(jitter)
        moved = {name: value + width[name] * generator.uniform(-1, 1) for name, value in asdict(self).items()}
        return ToyStyle(**{name: min(max(value, RANGES[name][0]), RANGES[name][1]) for name, value in moved.items()})


@dataclass(frozen=True)
class Role:
    """The speakers of one role and what they say.

    Attributes:
        voices: names of voices, the first `speakers` of which are used.
        speakers: how many.
        test_speakers: how many of these, from the first, also say every test sentence with every emotion.
        emotions: emotions of the training and validation sentences.
        train: training sentences of each speaker.
        valid: validation sentences of each speaker.
        parallel: every training sentence is said with every emotion; else the emotions take turns, so that there are
            as many different sentences as utterances, and one that is named twice has twice as many.
    """

    voices: Sequence[str]
    speakers: int
    test_speakers: int
    emotions: Sequence[str]
    train: int
    valid: int
    parallel: bool = True

    def __post_init__(self) -> None:
        for name in ("speakers", "test_speakers", "train", "valid"):
            within(f"corpus.roles: {name}", getattr(self, name), 0, 100_000)

    def chosen(self) -> list[str]:
        """Return the first `speakers` voices of the role."""
        if self.speakers > len(self.voices) or self.test_speakers > self.speakers:
            raise got(
                "corpus.roles: speakers", self.speakers, f"test_speakers to {len(self.voices)} (the voices named)"
            )
        return list(self.voices[: self.speakers])


@dataclass(frozen=True)
class Cell(Generic[M]):
    """One utterance to be made."""

    id: str
    voice: str
    role: str
    split: str
    sentence: str
    text: str
    emotion: str
    style: M


@dataclass(frozen=True)
class Sizes:
    """How many sentences there are for each split; no sentence is in two of them."""

    pool: int
    valid: int
    test: int

    def __post_init__(self) -> None:
        for name in ("pool", "valid", "test"):
            within(f"corpus.sizes.{name}", getattr(self, name), 0, 100_000)


def plan(
    roles: Mapping[str, Role],
    emotions: Mapping[str, M],
    jitter: M,
    sizes: Sizes,
    seed: int,
    write: Callable[[int, int], list[str]] = sentences,
) -> dict[str, list[Cell[M]]]:
    """Return the cells of every speaker, in the order in which they are spoken; `write` makes so many texts of a seed.

    Raises:
        InputError: unknown role or emotion, a voice in two roles, or more sentences asked for than there are.
    """
    texts = write(sizes.test + sizes.valid + sizes.pool, seed)
    named = {
        "test": {f"t{i:03d}": text for i, text in enumerate(texts[: sizes.test])},
        "valid": {f"v{i:03d}": text for i, text in enumerate(texts[sizes.test : sizes.test + sizes.valid])},
        "train": {f"s{i:04d}": text for i, text in enumerate(texts[sizes.test + sizes.valid :])},
    }
    cells: dict[str, list[Cell[M]]] = {}
    for name, role in roles.items():
        if name not in ROLES or not set(role.emotions) <= set(emotions):
            raise got(f"corpus.roles.{name}", list(role.emotions), f"a role of {ROLES}, emotions of {sorted(emotions)}")
        for index, voice in enumerate(role.chosen()):
            if voice in cells:
                raise got(f"corpus.roles.{name}.voices", voice, "a voice of one role only")
            keys_of = {split: _choose(named[split], getattr(role, split), seed, voice) for split in ("train", "valid")}
            keys_of["test"] = sorted(named["test"]) if index < role.test_speakers else []
            cells[voice] = [
                _cell(voice, name, split, sentence, named[split][sentence], emotion, emotions[emotion], jitter, seed)
                for split, keys in keys_of.items()
                for turn, sentence in enumerate(keys)
                for emotion in (emotions if split == "test" else _emotions(role, split, turn))
            ]
    return {voice: items for voice, items in cells.items() if items}


def _emotions(role: Role, split: str, turn: int) -> Sequence[str]:
    """The emotions in which one sentence is said."""
    if role.parallel:
        return role.emotions
    every = list(dict.fromkeys(role.emotions))
    return every if split == "valid" else [role.emotions[turn % len(role.emotions)]]


def _choose(texts: Mapping[str, str], count: int, seed: int, voice: str) -> list[str]:
    if count > len(texts):
        raise got("corpus: sentences of a speaker", count, f"at most the {len(texts)} of that split")
    return sorted(str(key) for key in _generator(seed, voice).choice(sorted(texts), size=count, replace=False))


def _cell(
    voice: str,
    role: str,
    split: str,
    sentence: str,
    text: str,
    emotion: str,
    style: M,
    jitter: M,
    seed: int,
) -> Cell[M]:
    identity = f"{voice}-{sentence}-{emotion}"
    varied = style.vary(jitter, _generator(seed, identity))
    return Cell(identity, voice, role, split, sentence, text, emotion, varied)


def _generator(seed: int, key: str) -> np.random.Generator:
    """Randomness of one thing, whatever else is planned."""
    return np.random.default_rng([seed, int.from_bytes(hashlib.sha256(key.encode()).digest()[:8])])
