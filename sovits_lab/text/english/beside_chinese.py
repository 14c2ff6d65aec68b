"""Part of speech of English words between Chinese ones: 被reject了, 你present一下, 这个project."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from sovits_lab.text.symbols import PAUSES

# What only a verb has before or after it. 了 follows nouns too (permit到了), so it counts before an amount alone.
_BEFORE_VERB = re.compile(
    "(?:被|想要?|会|能够?|可以|先|再|别|不|没有?|去|来|就|得|应该|必须|需要|正在|已经|开始|直接|重新|自动|无法|帮忙?"
    "|(?:[让叫请帮给替跟]|^|[^的])[我你他她它](?:们)?|大家|谁|[把将].{1,5})$"
)
_AFTER_VERB = re.compile(
    "一下|下(?!来|载|面|个|周|次|一)|掉|不[了出完到进]|[完好成出进](?:了|一|来|去|[^的口])|过(?!的|程)|给[我你他她]"
    "|[了着](?=[一两三几这那很好0-9])"
)
_BEFORE_NOUN = re.compile("(?:[的个份这那张次些种条段篇场位项款套]|什么|哪个|新|老|好)$")
_AFTER_NOUN = re.compile("[的里中上是太很]|已经|都|有")


# How often a medicine is taken, which is letters after its dose: 每次75mg，bid吃5天.
_HOW_OFTEN = frozenset(("bid", "tid", "qid", "qod", "prn"))
_DOSE = re.compile("(?:[0-9]\\s?(?:mg|g|ml|mL|μg|ug|IU|U)|[片粒支喷滴])[\\s，,]*$")


class Beside(NamedTuple):
    """A few characters of another language before and after English words."""

    before: str = ""
    after: str = ""

    def written(self, words: Sequence[str]) -> list[str]:
        """Return the words, in capitals those that are letters after what stands before."""
        doses = _DOSE.search(self.before) is not None
        return [word.upper() if doses and word in _HOW_OFTEN else word for word in words]

    def mended(self, words: Sequence[str], tags: Sequence[str]) -> list[str]:
        """Return the tags, with those of the first and the last word as the Chinese beside them says."""
        places = [place for place, word in enumerate(words) if word not in PAUSES]
        mended = list(tags)
        if not places:
            return mended
        first, last = places[0], places[-1]
        if _BEFORE_NOUN.search(self.before):
            mended[first] = "NN"
        elif _AFTER_VERB.match(self.after):
            mended[last] = "VB"
        elif first == last and _AFTER_NOUN.match(self.after):
            mended[last] = "NN"
        elif _BEFORE_VERB.search(self.before):
            mended[first] = "VB"
        return mended
