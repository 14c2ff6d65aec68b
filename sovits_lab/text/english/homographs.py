"""The sound of words that are spelled alike: by part of speech, and by the words around where that is not enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from itertools import pairwise

from sovits_lab.text.english.lexicon import Phones, our_homographs
from sovits_lab.text.english.mending import TokenPlace, mended
from sovits_lab.text.tables import names, pairs

_HAVE = frozenset(
    names("have has had having 've i've you've we've they've he'd she'd i'd we'd they'd 'd haven't hasn't hadn't")
)
_BASE = frozenset(
    names(
        "to will would shall should can could may might must do does did don't doesn't didn't won't can't cannot let "
        "couldn't wouldn't shouldn't i'll you'll we'll they'll he'll she'll it'll please let's"
    )
)
_BE = frozenset(
    names(
        "am is are was were be been being get gets got getting i'm you're we're they're he's she's it's isn't "
        "wasn't aren't weren't"
    )
)
_NOUN_OF_READER = frozenset(names("he she it"))
_FEEL = _BE | frozenset(
    names("feel feels felt seem seems seemed look looks looked quite very perfectly not him her me us them")
)
_FISH = frozenset(
    names(
        "fish fishing fished fisherman fishermen caught catch catches lake river pond sea grilled fillet bait "
        "lure largemouth smallmouth striped trout salmon hook hooked fried"
    )
)
_PLAYED = frozenset(names("player players guitar guitarist line lines drum drums clef solo boost notes"))
_METAL = frozenset(
    names(
        "pipe pipes piping paint poisoning pencil pencils metal metals toxic copper zinc tin iron steel "
        "mercury alloy melt melted "
        "acid battery batteries bullet bullets shot contamination contaminated unleaded solder roof plumbing "
        "arsenic crystal weights apron mine mines mining miners pellets ore ores sinkers element neurotoxin atomic"
    )
)
_FOUND = frozenset(names("found detected containing contains contained remove removed traces"))
_BENT = frozenset(names("take takes took taken taking deep final low slight polite kneeling curt respectful formal"))
_CLOTH = frozenset(
    names(
        "dress coat shirt fabric jacket pants jeans muscle ligament tendon meniscus cuff hamstring calf acl cloth "
        "seam sail sleeve sweater curtain tent"
    )
)
_FACE = frozenset(names("eye eyes cheek cheeks face"))
_WEPT = frozenset(names("shed sheds shedding wipe wipes wiped wiping cry cried weep wept"))
_SMALL = frozenset(
    names(
        "difference differences detail details amount amounts quantity quantities particle particles change "
        "changes crack cracks fraction trace traces scale quantities flaw flaws"
    )
)
_SEEN = frozenset(
    names(
        "watch watched watching see saw seen seeing hear heard hearing stream streamed streaming broadcast show showed "
        "shown catch caught play played playing perform performed record recorded film filmed follow followed sing sang"
    )
)
_SHIP = frozenset(
    names(
        "ship ship's ships boat boat's boats stern deck starboard vessel hull torpedo torpedoes thruster "
        "keel mast anchor aft sailed submarine canoe kayak yacht ferry captain sailors"
    )
)
_INJURING = frozenset(names("gunshot knife stab bullet battle puncture exit entry head chest leg flesh open"))
_HEALING = frozenset(names("care healing dressing dressings infection infections closure"))
_FAMILY = frozenset(names("mother father wife husband son daughter brother sister aunt uncle parent parents"))
_RUBBISH = frozenset(
    names("collection collector collectors bin bins bag bags truck trucks heap disposal dump management")
)
_ON_SCREEN = frozenset(
    names("receipt receipts access only head heads speed speeds error errors permission permissions")
)
_HABIT = frozenset(names("every usually always often sometimes daily rarely seldom nightly weekly"))
_EACH = frozenset(("a", time) for time in names("day night week month year"))
_READERS = frozenset(names("i you we they who people always often usually sometimes rarely seldom still"))
_TOWNS_AFTER = frozenset(names("in from to near at through via leave leaves reach reached visit visited around"))
_BEFOREHAND = frozenset(names("already before ever never just once previously"))
_PAST = frozenset(names("yesterday ago last earlier once already then"))


_FIERCE = frozenset(names("blazing heated furious terrible flaming huge public political diplomatic bitter"))
_DRUNK = frozenset(
    names(
        "drink drinks drank drunk drinking bottle bottles cup cups sip sips hot cold warm japanese sushi brewery rice"
    )
)
_DEER = frozenset(names("buck bucks deer fawn fawns stag stags"))
_SHUT = frozenset(
    names("at for early when after before soon around down automatically today tonight tomorrow daily on")
)


def _read(at: TokenPlace) -> bool:
    """True for the past: after have, after he or she, in a passive; else as the tagger says."""
    before = at.before(4)
    if at.word(1) in _ON_SCREEN:
        return False
    if {"rather", "better"}.intersection(before[:1]) and before[1:2] and before[1].endswith("'d"):
        return False  # I'd rather read
    for word in before:
        if word in _BASE:
            return False
        if word.endswith("'d") and at.tag() == "VB":  # I'd read it again, but I'd read it before
            return bool(_BEFOREHAND.intersection(at.part()))
        if word in _HAVE or (word in _BE and at.tag() != "VB"):
            return True
    if before and before[0] in _NOUN_OF_READER:
        return True
    around = at.part()
    each = any(pair in _EACH for pair in pairwise(around))
    if (
        (each or _HABIT.intersection(around))
        and not _PAST.intersection(around)
        and (not before or before[0] in _READERS)
    ):
        return False
    return at.tag() in ("VBD", "VBN") or (at.tag() == "VBP" and bool(_PAST.intersection(at.words)))


def _used(at: TokenPlace) -> bool:
    """True for a habit ("used to go") and for being accustomed ("used to it"), false for a tool ("was used to cut")."""
    if at.word(1) != "to":
        return False
    passive = at.word(-1) in _BE or at.word(-2) in _BE
    person = not passive or bool(
        {"i", "you", "we", "they", "he", "she", "i'm", "you're", "we're"}.intersection(at.before(3))
    )
    return person or at.tag(2) not in ("VB", "VBP")


def _lead(at: TokenPlace) -> bool:
    """True for the metal."""
    if at.word(-1) in _FOUND and at.tag(1) in ("IN", "CC", ".", ",", "") and at.word(1) != "to":
        return True
    held = at.word(-1) in ("has", "had", "have", "no", "any", "some", "contain", "contains", "contained", "without")
    if not (at.tag().startswith(("NN", "JJ")) or (held and at.tag(1) in ("IN", "CC", "RB", ".", ","))):
        return False
    return (
        at.word(1) in _METAL
        or (at.word(-1) in ("of", "with") and not at.tag(1).startswith("NN"))
        or (
            bool(_METAL.intersection(at.words))
            and at.word(-1) not in ("the", "a", "my", "your", "his", "her", "our", "their")
        )
    )


def _bass(at: TokenPlace) -> bool:
    """True for the fish."""
    if at.word(1) in _PLAYED:
        return False
    if at.word(1) in ("swam", "swims", "bit"):
        return True
    return bool(_FISH.intersection(at.words))


def _bow(at: TokenPlace) -> bool:
    """True for bending and for the front of a ship, false for the knot, the weapon and the violin's."""
    if at.word(-1) in ("tie", "ties", "tied", "tying", "wear", "wears", "wore", "wearing"):
        return False
    return at.tag().startswith("VB") or bool(_BENT.intersection(at.before(2))) or bool(_SHIP.intersection(at.words))


def _dove(at: TokenPlace) -> bool:
    """True for the past of dive."""
    moved = at.word(1) in (
        "into",
        "in",
        "off",
        "from",
        "under",
        "down",
        "for",
        "deep",
        "headfirst",
        "straight",
        "right",
    )
    return at.tag().startswith("VB") or (moved and at.tag(-1).startswith(("NN", "PRP")) and at.tag(-1) != "PRP$")


def _tear(at: TokenPlace) -> bool:
    """True for the rip."""
    if _WEPT.intersection(at.before(4)) or at.word(1) in (
        "fell",
        "rolled",
        "ran",
        "dropped",
        "came",
        "trickled",
        "slid",
    ):
        return False
    if at.word(1) in ("apart", "itself", "themselves", "off", "down", "open") and at.tag(-1) != "DT":
        return True
    near = at.words[max(0, at.place - 4) : at.place + 6]
    of_eye = bool(_FACE.intersection(at.words[at.place + 1 : at.place + 6]))
    rip = (at.word(-1) == "and" and at.word(-2) == "wear") or (bool(_CLOTH.intersection(near)) and not of_eye)
    in_cloth = at.word(1) == "in" and not _FACE.intersection(near)
    return at.tag().startswith("VB") or rip or (in_cloth and at.words[at.place] == "tear")


def _content(at: TokenPlace) -> bool:
    """True for being pleased."""
    if at.tag() in ("JJ", "VB"):
        return not at.tag(1).startswith("NN")
    return at.word(-1) in _FEEL and at.word(1) in ("", "with", "to", "and", "just")


def _invalid(at: TokenPlace) -> bool:
    """True for a person who is ill."""
    if at.word(1) in _FAMILY:
        return True
    named = at.word(-1) in ("an", "the", "a", "chronic", "permanent", "confirmed", "lifelong")
    return (
        named
        and not at.tag(1).startswith("NN")
        and (at.tag() == "NN" or at.word(1) in ("", "and", "for", "until", "who", "since"))
    )


def _learned(at: TokenPlace) -> bool:
    """True for a person who knows much."""
    return at.tag().startswith("JJ") and at.tag(1).startswith("NN") and at.tag(-1) in ("DT", "PRP$", "RB", "JJ")


def _close(at: TokenPlace) -> bool:
    """True for shutting: close the door, the doors close at nine."""
    if at.tag(-1) == "NNS" and at.word(1) in _SHUT:
        return True
    if at.word(1) == "to":  # close to the sea
        return at.word(-1) in _BASE
    if at.word(-1) == "the" and at.word(1) in ("", "of"):
        return True
    return at.tag().startswith(("VB", "NN")) and at.word(1) not in ("by", "enough", "behind", "together")


def _minute(at: TokenPlace) -> bool:
    """True for being very small."""
    if at.word(1) in ("hand", "hands", "mark", "by", "or"):
        return False
    if at.tag() == "JJ" or at.word(1) in _SMALL:
        return True
    return at.word(1) == "" and (
        at.word(-1) in _BE or at.word(-1) in ("so", "very", "too", "quite", "really", "extremely")
    )


def _wound(at: TokenPlace) -> bool:
    """True for an injury and for injuring, false for the past of wind."""
    if at.tag(-1) in ("DT", "PRP$", "JJ") or at.word(-1) in _INJURING or at.word(1) in _HEALING:
        return True
    if at.tag(1).startswith("NN") and {"around", "round", "up", "onto"}.intersection([at.word(2), at.word(3)]):
        return False  # wound gauze around it
    if at.tag(-1).startswith("NN") and at.tag(-2) in (
        "DT",
        "PRP$",
        "JJ",
        "NN",
    ):  # his knee wound; the nurse wound the ...
        return at.tag(1) not in ("DT", "PRP$", "PRP", "RP", "IN", "RB")
    turned = at.word(1) in ("up", "around", "round", "down", "tightly", "its", "their")
    person = at.word(-1) in ("i", "you", "he", "she", "it", "we", "they")
    return at.tag() in ("NN", "VB", "VBP") and not turned and not person


def _live(at: TokenPlace) -> bool:
    """True for dwelling and being alive; false for what is seen or heard as it happens: we watched it live."""
    if at.tag(-1) == "PRP" and _SEEN.intersection(at.before(4)):
        return False
    if at.word(-1) == "than" and not at.tag(1).startswith(("NN", "JJ")):
        return at.word(1) not in ("", "on")  # rather die than live without it
    return at.tag().startswith("VB")


def _lives(at: TokenPlace) -> bool:
    """True for living, false for the noun."""
    if at.tag(-1) in ("DT", "PRP$", "CD", "JJ", "POS") or at.word(-1) in ("of", "many", "save", "saved", "saves"):
        return False
    return at.tag() == "VBZ" or at.word(1) in (
        "in",
        "on",
        "at",
        "with",
        "near",
        "here",
        "there",
        "next",
        "alone",
        "by",
        "up",
    )


def _row(at: TokenPlace) -> bool:
    """True for a quarrel: a blazing row, a row over pay; false for a line and for rowing."""
    had = at.word(-1) == "a" and at.word(-2) in ("had", "have", "having")
    quarrel = at.word(-1) in _FIERCE or at.word(1) in ("erupted", "broke", "about") or (had and at.word(1) != "of")
    return at.tag().startswith("NN") and (quarrel or (at.word(1) == "over" and at.tag(-1) in ("DT", "JJ", "NN")))


def _sake(at: TokenPlace) -> bool:
    """True for the drink, where drinking is spoken of and nothing stands before it whose sake it is."""
    if not _DRUNK.intersection(at.words):
        return False
    owned = at.word(-1).endswith(("'s", "s'")) or at.tag(-1) in ("PRP$", "POS") or at.word(-1) in ("goodness", "old")
    return not (owned or at.word(1) == "of" or "for" in at.before(4))


def _does(at: TokenPlace) -> bool:
    """True for the animals."""
    many = at.word(1) in ("are", "were", "have") or at.word(-1) in ("the", "and", "female", "two", "three")
    return many and bool(_DEER.intersection(at.words))


def _after_determiner(at: TokenPlace) -> bool:
    """True for a noun after an article, an owner or an adjective."""
    return at.tag().startswith("NN") and at.tag(-1) in ("DT", "PRP$", "JJ", "POS")


@cache
def _near() -> dict[str, frozenset[str]]:
    """For a word the words of its sentence beside which it has its rarer sound."""
    return {word: frozenset(beside.split()) for word, beside in pairs("en_near.tsv").items()}


_CHOICES: dict[str, Callable[[TokenPlace], bool]] = {
    "read": _read,
    "used": _used,
    "lead": _lead,
    "bass": _bass,
    "bow": _bow,
    "bows": _bow,
    "dove": _dove,
    "tear": _tear,
    "tears": lambda at: at.tag().startswith("VB"),
    "content": _content,
    "invalid": _invalid,
    "learned": _learned,
    "live": _live,
    "lives": _lives,
    "minute": _minute,
    "close": _close,
    "row": _row,
    "sake": _sake,
    "does": _does,
    "blessed": lambda at: at.word(1) == "be" or (at.tag(-1) == "DT" and (at.tag(1).startswith("NN") or not at.word(1))),
    "upset": lambda at: at.tag() == "NN" and at.tag(-1) in ("DT", "JJ", "JJS", "PRP$", "NN"),
    "invite": lambda at: at.word(1) in ("link", "code", "list", "only") or _after_determiner(at),
    "refuse": lambda at: at.word(1) in _RUBBISH or at.word(-1).endswith("'s") or _after_determiner(at),
    "wound": _wound,
}


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
    if word in _CHOICES:
        matched = _CHOICES[word](at)
    elif word in _near():
        matched = not _near()[word].isdisjoint(lower)
    elif word in ("reading", "nice"):
        matched = words[place][0].isupper() and lower[max(0, inside - 1)] in _TOWNS_AFTER
    elif word == "polish":
        matched = words[place][0].isupper() and tag.startswith(("NN", "JJ"))
    else:
        matched = any(tag.startswith(one) for one in homograph.tag.split())
    return homograph.matched if matched else homograph.other
