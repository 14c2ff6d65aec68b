"""Where the words of a Korean text are tensed, take an ㄴ or do not link, beyond the rules of neighbouring letters.

Five sources, the later one wins: a stop before the ㅎ of the next word (article 12), compounds (15 and 29), the grammar
of stems and endings (24, 25, 27), the word lists, and numerals. Article numbers are those of the standard
pronunciation. Without Kiwi the grammar is guessed from the spelling alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from sovits_lab.text.korean.morphemes import Morpheme, analyse, available
from sovits_lab.text.korean.pronounce import ASPIRATED, INSERTED, PARTED, TENSED
from sovits_lab.text.korean.sounds import TENSE, decompose, is_hangul
from sovits_lab.text.korean.words import joints_of, longest

Joint = tuple[int, str]
_FINAL_L = "\u11af"
_IOTA = frozenset("ㅣㅑㅕㅛㅠㅒㅖ")
_BOUND_NOUNS = frozenset("것거게걸수지데바줄적듯만뿐")
# Free words that keep their own beginning after a coda; of those in ㅣ only native ones do.
_FREE_IN_I = frozenset(("이불", "이야기", "이름", "이빨", "이마", "이슬", "이끼", "잎", "일", "잎사귀", "일꾼", "입술"))
_FREE_SYLLABLES = frozenset("역약잎일엿옆")
# Productive last parts of nouns: 가능성 as 가능썽, 입장권 as 입짱꿘; after ㄹ also 현실적 as 현실쩍 (articles 26, 28).
_TENSED_PARTS = frozenset("성권증법죄값길병집")
_TENSED_AFTER_L = frozenset("적상")
_PARTICLES = frozenset("가이은는을를도와과만로의")
_NASAL_PARTS = frozenset("량력료론로란령례")
_AFTER_ADNOMINAL = frozenset(("일", "약", "엿", "잎", "이불", "요일"))
_WELL = frozenset(("읽", "입", "익"))

_SIX = re.compile("[십백천만](?=육)")
_TENTH = re.compile("[칠팔](?=십)")
_NATIVE_IOTA = re.compile("(?<![가-힣])(?:열|스물|서른|마흔|쉰|예순|일흔|여든|아흔)(?= ?(?:여섯|여덟|일곱))")
_BEFORE_H = re.compile("[가-힣](?= +[하한할함합해했])")  # 못 하다, 옷 한 벌: what follows is one breath with it
_NATIVE_TENSED = re.compile("(?<![가-힣])(?:열|스물)(?=다섯|[두둘세셋](?![가-힣]*(?:는|었|고)))")
# A station keeps its 역 apart from any name: 독립문역 as 동님문녁; 번역, 영역 and their like are no stations.
_STATION = re.compile(
    "(?<=[가-힣])[가-힣](?<![번권영면통전병음반성현방검상당공악측단])"
    "(?=역(?:[에은이을과의도만앞]|까지|부터|으로|입|[ .,!?]|$))"
)
_COUNTED = re.compile(r"(?:열|여덟)(?= ?[개살시장대잔병번벌송권그가곳군달점방])")


def joints(text: str, from_digits: Sequence[bool]) -> dict[int, str]:
    """Return the joints of a text by the place of the syllable before each.

    Args:
        text: Hangul, spaces and marks.
        from_digits: for every character whether a digit was written there.
    """
    found = {match.start(): ASPIRATED for match in _BEFORE_H.finditer(text)}
    if available():
        morphemes = analyse(text)
        found |= dict(_compounds(text, morphemes))
        found |= dict(_grammar(text, morphemes))
        found |= dict(_lexical(text, morphemes, from_digits))
    else:
        found |= dict(_guessed(text))
    return found | dict(_numerals(text, from_digits))


def _coda(text: str, place: int) -> str:
    return decompose(text[place]).coda if is_hangul(text[place]) else ""


def _near(text: str, first: Morpheme, second: Morpheme) -> bool:
    """True when nothing but spaces stands between two morphemes and both end or begin in Hangul."""
    return (
        second.start >= first.end
        and not text[first.end : second.start].strip()
        and is_hangul(text[first.end - 1])
        and is_hangul(text[second.start])
    )


def _compounds(text: str, morphemes: Sequence[Morpheme]) -> Iterator[Joint]:
    """A noun that follows another in the same word: 한국영화 takes an ㄴ, 겉옷 does not link (articles 29, 15)."""
    for first, second in pairwise(morphemes):
        inside = first.end == second.start and first.tag[0] in "NX" and second.tag in ("NNG", "NNP", "XSN")
        if not inside or not _near(text, first, second):
            continue
        coda = _coda(text, first.end - 1)
        onset, vowel, _ = decompose(text[second.start])
        if onset != "ㅇ":
            yield from _last_part(first, second, coda)
        elif not coda:
            continue
        elif vowel not in _IOTA:
            yield first.end - 1, PARTED
        elif _keeps_its_beginning(second.form, vowel, first.end - first.start):
            yield first.end - 1, INSERTED


def _keeps_its_beginning(word: str, vowel: str, syllables_before: int) -> bool:
    """True for a free word that takes an ㄴ after the coda of another noun."""
    known = word in _FREE_IN_I or word in _FREE_SYLLABLES
    return known or (vowel != "ㅣ" and len(word) > 1 and syllables_before > 1)


def _last_part(first: Morpheme, second: Morpheme, coda: str) -> Iterator[Joint]:
    long = first.end - first.start > 1 and first.tag in ("NNG", "NNP", "XSN", "XR")
    if long and (second.form in _TENSED_PARTS or (coda == "ㄹ" and second.form in _TENSED_AFTER_L)):
        yield first.end - 1, TENSED
    elif long and coda == "ㄴ" and second.form in _NASAL_PARTS:
        yield first.end - 1, INSERTED  # 생산량 as 생산냥: ㄴ before ㄹ stays (article 20)
    elif long and second.form in ("율", "률") and coda:
        yield first.end - 1, INSERTED  # 할인율 as 하린뉼


def _grammar(text: str, morphemes: Sequence[Morpheme]) -> Iterator[Joint]:
    for first, second in pairwise(morphemes):
        yield from _ending(text, second)
        if not _near(text, first, second):
            continue
        last, onset = first.end - 1, decompose(text[second.start]).onset
        stem = first.tag.split("-")[0] in ("VV", "VA", "VX") and second.tag[0] == "E"
        if stem and first.end == second.start and _coda(text, last) in ("ㄴ", "ㅁ", "ㄵ", "ㄻ"):
            yield last, TENSED  # 신고, 안고, 젊지: stems, not the nouns of the same letters (article 24)
        adnominal = first.tag in ("ETM", "MM") and first.form != "몇"
        if adnominal and second.form in _AFTER_ADNOMINAL and _coda(text, last):
            yield last, INSERTED  # 할 일, 무슨 일
        elif first.tag == "ETM" and first.form[-1] in (_FINAL_L, "을") and second.tag[0] == "N" and onset in TENSE:
            yield last, TENSED  # 할 것, 갈 데, 만날 사람 (article 27)
        elif _takes_n(text, first, second) or _one_breath(first, second):
            yield last, INSERTED
        elif first.form in ("열", "여덟") and first.tag in ("NR", "MM") and second.tag == "NNB":
            yield last, TENSED  # 열 시 as 열 씨
        elif first.form in ("몇", "못") and onset == "ㅇ":
            yield last, PARTED  # 몇 월 as 며 둴, 못 와 as 모 돠: spoken in one breath


def _one_breath(first: Morpheme, second: Morpheme) -> bool:
    """옷 입다 as 온닙따, 서울 역 as 서울력: two words that are said as one (article 29)."""
    dressed = first.form == "옷" and second.form == "입"
    return first.end < second.start and (dressed or (first.tag == "NNP" and second.form == "역"))


def _takes_n(text: str, adverb: Morpheme, verb: Morpheme) -> bool:
    """못 이겨 as 몬 니겨, 잘 읽어 as 잘 릴거; 있다 links instead."""
    if adverb.tag != "MAG" or verb.tag[0] != "V":
        return False
    if adverb.form == "잘":
        return verb.form in _WELL
    onset, vowel, _ = decompose(text[verb.start])
    return adverb.form == "못" and onset == "ㅇ" and vowel in _IOTA and not verb.form.startswith("있")


def _ending(text: str, morpheme: Morpheme) -> Iterator[Joint]:
    """An ending that begins with the adnominal ㄹ tenses what follows inside it: 할게, 할수록, 할지 (article 27)."""
    begins = morpheme.form[0] in (_FINAL_L, "을") and len(morpheme.form) > 1
    if morpheme.tag in ("EC", "EF") and begins and _coda(text, morpheme.start) == "ㄹ":
        yield morpheme.start, TENSED


def _lexical(text: str, morphemes: Sequence[Morpheme], from_digits: Sequence[bool]) -> Iterator[Joint]:
    """Words of the lists that begin and end where morphemes do, the longest first.

    A number with its counter is no such word: 2대가, two cars, is not 대가, the price, nor 1대 1 the area 일대.
    """
    at = 0
    while at < len(morphemes):
        start, last = morphemes[at].start, at
        for place in range(min(len(morphemes), at + 6) - 1, at - 1, -1):
            word = text[start : morphemes[place].end]
            known = joints_of(word) if morphemes[at].tag[0] in "NXVM" else None
            counted = start > 0 and from_digits[start - 1] and len(word) == 2 and word[1] in _PARTICLES
            counter = from_digits[start] or counted
            if known is not None and not counter:
                # A word without joints of its own still says that its syllables follow the plain rules.
                yield from ((start + offset, known.get(offset, "")) for offset in range(len(word) - 1))
                last = place
                break
        at = last + 1


def _guessed(text: str) -> Iterator[Joint]:
    """Words of the lists at the start of a written word, and bound nouns after a written ㄹ."""
    for match in re.finditer("[가-힣]+", text):
        at = match.start()
        while at < match.end():
            sizes = range(min(longest(), match.end() - at), 1 if at == match.start() else 2, -1)
            size = next((size for size in sizes if joints_of(text[at : at + size]) is not None), 0)
            known = joints_of(text[at : at + size]) or {}
            yield from ((at + offset, joint) for offset, joint in known.items())
            at += size or 1
        after = text[match.end() + 1 : match.end() + 2]
        if _coda(text, match.end() - 1) == "ㄹ" and after in _BOUND_NOUNS and text[match.end()] == " ":
            yield match.end() - 1, TENSED


def _numerals(text: str, from_digits: Sequence[bool]) -> Iterator[Joint]:
    """십육 as 심뉵, 칠십 as 칠씹, 열다섯 as 열따섣, 8점 as 팔쩜, 1.5 as 일쩜오."""
    patterns: tuple[tuple[re.Pattern[str], str, Callable[[int], bool]], ...] = (
        (_SIX, INSERTED, lambda place: True),
        (_TENTH, TENSED, lambda place: True),
        (_NATIVE_IOTA, INSERTED, lambda place: True),
        (_NATIVE_TENSED, TENSED, lambda place: True),
        (_STATION, INSERTED, lambda place: bool(_coda(text, place))),
        (_COUNTED, TENSED, lambda place: from_digits[place]),
    )
    for pattern, joint, fits in patterns:
        for match in pattern.finditer(text):
            if fits(match.end() - 1):
                yield match.end() - 1, joint
    for place in range(len(text) - 1):
        if not from_digits[place] or not is_hangul(text[place + 1]):
            continue
        if text[place + 1] == "육" and from_digits[place + 1] and _coda(text, place):
            yield place, INSERTED
        elif text[place] in "일칠팔" and text[place + 1] == "점":
            yield place, TENSED  # of a decimal as of a counted one: 1.5 as 일쩜오
        elif text[place] in "일칠팔" and decompose(text[place + 1]).onset in "ㄷㅅㅈ" and not from_digits[place + 1]:
            yield place, TENSED
