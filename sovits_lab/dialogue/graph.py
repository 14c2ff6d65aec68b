"""The knots of a compiled story and the ways between them, read from its JSON without playing it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

START = "(start)"
TARGETS = ("->", "f()", "->t->", "x()")
_SPEAKER = re.compile(r"\^([A-Z][A-Z0-9_]{0,31}):\s")


@dataclass
class KnotFacts:
    """What one knot holds.

    Attributes:
        ways: knots that it goes to or calls.
        forced: knots that it goes to on its own, whatever was chosen or is true.
        offers_choice: whether a choice stands in it.
        says: whether it says anything.
        speakers: characters with a line in it.
        tags: all tags, as they are written.
    """

    ways: set[str] = field(default_factory=set)
    forced: set[str] = field(default_factory=set)
    offers_choice: bool = False
    speakers: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=list)


def knots_of(document: Mapping[str, Any]) -> dict[str, KnotFacts]:
    """Return the facts of every knot, and of what stands before the first, under `(start)`."""
    root = document["root"]
    named = root[-1] if isinstance(root[-1], dict) else {}
    names = {name for name in named if name != "global decl" and isinstance(named[name], list)}
    found = {name: _facts(named[name], names) for name in sorted(names)}
    return {START: _facts(root[:-1], names), **found}


def reachable(knots: Mapping[str, KnotFacts]) -> set[str]:
    """Return the knots that some way leads to from the start."""
    seen, left = {START}, [START]
    while left:
        for name in knots[left.pop()].ways - seen:
            seen.add(name)
            left.append(name)
    return seen


def silent_cycles(knots: Mapping[str, KnotFacts]) -> list[list[str]]:
    """Return the rings of knots that lead into each other without a choice: a player could never leave them."""
    rings: list[list[str]] = []
    for first in knots:
        path = [first]
        while not knots[path[-1]].offers_choice and len(knots[path[-1]].forced) == 1:
            (following,) = knots[path[-1]].forced
            if following == first and min(path) == first:
                rings.append(path)
            if following in path:
                break
            path.append(following)
    return rings


def _facts(container: list[Any], names: set[str]) -> KnotFacts:
    facts = KnotFacts()
    in_tag: list[str] | None = None
    for item in _items(container):
        if item == "#":
            in_tag = []
        elif item == "/#" and in_tag is not None:
            facts.tags.append("".join(in_tag).strip())
            in_tag = None
        elif isinstance(item, str) and item.startswith("^"):
            if in_tag is not None:
                in_tag.append(item[1:])
            elif spoken := _SPEAKER.match(item):
                facts.speakers.add(spoken[1])
        elif isinstance(item, dict):
            _way(item, names, facts)
    return facts


def _way(item: Mapping[str, Any], names: set[str], facts: KnotFacts) -> None:
    if "*" in item:
        facts.offers_choice = True
    for key in (*TARGETS, "^->"):
        target = item.get(key)
        if not isinstance(target, str) or target.startswith(".") or item.get("var"):
            continue
        head = target.split(".", 1)[0]
        if head in names:
            facts.ways.add(head)
            if key == "->" and not item.get("c"):
                facts.forced.add(head)


def _items(container: list[Any]) -> Iterator[Any]:
    """Every item of a container and of those inside it, in order."""
    stack: list[Iterator[Any]] = [iter(container)]
    while stack:
        for item in stack[-1]:
            if isinstance(item, list):
                stack.append(iter(item))
                break
            if isinstance(item, dict):
                yield item
                inner = [one for one in item.values() if isinstance(one, list)]
                if inner:
                    stack.append(iter(inner))
                    break
                continue
            yield item
        else:
            stack.pop()
