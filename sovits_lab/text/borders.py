"""Where a text may be cut: ends of sentences, ends of clauses, spaces, and any place at worst.

Numbers, addresses, abbreviations, initials, dates and markup are never cut; quotations, brackets and tag pairs are kept
whole as long as they fit into one piece. Every scan is linear in the text's length.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate

_WIDE = "\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60\U00020000-\U000323af"
_WIDE_CHAR = re.compile(f"[{_WIDE}]")
_CLOSERS = "\"'”’)\\]」』》）】〉"
_SENTENCE_END = re.compile(
    rf"(?:[。！？]++[，,、]*+|(?:[!?]++|…++)(?![A-Za-z0-9=&/_])[，,、]*+|\.++(?=[\s{_CLOSERS}]|$)|(?<=[{_WIDE}])\.(?=[{_WIDE}]))"
    rf"(?P<closed>[{_CLOSERS}]*+)(?:\[/[a-z_]++\])*+\s*+"
)
_CLAUSE_END = re.compile(
    rf"(?:[，、；](?!\d)|[,;:](?=\s|$)|[,;:：](?=[{_WIDE}])|[：](?!\d)|[—–]++(?!\d))[{_CLOSERS}]*+\s*+"
)
_SPACE = re.compile(r"(?<=\S)\s++")
_CONTINUES = re.compile("[a-zß-öø-ÿ]")
_CONTINUES_A_QUOTE = re.compile("[a-zß-öø-ÿ\u3041-\u309f\uac00-\ud7a3]")
_TITLES = (
    "Mr|Mrs|Ms|Dr|Prof|St|vs|Fig|No|Nos|Vol|pp|Gen|Capt|Lt|Col|Sgt|Rev|Hon|Sen|Rep|Gov|Mt|Co|Messrs|approx|ca|cf|e\\.g|i\\.e"
    "|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept|Sep|Oct|Nov|Dec"
)
_COUNTED = "%％℃万億亿兆千百十年月日時时点點号號個个円元块歳岁分秒人名개명살원초시년월일"
_ATOM = re.compile(
    rf"""
    (?:https?|ftp)://[^\s{_WIDE}]++ | www\.[^\s{_WIDE}]++ | [\w.+-]{{1,64}}@[\w-]{{1,64}}(?:\.[\w-]{{1,64}})++
    | \[ph:[^\[\]]*+\][^\[\]]*+\[/ph\] | \[/?[a-z][a-z_]*+(?::[^\[\]]*+)?\]
    | \b(?:{_TITLES})\.\s*+\S? | \b(?:[A-Z]\.)++(?:\s++[A-Z])?
    | \b[12]\d{{3}}\.\s?\d{{1,2}}\.\s?\d{{1,2}}\.?(?:\s*+\S)?
    | (?m:^)[ \t]*+\d{{1,3}}[.)]\s++\S
    | [+\-−$€£¥₩]?\d++(?:[.,:/~〜～\-–−·：，．'’]\d++)*+(?:[ \u00a0]\d{{3,4}}(?!\d))*+
      (?:[ \u00a0]?(?:[A-Za-zµ°]{{1,4}}\b|[{_COUNTED}]))?+
    """,
    re.VERBOSE,
)
_GROUP = re.compile(r"[「」『』“”《》（）()【】\"]|\[(?P<end>/?)(?P<tag>[a-z][a-z_]*+)(?::[^\[\]]*+)?\]")
_PAIRS = {pair[0]: pair[1] for pair in ("「」", "『』", "“”", "《》", "（）", "()", "【】")}
_NO_CUT_BEFORE = re.compile("[\u0300-\u036f\u200d\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff]")
_WORD = re.compile("[A-Za-z0-9\u00c0-\u024f'’]")


def length(text: str) -> int:
    """Return how long a text takes to say, in letters: a Han, kana or Hangul character counts as three."""
    return len(text) + 2 * len(_WIDE_CHAR.findall(text))


def lengths(text: str) -> list[int]:
    """Return the length of every beginning of a text, from the empty one to the whole."""
    return [0, *accumulate(3 if _WIDE_CHAR.match(char) else 1 for char in text)]


def _covered(size: int, spans: Iterator[tuple[int, int]]) -> list[bool]:
    """For every place whether it lies strictly inside one of the spans."""
    steps = [0] * (size + 2)
    for start, end in spans:
        if end - start > 1:
            steps[start + 1] += 1
            steps[end] -= 1
    return [depth > 0 for depth in accumulate(steps[: size + 1])]


def _groups(line: str) -> Iterator[tuple[int, int]]:
    """Quotations, brackets and tag pairs, each from its opening to its closing sign."""
    waiting: list[tuple[str, int]] = []
    for match in _GROUP.finditer(line):
        sign = match[0]
        if match["tag"]:
            closes, opens = (match["tag"] if match["end"] else ""), ("" if match["end"] else match["tag"])
        else:
            closes, opens = sign, _PAIRS.get(sign, sign if sign == '"' else "")
        depth = next((back for back in range(1, min(len(waiting), 8) + 1) if waiting[-back][0] == closes), 0)
        if depth:
            yield waiting[-depth][1], match.end()
            del waiting[-depth:]
        elif opens:
            waiting.append((opens, match.start()))


def _sentence_ends(line: str) -> Iterator[int]:
    for match in _SENTENCE_END.finditer(line):
        goes_on = _CONTINUES_A_QUOTE if match["closed"] else _CONTINUES
        if not goes_on.match(line, match.end()):
            yield match.end()


def borders(line: str, most: int) -> list[list[int]]:
    """Return the places where a line may be cut, level by level, each level in order and worse than the one before.

    The levels: ends of sentences and then of clauses outside quotations; both inside them; spaces; any place that
    splits no word and no number; any place at all.

    Args:
        line: a text without a line break but at its end.
        most: the longest piece; a quotation up to this length stays whole.
    """
    size, upto = len(line), lengths(line)
    atoms = [match.span() for match in _ATOM.finditer(line)]
    fixed = _covered(size, iter(atoms))
    quoted = _covered(size, ((start, end) for start, end in _groups(line) if upto[end] - upto[start] <= most))
    sentences = [place for place in _sentence_ends(line) if not fixed[place]]
    clauses = [match.end() for match in _CLAUSE_END.finditer(line) if not fixed[match.end()]]
    spaces = [match.end() for match in _SPACE.finditer(line) if not fixed[match.end()]]
    loose = [place for place in range(1, size) if not fixed[place] and not _inside_a_word(line, place)]
    return [
        [place for place in sentences if not quoted[place]],
        [place for place in clauses if not quoted[place]],
        sorted({*sentences, *clauses}),
        spaces,
        loose,
        list(range(1, size)),
    ]


def _inside_a_word(line: str, place: int) -> bool:
    both = _WORD.match(line, place - 1) and _WORD.match(line, place)
    return bool(both or _NO_CUT_BEFORE.match(line, place) or line[place - 1] == "\u200d")
