"""Short English sentences with many different words, for corpora whose voices shall say any text.

The frames are ours; most nouns, verbs and adjectives come from the word lists of the package `wonderwords` (MIT), whose
code is not run. The words of the embedded corpus' grammar join them. A frame holds few content words and many of the
short ones that every text is full of.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np

from sovits_lab.corpora.sentences import filled_frames, first_different, word_decks
from sovits_lab.corpora.toy_grammar import WORDS
from sovits_lab.files import lines_of, read_text
from sovits_lab.types import InputError
from sovits_lab.weights.packages import module_folder

PACKAGE, INSTALL = "wonderwords", "pip install wonderwords==3.0.1"
LISTS = {"noun": "nounlist.txt", "verb": "verblist.txt", "adjective": "adjectivelist.txt"}
LONGEST = 12  # letters
MOST = 50_000  # sentences
FRAMES = (
    "I don't think that the {noun} will {verb} before {time}.",
    "Could you please {verb} the {adjective} {noun} for us?",
    "She said it was only a {noun}, but we {hope} it was a {adjective} {noun2}.",
    "They would rather {verb} than {verb2} with the {noun}.",
    "What is the {adjective} {noun} doing {place}?",
    "He told me about his {noun} and her {adjective} {noun2}.",
    "There are {number} {nouns} and {number2} {nouns2} {place}.",
    "You can {verb} it if you want to, said the {person}.",
    "After all, every {noun} has a {adjective} {noun2}.",
    "Why did {name} {verb} such a {adjective} {noun}?",
    "We have never seen so many {adjective} {nouns} at once.",
    "It wasn't the {noun} that made us {verb}, it was the {noun2}.",
    "Tell {name} to {verb} the {noun}, and don't be late!",
    "Most of the {nouns} which we {took} were quite {adjective}.",
    "If I were you, I should {verb} both the {noun} and the {noun2}.",
    "Nothing could be more {adjective} than a {noun} without a {noun2}.",
    "{name} isn't here, because the {noun} had to {verb} {time}.",
    "How much {noun} do we need for the {noun2}?",
    "This {noun} and that {noun2} belong to the {person}.",
    "Let's {verb} again {time}, shall we?",
    "The {person} who {took} my {noun} was {feeling} and {adjective}.",
    "Neither the {noun} nor the {noun2} would {verb}.",
    "Although it's {adjective}, their {noun} can still {verb}.",
    "Yes, I know, the {adjective} {noun} is very {adjective2}.",
    "No, we couldn't {verb} through the {adjective} {noun}.",
    "Everybody {hope} that your {noun} might {verb} soon.",
    "As far as I can tell, {nouns} {verb} {place}.",
    "One of these {nouns} must be the {noun2} of the {person}.",
    "Who would {verb} a {noun} {time}?",
    "That {noun} is {adjective}, isn't it?",
    "We've been looking for a {adjective} {noun} since the {noun2} {moved}.",
    "Their {animal} {moved} over the {noun} and under the {noun2}.",
    "Give me the {noun}, I'll {verb} it myself.",
    "While the {person} {moved}, somebody {took} the {adjective} {noun}.",
    "On the other hand, {noun} and {noun2} hardly ever {verb}.",
    "Has anyone {took} the {noun} from the {adjective} {noun2}?",
    "Oh, what a {adjective} {noun}!",
    "Good morning, {name}, how is the {noun} today?",
    "Thank you for the {noun}, it is so {adjective}.",
    "Some {nouns} are {adjective}, others are {adjective2} and {feeling}.",
    "Where there's a {noun}, there's also a {noun2}.",
    "I've got {number} {nouns} which should {verb} by themselves.",
)


def varied_sentences(count: int, seed: int) -> list[str]:
    """Return `count` different sentences; a longer list begins with the shorter one of the same seed.

    Raises:
        InputError: the word lists are not installed, or too many sentences are wanted.
    """
    return first_different(count, _draw(np.random.default_rng([seed, 0xA1])), MOST)


@lru_cache(maxsize=1)
def natural_words() -> dict[str, tuple[str, ...]]:
    """Return the words of each kind: those of the package, and the embedded corpus' own.

    Raises:
        InputError: the package is not installed.
    """
    folder = module_folder(PACKAGE)
    if folder is None:
        raise InputError(f"package {PACKAGE}: got none, expected it for its words: {INSTALL}")
    decks = word_decks(WORDS)
    rude = set(_lines(folder / "assets" / "profanitylist.txt"))
    for kind, name in LISTS.items():
        words = [word for word in _lines(folder / "assets" / name) if re.fullmatch(r"[a-z]{2,}", word)]
        decks[kind] = tuple(word for word in words if len(word) <= LONGEST and word not in rude)
    decks["nouns"] = tuple(plural(word) for word in decks["noun"] if not word.endswith("s"))
    return decks


def plural(noun: str) -> str:
    """Return the regular plural."""
    if re.search(r"(s|x|z|ch|sh)$", noun):
        return noun + "es"
    return re.sub(r"(?<![aeiou])y$", "ie", noun) + "s"


def _lines(path: Path) -> list[str]:
    return lines_of(read_text(path, "word list"))


def _draw(generator: np.random.Generator) -> Iterator[str]:
    for text in filled_frames(FRAMES, natural_words(), generator):
        written = re.sub(r"\b([Aa]) (?=[aeio])(?!one\b|once\b)", r"\1n ", text)
        yield written[0].upper() + written[1:]
