"""A text that remembers, through every rewriting, which input characters each of its characters came from."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sovits_lab.text.reading import Skip, Span

Replacement = str | Callable[[re.Match[str]], str]


class Rule(NamedTuple):
    """One rewriting: what to look for, what to say instead, and why a match said as nothing is dropped."""

    pattern: re.Pattern[str]
    by: Replacement
    reason: str | None = None


def rule(pattern: str, by: Replacement, reason: str | None = None, flags: int = 0) -> Rule:
    """Return a rule from a pattern text."""
    return Rule(re.compile(pattern, flags), by, reason)


class Traced:
    """An immutable string with one input span per character, and the input spans dropped so far.

    The one way in is `Traced.of`; every rewriting returns a new object.
    """

    __slots__ = ("dropped", "ends", "starts", "text")

    def __init__(self, text: str, starts: Sequence[int], ends: Sequence[int], dropped: tuple[Skip, ...] = ()) -> None:
        assert len(text) == len(starts) == len(ends)
        self.text, self.starts, self.ends, self.dropped = text, starts, ends, dropped

    @classmethod
    def of(cls, text: str, offset: int = 0) -> Traced:
        """Return a fresh text; its first character is number `offset` of the input."""
        return cls(text, range(offset, offset + len(text)), range(offset + 1, offset + len(text) + 1))

    @classmethod
    def concat(cls, parts: Sequence[Traced], dropped: tuple[Skip, ...] = ()) -> Traced:
        """Join several texts into one, with everything that any of them dropped."""
        starts, ends, lost = list[int](), list[int](), list(dropped)
        for part in parts:
            starts += part.starts
            ends += part.ends
            lost += part.dropped
        return cls("".join(part.text for part in parts), starts, ends, tuple(dict.fromkeys(lost)))

    def __len__(self) -> int:
        return len(self.text)

    def __getitem__(self, where: slice) -> Traced:
        return Traced(self.text[where], self.starts[where], self.ends[where])

    def span(self, start: int, end: int) -> Span:
        """Return the input characters behind characters `start` to `end` (not included, at least one) of this text."""
        return Span(min(self.starts[start:end]), max(self.ends[start:end]))

    def behind(self, span: Span) -> str:
        """Return the characters of this text that came from the characters of an input span."""
        return self.text[self.place(span.start) : self.place(span.end)]

    def place(self, of_input: int) -> int:
        """Return where in this text the characters from place `of_input` of the input on begin."""
        return bisect_left(self.starts, of_input)

    def sub(self, pattern: re.Pattern[str], by: Replacement, reason: str | None = None) -> Traced:
        """Replace every match; the new characters come from all characters of their match.

        With a `reason`, a match replaced by nothing is recorded as dropped for that reason. A replacement equal to
        its match leaves the spans as they are.
        """
        text, pieces, starts, ends = self.text, list[str](), list[int](), list[int]()
        dropped, at = list(self.dropped), 0
        for match in pattern.finditer(text):
            first, last = match.span()
            new = by(match) if callable(by) else match.expand(by) if "\\" in by else by
            if new == match[0]:
                continue
            pieces += (text[at:first], new)
            starts += self.starts[at:first]
            ends += self.ends[at:first]
            at = last
            if first == last:
                assert not new, "a rule that inserts must match the characters it speaks for"
                continue
            span = self.span(first, last)
            starts += [span.start] * len(new)
            ends += [span.end] * len(new)
            if not new and reason:
                dropped.append(Skip(span, reason))
        if not pieces:
            return self
        pieces.append(text[at:])
        starts += self.starts[at:]
        ends += self.ends[at:]
        return Traced("".join(pieces), starts, ends, tuple(dropped))

    def apply(self, rules: Sequence[Rule]) -> Traced:
        """Rewrite by each rule in turn."""
        text = self
        for rule in rules:
            if rule.pattern.search(text.text):  # hundreds of rules find nothing: to see that takes a quarter of `sub`
                text = text.sub(rule.pattern, rule.by, rule.reason)
        return text

    def translate(self, table: dict[int, str]) -> Traced:
        """Replace single characters by single characters."""
        return Traced(self.text.translate(table), self.starts, self.ends, self.dropped)
