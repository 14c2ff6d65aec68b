"""English numbers, signs and abbreviations as words."""

from __future__ import annotations

import re

from sovits_lab.text.english import numbers
from sovits_lab.text.traced import Traced

_NUMBER = re.compile(r"[0-9]+")


def normalise(text: Traced) -> Traced:
    """Rewrite everything that is not a word or a pause mark."""
    return text.sub(_NUMBER, lambda match: numbers.whole(match[0]))
