"""Cutting long text into what one synthesis call speaks: the released front end's six methods, and a better one.

Every method returns the pieces; `sentences` never loses a character: joined, its pieces are the text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise

from sovits_lab.text.borders import borders, length, lengths
from sovits_lab.types import got

_MARKS = frozenset("，。？！,.?!~:：—…")
_NO_SPEECH = frozenset("!?…,.- ")
_LINE = re.compile(r"[^\n]*+\n\s*+|[^\n]++")
_CUT5 = frozenset(",.;?!、，。？！：…")


def _pieces(text: str) -> list[str]:
    """The released front end's sentences: cut after each mark; a full stop is added when the text ends without one."""
    text = text.replace("……", "。").replace("——", "，")
    if text and text[-1] not in _MARKS:
        text += "。"
    return re.findall(f"[^{''.join(_MARKS)}]*[{''.join(_MARKS)}]", text)


def _spoken(pieces: Sequence[str]) -> list[str]:
    return [piece for piece in pieces if not _NO_SPEECH.issuperset(piece)]


def cut0(text: str) -> list[str]:
    """Leave the text uncut."""
    return _spoken([text])


def cut1(text: str) -> list[str]:
    """Cut into groups of four sentences; the last takes the remainder too, so it has four to eight."""
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
    """Cut at the Chinese full stop, which is lost."""
    return _spoken(text.strip("\n").strip("。").split("。"))


def cut4(text: str) -> list[str]:
    """Cut at the English full stop that is not beside a digit; it is lost."""
    return _spoken(re.split(r"(?<!\d)\.(?!\d)", text.strip("\n").strip(".")))


def cut5(text: str) -> list[str]:
    """Cut after every mark, but not a point between two digits."""
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
    """Split as the released front end does for its text encoder: at marks, no part longer than `most` if it can."""
    pieces, part = list[str](), ""
    for piece in re.split(f"([{''.join(_MARKS)}])", text):
        if len(part + piece) > most:
            pieces.append(part)
            part = ""
        part += piece
    return [*pieces, part] if part else pieces


def _packed(pieces: Sequence[tuple[int, int]], upto: Sequence[int], most: int) -> Iterator[tuple[int, int]]:
    """Neighbours joined as long as together they stay within the limit."""
    start, end = pieces[0]
    for piece in pieces[1:]:
        if upto[piece[1]] - upto[start] > most:
            yield start, end
            start = piece[0]
        end = piece[1]
    yield start, end


def _split(
    start: int, end: int, levels: Sequence[Sequence[int]], upto: Sequence[int], most: int
) -> Iterator[tuple[int, int]]:
    """A stretch in parts within the limit, cut at the best level of borders that has any."""
    if upto[end] - upto[start] <= most or not levels:
        yield start, end
        return
    first, last = bisect_right(levels[0], start), bisect_left(levels[0], end)
    inner = levels[0][first:last]
    parts = pairwise((start, *inner, end))
    found = [small for part in parts for small in _split(*part, levels[1:], upto, most)]
    yield from _packed(found, upto, most)


def _joined(parts: Sequence[tuple[int, int]], line: str, upto: Sequence[int], most: int, least: int) -> Iterator[str]:
    """Parts of a line; one shorter than `least` joins the one before, or the first the one after."""
    start, end = parts[0]
    for part in parts[1:]:
        small = min(length(line[part[0] : part[1]].strip()), length(line[start:end].strip())) < least
        if not small or upto[part[1]] - upto[start] > most:
            yield line[start:end]
            start = part[0]
        end = part[1]
    yield line[start:end]


def _of_line(line: str, most: int, least: int) -> Iterator[str]:
    levels, upto = borders(line, most), lengths(line)
    ends = sorted({0, *(place for place in levels[0] if place < len(line)), len(line)})
    parts = [small for sentence in pairwise(ends) for small in _split(*sentence, levels[1:], upto, most)]
    return _joined(parts, line, upto, most, least)


def sentences(text: str, most: int = 240, least: int = 24) -> list[str]:
    """Split into sentences of a measured length; joined they are the text.

    A line break always ends a piece. A sentence longer than `most` is cut at clauses, then at spaces, then between
    words, so that no piece is longer; a piece shorter than `least` joins its neighbour of the same line when it fits.
    Numbers (3.14, 1,000, 12:30), abbreviations (Dr., e.g., U.S.), addresses and markup are never cut, quotations only
    when they are longer than `most`.

    Args:
        most: longest piece in letters (see `length`); 240 letters or 80 Han characters are about 15 seconds.
        least: shortest piece in letters that stands alone.
    """
    if most < 3 * least:
        raise got("longest piece", most, f"at least three times the shortest ({least})")
    found: list[str] = []
    for line in _LINE.findall(text):
        for piece in _of_line(line, most, least):
            silent = not any(char.isalnum() for char in piece)
            before_silent = bool(found) and not any(char.isalnum() for char in found[-1])
            if found and (silent or before_silent) and length(found[-1]) + length(piece) <= most:
                found[-1] += piece
            else:
                found.append(piece)
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
