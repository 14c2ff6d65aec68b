"""`python -m sovits_lab text`: how a text is read; `text verify DIR` and `text bench`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sovits_lab.types import got

USAGE = """usage: python -m sovits_lab text "..." [language=zh] [table=v2] [rules=ours|released]
                                  [lexicon=FILE] [markup=strict]
       python -m sovits_lab text verify DIR [out=FILE]
       python -m sovits_lab text bench

Without a command: a table of the pieces of the text, their language, normalised text and phones.
verify compares with stored readings (text_*.json) and prints identical and different items of each path.
bench measures characters and words per second, cold and warm."""
_OPTIONS = {
    "read": {"language", "table", "rules", "lexicon", "markup"},
    "verify": {"out"},
    "bench": set[str](),
}


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


def main(argv: list[str]) -> int:
    """Run the command; the exit status of `verify` is 1 when anything differs."""
    if not argv or argv[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    command = argv[0] if argv[0] in ("verify", "bench") else "read"
    plain, options = _options(argv if command == "read" else argv[1:], _OPTIONS[command])
    if command == "bench":
        return _bench()
    if len(plain) != 1:
        raise got("arguments", " ".join(plain), f"one {'folder' if command == 'verify' else 'text, in quotes'}")
    return _verify(Path(plain[0]), options.get("out")) if command == "verify" else _read(plain[0], options)


def _read(text: str, options: dict[str, str]) -> int:
    from rich.console import Console
    from rich.table import Table

    from sovits_lab.text.frontend import MultilingualFrontend, ReleasedFrontend
    from sovits_lab.text.markup import parse
    from sovits_lab.text.show import rows

    table_name, rules = options.get("table", "v2"), options.get("rules", "ours")
    if rules not in ("ours", "released"):
        raise got("rules", rules, "ours or released")
    front = (
        MultilingualFrontend(table_name, options.get("lexicon")) if rules == "ours" else ReleasedFrontend(table_name)
    )
    marked = parse(text, front.symbols, strict=options.get("markup") == "strict")
    reading = front.read(marked.text, options.get("language") or None, marked.given)
    console = Console(width=None, highlight=False, markup=False)
    table = Table("input", "language", "normalised", "phones", "ids", show_lines=True)
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
