"""nEMO (Christop, 2024): nine Polish actors, six emotions, 90 sentences, each text in every emotion.

`samples/SPEAKER_EMOTION_NUMBER.wav` with `data.tsv` (columns `file_id` and `raw_text`) beside the folder. A part of the
corpus with a table `manifest.tsv` (columns `path` and `text`) is read as well. The number is that of the sentence.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below
from sovits_lab.files import lines_of, read_text
from sovits_lab.types import got

EMOTIONS = {
    "neutral": "neutral", "anger": "angry", "fear": "fearful", "happiness": "happy", "sadness": "sad",
    "surprised": "surprised",
}  # fmt: skip
TABLES = {"data.tsv": ("file_id", "raw_text"), "manifest.tsv": ("path", "text")}
_NAME = re.compile(r"([A-Z]{2}\d)_([a-z]+)_(\d{1,3})")


class Nemo(RecordedCorpus):
    r"""Rows by file name, texts by the corpus' table; speakers are such as `KD0`.

    >>> table = "file_id\traw_text\nKD0_sadness_12.wav\tLubię czytać.\n"
    >>> rows_of({"samples/KD0_sadness_12.wav": RECORDING, "data.tsv": table})
    KD0_sadness_12: KD0, pl, sad, Lubię czytać.
    """

    looked_for = "recordings such as KD0_sadness_12.wav"

    def files(self) -> list[Path]:
        """Return the table of texts."""
        return [path.absolute() for path in (self.root / name for name in TABLES) if path.is_file()][:1]

    def rows(self) -> Iterator[Record | Problem]:
        """Yield a row for each recording below the root."""
        recordings = audio_below(self.root)
        texts = self._texts() if recordings else {}
        for path in recordings:
            named = _NAME.fullmatch(path.stem)
            if named is None or named[2] not in EMOTIONS:
                yield Problem(str(path), "file name", f"{path.name} is not speaker, emotion and number")
            elif not texts.get(path.stem):
                yield Problem(str(path), "no text", f"{self.files()[0].name} has no row for {path.name}")
            else:
                yield Record(
                    id=path.stem,
                    audio=path,
                    text=texts[path.stem],
                    speaker=named[1],
                    language="pl",
                    emotion=EMOTIONS[named[2]],
                    sentence=f"{int(named[3]):02d}",
                )

    def _texts(self) -> dict[str, str]:
        """Texts by the stem of the recording."""
        found = self.files()
        if not found:
            raise got(f"corpus.root {self.root}", "no table of texts", f"{' or '.join(TABLES)} in it")
        name, text = TABLES[found[0].name]
        rows = csv.DictReader(lines_of(read_text(found[0], "table of texts")), delimiter="\t", quoting=csv.QUOTE_NONE)
        columns = list(rows.fieldnames or ())
        if name not in columns or text not in columns:
            raise got(f"table of texts {found[0]}: columns", columns, f"{name} and {text} among them")
        return {Path(row[name] or "").stem: (row[text] or "").strip() for row in rows}
