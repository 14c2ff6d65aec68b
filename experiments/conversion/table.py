"""Write the table that the study's voice learns from, and who stays unheard.

    python experiments/conversion/table.py actors=DIR readers=DIR texts=FILE out=corpus.tsv

`actors` and `readers` are folders with `manifest.tsv` (path, speaker, emotion, text). `texts` is a table of paths and
texts for readers that have none.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

UNHEARD_ACTORS = ("actor15", "actor16", "actor17", "actor18")  # two men, two women
UNHEARD_READERS = 10  # the first ones by name


def rows_of(folder: Path) -> list[dict[str, str]]:
    """Read a manifest; paths become absolute."""
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [{**row, "path": str(folder.resolve() / row["path"])} for row in rows]


def texts_of(path: Path) -> dict[str, str]:
    """Read what was heard in each file, by its name."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return {Path(row["path"]).name: row["text"] for row in rows}


def main(argv: list[str]) -> None:
    """Write the table."""
    given = dict(word.split("=", 1) for word in argv)
    texts = texts_of(Path(given["texts"]))
    readers = rows_of(Path(given["readers"]))
    unheard = {*UNHEARD_ACTORS, *sorted({row["speaker"] for row in readers})[:UNHEARD_READERS]}
    with Path(given["out"]).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, delimiter="\t", lineterminator="\n")
        table.writerow(("path", "text", "speaker", "language", "emotion"))
        for row in [*rows_of(Path(given["actors"])), *readers]:
            text = row["text"] or texts.get(Path(row["path"]).name, "")
            if text.strip() and row["speaker"] not in unheard:
                table.writerow((row["path"], text, row["speaker"], "en", row["emotion"] or "neutral"))


if __name__ == "__main__":
    main(sys.argv[1:])
