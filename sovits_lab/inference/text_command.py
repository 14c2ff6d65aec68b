"""`python -m sovits_lab text`, with the front end of a voice where `bundle=` names one."""

from __future__ import annotations

from pathlib import Path

from sovits_lab.text import command
from sovits_lab.text.frontend import Frontend, ReleasedFrontend
from sovits_lab.types import InputError


def main(argv: list[str]) -> int:
    """Run the command of `sovits_lab.text`; it asks here for the front end of a bundle."""
    return command.main(argv, frontend_of)


def frontend_of(folder: Path) -> Frontend:
    """Return the front end that a voice was trained with: of a bundle of ours, of a run, or of a converted bundle.

    Raises:
        InputError: the folder holds no bundle, or one of another kind.
    """
    from sovits_lab.checkpoints.bundle import build, bundle_folder, read_facts

    folder = bundle_folder(folder)
    try:
        return ReleasedFrontend(read_facts(folder, "upstream", ("symbols",))["symbols"])
    except InputError:  # no converted bundle; the error of the next line says what it is instead
        frontend: Frontend = build(read_facts(folder, "voice", ("frontend",))["frontend"])
    return frontend
