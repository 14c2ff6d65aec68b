"""Word to phones: dictionary, homographs, spelling rules, and the network last."""

from __future__ import annotations

from collections.abc import Sequence

from sovits_lab.text.english.lexicon import Phones, dictionary
from sovits_lab.text.english.predict import Speller
from sovits_lab.text.symbols import PAUSES


class Pronouncer:
    """Phones of every word of a sentence."""

    def __init__(self) -> None:
        self._speller: Speller | None = None

    def __call__(self, words: Sequence[str]) -> list[Phones]:
        """One tuple of phones for each word or pause mark."""
        return [self._word(word) for word in words]

    def _word(self, word: str) -> Phones:
        if word in PAUSES:
            return (word,)
        lower = word.lower()
        known = dictionary().get(lower) or dictionary().get(lower.rstrip("'"))
        if known:
            return known
        if self._speller is None:
            self._speller = Speller()
        return self._speller.predict(lower)
