"""Whether an amount belongs to the noun after it: a two million dollar house, but two million dollars today."""

from __future__ import annotations

import re

from sovits_lab.text.english import tags
from sovits_lab.text.tables import names

_BEFORE = re.compile(
    r"\b(?:a|an|the|this|that|his|her|its|their|our|my|your|another|each|every|any|no|new|first|second|single|[a-z]+'s)\s+$",
    re.IGNORECASE,
)
_WORD = re.compile(r"\s([a-z]+(?:-[a-z]+)*)(?![A-Za-z])")
_ACRONYM = re.compile(r"\s(?!(?:AM|PM|AD|BC|CE|US|NE|NW|SE|SW|AND|OR|USD|EUR|GBP|CAD|AUD)\b)[A-Z]{2,5}s?\s[a-z]")
# Nouns and adverbs that follow an amount without owning it.
_APART = frozenset(
    names(
        "today tomorrow yesterday tonight apiece each more less total extra plus off a an per worth cash now later "
        "monthly yearly annually daily weekly long wide high tall deep away old ago left apart short thick heavy "
        "there here down up out over under above below late early north south east west"
    )
)


def has_determiner(before: str) -> bool:
    """Return True when the text before an amount ends with a, the, his and the like."""
    return bool(_BEFORE.search(before))


def belongs_to_noun(before: str, after: str, determined: bool = True) -> bool:
    """Return True when the amount between the two texts describes the noun that follows.

    Args:
        before: the text before the amount.
        after: the text after it.
        determined: only where an article or the like stands before the amount.
    """
    if determined and not has_determiner(before):
        return False
    if _ACRONYM.match(after):
        return True
    match = _WORD.match(after)
    if match is None or match[1] in _APART:
        return False
    words = [*before.split()[-3:], "ten-dollar", match[1], *after[match.end() :].split()[:2]]
    place = words.index("ten-dollar") + 1
    tag = tags.tag([word.strip(",;:()\"'") or "," for word in words])[place]
    return tag.startswith("NN") or (tag == "JJ" and has_determiner(before))
