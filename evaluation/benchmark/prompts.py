"""The frozen prompts of the benchmark: what every system is asked to say, with which emotion and how strongly."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from evaluation.scoring.samples import NEUTRAL
from sovits_lab.types import got

VERSION = "1"
SENTENCES = Path(__file__).parent / "sentences.tsv"
EMOTIONS = (NEUTRAL, "sad", "happy", "angry")
STRENGTHS = (0.33, 0.67)  # between neutral and 1; of the sentences below only
GRADED = ("n1", "n2", "n3", "n4")
LANGUAGES = ("en", "zh")


class BenchmarkSentence(NamedTuple):
    """One sentence: `words` is the emotion that its words have, `neutral` for none."""

    id: str
    language: str
    words: str
    text: str


class BenchmarkPrompt(NamedTuple):
    """One thing to say. The file of its recording is `ID.wav`."""

    id: str
    sentence: BenchmarkSentence
    emotion: str
    strength: float

    @property
    def kind(self) -> str:
        """Whether the words are neutral, agree with the emotion, or speak against it."""
        if self.sentence.words == NEUTRAL:
            return NEUTRAL
        return "congruent" if self.sentence.words == self.emotion else "incongruent"


def read_sentences(language: str = "") -> list[BenchmarkSentence]:
    """Read the frozen sentences, all or those of one language.

    Raises:
        InputError: a language that has none.
    """
    with SENTENCES.open(encoding="utf-8", newline="") as stream:
        made = [BenchmarkSentence(**row) for row in csv.DictReader(stream, delimiter="\t")]
    if language and language not in LANGUAGES:
        raise got("language of the benchmark", language, f"one of {', '.join(LANGUAGES)}")
    return [one for one in made if not language or one.language == language]


def list_prompts(language: str) -> list[BenchmarkPrompt]:
    """List the prompts of a language in their fixed order: every sentence in every emotion, some at three strengths."""
    made = []
    for sentence in read_sentences(language):
        for emotion in EMOTIONS:
            graded = emotion != NEUTRAL and sentence.id.partition("-")[2] in GRADED
            for strength in (*(STRENGTHS if graded else ()), 1.0):
                suffix = "" if strength == 1 else f"-{round(100 * strength)}"
                made.append(BenchmarkPrompt(f"{sentence.id}-{emotion}{suffix}", sentence, emotion, strength))
    return made


def hash_prompts(prompts: Sequence[BenchmarkPrompt]) -> str:
    """Compute the hash that an entry names: two entries with different ones were asked different things."""
    lines = "\n".join("\t".join((p.id, p.sentence.text, p.emotion, f"{p.strength:g}")) for p in prompts)
    return hashlib.sha256(f"{VERSION}\n{lines}".encode()).hexdigest()[:16]
