"""Parts of speech by a conditional random field: the English tagger that comes with gruut-lang-en (MIT).

Only its model file is read, by python-crfsuite; nothing is downloaded. It was trained on a treebank of web texts with
the Penn tags. Contractions are two words there ("do" "n't"), so they are cut before and put together after.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Any

from sovits_lab.text.packages import package_folder, require

Features = dict[str, str | bool | float]
_REACH = 2  # words on either side that the model looks at
_ENDS = frozenset(".!?…")
_CONTRACTION = re.compile(r"(?i)(.+?)(n't|'(?:s|re|ve|ll|d|m))$")
_LOCK = Lock()  # the tagger object holds the sentence it works on


@cache
def _model() -> Any:
    tagger = require("pycrfsuite", "en").Tagger()
    tagger.open(str(package_folder("gruut_lang_en") / "pos" / "model.crf"))
    return tagger


def _of_word(word: str, prefix: str) -> Features:
    """The features of one word, under the names that the model was trained with."""
    encoded = base64.b64encode(word.encode()).decode("ascii")
    features: Features = {
        f"{prefix}bias": 1.0,
        f"{prefix}word": encoded,
        f"{prefix}len(word)": len(word),
        f"{prefix}word.ispunctuation": not word.isalnum() and len(word) == 1,
        f"{prefix}word.isdigit()": word.isdigit(),
    }
    for size in (2, 3):
        features[f"{prefix}word[:{size}]"] = word[:size]
        features[f"{prefix}word[-{size}:]"] = word[-size:]
    return features


def _features(words: Sequence[str], place: int) -> Features:
    """A word with the two words before and after it."""
    features = _of_word(words[place], "")
    if place == 0:
        features["BOS"] = True
    if place == len(words) - 1:
        features["EOS"] = True
    for distance in range(1, _REACH + 1):
        if place >= distance:
            features |= _of_word(words[place - distance], f"-{distance}:")
        if place + distance < len(words):
            features |= _of_word(words[place + distance], f"+{distance}:")
    return features


def _tag_sentence(words: Sequence[str]) -> list[str]:
    parts: list[str] = []
    first: list[int] = []  # for each word the place of its first part
    for word in words:
        first.append(len(parts))
        match = _CONTRACTION.match(word)
        parts += match.groups() if match else (word,)
    with _LOCK:
        tags = _model().tag([_features(parts, place) for place in range(len(parts))])
    return [tags[place] for place in first]


def sentences(words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Yield the words up to and with each mark that ends a sentence."""
    start = 0
    for place, word in enumerate(words):
        if word in _ENDS:
            yield words[start : place + 1]
            start = place + 1
    if start < len(words):
        yield words[start:]


def tag(words: Sequence[str]) -> list[str]:
    """Return a Penn tag for each word or pause mark."""
    return [tag for sentence in sentences(words) for tag in _tag_sentence(sentence)]
