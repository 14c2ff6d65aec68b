"""What a player's free words mean: one of the choices, or something to answer."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Sequence

from sovits_lab.dialogue.story import StoryChoice

LONGEST_ANSWER = 300
ENOUGH = 0.3  # of the words of both that are in both
CLEARLY = 0.08  # more than for the next best choice
ALIKE = 0.75  # words that begin alike and share so much are one: endings, slips of the keyboard
SMALL_WORDS = "a an and are do i in is it of on or the to we will with you your let me my this that"
_SMALL = frozenset(SMALL_WORDS.split(" "))


def decide(answer: str, choices: Sequence[StoryChoice], texts: Sequence[str]) -> int | None:
    """Return the index of the choice that was meant, or None where none clearly was.

    A choice's keywords decide at once; else the share of words in both decides (Dice's coefficient). Where no
    spaces stand between words, neighbouring pairs of characters stand for them.

    Args:
        answer: the player's words.
        choices: what may be chosen.
        texts: the words of the choices in the language that is played.
    """
    words = _plain(answer[:LONGEST_ANSWER])
    if not words:
        return None
    named = [choice.index for choice in choices if any(_has(words, keyword) for keyword in choice.direction.keywords)]
    if len(named) == 1:
        return named[0]
    scores = sorted(
        ((_overlap(words, _plain(text)), choice.index) for choice, text in zip(choices, texts, strict=True)),
        reverse=True,
    )
    best = scores[0] if scores else (0.0, 0)
    following = scores[1][0] if len(scores) > 1 else 0.0
    return best[1] if best[0] >= ENOUGH and best[0] - following >= CLEARLY else None


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).lower()
    words = [word for word in re.findall(r"\w+", text) if word not in _SMALL]
    return " ".join(words)


def _has(words: str, keyword: str) -> bool:
    keyword = _plain(keyword)
    return bool(keyword) and (
        keyword in words if not keyword.isascii() else re.search(rf"\b{re.escape(keyword)}", words) is not None
    )


def _overlap(words: str, choice: str) -> float:
    answered, offered = _parts(words), _parts(choice)
    shared = sum(any(_alike(part, other) for other in answered) for part in offered)
    return 2 * shared / (len(answered) + len(offered)) if answered and offered else 0.0


def _parts(text: str) -> set[str]:
    """Words, or of writing without spaces the pairs of neighbouring characters."""
    parts: set[str] = set()
    for word in text.split():
        parts |= {word} if word.isascii() else {word[i : i + 2] for i in range(max(1, len(word) - 1))}
    return parts


def _alike(one: str, other: str) -> bool:
    if one == other:
        return True
    return one.isascii() and one[0] == other[0] and difflib.SequenceMatcher(None, one, other).ratio() >= ALIKE
