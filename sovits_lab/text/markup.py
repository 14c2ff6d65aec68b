"""Markup inside a text: emotion, pause, rate and phones given by hand. The grammar is in `docs/markup.md`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sovits_lab.text.given import Given, phones_by_hand
from sovits_lab.text.limits import TextLimits
from sovits_lab.text.reading import Span
from sovits_lab.text.symbols import SymbolTable
from sovits_lab.types import InputError, got

TAGS = ("emotion", "pause", "rate", "ph")
DEFAULT_LIMITS = TextLimits()
LONGEST_PAUSE, SLOWEST, FASTEST = 10.0, 0.5, 2.0
_TAG = re.compile(r"\[(?P<close>/?)(?P<name>[a-z][a-z_]*)(?::(?P<value>[^\[\]]*))?\]")
_LOOKS_LIKE_TAG = re.compile(r"\[/?[a-z]")


class Stretch(NamedTuple):
    """A tag that holds for characters `span` of the plain text; `value` is what stood after its colon."""

    span: Span
    name: str
    value: str


class Pause(NamedTuple):
    """Silence before character `place` of the plain text."""

    place: int
    seconds: float


class StyleSpan(NamedTuple):
    """How a part is spoken; an emotion of None leaves it to the caller."""

    emotion: str | None = None
    strength: float = 1.0
    rate: float = 1.0


class Part(NamedTuple):
    """A part of the plain text with one style, and the silence before it in seconds."""

    span: Span
    style: StyleSpan
    pause: float


@dataclass(frozen=True)
class Marked:
    """A text without its markup, and what the markup said.

    Attributes:
        text: what is spoken.
        origins: for every character of `text` its place in the marked text.
        stretches: emotion and rate, in the order they open.
        pauses: in the order of the text.
        given: phones by hand.
        warnings: what the forgiving mode dropped, with positions; empty in strict mode.
    """

    text: str
    origins: tuple[int, ...]
    stretches: tuple[Stretch, ...] = ()
    pauses: tuple[Pause, ...] = ()
    given: tuple[Given, ...] = ()
    warnings: tuple[str, ...] = ()

    def parts(self) -> Iterator[Part]:
        """Yield the text cut wherever a style changes or a pause stands; joined, the parts are the text."""
        silence: dict[int, float] = {}
        for pause in self.pauses:
            silence[pause.place] = silence.get(pause.place, 0.0) + pause.seconds
        borders = {0, len(self.text), *silence}
        borders |= {border for stretch in self.stretches for border in stretch.span}
        ordered = sorted(borders)
        parts = zip(ordered, ordered[1:] or ordered, self._styles(ordered), strict=False)
        for start, end, style in parts:
            yield Part(Span(start, end), style, silence.get(start, 0.0))
        if self.text and silence.get(len(self.text)):
            yield Part(Span(len(self.text), len(self.text)), StyleSpan(), silence[len(self.text)])

    def _styles(self, places: Sequence[int]) -> Iterator[StyleSpan]:
        """The style at each of some places in order; stretches nest, so those that hold are a stack."""
        stack: list[tuple[int, StyleSpan]] = [(len(self.text) + 1, StyleSpan())]
        following = iter((*self.stretches, None))
        stretch = next(following)
        for place in places:
            while stretch is not None and stretch.span.start <= place:
                while stack[-1][0] <= stretch.span.start:
                    stack.pop()
                stack.append((stretch.span.end, _changed(stack[-1][1], stretch)))
                stretch = next(following)
            while stack[-1][0] <= place:
                stack.pop()
            yield stack[-1][1]


def _changed(style: StyleSpan, stretch: Stretch) -> StyleSpan:
    """A style inside one more tag."""
    if stretch.name == "rate":
        return style._replace(rate=float(stretch.value))
    emotion, _, strength = stretch.value.partition("|")
    return style._replace(emotion=emotion, strength=float(strength or 1.0))


@dataclass
class _Open:
    name: str
    value: str
    start: int
    position: int
    phones: tuple[str, ...] = ()
    language: str = ""
    dead: bool = False  # its mistake has been told; its closing tag is still expected


@dataclass
class _Parser:
    """One pass over a marked text; `complain` raises or notes."""

    marked: str
    table: SymbolTable
    strict: bool
    limits: TextLimits
    plain: list[str] = field(default_factory=list)
    origins: list[int] = field(default_factory=list)
    open: list[_Open] = field(default_factory=list)
    stretches: list[Stretch] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    spans: int = 0
    silence: float = 0.0

    def complain(self, position: int, shown: str, expected: str) -> None:
        error = got(f"markup at position {position}", shown, expected)
        if self.strict:
            raise error
        self.warnings.append(f"{error}; dropped")

    def keep(self, start: int, end: int) -> None:
        self.plain.append(self.marked[start:end])
        self.origins += range(start, end)

    @property
    def place(self) -> int:
        return len(self.origins)

    def run(self) -> Marked:
        at = 0
        while at < len(self.marked):
            following = self.marked.find("[", at)
            if following < 0:
                self.keep(at, len(self.marked))
                break
            self.keep(at, following)
            at = self._bracket(following)
        for one in reversed(self.open):
            if one.name == "ph" and not one.dead:
                self.complain(one.position, "[ph:...]", "a closing [/ph]")
            else:
                self._close(one)
        self.stretches.sort(key=lambda stretch: (stretch.span.start, -stretch.span.end))
        plain = "".join(self.plain)
        return Marked(
            plain,
            tuple(self.origins),
            tuple(self.stretches),
            tuple(self.pauses),
            tuple(sorted(self.given)),
            tuple(self.warnings),
        )

    def _bracket(self, at: int) -> int:
        """Handle what stands at an opening bracket; the place after it."""
        if self.marked.startswith("[[", at):
            self.keep(at, at + 1)
            return at + 2
        match = _TAG.match(self.marked, at)
        if match is None:
            if _LOOKS_LIKE_TAG.match(self.marked, at) and self.strict:
                self.complain(at, self.marked[at : at + 20], "a closed tag such as [pause:0.4], or [[ for a bracket")
            self.keep(at, at + 1)
            return at + 1
        if match["name"] not in TAGS:
            self.complain(at, match[0], f"one of the tags {', '.join(TAGS)}, or [[ for a bracket")
        elif match["close"]:
            self._closing(at, match)
        else:
            self._opening(at, match)
        return match.end()

    def _opening(self, at: int, match: re.Match[str]) -> None:
        name, value = match["name"], (match["value"] or "").strip()
        one = _Open(name, value, self.place, at)
        problem = _CHECKS[name](value) or self._too_much(name, value)
        if name == "ph" and not problem:
            one.language, _, written = value.partition("|")
            try:
                one.phones = phones_by_hand(one.language, written, self.table)
            except InputError as error:
                problem = str(error)
        if problem:
            self.complain(at, match[0], problem)
            one.dead = True
        if name != "pause":
            self.open.append(one)
            self.spans += 1
        elif not problem:
            self.pauses.append(Pause(self.place, float(value)))
            self.silence += float(value)

    def _too_much(self, name: str, value: str) -> str:
        """What is expected of a tag that goes beyond a limit; "" for any other."""
        if name != "pause":
            return f"at most {self.limits.spans} spans in one text" if self.spans >= self.limits.spans else ""
        if len(self.pauses) >= self.limits.pauses:
            return f"at most {self.limits.pauses} pauses in one text"
        if self.silence + float(value) > self.limits.pause_seconds:
            return f"at most {self.limits.pause_seconds:g} seconds of pauses in one text"
        return ""

    def _closing(self, at: int, match: re.Match[str]) -> None:
        if not self.open or self.open[-1].name != match["name"]:
            expected = f"[/{self.open[-1].name}]" if self.open else "an opening tag before it"
            self.complain(at, match[0], expected)
            return
        self._close(self.open.pop())

    def _close(self, one: _Open) -> None:
        span = Span(one.start, self.place)
        if one.dead:
            return
        if one.name != "ph":
            if span.end > span.start:
                self.stretches.append(Stretch(span, one.name, one.value))
        elif span.end > span.start:
            self.given.append(Given(span, one.language, one.phones))
        else:
            self.complain(one.position, "[ph:...][/ph]", "the characters that these phones stand for")


def _number_between(least: float, most: float, unit: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if re.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{1,4})?", value) and least <= float(value) <= most:
            return ""
        return f"{least:g} to {most:g} {unit}"

    return check


def _check_emotion(value: str) -> str:
    if re.fullmatch(r"[^\W\d][\w-]*(?:\|(?:0(?:\.[0-9]+)?|1(?:\.0+)?))?", value):
        return ""
    return "[emotion:NAME] or [emotion:NAME|STRENGTH] with a strength of 0 to 1"


def _check_phones(value: str) -> str:
    return "" if re.fullmatch("[a-z]+\\|.+", value) else "[ph:LANGUAGE|PHONES], such as [ph:zh|xing2]"


_CHECKS: dict[str, Callable[[str], str]] = {
    "emotion": _check_emotion,
    "pause": _number_between(0.0, LONGEST_PAUSE, "seconds, such as [pause:0.4]"),
    "rate": _number_between(SLOWEST, FASTEST, "times the usual rate, such as [rate:0.9]"),
    "ph": _check_phones,
}


def parse(marked: str, table: SymbolTable, strict: bool = True, limits: TextLimits = DEFAULT_LIMITS) -> Marked:
    """Take the markup out of a text.

    Args:
        marked: the text with its markup.
        table: the phones that `[ph:...]` may use.
        strict: True (service) raises at the first mistake; False (text written by a language model) keeps what is
            spoken, drops the tag and says so in `warnings`.
        limits: how much the text may ask for. A text that is too long is refused in either mode.

    Raises:
        InputError: a text that is too long; in strict mode any mistake, with the tag, its position and what was
            expected.
    """
    if len(marked) > limits.characters:
        raise got("marked text", f"{len(marked)} characters", f"at most {limits.characters}; speak it in parts")
    return _Parser(marked, table, strict, limits).run()
