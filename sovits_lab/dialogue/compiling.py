"""`.ink` -> `.ink.json` by ink's own compiler, where one is installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from sovits_lab.files import read_text, regular_file, write_whole
from sovits_lab.types import InputError

COMPILERS = ("inkjs-compiler", "inklecate")
SECONDS = 60
COPIED = 2.0  # seconds between two files of one folder that were written by a copy or a checkout, not by a writer
HINT = "npm install -g inkjs brings inkjs-compiler; inkle's releases have inklecate"


def compile_story(source: Path) -> tuple[str, tuple[str, ...]]:
    """Compile a story.

    Returns:
        The JSON, and the compiler's warnings.

    Raises:
        InputError: no compiler on this machine, or the compiler's own errors, with file and line.
    """
    regular_file(source, "story")
    program = _compiler()
    if program is None:
        raise InputError(f"story {source.name}: got no compiler of ink, expected {' or '.join(COMPILERS)}; {HINT}")
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "story.ink.json"
        made = subprocess.run(  # noqa: S603 a program of this machine with two paths
            [program, "-o", str(out), str(source)], capture_output=True, text=True, timeout=SECONDS, check=False
        )
        output = [line.strip() for line in (made.stdout + made.stderr).splitlines() if line.strip()]
        errors = [line for line in output if "ERROR" in line]
        if errors or not out.is_file():
            raise InputError(f"story {source.name}: {(errors or output or ['the compiler wrote nothing'])[0]}")
        return read_text(out, "story"), tuple(line for line in output if "WARNING" in line)


def compile_changed(folder: Path) -> tuple[str, ...]:
    """Write `story.ink.json` of a folder's `story.ink` anew where it is missing or older than what was written.

    Returns:
        Remarks: the compiler's warnings; where there is no compiler, that the older form is used.

    Raises:
        InputError: as `compile_story`, where there is no compiled form.
    """
    source, compiled = folder / "story.ink", folder / "story.ink.json"
    if compiled.is_file() and not (source.is_file() and changed(source) > changed(compiled) + COPIED):
        return ()
    if compiled.is_file() and _compiler() is None:
        return (f"{source.name} was changed after {compiled.name}, which is taken as it is; {HINT}",)
    text, warnings = compile_story(source)
    write_whole(compiled, text.encode())
    return (f"{compiled.name} was made of {source.name}", *warnings)


def changed(path: Path) -> float:
    """Return when a file was changed, in seconds."""
    return path.stat().st_mtime


def _compiler() -> str | None:
    return next((found for name in COMPILERS if (found := shutil.which(name))), None)
