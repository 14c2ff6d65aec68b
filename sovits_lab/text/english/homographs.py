"""The sound of words that are spelled alike: by part of speech, and by the words around where that is not enough."""

from __future__ import annotations

from collections.abc import Sequence

from sovits_lab.text.english.lexicon import Phones, our_homographs
from sovits_lab.text.english.mending import TokenPlace, mended
from sovits_lab.text.english.senses import CHOICES, TOWNS_AFTER, near


def _sentence(words: Sequence[str], place: int) -> tuple[int, int]:
    """Where the sentence around a word begins and ends."""
    start, end = place, place
    while start and words[start - 1] not in ".!?…":
        start -= 1
    while end < len(words) and words[end] not in ".!?…":
        end += 1
    return start, end


def is_homograph(word: str) -> bool:
    """Return True for a word, in any case, that has two sounds."""
    return word.lower() in our_homographs()


def homograph_phones(words: Sequence[str], tags: Sequence[str], place: int) -> Phones:
    """Return the phones of a homograph by its part of speech and its neighbours."""
    word = words[place].lower()
    homograph = our_homographs()[word]
    start, end = _sentence(words, place)
    lower, around, inside = [one.lower() for one in words[start:end]], list(tags[start:end]), place - start
    tag = around[inside] = mended(TokenPlace(lower, around, inside))
    at = TokenPlace(lower, around, inside)
    if word in CHOICES:
        matched = CHOICES[word](at)
    elif word in near():
        matched = not near()[word].isdisjoint(lower)
    elif word in ("reading", "nice"):
        matched = words[place][0].isupper() and lower[max(0, inside - 1)] in TOWNS_AFTER
    elif word == "polish":
        matched = words[place][0].isupper() and tag.startswith(("NN", "JJ"))
    else:
        matched = any(tag.startswith(one) for one in homograph.tag.split())
    return homograph.matched if matched else homograph.other
