"""What other stages of the evaluation wrote: their tables (Markdown) and pictures, inside the page."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from itertools import groupby
from pathlib import Path
from typing import NamedTuple


class Attachment(NamedTuple):
    """A text of another stage as HTML, its title, and the pictures beside it as `data:` addresses by name.

    `lead` is what the text says before its first table or heading.
    """

    title: str
    lead: str
    html: str
    pictures: dict[str, str]


def read_attachments(inputs: Mapping[str, Path]) -> list[Attachment]:
    """Read every Markdown file in the inputs, with the pictures of its folder."""
    found = []
    for folder in inputs.values():
        for path in sorted(folder.glob("*.md")):
            lines = path.read_text(encoding="utf-8").splitlines()
            title = next((line.lstrip("# ") for line in lines if line.startswith("# ")), path.stem)
            body = [line for line in lines if not line.startswith("# ")]
            pictures = {one.stem: encode_picture(one) for one in sorted(folder.glob("*.png"))}
            start = next((i for i, line in enumerate(body) if _kind(line) in ("table", "heading")), len(body))
            lead, rest = ("\n".join(markdown_to_html(part)) for part in (body[:start], body[start:]))
            found.append(Attachment(title, lead, rest, pictures))
    return found


def encode_picture(path: Path) -> str:
    """Encode a PNG as a `data:` address."""
    return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _kind(line: str) -> str:
    if line.startswith("|"):
        return "table"
    if line.startswith("    "):
        return "code"
    if line.startswith("- "):
        return "list"
    if line.startswith("#"):
        return "heading"
    return "text" if line.strip() else "empty"


def markdown_to_html(lines: Iterable[str]) -> Iterator[str]:
    """Turn the Markdown that our reports are written in into HTML: headings, pipe tables, lists, code, paragraphs;
    escaped.
    """
    for kind, group in groupby(lines, key=_kind):
        block = list(group)
        if kind == "table":
            yield from _table(block)
        elif kind == "code":
            yield f'<pre class="scroll">{escape(chr(10).join(line[4:] for line in block))}</pre>'
        elif kind == "list":
            yield "<ul>" + "".join(f"<li>{escape(line[2:])}</li>" for line in block) + "</ul>"
        elif kind == "heading":
            yield from (f"<h3>{escape(line.lstrip('# '))}</h3>" for line in block)
        elif kind == "text":
            yield f"<p>{escape(' '.join(line.strip() for line in block))}</p>"


def _table(block: list[str]) -> Iterator[str]:
    rows = [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in block]
    yield '<div class="scroll"><table>'
    yield "<thead><tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in rows[0]) + "</tr></thead><tbody>"
    for row in rows[1:]:
        if not all(set(cell) <= set("-: ") and cell for cell in row):
            yield "<tr>" + "".join(f'<td class="number">{escape(cell)}</td>' for cell in row) + "</tr>"
    yield "</tbody></table></div>"
