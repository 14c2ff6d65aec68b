"""The pages of the site: documents of the repository, copied to where they stand in the site, with links that hold."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(?<!\!)\[([^\]]*)\]\(([^)\s]+)\)")
PICTURE = re.compile(r"!\[([^\]]*)\]\(([^)\s]+)\)")
SINGLE = {
    "README.md": "index.md",
    "README.zh.md": "zh/index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}


def list_pages() -> dict[str, str]:
    """Return the place in the site of each document of the repository, both relative and with slashes."""
    pages = {name: place for name, place in SINGLE.items() if (ROOT / name).is_file()}
    for path in sorted((ROOT / "docs").rglob("*.md")):
        pages[path.relative_to(ROOT).as_posix()] = path.relative_to(ROOT / "docs").as_posix()
    for path in sorted((ROOT / "experiments").rglob("*.md")):
        inside = path.relative_to(ROOT).as_posix()
        pages[inside] = inside.replace("README.md", "index.md")
    return pages


def list_media() -> Iterator[str]:
    """Yield the pictures that documents show."""
    for folder in ("docs", "experiments"):
        for ending in ("svg", "png"):
            yield from (p.relative_to(ROOT).as_posix() for p in sorted((ROOT / folder).rglob(f"*.{ending}")))


def resolve(page: str, target: str) -> str:
    """Return the path in the repository that a link of a document leads to."""
    return os.path.normpath(PurePosixPath(page).parent / target).replace(os.sep, "/")


def relative(place: str, target: str) -> str:
    """Return the link from one place of the site to another."""
    return os.path.relpath(target, PurePosixPath(place).parent).replace(os.sep, "/")


def rewrite(page: str, text: str, pages: dict[str, str], media: dict[str, str]) -> str:
    """Rewrite the links of a document for its place in the site.

    A link to a file that is no page (source, configuration) becomes its text: the site holds documents only.

    Raises:
        FileNotFoundError: a link to a file that is not in the repository.
    """
    place = pages[page]

    def change(match: re.Match[str], known: dict[str, str], picture: bool) -> str:
        label, target = match[1], match[2]
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        path, sign, anchor = target.partition("#")
        found = resolve(page, path)
        if found in known:
            return f"{'!' if picture else ''}[{label}]({relative(place, known[found])}{sign}{anchor})"
        folder = f"{found}/README.md"
        if not picture and folder in known:
            return f"[{label}]({relative(place, known[folder])}{sign}{anchor})"
        if not (ROOT / found).exists():
            raise FileNotFoundError(f"{page}: a link to {target}, which is not in the repository")
        return label if label.startswith("`") else f"`{label}`" if "/" in label else label

    parts = re.split(r"(```.*?```)", text, flags=re.DOTALL)
    for i in range(0, len(parts), 2):  # code stays as it is
        parts[i] = PICTURE.sub(lambda m: change(m, media, True), parts[i])
        parts[i] = LINK.sub(lambda m: change(m, pages, False), parts[i])
    return "".join(parts)
