"""Write what is converted: recorded readers and actors into the starter voice, and its teacher's speech into it again.

    python -m evaluation submit speak=hibari out=HEART; python -m evaluation submit prompts=PROMPTS
    python experiments/conversion/pairs.py readers=DIR actors=DIR heart=HEART prompts=PROMPTS out=FOLDER [unheard=yes]

`readers` and `actors` are folders with `manifest.tsv`. Writes `readers.tsv`, `actors.tsv` and `actors_mean.tsv` (the
same, nobody's neutral clip known), and copies of the sources without their silent ends. `unheard=yes` takes only the
actors whom the voice of `experiment=conversion` has not heard; the starter voice has heard none.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

from table import UNHEARD_ACTORS, rows_of

from sovits_lab.audio.files import load_audio, save_audio
from sovits_lab.audio.trim import trim_silence

COLUMNS = ("source", "source_speaker", "speaker", "reference", "text", "emotion", "source_neutral")
LONGEST, EACH = 7.0, 3  # seconds of a reader's clip, and clips of each
EMOTIONS = ("neutral", "sad", "happy", "angry")
TARGET, RATE = "heart", 16_000
Pairs = list[tuple[str, ...]]


def trimmed(path: str, folder: Path) -> str:
    """Copy a recording without its silent ends."""
    copy = folder / f"{Path(path).stem}.wav"
    save_audio(copy, trim_silence(load_audio(path, RATE, mix_down=True), RATE, threshold=0.03).wav, RATE)
    return str(copy.resolve())


def readers(rows: list[dict[str, str]], folder: Path, reference: str) -> Pairs:
    """Take a few short clips of each reader."""
    made: Pairs = []
    for who in sorted({row["speaker"] for row in rows}):
        own = [row for row in rows if row["speaker"] == who and float(row["dur"]) <= LONGEST]
        made += [(trimmed(row["path"], folder), who, TARGET, reference, row["text"], "", "") for row in own[:EACH]]
    return made


def actors(rows: list[dict[str, str]], folder: Path, reference: str, unheard: bool) -> Pairs:
    """Take the neutral and the strong clips of all actors or of the unheard ones, first takes."""
    made: Pairs = []
    neutral = {row["speaker"]: row["path"] for row in rows if row["emotion"] == "neutral" and row["take"] == "02"}
    for row in rows:
        wanted = "normal" if row["emotion"] == "neutral" else "strong"
        chosen = (row["speaker"] in UNHEARD_ACTORS or not unheard) and row["emotion"] in EMOTIONS
        chosen = chosen and row["take"] == "01"
        if chosen and row["intensity"] == wanted:
            who, copy = row["speaker"], trimmed(row["path"], folder)
            made.append((copy, who, TARGET, reference, row["text"], row["emotion"], neutral[who]))
    return made


def own(folder: Path, prompts: Path, copies: Path, reference: str) -> Pairs:
    """Take the teacher's recordings, which the voice says again."""
    with prompts.open(encoding="utf-8", newline="") as file:
        texts = {row["id"]: row["text"] for row in csv.DictReader(file, delimiter="\t")}
    clips = sorted(path for path in folder.glob("*.wav") if str(path.resolve()) != reference)
    return [(trimmed(str(path), copies), TARGET, TARGET, reference, texts[path.stem], "", "") for path in clips]


def main(argv: list[str]) -> None:
    """Write both tables."""
    given = dict(word.split("=", 1) for word in argv)
    out, heart = Path(given["out"]), Path(given["heart"])
    copies = out / "sources"
    copies.mkdir(parents=True, exist_ok=True)
    reference = str(sorted(heart.glob("*.wav"))[0].resolve())
    acted = actors(rows_of(Path(given["actors"])), copies, reference, given.get("unheard") == "yes")
    lists = {
        "readers": readers(rows_of(Path(given["readers"])), copies, reference)
        + own(heart, Path(given["prompts"]), copies, reference),
        "actors": acted,
        "actors_mean": [(*pair[:-1], "") for pair in acted],
    }
    for name, pairs in lists.items():
        with (out / f"{name}.tsv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter="\t", lineterminator="\n").writerows([COLUMNS, *pairs])
        print(f"{name}: {len(pairs)} pairs")


if __name__ == "__main__":
    main(sys.argv[1:])
