"""Cutting long text into what one synthesis call speaks: the released front end's six methods, and a better one.

Every method returns the pieces; `sentences` never loses a character: joined, its pieces are the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sovits_lab.types import got

_MARKS = frozenset("，。？！,.?!~:：—…")
_NO_SPEECH = frozenset("!?…,.- ")
_CUT5 = frozenset(",.;?!、，。？！：…")

_SENTENCE_END = re.compile(r"(?:[。！？!?…]+[，,、]*|\.+(?![^\s\"'”’)\]」』]))[\"'”’)\]」』》）]*\s*|\n\s*")
_CLAUSE_END = re.compile(r"(?:[，、；;：—]|[,:](?![0-9]))\s*|(?<=\S)\s+")
_ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs|etc|e\.g|i\.e|No|no|vol|Vol|pp|Fig|al|Inc|Ltd|Co|Corp|approx|Jan|Feb|Mar|Apr|Jun|Jul"
    r"|Aug|Sep|Sept|Oct|Nov|Dec|Gen|Capt|Lt|Col|Rev|Hon|Sen|Rep|Gov|Mt|Ave|Blvd|Rd)|\b[A-Z])\.\s*$"
)
_WIDE = re.compile("[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\U00020000-\U000323af]")


def _pieces(text: str) -> list[str]:
    """The released front end's sentences: cut after each mark; a full stop is added when the text ends without one."""
    text = text.replace("……", "。").replace("——", "，")
    if text and text[-1] not in _MARKS:
        text += "。"
    return re.findall(f"[^{''.join(_MARKS)}]*[{''.join(_MARKS)}]", text)


def _spoken(pieces: Sequence[str]) -> list[str]:
    return [piece for piece in pieces if not _NO_SPEECH.issuperset(piece)]


def cut0(text: str) -> list[str]:
    """No cut."""
    return _spoken([text])


def cut1(text: str) -> list[str]:
    """Groups of four sentences; the last group takes the remainder too, so it has four to eight."""
    text = text.strip("\n")
    pieces = _pieces(text)
    starts = list(range(0, len(pieces), 4))[:-1]
    if not starts:
        return _spoken([text])
    ends = [*starts[1:], len(pieces)]
    return _spoken(["".join(pieces[start:end]) for start, end in zip(starts, ends, strict=True)])


def cut2(text: str) -> list[str]:
    """Flush when a group is longer than 50 characters; a last group shorter than 50 joins the one before."""
    text = text.strip("\n")
    pieces = _pieces(text)
    if len(pieces) < 2:
        return [text] if text else []
    groups = [""]
    for piece in pieces:
        groups[-1] += piece
        if len(groups[-1]) > 50:
            groups.append("")
    groups = groups if groups[-1] else groups[:-1]
    if len(groups) > 1 and len(groups[-1]) < 50:
        groups[-2:] = [groups[-2] + groups[-1]]
    return _spoken(groups)


def cut3(text: str) -> list[str]:
    """At the Chinese full stop, which is lost."""
    return _spoken(text.strip("\n").strip("。").split("。"))


def cut4(text: str) -> list[str]:
    """At the English full stop that is not beside a digit; it is lost."""
    return _spoken(re.split(r"(?<!\d)\.(?!\d)", text.strip("\n").strip(".")))


def cut5(text: str) -> list[str]:
    """After every mark, but not a point between two digits."""
    text = text.strip("\n")
    pieces, start = [], 0
    for place, char in enumerate(text):
        decimal = char == "." and text[place - 1 : place].isdigit() and text[place + 1 : place + 2].isdigit()
        if char in _CUT5 and not decimal:
            pieces.append(text[start : place + 1])
            start = place + 1
    pieces.append(text[start:])
    return [piece for piece in pieces if not _CUT5.issuperset(piece)]


def split_big(text: str, most: int = 510) -> list[str]:
    """The released front end's guard for its text encoder: packed at marks, no part longer than `most` if it can."""
    pieces, part = list[str](), ""
    for piece in re.split(f"([{''.join(_MARKS)}])", text):
        if len(part + piece) > most:
            pieces.append(part)
            part = ""
        part += piece
    return [*pieces, part] if part else pieces


def length(text: str) -> int:
    """How long a text takes to say, in letters: a Han, kana or Hangul character counts as three."""
    return len(text) + 2 * len(_WIDE.findall(text))


def _ends(text: str, pattern: re.Pattern[str]) -> Iterator[int]:
    for match in pattern.finditer(text):
        if not _ABBREVIATION.search(text, max(0, match.end() - 12), match.end()):
            yield match.end()
    yield len(text)


def _cut(text: str, pattern: re.Pattern[str]) -> list[str]:
    pieces, start = [], 0
    for end in _ends(text, pattern):
        if end > start:
            pieces.append(text[start:end])
            start = end
    return pieces


def _packed(pieces: Sequence[str], most: int) -> Iterator[str]:
    """Neighbours joined as long as together they stay within the limit."""
    group = ""
    for piece in pieces:
        if group and length(group) + length(piece) > most:
            yield group
            group = ""
        group += piece
    if group:
        yield group


def _bounded(sentence: str, most: int) -> Iterator[str]:
    """A sentence in parts within the limit: at clauses and spaces, a single word longer than that anywhere."""
    if length(sentence) <= most:
        yield sentence
        return
    for clause in _packed(_cut(sentence, _CLAUSE_END), most):
        for start in range(0, len(clause), most // (3 if length(clause) > most else 1)):
            yield clause[start : start + most // (3 if length(clause) > most else 1)]


def sentences(text: str, most: int = 240, least: int = 24) -> list[str]:
    """Sentences of a measured length; joined they are the text.

    A line break always ends a piece. A sentence longer than `most` is cut at clauses, a piece shorter than `least`
    joins its neighbour of the same line (the one before, or the first the one after). Numbers (3.14, 1,000, 12:30) and
    abbreviations (Dr., e.g., U.S.) are never cut.

    Args:
        most: longest piece in letters (see `length`); 240 letters or 80 Han characters are about 15 seconds.
        least: shortest piece in letters that stands alone.
    """
    if most < 3 * least:
        raise got("longest piece", most, f"at least three times the shortest ({least})")
    found: list[str] = []
    for line in re.findall(r"[^\n]*\n\s*|[^\n]+", text):
        parts = [part for sentence in _cut(line, _SENTENCE_END) for part in _bounded(sentence, most)]
        joined: list[str] = []
        for part in parts:
            small = bool(joined) and (length(part.strip()) < least or length(joined[-1].strip()) < least)
            if small and length(joined[-1]) + length(part) <= most + least:
                joined[-1] += part
            else:
                joined.append(part)
        found += joined
    return found


METHODS: dict[str, Callable[[str], list[str]]] = {
    "cut0": cut0,
    "cut1": cut1,
    "cut2": cut2,
    "cut3": cut3,
    "cut4": cut4,
    "cut5": cut5,
    "sentences": partial(sentences),
}


def cut(text: str, method: str = "sentences") -> list[str]:
    """Cut by a method's name; an InputError lists the names."""
    if method not in METHODS:
        raise got("cutting method", method, f"one of {', '.join(METHODS)}")
    return METHODS[method](text)
