"""The engine over Open JTalk's own dictionary, whose readings the released models were trained with.

The dictionary is no part of the package: Debian has it as open-jtalk-mecab-naist-jdic (in
/var/lib/mecab/dic/open-jtalk/naist-jdic), other systems as open_jtalk_dic_utf_8-1.11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from sovits_lab.text.japanese.open_jtalk import VERB, Feature, Own, is_number, rephrase
from sovits_lab.text.packages import require
from sovits_lab.types import got

_FILES = ("char.bin", "matrix.bin", "sys.dic", "unk.dic")
_ACCENT = 10  # the field of a dictionary row that holds accent and moras


class OriginalEngine:
    """Words with the readings, phrases and accents of the original Open JTalk; loads at its first text.

    Args:
        dictionary: a folder with the compiled dictionary.

    Raises:
        InputError: the folder lacks a file of the dictionary.
    """

    def __init__(self, dictionary: Path) -> None:
        missing = [name for name in _FILES if not (dictionary / name).is_file()]
        if missing:
            expected = f"a folder of Open JTalk with {', '.join(_FILES)} (Debian: open-jtalk-mecab-naist-jdic)"
            raise got("Japanese dictionary", dictionary, expected)
        self.dictionary = dictionary

    @cached_property
    def _jtalk(self) -> Any:
        return require("pyopenjtalk", "ja").OpenJTalk(dn_mecab=str(self.dictionary).encode())

    @cached_property
    def _own_accents(self) -> OwnAccents:
        return OwnAccents(self._jtalk.run_mecab)

    def __call__(self, text: str) -> list[Feature]:
        """Analyse an utterance: its words with their features, accents mended."""
        jtalk: Any = require("pyopenjtalk", "ja")
        return rephrase(list(jtalk.run_frontend(text, use_vanilla=True, jtalk=self._jtalk)), self._own_accents)


class OwnAccents:
    """Accents and rules of words as the dictionary writes them, asked from the engine once a word.

    Args:
        rows: gives the dictionary's rows for a text, fields separated by commas.
    """

    def __init__(self, rows: Callable[[str], Sequence[str]]) -> None:
        self._rows, self._known = rows, dict[tuple[str, str, str], Own | None]()

    def __call__(self, word: Feature) -> Own | None:
        """What the dictionary says about a word, None when it does not hold the word as it stands."""
        key = (word["string"], word["pos"], word["pos_group1"])
        if key not in self._known:
            self._known[key] = self._look_up(word)
        return self._known[key]

    def _look_up(self, word: Feature) -> Own | None:
        before, after = _neighbours(word)
        rows = [row.split("\t")[-1].split(",") for row in self._rows(before + word["string"] + after)]
        if len(rows) != 1 + bool(before) + bool(after):
            return None
        row = rows[bool(before)]
        fits = len(row) > _ACCENT and row[0] == word["string"] and row[1] == word["pos"]
        accent = row[_ACCENT].partition("/")[0] if fits else ""
        return (int(accent), row[_ACCENT + 1] if len(row) > _ACCENT + 1 else "*") if accent.isdigit() else None


def _neighbours(word: Feature) -> tuple[str, str]:
    """What stands before and after a word when its row is asked for, so that the analyser takes it as it is meant."""
    if word["pos_group1"] == "接尾":
        return ("三" if word["pos_group2"] == "助数詞" else "田中"), ""
    if is_number(word):
        return "", "個"
    if word["pos"] == VERB and word["cform"].startswith("連用"):
        return "", "て"
    return "", "う" if word["cform"] == "未然ウ接続" else ""
