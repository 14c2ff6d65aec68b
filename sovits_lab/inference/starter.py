"""The voice that comes with the package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sovits_lab.checkpoints.starter import STARTER
from sovits_lab.types import InputError, got


def starter_folder() -> Path:
    """Return its bundle.

    Raises:
        InputError: this installation lacks it.
    """
    if not (STARTER / "bundle.json").is_file():
        raise InputError(
            "bundle: got none, and this installation lacks the starter voice, expected bundle=RUN, or a voice made by "
            "`python -m sovits_lab train experiment=starter_voice`"
        )
    return STARTER


def only_speaker(speakers: Iterable[str]) -> str:
    """Return the one speaker of a voice that has one.

    Raises:
        InputError: it has none or several.
    """
    names = sorted(speakers)
    if len(names) != 1:
        known = f"one of {', '.join(names)}, or a clip" if names else "a clip of somebody"
        raise got("speaker", None, known)
    return names[0]
