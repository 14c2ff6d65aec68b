"""Readings of Chinese polyphones by the g2pW network (Chen et al. 2022, arXiv:2203.10430), from a local folder.

The folder is the released `G2PWModel` 1.1: `g2pW.onnx`, POLYPHONIC_CHARS.txt, MONOPHONIC_CHARS.txt,
bopomofo_to_pinyin_wo_tune_dict.json; beside it the vocabulary (`vocab.txt`) of chinese-roberta-wwm-ext-large.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from sovits_lab.text.packages import require
from sovits_lab.types import got

# Characters whose reading the network gets wrong or sandhi decides: the dictionary reads them.
_NOT_ASKED = frozenset("一不和咋嗲剖差攢倒難奔勁拗肖瘙誒泊听噢")
_NOT_FIXED = frozenset("似攢")
_CONTEXT = 16
_LONGEST = 510


class Session(Protocol):
    """What is used of an onnxruntime session."""

    def run(self, names: Sequence[str] | None, inputs: Mapping[str, NDArray[Any]]) -> Sequence[NDArray[Any]]:
        """Compute the probabilities [queries, labels]."""
        ...


class _Question(NamedTuple):
    """A character to be read, and the text around it that the network sees."""

    place: int
    char: str
    text: str
    inside: int


class _Tables(NamedTuple):
    """The files beside the network: labels in its order, numbers and allowed labels of its characters, the rest."""

    labels: list[str]
    chars: dict[str, int]
    masks: dict[str, NDArray[np.float32]]
    fixed: dict[str, str]
    pinyin: dict[str, str]
    vocabulary: dict[str, int]


def _lines(folder: Path, name: str) -> list[str]:
    path = folder / name
    if not path.is_file():
        raise got("g2pW folder", path, "a file of the released G2PWModel 1.1")
    return path.read_text("utf-8").strip("\n").split("\n")


def _read_tables(folder: Path) -> _Tables:
    pairs = [line.split("\t") for line in _lines(folder, "POLYPHONIC_CHARS.txt")]
    labels = sorted({phoneme for _, phoneme in pairs})
    by_char: dict[str, set[str]] = {}
    for char, phoneme in pairs:
        by_char.setdefault(char, set()).add(phoneme)
    fixed = (line.split("\t") for line in _lines(folder, "MONOPHONIC_CHARS.txt"))
    return _Tables(
        labels=labels,
        chars={char: number for number, char in enumerate(sorted(by_char))},
        masks={char: np.array([label in allowed for label in labels], np.float32) for char, allowed in by_char.items()},
        fixed={char: phoneme for char, phoneme in fixed if char not in _NOT_FIXED},
        pinyin=json.loads("\n".join(_lines(folder, "bopomofo_to_pinyin_wo_tune_dict.json"))),
        vocabulary={token: number for number, token in enumerate(_lines(folder, "vocab.txt"))},
    )


class G2pw:
    """A sentence -> one pinyin a character; what the network is not asked for is read by pypinyin.

    Args:
        folder: the files above.
        session: the network; None opens `g2pW.onnx` at the first use.

    Raises:
        InputError: at the first use, when a file of the folder is missing (named).
    """

    def __init__(self, folder: str | Path, session: Session | None = None) -> None:
        self.folder = Path(folder)
        self._session = session

    @cached_property
    def _tables(self) -> _Tables:
        return _read_tables(self.folder)

    def __call__(self, sentence: str) -> list[str]:
        """One pinyin with its tone (5 neutral) for each character; a character without one stays itself."""
        traditional = self._traditional(sentence)
        found = self._by_pypinyin(sentence)
        for place, char in enumerate(traditional):
            if char in self._tables.fixed and not self._asked(char):
                found[place] = self._to_pinyin(self._tables.fixed[char]) or found[place]
        questions = self._questions(traditional)
        for question, label in zip(questions, self._answers(questions), strict=True):
            found[question.place] = self._to_pinyin(label) or found[question.place]
        return found

    def _asked(self, char: str) -> bool:
        return char in self._tables.chars and char not in _NOT_ASKED

    @staticmethod
    def _by_pypinyin(sentence: str) -> list[str]:
        pypinyin = require("pypinyin", "zh")
        style = pypinyin.Style.TONE3
        return list(pypinyin.lazy_pinyin(sentence, neutral_tone_with_five=True, style=style, errors=list))

    @staticmethod
    def _traditional(sentence: str) -> str:
        converted = str(require("opencc", "g2pw").OpenCC("s2tw").convert(sentence))
        return converted if len(converted) == len(sentence) else sentence

    def _questions(self, text: str) -> list[_Question]:
        places = [place for place, char in enumerate(text) if self._asked(char)]
        if not places:
            return []
        start = max(0, places[0] - _CONTEXT)
        seen = text[start : min(places[-1] + _CONTEXT + 1, start + _LONGEST)]
        return [_Question(place, text[place], seen, place - start) for place in places if place - start < len(seen)]

    def _answers(self, questions: Sequence[_Question]) -> list[str]:
        if not questions:
            return []
        unknown = self._tables.vocabulary["[UNK]"]
        inner = [self._tables.vocabulary.get(char.lower(), unknown) for char in questions[0].text]
        row = [self._tables.vocabulary["[CLS]"], *inner, self._tables.vocabulary["[SEP]"]]
        ids = np.array([row] * len(questions), np.int64)
        inputs: dict[str, NDArray[Any]] = {
            "input_ids": ids,
            "token_type_ids": np.zeros_like(ids),
            "attention_mask": np.ones_like(ids),
            "phoneme_mask": np.stack([self._tables.masks[question.char] for question in questions]),
            "char_ids": np.array([self._tables.chars[question.char] for question in questions], np.int64),
            "position_ids": np.array([question.inside + 1 for question in questions], np.int64),
        }
        scores = self._open().run(None, inputs)[0]
        return [self._tables.labels[int(best)] for best in scores.argmax(axis=1)]

    def _open(self) -> Session:
        if self._session is None:
            path = next((p for p in (self.folder / "g2pW.onnx", self.folder / "g2pw.onnx") if p.is_file()), None)
            if path is None:
                raise got("g2pW folder", self.folder, "the network g2pW.onnx in it")
            session: Session = require("onnxruntime", "g2pw").InferenceSession(str(path))
            self._session = session
        return self._session

    def _to_pinyin(self, bopomofo: str) -> str | None:
        syllable = self._tables.pinyin.get(bopomofo[:-1])
        return f"{syllable}{bopomofo[-1]}" if syllable else None
