"""Every link of the built site leads somewhere: to a file that is there, and to an anchor in it."""

from __future__ import annotations

from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """Collects what a page links to, and the anchors that it has."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element's links and its name."""
        told = dict(attrs)
        for key in ("href", "src"):
            if told.get(key):
                self.targets.append(str(told[key]))
        for key in ("id", "name"):
            if told.get(key):
                self.anchors.add(str(told[key]))


@cache
def read_page(path: Path) -> _Page:
    """Read one page."""
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def find_broken(site: Path) -> list[str]:
    """Find the links of a built site that lead nowhere: page, link and what is missing."""
    broken = []
    for path in sorted(site.rglob("*.html")):
        if path.name == "404.html":
            continue  # its links begin at the root, wherever it is shown
        for target in read_page(path).targets:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc or target.startswith("//"):
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = place / "index.html" if place.is_dir() else place
            if not place.is_file():
                broken.append(f"{path.relative_to(site)}: {target}: no such file")
            elif parts.fragment and place.suffix == ".html" and unquote(parts.fragment) not in read_page(place).anchors:
                broken.append(f"{path.relative_to(site)}: {target}: no such anchor")
    return broken
