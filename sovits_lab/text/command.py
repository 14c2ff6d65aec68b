"""`python -m sovits_lab text`: how a text is read; `text score`, `text verify DIR` and `text bench`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sovits_lab.types import InputError, got

if TYPE_CHECKING:
    from sovits_lab.text.frontend import Frontend
    from sovits_lab.text.limits import Limits
    from sovits_lab.text.markup import Marked
    from sovits_lab.text.reading import Reading

USAGE = """usage: python -m sovits_lab text "..." [language=zh] [frontend=NAME | bundle=DIR] [table=v2]
                                  [rules=ours|released] [lexicon=FILE] [markup=strict]
                                  [characters=N] [spans=N] [pauses=N] [pause_seconds=S]
       python -m sovits_lab text score [language=en] [named=no] [FILE.tsv ...]
       python -m sovits_lab text verify DIR [out=FILE]
       python -m sovits_lab text bench

Without a command: a table of the pieces of the text, their language, normalised text and phones.
frontend= and bundle= read as that front end, or as the voice in that folder, does; characters=, spans=, pauses= and
pause_seconds= are the limits of the markup.
score reads everyday sentences whose right readings are known and prints the error rate and the wrong sentences of each
file and language; named=no does not tell the language. The status is 0 whatever the rate.
verify compares with stored readings (text_*.json) and prints identical and different items of each path.
bench measures characters and words per second, cold and warm."""
_LIMITS = ("characters", "spans", "pauses", "pause_seconds")
_OPTIONS = {
    "read": {"language", "table", "rules", "lexicon", "markup", "frontend", "bundle", *_LIMITS},
    "score": {"language", "named"},
    "verify": {"out"},
    "bench": set[str](),
}
_WIDE = 100_000  # columns of a file or a pipe: no cell is wrapped there
FrontendOf = Callable[[Path], "Frontend"]
"""The front end of the voice in a folder."""


def _options(argv: Sequence[str], allowed: set[str]) -> tuple[list[str], dict[str, str]]:
    """Plain arguments and key=value options; a text may hold an equals sign, so only known keys count."""
    plain: list[str] = []
    options: dict[str, str] = {}
    for argument in argv:
        key, equals, value = argument.partition("=")
        if equals and key in allowed:
            options[key] = value
        else:
            plain.append(argument)
    return plain, options


def main(argv: list[str], frontend_of: FrontendOf | None = None) -> int:
    """Run the command; the exit status of `verify` is 1 when anything differs.

    Args:
        argv: what stands after `text`.
        frontend_of: answers `bundle=`.
    """
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    command = argv[0] if argv[0] in ("score", "verify", "bench") else "read"
    plain, options = _options(argv if command == "read" else argv[1:], _OPTIONS[command])
    if command == "bench":
        return _bench()
    if command == "score":
        return _score([Path(name) for name in plain], options)
    if len(plain) != 1:
        raise got("arguments", " ".join(plain), f"one {'folder' if command == 'verify' else 'text, in quotes'}")
    if command == "verify":
        return _verify(Path(plain[0]), options.get("out"))
    return _read(plain[0], options, _frontend(options, frontend_of))


def _frontend(options: dict[str, str], frontend_of: FrontendOf | None) -> Frontend:
    """The front end that the options ask for."""
    from sovits_lab.text.frontend import EnglishFrontend, MultilingualFrontend, ReleasedFrontend, load_frontend

    table, rules, lexicon = options.get("table", "v2"), options.get("rules", "ours"), options.get("lexicon")
    if rules not in ("ours", "released"):
        raise got("rules", rules, "ours or released")
    whose = [name for name in ("bundle", "frontend") if name in options]
    if whose and (len(whose) > 1 or {"table", "rules"} & set(options)):
        raise InputError("bundle=, frontend=, and table= or rules=: got several of them, expected one")
    if "bundle" in options:
        if frontend_of is None:
            raise got("bundle", options["bundle"], "none here")
        return frontend_of(Path(options["bundle"]))
    if options.get("frontend") == "english":
        return EnglishFrontend(lexicon)
    if options.get("frontend", "multilingual") != "multilingual":
        return load_frontend(options["frontend"])
    return MultilingualFrontend(table, lexicon) if rules == "ours" else ReleasedFrontend(table)


def _limits(options: dict[str, str]) -> Limits:
    from sovits_lab.text.limits import Limits

    values: dict[str, float] = {}
    for name in _LIMITS:
        if name in options:
            if not options[name].isdecimal():
                raise got(name, options[name], "a whole number")
            values[name] = int(options[name])
    return Limits(**values)  # type: ignore[arg-type]


def _reading(front: Frontend, marked: Marked, language: str | None) -> Reading:
    if not marked.given:
        return front.read(marked.text, language)
    if "given" not in inspect.signature(front.read).parameters:
        raise got("markup", "[ph:...]", f"none: the front end {front.name} takes no phones by hand")
    return front.read(marked.text, language, marked.given)  # type: ignore[call-arg]


def _read(text: str, options: dict[str, str], front: Frontend) -> int:
    from rich.console import Console
    from rich.table import Table

    from sovits_lab.text.markup import parse
    from sovits_lab.text.show import rows

    marked = parse(text, front.symbols, options.get("markup") == "strict", _limits(options))
    reading = _reading(front, marked, options.get("language") or None)
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


def _score(files: list[Path], options: dict[str, str]) -> int:
    from sovits_lab.text.frontend import MultilingualFrontend
    from sovits_lab.text.score import everyday_files, score

    named = options.get("named", "yes")
    if named not in ("yes", "no"):
        raise got("named", named, "yes or no")
    front = MultilingualFrontend("multilingual")
    found = 0
    for file in files or everyday_files():
        for one in score(file, front, options.get("language") or None, named == "yes"):
            found += 1
            rate = 100 * len(one.wrong) / one.sentences
            print(f"{one.file:<24}{one.language:<8}{one.sentences:>5} sentences{len(one.wrong):>5} wrong  {rate:.1f} %")
            for misread in one.wrong:
                print(f"    {misread.sentence.text}")
                print(
                    f"        read:  {' '.join(misread.phones)}\n        right: {' '.join(misread.right)}", flush=True
                )
    if not found:
        raise got("language", options.get("language", ""), "a language of one of the files")
    return 0


def _verify(folder: Path, out: str | None) -> int:
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
        Path(out).write_text("\n".join(lines), "utf-8")
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
