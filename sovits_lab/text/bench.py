"""Speed of the front ends, cold (a new process, libraries and dictionaries loading) and warm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

from sovits_lab.text.mandarin import words
from sovits_lab.text.multilingual import MultilingualFrontend, ReleasedFrontend
from sovits_lab.text.tables import pairs

_TEXTS = dict(pairs("bench_texts.tsv"))
_COLD = (
    "import time; t = time.perf_counter(); from sovits_lab.text.frontend import {name} as F; "
    "F().read({text!r}, {language!r}); print(time.perf_counter() - t)"
)
_SECONDS = 2.0


class Speed(NamedTuple):
    """`cold`: seconds to the first reading in a new process; `warm`: characters or words per second after that."""

    language: str
    rules: str
    cold: float
    warm: float
    unit: str


def _cold(kind: type[MultilingualFrontend], text: str, language: str) -> float:
    """Seconds from the first import to the first reading, in a new process."""
    code = _COLD.format(name=kind.__name__, text=text, language=language)
    command = [sys.executable, "-c", code]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603


def _warm(kind: type[MultilingualFrontend], text: str, language: str, seconds: float) -> float:
    """Readings per second; what is remembered of whole clauses is forgotten before each, word caches stay."""
    front = kind()
    front.read(text, language)
    start, count = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        words.cut.cache_clear()
        front.read(text, language)
        count += 1
    return count / (time.perf_counter() - start)


def measure(seconds: float = _SECONDS) -> Iterator[Speed]:
    """Yield one speed per language, by our rules, and for zh, en and ja by the released ones as well."""
    for language, text in _TEXTS.items():
        kinds = (MultilingualFrontend, ReleasedFrontend) if language in ("zh", "en", "ja") else (MultilingualFrontend,)
        for kind in kinds:
            size, unit = (len(text.split()), "words") if language == "en" else (len(text), "characters")
            warm = size * _warm(kind, text, language, seconds)
            rules = "ours" if kind is MultilingualFrontend else "released"
            yield Speed(language, rules, _cold(kind, text, language), warm, unit)
