"""Which sense a word that is spelled alike has, by the words around it; `homographs` says how each sense sounds."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise

from sovits_lab.text.english.mending import TokenPlace
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
_OF_LEAD = frozenset(names("pipe pipes piping paint poisoning pencil pencils pellets sinkers weights apron solder"))
_FOUND = frozenset(names("found detected containing contains contained remove removed traces"))
_BENT = frozenset(names("deep final low slight polite kneeling curt respectful formal"))
_TAKEN = frozenset(names("take takes took taken taking"))
_CLOTH = frozenset(
    names(
        "dress coat shirt fabric jacket pants jeans muscle ligament tendon meniscus cuff hamstring calf acl cloth "
        "seam sail sleeve sweater curtain tent retina elbow shoulder knee labrum paper page bag wallpaper roof lining "
        "leather couch net"
    )
)
_FACE = frozenset(names("eye eyes cheek cheeks face"))
_TORN = frozenset(names("partial retinal severe rotator muscle ligament small big huge"))
_ANIMAL_BEFORE = frozenset(names("the a this that her his our their my your each every pregnant dominant"))
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
        "keel mast anchor aft sailed submarine canoe kayak yacht ferry captain sailors sink sinks sank sinking "
        "frigate cruiser destroyer schooner gunboat guns carronades rowers wave waves"
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
_WHERE_LIVED = frozenset(names("in on at with near here there next alone by up"))
TOWNS_AFTER = frozenset(names("in from to near at through via leave leaves reach reached visit visited around"))
_LEFT = frozenset(names("leave leaves left leaving"))
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
    if before[:1] == ["on"] and _LEFT.intersection(before):
        return True  # left me on read
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
    if at.tag() == "VBP" and before and before[0] in ("i", "we", "you", "they"):
        return bool(_PAST.intersection(at.words)) or _others_in_past(at)
    return at.tag() in ("VBD", "VBN") or (at.tag() == "VBP" and bool(_PAST.intersection(at.words)))


def _others_in_past(at: TokenPlace) -> bool:
    """True where the sentence's other verbs are in the past: I read your note but I was out."""
    others = [tag for place, tag in enumerate(at.tags) if place != at.place]
    return "VBD" in others and not {"VBP", "VBZ", "MD"}.intersection(others)


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
    if at.word(1) in _OF_LEAD:
        return True
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
    if at.word(1) == "and" and at.word(2) in ("arrow", "arrows", "quiver"):
        return False
    bent = bool(_BENT.intersection(at.before(2))) or (at.word(-1) in ("a", "another") and at.word(-2) in _TAKEN)
    return at.tag().startswith("VB") or bent or bool(_SHIP.intersection(at.words))


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
    if at.word(1) == "gas":
        return False
    if at.word(-1) in _TORN or (at.word(1) in ("us", "me", "you", "them") and at.tag(-1) != "DT"):
        return True
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
    if at.word(1) in ("in", "on", "at", "with", "near") and at.tag(-1) == "JJ" and at.lacks_verb():
        return True  # a name that the tagger takes for an adjective
    if at.tag(-1) in ("DT", "PRP$", "CD", "JJ", "POS") or at.word(-1) in ("of", "many", "save", "saved", "saves"):
        return False
    return at.tag() == "VBZ" or at.word(1) in _WHERE_LIVED


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


def _sow(at: TokenPlace) -> bool:
    """True for the animal: among pigs, and after an article or an owner, where no verb can stand."""
    return not near()["sow"].isdisjoint(at.words) or (at.word(-1) in _ANIMAL_BEFORE and at.tag(-1) != "PRP")


def _blessed(at: TokenPlace) -> bool:
    """True for the adjective of two syllables: blessed be, the blessed, Blessed Virgin."""
    after = at.word(1)
    return (
        after in ("be", "virgin", "sacrament", "mother", "trinity", "is", "are") and at.tag(-1) not in ("PRP", "MD")
    ) or (at.tag(-1) == "DT" and (at.tag(1).startswith("NN") or after in ("", "is", "are")))


def _does(at: TokenPlace) -> bool:
    """True for the animals."""
    many = at.word(1) in ("are", "were", "have") or at.word(-1) in ("the", "and", "female", "two", "three")
    return many and bool(_DEER.intersection(at.words))


def _after_determiner(at: TokenPlace) -> bool:
    """True for a noun after an article, an owner or an adjective."""
    return at.tag().startswith("NN") and at.tag(-1) in ("DT", "PRP$", "JJ", "POS")


@cache
def near() -> dict[str, frozenset[str]]:
    """Return, by word, the words of its sentence beside which it has its rarer sound."""
    return {word: frozenset(beside.split()) for word, beside in pairs("en_near.tsv").items()}


CHOICES: dict[str, Callable[[TokenPlace], bool]] = {
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
    "blessed": _blessed,
    "sow": _sow,
    "upset": lambda at: at.tag() == "NN" and at.tag(-1) in ("DT", "JJ", "JJS", "PRP$", "NN"),
    "invite": lambda at: at.word(1) in ("link", "code", "list", "only") or _after_determiner(at),
    "refuse": lambda at: at.word(1) in _RUBBISH or at.word(-1).endswith("'s") or _after_determiner(at),
    "wound": _wound,
    "poke": lambda at: at.word(1) in ("bowl", "bowls", "bar", "restaurant") or at.word(-1) in ("tuna", "salmon", "ahi"),
}
