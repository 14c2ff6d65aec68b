"""Tables in Markdown documents: made from results and put between two comments, so that no number is typed by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from sovits_lab.files import regular_file, write_whole
from sovits_lab.types import got

MOST = 4 << 20


def make_markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make a Markdown table of some headings and rows of as many cells."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def split_document(path: Path, begin: str, end: str) -> tuple[str, str]:
    """Split a Markdown file at two comments that stand on lines of their own: what is up to the first, and what from
    the second on.

    Raises:
        InputError: the file has no such place, or several.
    """
    text = regular_file(path, "document", MOST).read_text(encoding="utf-8")
    parts = re.split(f"(?<=^{re.escape(begin)}\n).*?(?=^{re.escape(end)}$)", text, flags=re.DOTALL | re.MULTILINE)
    if len(parts) != 2:
        places = f"{len(parts) - 1} places for tables"
        raise got(f"{path}", places, f"one, between {begin} and {end} on lines of their own")
    return parts[0], parts[1]


def put_between(path: Path, begin: str, end: str, made: str) -> None:
    """Put a text between two comments of a Markdown file.

    Raises:
        InputError: the file has no such place, or several.
    """
    before, after = split_document(path, begin, end)
    write_whole(path, f"{before}{made}\n{after}".encode())
