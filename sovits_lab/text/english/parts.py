"""Words that are made of a known word and an ending or a beginning: scrawlings, unfriended, rebooted."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sovits_lab.text.english.lexicon import Phones

Known = Callable[[str], Phones | None]
_VOICELESS, _SIBILANT = frozenset(("P", "T", "K", "F", "TH", "HH")), frozenset(("S", "Z", "SH", "ZH", "CH", "JH"))
_SHORTEST = 3
_ENDINGS: dict[str, Phones] = {
    "ing": ("IH0", "NG"),
    "er": ("ER0",),
    "ers": ("ER0", "Z"),
    "est": ("AH0", "S", "T"),
    "ly": ("L", "IY0"),
    "ness": ("N", "AH0", "S"),
    "less": ("L", "AH0", "S"),
    "ful": ("F", "AH0", "L"),
    "fully": ("F", "AH0", "L", "IY0"),
    "able": ("AH0", "B", "AH0", "L"),
    "ish": ("IH0", "SH"),
    "ment": ("M", "AH0", "N", "T"),
    "ments": ("M", "AH0", "N", "T", "S"),
    "ship": ("SH", "IH2", "P"),
    "hood": ("HH", "UH2", "D"),
    "like": ("L", "AY2", "K"),
    "wise": ("W", "AY2", "Z"),
    "ism": ("IH2", "Z", "AH0", "M"),
    "ist": ("IH0", "S", "T"),
    "ists": ("IH0", "S", "T", "S"),
    "y": ("IY0",),
}
BEGINNINGS: dict[str, Phones] = {
    "un": ("AH0", "N"),
    "re": ("R", "IY0"),
    "pre": ("P", "R", "IY0"),
    "non": ("N", "AA0", "N"),
    "mis": ("M", "IH0", "S"),
    "dis": ("D", "IH0", "S"),
    "over": ("OW1", "V", "ER0"),
    "under": ("AH1", "N", "D", "ER0"),
    "super": ("S", "UW1", "P", "ER0"),
    "hyper": ("HH", "AY1", "P", "ER0"),
    "inter": ("IH1", "N", "T", "ER0"),
    "anti": ("AE1", "N", "T", "IY0"),
    "multi": ("M", "AH1", "L", "T", "IY0"),
    "micro": ("M", "AY1", "K", "R", "OW0"),
    "mini": ("M", "IH1", "N", "IY0"),
    "mega": ("M", "EH1", "G", "AH0"),
    "auto": ("AO1", "T", "OW0"),
    "bio": ("B", "AY1", "OW0"),
    "eco": ("IY1", "K", "OW0"),
    "cyber": ("S", "AY1", "B", "ER0"),
    "ultra": ("AH1", "L", "T", "R", "AH0"),
    "tele": ("T", "EH1", "L", "AH0"),
    "semi": ("S", "EH1", "M", "IY0"),
    "sub": ("S", "AH1", "B"),
    "co": ("K", "OW0"),
    "de": ("D", "IY0"),
    "out": ("AW1", "T"),
    "up": ("AH1", "P"),
}


def plural(stem: Phones) -> Phones:
    """Return the sound of a written s: cats, dogs, houses."""
    if not stem:
        return ("Z",)
    if stem[-1] in _VOICELESS:
        return (*stem, "S")
    return (*stem, "AH0", "Z") if stem[-1] in _SIBILANT else (*stem, "Z")


def past(stem: Phones) -> Phones:
    """Return the sound of a written ed: missed, called, wanted."""
    if stem[-1] in ("T", "D"):
        return (*stem, "IH0", "D")
    return (*stem, "T") if stem[-1] in _VOICELESS | {"S", "SH", "CH"} else (*stem, "D")


def _stems(word: str, ending: str) -> Iterator[str]:
    """What a word may have been before an ending that begins with a vowel, most likely first."""
    stem = word[: -len(ending)]
    if len(stem) > _SHORTEST and stem[-1] == stem[-2] and stem[-1] not in "aeiouls":
        yield stem[:-1]  # vlogg-ing
    yield stem
    if ending[0] in "aeiy":
        yield stem + "e"
    if stem.endswith("i"):
        yield stem[:-1] + "y"
    if len(stem) > _SHORTEST and stem[-1] == stem[-2]:
        yield stem[:-1]


def derived(word: str, known: Known) -> Phones | None:
    """Return the phones of a word from those of its stem; None where no stem is known.

    Args:
        word: lower case.
        known: the phones of a word of the dictionary, or None.
    """
    return _inflected(word, known) or _prefixed(word, known)


def _stem(word: str, ending: str, known: Known) -> Phones | None:
    """Phones of the stem before an ending; a stem with a beginning of its own (unfriend-ed) counts."""
    for stem in _stems(word, ending):
        if len(stem) >= _SHORTEST and (phones := known(stem) or _prefixed(stem, known)):
            return phones
    return None


def _inflected(word: str, known: Known) -> Phones | None:
    if word.endswith("s") and not word.endswith(("ss", "us", "is")):
        for stem in (
            word[:-1],
            word[:-2] if word.endswith("es") else "",
            word[:-3] + "y" if word.endswith("ies") else "",
        ):
            if len(stem) >= _SHORTEST and (phones := known(stem) or derived(stem, known)):
                return plural(phones)
    if word.endswith("ed") and (phones := _stem(word, "ed", known)):
        return past(phones)
    for ending in sorted(_ENDINGS, key=len, reverse=True):
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST and (phones := _stem(word, ending, known)):
            return (*phones, *_ENDINGS[ending])
    return None


def _prefixed(word: str, known: Known) -> Phones | None:
    for beginning, phones in sorted(BEGINNINGS.items(), key=lambda pair: -len(pair[0])):
        stem = word[len(beginning) :]
        if word.startswith(beginning) and len(stem) > _SHORTEST and (rest := known(stem)):
            return (*phones, *rest)
    return None
