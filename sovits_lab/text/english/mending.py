"""A word among its neighbours, and its part of speech mended where the tagger is often wrong."""

from __future__ import annotations

from collections.abc import Sequence

from sovits_lab.text.tables import names

_JOINING = ("and", "but", "while", "though", "so")
_MODIFYING_PLURALS = frozenset(
    names("sales sports arms goods savings customs news futures securities communications operations systems services")
)
_OPENING = frozenset(names("and but while though so because before after when if that which until since where"))
_ASKING = frozenset(
    names("can could will would shall should may might must to don't won't can't didn't doesn't let's please")
)
_QUANTIFYING = frozenset(names("more less enough much fresh local organic"))
_FINITE = ("VBZ", "VBP", "VBD", "MD")
_ADVERBS = frozenset(names("now then still also currently often usually always never"))
_THEM = frozenset(names("me him us them himself herself themselves myself yourself itself ourselves"))
_OBJECT = ("DT", "PRP", "PRP$", "CD", "WRB")


class TokenPlace:
    """One word of a sentence with its tag, and what stands around it."""

    def __init__(self, words: Sequence[str], tags: Sequence[str], place: int) -> None:
        self.words, self.tags, self.place = words, tags, place

    def word(self, distance: int) -> str:
        """Return the word so far away, "" outside the sentence and at a pause mark."""
        at = self.place + distance
        found = self.words[at] if 0 <= at < len(self.words) else ""
        return found if found[:1].isalpha() or found[:1] == "'" else ""

    def tag(self, distance: int = 0) -> str:
        """Return the tag so far away, "" outside the sentence."""
        at = self.place + distance
        return self.tags[at] if 0 <= at < len(self.tags) else ""

    def before(self, count: int) -> list[str]:
        """Return the nearest words before, up to the last pause mark, the nearest first."""
        found = []
        for distance in range(1, count + 1):
            if not (word := self.word(-distance)):
                break
            found.append(word)
        return found

    def part(self) -> Sequence[str]:
        """Return the words from the last "and" or "but" before this one to the next pause or joining word."""
        ends = [number for number, word in enumerate(self.words) if word in _JOINING or not word[:1].isalpha()]
        start = max((end + 1 for end in ends if end < self.place), default=0)
        return self.words[start : min((end for end in ends if end > self.place), default=len(self.words))]

    def clause(self) -> range:
        """Return the places from the last mark or opening word (before, when, that) to the next one."""
        start = end = self.place
        while start and self.words[start - 1] not in _OPENING and self.words[start - 1][:1].isalpha():
            start -= 1
        while end < len(self.words) and self.words[end] not in _OPENING and self.words[end][:1].isalpha():
            end += 1
        return range(start, end)

    def lacks_verb(self) -> bool:
        """Return whether no other word of the clause can be its verb."""
        places = self.clause()
        finite = (self.tags[place].startswith(_FINITE) for place in places if place != self.place)
        begins = places[0] != self.place and self.tags[places[0]] == "VB"  # an order: check the records
        return not (begins or any(finite))


def mended(at: TokenPlace) -> str:
    """Return the tag, mended where the tagger is often wrong: muscles contract in the cold; Winds reached the coast."""
    before, tag = at.words[at.place - 1] if at.place else ".", at.tag()
    if tag == "VBZ" and before in ".!?…":  # no sentence begins with such a verb
        return "NNS"
    if before in _ASKING and tag in ("NN", "JJ", "VBP") and at.tag(1) in _OBJECT:
        return "VB"
    if before in ("and", "or") and at.tag(-2) in ("VB", "VBP") and at.tag(1) in (*_OBJECT, "NNS", "JJ", "NN", ""):
        return "VB"  # to plan and conduct tests
    if _orders(at, before, tag) or (tag in ("NN", "JJ") and at.word(1) in _THEM):
        return "VB"
    if tag in ("NN", "JJ", "NNS") and _lone_verb(at, before, tag):
        return "VBZ" if tag == "NNS" else "VBP"
    if tag == "VB" and before in _QUANTIFYING:  # can produce more produce
        return "NN"
    plural = at.tag(-1) == "NNS" or (at.place == 1 and at.tag(-1) == "VBZ")
    if plural and before not in _MODIFYING_PLURALS:
        after = at.tag(1) in ("IN", "TO", "RB", "WRB", *_OBJECT) or not at.word(1)
        if tag == "JJ" and at.tag(1).startswith("NN") and at.lacks_verb():
            return "VBP"  # The reports separate fact from fiction
        if (tag == "NN" and after) or (
            tag in ("NN", "JJ") and at.place == 1 and at.tag(1).startswith("NN") and at.lacks_verb()
        ):
            return "VBP"  # Roads wind through the hills; Dentists extract teeth
    if tag == "NNS" and at.tag(-1) in ("NN", "NNP") and at.tag(1) in ("DT", "PRP", "PRP$", "RB") and at.lacks_verb():
        return "VBZ"  # before the band records again
    return tag


def _orders(at: TokenPlace, before: str, tag: str) -> bool:
    """Return whether a word begins an order: Discard the salt; then insert the key."""
    if tag not in ("NN", "JJ", "IN", "RB", "NNP"):
        return False
    begins = at.place == 0 or before == "then"
    return begins and (at.tag(1) in ("DT", "PRP$") or (before == "then" and not at.word(1)))


def _lone_verb(at: TokenPlace, before: str, tag: str) -> bool:
    """Return whether a noun by its tag is the only verb that its clause can have."""
    if tag == "NNS":  # she now lives and works in Bonn
        return before in _ADVERBS and at.word(1) in ("in", "and", "at", "with", "on", "near")
    if before.endswith("ly") and at.tag(-1) == "RB" and at.tag(-2) in ("NNS", "PRP"):
        return at.lacks_verb()  # concentrations severely decrease stability
    two = at.tag(-1) == "NN" and "and" in (at.word(-2), at.word(-3))
    return tag == "NN" and two and at.tag(1) == "IN" and at.lacks_verb()  # pressure and density decrease with height
