"""`python -m sovits_lab text`: how a text is read; `text score`, `text verify DIR` and `text bench`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.text.frontend import Frontend
    from sovits_lab.text.limits import TextLimits
    from sovits_lab.text.markup import Marked
    from sovits_lab.text.reading import Reading


@dataclass(frozen=True)
class TextOptions:
    """Show how a text is read: a table of its pieces, their language, normalised text and phones.

    `text score`, `text verify DIR` and `text bench` are commands of their own; each has --help.
    """

    text: str = option("what is read, in quotes", bare=True)
    language: str | None = option("of the whole text, such as zh; else each piece's letters tell", None)
    frontend: str | None = option("a front end's name, in place of table= and rules=", None)
    bundle: Path | None = option("a voice, whose front end reads", None)
    table: str | None = option("symbol table", None, shown="v2")
    rules: str | None = option("whose rules", None, shown="ours", choices=["ours", "released"])
    lexicon: str | None = option("file of words and their phones", None)
    markup: str = option("what becomes of wrong markup", "lenient", choices=["lenient", "strict"])
    characters: int | None = option("longest text with markup, characters", None, least=0)
    spans: int | None = option("most marked spans", None, least=0)
    pauses: int | None = option("most pauses", None, least=0)
    pause_seconds: int | None = option("longest pause", None, unit="s", least=0)


@dataclass(frozen=True)
class TextScoreOptions:
    """Read everyday sentences whose right readings are known; print error rates and wrong sentences.

    The exit status is 0 whatever the rate.
    """

    files: list[Path] = option("tables of sentences", [], shown="those of the package", bare=True)
    language: str | None = option("only this language", None)
    named: bool = option("tell the front end the language", True)


@dataclass(frozen=True)
class TextVerifyOptions:
    """Compare with stored readings (text_*.json); print identical and different items of each path.

    The exit status is 1 when anything differs.
    """

    folder: Path = option("of the stored readings", bare=True)
    out: Path | None = option("file for the differences side by side", None)


@dataclass(frozen=True)
class TextBenchOptions:
    """Measure characters and words per second, cold and warm."""


_LIMITS = ("characters", "spans", "pauses", "pause_seconds")
_ACTIONS: dict[str, type] = {"score": TextScoreOptions, "verify": TextVerifyOptions, "bench": TextBenchOptions}
_WIDE = 100_000  # columns of a file or a pipe: no cell is wrapped there
FrontendOf = Callable[[Path], "Frontend"]
"""The front end of the voice in a folder."""


def main(argv: list[str], frontend_of: FrontendOf | None = None) -> int:
    """Run the command; the exit status of `verify` is 1 when anything differs.

    Args:
        argv: what stands after `text`.
        frontend_of: answers `bundle=`.
    """
    action = argv[0] if argv and argv[0] in _ACTIONS else ""
    kind = _ACTIONS.get(action, TextOptions)
    if not argv or wants_help(argv):
        print(describe(kind, f"text {action}".strip()))
        return 0
    given: Any = read_options(kind, argv[1:] if action else _with_text(argv))
    if isinstance(given, TextScoreOptions):
        return _score(given)
    if isinstance(given, TextVerifyOptions):
        return _verify(given.folder, given.out)
    return _read(given, _frontend(given, frontend_of)) if isinstance(given, TextOptions) else _bench()


def _with_text(argv: Sequence[str]) -> list[str]:
    """The words of the command; a text may hold an equals sign, so whatever has no known key is the text."""
    names = {one.name for one in fields(TextOptions)}
    known = [word.startswith("--") or word.partition("=")[0] in names for word in argv]
    plain = [word for word, its in zip(argv, known, strict=True) if not its]
    if len(plain) > 1:
        raise got("arguments", " ".join(plain), "one text, in quotes")
    return [word if its else f"text={word}" for word, its in zip(argv, known, strict=True)]


def _frontend(given: TextOptions, frontend_of: FrontendOf | None) -> Frontend:
    """The front end that the options ask for."""
    from sovits_lab.text.frontend import EnglishFrontend, MultilingualFrontend, ReleasedFrontend, load_frontend

    asked = [given.bundle, given.frontend, given.table or given.rules]
    if sum(map(bool, asked)) > 1 and (given.bundle or given.frontend):
        raise InputError("bundle=, frontend=, and table= or rules=: got several of them, expected one")
    if given.bundle:
        if frontend_of is None:
            raise got("bundle", given.bundle, "none here")
        return frontend_of(given.bundle)
    if given.frontend == "english":
        return EnglishFrontend(given.lexicon)
    if given.frontend not in (None, "multilingual"):
        return load_frontend(given.frontend)
    table = given.table or "v2"
    return ReleasedFrontend(table) if given.rules == "released" else MultilingualFrontend(table, given.lexicon)


def _limits(given: TextOptions) -> TextLimits:
    from sovits_lab.text.limits import TextLimits

    asked = {name: getattr(given, name) for name in _LIMITS}
    return TextLimits(**{name: value for name, value in asked.items() if value is not None})


def _reading(front: Frontend, marked: Marked, language: str | None) -> Reading:
    if not marked.given:
        return front.read(marked.text, language)
    if "given" not in inspect.signature(front.read).parameters:
        raise got("markup", "[ph:...]", f"none: the front end {front.name} takes no phones by hand")
    return front.read(marked.text, language, marked.given)  # type: ignore[call-arg]


def _read(given: TextOptions, front: Frontend) -> int:
    from rich.console import Console
    from rich.table import Table

    from sovits_lab.text.markup import parse
    from sovits_lab.text.show import rows

    marked = parse(given.text, front.symbols, given.markup == "strict", _limits(given))
    reading = _reading(front, marked, given.language)
    console = Console(width=None if sys.stdout.isatty() else _WIDE, highlight=False, markup=False)
    table = Table(show_lines=True)
    for name in ("input", "language", "normalised", "phones", "ids"):
        table.add_column(name, overflow="fold")  # never cut a cell: Chinese has no spaces to break a line at
    for row in rows(reading, front.symbols):
        table.add_row(*row)
    console.print(table)
    for skip in reading.skipped:
        if skip.reason != "space":
            console.print(
                f"silent: {reading.text[skip.span.start : skip.span.end]!r} at {skip.span.start}: {skip.reason}"
            )
    for note in (*reading.notes, *marked.warnings):
        console.print(f"note: {note}")
    if reading.is_silent:
        console.print("note: nothing in this text is spoken")
    return 0


def _score(given: TextScoreOptions) -> int:
    from sovits_lab.text.frontend import MultilingualFrontend
    from sovits_lab.text.score import everyday_files, score

    front = MultilingualFrontend("multilingual")
    found = 0
    for file in given.files or everyday_files():
        for one in score(file, front, given.language, given.named):
            found += 1
            rate = 100 * len(one.wrong) / one.sentences
            print(f"{one.file:<24}{one.language:<8}{one.sentences:>5} sentences{len(one.wrong):>5} wrong  {rate:.1f} %")
            for misread in one.wrong:
                print(f"    {misread.sentence.text}")
                print(
                    f"        read:  {' '.join(misread.phones)}\n        right: {' '.join(misread.right)}", flush=True
                )
    if not found:
        raise got("language", given.language or "", "a language of one of the files")
    return 0


def _verify(folder: Path, out: Path | None) -> int:
    from sovits_lab.text.verify import verify

    lines = []
    different = 0
    print(f"{'file':<24}{'path':<26}{'rules':<10}{'identical':>10}{'different':>11}")
    for outcome in verify(folder):
        count = len(outcome.differences)
        different += count
        rules = "released" if outcome.released else "ours"
        print(f"{outcome.file:<24}{outcome.path:<26}{rules:<10}{outcome.items - count:>10}{count:>11}", flush=True)
        for one in outcome.differences:
            heading = f"{outcome.file} {outcome.path} ({rules}): {one.item}"
            lines += [heading, f"    ours:   {one.ours}", f"    stored: {one.stored}", ""]
    if out:
        out.write_text("\n".join(lines), "utf-8")
        print(f"differences side by side: {out}")
    elif lines:
        print("\n" + "\n".join(lines))
    return 1 if different else 0


def _bench() -> int:
    from sovits_lab.text.bench import measure

    print(f"{'language':<10}{'rules':<10}{'cold start s':>13}{'warm per s':>12}  unit")
    for one in measure():
        print(f"{one.language:<10}{one.rules:<10}{one.cold:>13.2f}{one.warm:>12.0f}  {one.unit}", flush=True)
    return 0
