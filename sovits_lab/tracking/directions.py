"""Which way is better for a number of a training stage; scores declare theirs in `scores.json`."""

from __future__ import annotations

from typing import Literal

Better = Literal["lower", "higher", "near", "none"]
# A norm is no aim, and an adversary's loss is pulled both ways.
AIMLESS = ("gradient_norm", "speaker_adversary")
LOSSES = ("train/", "valid/")


def better(name: str) -> Better:
    """Return the direction of a training metric such as `valid/total`; "none" where its size says nothing."""
    if name.endswith(AIMLESS):
        return "none"
    if name.startswith(LOSSES) or name == "score/failed":
        return "lower"
    return "higher" if name == "score/composite" else "none"
