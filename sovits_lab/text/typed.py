"""What people type that is not said: markup of web pages and notes, invisible characters, faces made of signs.

It is taken away before the languages are told apart, so that every language is spared it. Letters that were typed as
a base and a mark (as macOS writes file names) become the one character that the languages know.
"""

from __future__ import annotations

import html
import re
import unicodedata

from sovits_lab.text.reading import ASIDE, Skip
from sovits_lab.text.traced import Rule, Traced, rule

Match = re.Match[str]
_INVISIBLE = "\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff"
_ADDRESS = r"(?:https?://|mailto:|www\.|[/#.])[^()\s]*(?:\([^()\s]*\)[^()\s]*)*"
# A face needs one of the first signs, and nothing but signs and a few letters inside its brackets.
_FACE_SIGN = r"\^_ωдД∀▽≧≦´｀`￣ಠ益‿◕•・╯□皿⌒ﾟ"
_FACE_FILLING = "°○◎●★☆♡♥oOTtQxX><=+*~〜～ノﾉヽ!！?？ 　˘๑ᴗᵕㅂㅁㅅㅇㅠ\u0300\u0301"
_FACE = rf"[(（](?=[^()（）\n]*[{_FACE_SIGN}])[{_FACE_SIGN};:.,'\"/\\\-{_FACE_FILLING}]{{2,12}}[)）]"
_ENTITY = "&(?:#[0-9]{1,6}|#[xX][0-9a-fA-F]{1,5}|[A-Za-z]{2,8}[0-9]{0,2});"
_BEFORE, _END = r"(?<![A-Za-z0-9:/\\])", r"(?=[\s.,!?;~)\]。！？、…]|$|[^\x00-\x7f])"
_COUNTED = (
    "(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?|people|times?|miles?|items?|points?|percent|[a-z]{1,2}\\b)"
)

# English abbreviations before a Chinese name, whose stop ends no sentence: 周杰伦feat.温岚.
_SHORT_BEFORE_HAN = {
    "Dr": "Doctor",
    "Mr": "Mister",
    "Mrs": "Missus",
    "Ms": "Miz",
    "Prof": "Professor",
    "vs": "versus",
    "feat": "featuring",
    "ft": "featuring",
}


def _composed(m: Match) -> str:
    return unicodedata.normalize("NFC", m[0])


_CHARACTERS: tuple[Rule, ...] = (
    rule(r"[\u1100-\u115f][\u1160-\u11a7][\u11a8-\u11ff]?|[^\W\d_][\u0300-\u036f\u3099\u309a]+", _composed),
    rule(_ENTITY, lambda m: html.unescape(m[0])),
    rule(rf"(?<=\w)[{_INVISIBLE}]+(?=\w)", "", "control or unassigned character"),
    rule(r"\r\n?", "\n"),
    rule(rf"(?<![A-Za-z])({'|'.join(_SHORT_BEFORE_HAN)})\.(?=\s?[\u4e00-\u9fff])", lambda m: _SHORT_BEFORE_HAN[m[1]]),
    rule(r"(?<![A-Za-z.])(?:[A-Z]\.){2,}(?=[\u4e00-\u9fff])", lambda m: m[0].replace(".", "")),  # L.A.的
)
_MARKUP: tuple[Rule, ...] = (
    rule(r"<(?:br|p|/p|div|/div|li|/li|ul|/ul)\s?/?>", "\n"),
    rule(r"</?(?:b|i|u|em|strong|span|a|h[1-6]|code|small|sup|sub|font)(?:\s[^<>\n]{0,200})?>", "", ASIDE),
    rule(r"(?m)^[ \t]*```[A-Za-z]*[ \t]*$", "", ASIDE),
    rule(r"(?m)^[ \t]*(?:[-*_=][ \t]?){3,}[ \t]*$", "", ASIDE),
    rule(r"(?m)^[ \t]*#{1,6}[ \t]+(?=\S)", "", ASIDE),
    rule(r"(?m)^[ \t]*>+[ \t]*(?=[^\s\d=<>])", "", ASIDE),
    rule(r"(?m)^[ \t]*[-*+•‣◦▪●○■□▶➤✓✔☑](?:[ \t]+|(?<![-*+]))(?:\[[ xX]\][ \t]+)?(?=\S)", "", ASIDE),
    rule("`+", "", ASIDE),
)
# Of these, only what stands inside is said.
_WRAPPED = (
    re.compile(rf"!?\[(?P<said>[^\[\]\n]{{1,200}})\]\({_ADDRESS}(?:\s\"[^\"\n]*\")?\)"),
    re.compile(r"(\*\*\*|\*\*|__|~~)(?=[^\s*_~])(?P<said>[^\n]{1,500}?)(?<=[^\s*_~])\1"),
    re.compile(r"(?<![\w*])\*(?=[^\s*])(?P<said>[^*\n]{1,300}?)(?<=[^\s*])\*(?![\w*])"),
)
_FACES: tuple[Rule, ...] = (
    rule(rf"[mヾヽ٩oψ\\]?{_FACE}[mノﾉو♪✧ゞbシ/]{{0,2}}", "", ASIDE),
    rule(r"¯\\?_\([^()\n]{1,3}\)_/¯", "", ASIDE),
    rule(rf"(?<![0-9:/\\])[:;=]['’]?[-o^]?[)(\]\[]+{_END}", "", ASIDE),
    rule(rf"{_BEFORE}(?:[:;]['’]?-?[DPpOo/|*]|[xX]D+|[Tt]_+[Tt]|>_+<|-_+-|[oO]_+[oO]|\^[_.-]?\^|orz){_END}", "", ASIDE),
    rule(rf"{_BEFORE}<3+(?![0-9.]|\s*(?:%|{_COUNTED})){_END}", "", ASIDE),
)


def _unwrapped(text: Traced, pattern: re.Pattern[str]) -> Traced:
    """The text with what is inside each match alone, which keeps its own places of the input."""
    parts, dropped, at = list[Traced](), list[Skip](), 0
    for match in pattern.finditer(text.text):
        start, end = match.span("said")
        parts += (text[at : match.start()], text[start:end])
        dropped += (Skip(text.span(match.start(), start), ASIDE), Skip(text.span(end, match.end()), ASIDE))
        at = match.end()
    return Traced.concat([*parts, text[at : len(text)]], (*text.dropped, *dropped)) if parts else text


def tidied(text: Traced) -> Traced:
    """Return a text without markup, invisible characters and faces, its letters composed."""
    tidy = text.apply((*_CHARACTERS, *_MARKUP))
    for pattern in _WRAPPED:
        tidy = _unwrapped(tidy, pattern)
    tidy = tidy.apply(_FACES)
    # An entity whose character is silent is no row of unread letters.
    entities = (Skip(text.span(*match.span()), ASIDE) for match in re.finditer(_ENTITY, text.text))
    return Traced(tidy.text, tidy.starts, tidy.ends, (*tidy.dropped, *entities))
