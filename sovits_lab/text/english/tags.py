"""Part of speech of words that sound different as verb and as noun, from the words around them.

A tagger of a few rules, not a parser: it knows closed classes of words and looks two words back and one ahead. It is
asked only for sentences that hold a homograph.
"""

from __future__ import annotations

from collections.abc import Sequence

from sovits_lab.text.tables import names

_DETERMINER = frozenset(
    names(
        "a an the this that these those my your his her its our their some any no every each another such what which "
        "whose one two three both all many few several"
    )
)
_BEFORE_VERB = frozenset(
    names(
        "to will would shall should can could may might must do does did don't doesn't didn't won't can't cannot "
        "couldn't wouldn't shouldn't let let's please not never always often usually i you we they who i'll "
        "you'll we'll they'll "
        "he'll she'll it'll i'd you'd we'd they'd ll help"
    )
)
_OBJECT_PRONOUN = frozenset(names("me him them us it"))
_SINGULAR_SUBJECT = frozenset(names("he she it"))
_AUXILIARY = frozenset(
    names("have has had having been be is are was were being am 've i've you've we've they've it's he's")
)
_PREPOSITION = frozenset(
    names("of in on at by for with from into about under over between without through during against after before as")
)
_PAST_HINTS = frozenset(names("yesterday ago last already once then had was were did earlier previously when before"))
_AFTER_VERB = frozenset(names("here there together long free alone up out well happily it like and to"))
_ADVERB_TO_VERB = frozenset(names("also just then now only even still ever really"))


def _is_verb(words: Sequence[str], place: int) -> bool:
    """True when the word at `place` stands where a verb stands."""
    before = words[place - 1] if place else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if before in _DETERMINER or before in _PREPOSITION:
        return False
    if before in _BEFORE_VERB:
        return True
    if before in _ADVERB_TO_VERB and place > 1:
        return words[place - 2] in _BEFORE_VERB or words[place - 2] in _SINGULAR_SUBJECT
    if before in _SINGULAR_SUBJECT or words[place].endswith("s"):
        stands = after in _DETERMINER or (after in _PREPOSITION and after != "of")
        return before in _SINGULAR_SUBJECT or (stands and before.isalpha() and not before.endswith("ed"))
    if not before or not before[0].isalpha():
        return after in _DETERMINER or after in _OBJECT_PRONOUN or after in ("up", "down")
    takes_object = after in _DETERMINER or after in _OBJECT_PRONOUN
    return takes_object and before not in _AUXILIARY and not before.endswith("ing")


def _tag(words: Sequence[str], place: int) -> str:
    word = words[place]
    if word == "used":
        return "NN" if words[place + 1 : place + 2] == ["to"] else "VBN"
    if word == "read":
        return _tag_of_read(words, place)
    if word in ("live", "close", "complex", "perfect", "present", "separate", "content") and _is_adjective(
        words, place
    ):
        return "JJ"
    return "VB" if _is_verb(words, place) else "NN"


def _tag_of_read(words: Sequence[str], place: int) -> str:
    before = words[place - 1] if place else ""
    if before in _AUXILIARY or before in _SINGULAR_SUBJECT:
        return "VBD"
    if before in ("i", "you", "we", "they", "who", "and") and any(word in _PAST_HINTS for word in words):
        nearer = words[max(0, place - 4) : place]
        return "VBP" if any(word in ("will", "can", "to", "must", "should", "would") for word in nearer) else "VBD"
    if before in _DETERMINER or before.endswith("ly"):
        return "VBN" if before.endswith("ly") else "VBP"
    return "VBP"


def _is_adjective(words: Sequence[str], place: int) -> bool:
    before = words[place - 1] if place else ""
    before_that = words[place - 2] if place > 1 else ""
    after = words[place + 1] if place + 1 < len(words) else ""
    if words[place] == "live":
        begins = not before.isalpha() and after.isalpha() and after not in _PREPOSITION | _DETERMINER | _AFTER_VERB
        return before in _DETERMINER or begins or (before in _AUXILIARY and after not in ("in", "at"))
    noun_follows = (
        after.isalpha() and after not in _PREPOSITION and after not in _AUXILIARY and after not in ("and", "or")
    )
    if before in _DETERMINER:
        return noun_follows
    return before in _AUXILIARY or before in ("very", "so", "too", "more", "most", "quite") or before_that in _AUXILIARY


def tag(words: Sequence[str]) -> list[str]:
    """A Penn tag a word, exact enough for homographs: VB, VBP, VBD, VBN, JJ or NN."""
    lower = [word.lower() for word in words]
    return [_tag(lower, place) for place in range(len(lower))]
