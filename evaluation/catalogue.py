"""All measures of the suite: importing this module declares them, for whoever reads figures that others have made."""

from __future__ import annotations

from evaluation.scoring.measures import badness, direction, find_measure, is_declared, list_measures, load_package
from evaluation.style import measures as _style

__all__ = ["badness", "direction", "find_measure", "is_declared", "list_measures"]

CONSTRUCTS = ("intelligibility", "speaker", "emotion", "prosody", "quality")

for _construct in CONSTRUCTS:
    load_package(f"evaluation.{_construct}")
assert _style.MEASURES
