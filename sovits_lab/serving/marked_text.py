"""What markup of a request is obeyed: the tags that it allowed, and in text of a language model only what is right."""

from __future__ import annotations

import re
from collections.abc import Collection

from sovits_lab.text import markup
from sovits_lab.text.symbols import PAD, SymbolTable
from sovits_lab.types import got

_TAG = re.compile(r"\[\[|\[/?(?P<name>[a-z][a-z_]*)(?::[^\[\]]*)?\]")
NO_PHONES = SymbolTable((PAD,), "none")


def strict_text(text: str, allowed: Collection[str]) -> str:
    """Return a text that a person marked, once it is known to hold no tag that is not allowed.

    Whether a tag is written well is said by the voice that reads it.

    Raises:
        InputError: a tag that is not allowed, with its position.
    """
    for match in _TAG.finditer(text):
        if match["name"] and match["name"] not in allowed:
            expected = f"one of the tags {', '.join(sorted(allowed))}" if allowed else "no markup, or [[ for a bracket"
            raise got(f"markup at position {match.start()}", match[0], expected)
    return text


def plain_text(text: str) -> str:
    """Return a text whose brackets are spoken text."""
    return text.replace("[", "[[")


def forgiven_text(text: str, allowed: Collection[str], emotions: Collection[str]) -> tuple[str, tuple[str, ...]]:
    """Return a text that a language model marked, well-formed and with allowed tags alone, and what was dropped.

    Args:
        text: as the model wrote it.
        allowed: tags that are kept where they are right; `ph` never is.
        emotions: that the voice knows; a tag of another is dropped.
    """
    marked = markup.parse(text, NO_PHONES, strict=False)
    dropped = list(marked.warnings)
    opening: dict[int, list[str]] = {}
    closing: dict[int, list[str]] = {}
    for pause in marked.pauses:
        if "pause" in allowed:
            opening.setdefault(pause.place, []).append(f"[pause:{pause.seconds:g}]")
    for stretch in marked.stretches:
        known = stretch.name != "emotion" or stretch.value.partition("|")[0] in emotions
        if stretch.name not in allowed or not known:
            dropped.append(f"[{stretch.name}:{stretch.value}]; dropped")
            continue
        opening.setdefault(stretch.span.start, []).append(f"[{stretch.name}:{stretch.value}]")
        closing.setdefault(stretch.span.end, []).insert(0, f"[/{stretch.name}]")
    made = []
    for place, letter in enumerate(marked.text):
        made += [*closing.get(place, ()), *opening.get(place, ()), "[[" if letter == "[" else letter]
    made += [*closing.get(len(marked.text), ()), *opening.get(len(marked.text), ())]
    return "".join(made), tuple(dropped)
