"""The annotation list of the GPT-SoVITS family: one `path|speaker|language|text` a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import LONGEST_SHOWN, Problem
from sovits_lab.corpora.languages import language_code
from sovits_lab.corpora.listed import ListedPaths, audio_advice, unique_ids
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.names import as_name
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.corpora.splits import Conditions
from sovits_lab.files import lines_of, read_text
from sovits_lab.types import got

USUAL = ("path", "speaker", "language", "text")
WITH_EMOTION = ("path", "speaker", "language", "emotion", "text")
EMOTIONS = frozenset({
    "neutral", "calm", "happy", "happiness", "joy", "sad", "sadness", "angry", "anger", "fear", "fearful", "afraid",
    "disgust", "disgusted", "surprise", "surprised", "excited", "whisper", "tender", "amused", "sleepy", "bored",
})  # fmt: skip
MOST_EMOTIONS = 20  # different words in a column that is taken for one of emotions


class GptSovitsList(RecordedCorpus):
    """Rows of a list file.

    Args:
        root: the list file.
        audio: folder of its relative paths, and of absolute ones that are not on this machine; None is the folder of
            the list.
        emotion: label of every row of a list that names none.
        columns: of the list, the text last; None takes the usual four, with an emotion before the text where that is
            what stands there in every line.
        splits, limits, keep, licence: see `RecordedCorpus`.
    """

    looked_for = "lines path|speaker|language|text"

    def __init__(
        self,
        root: str,
        audio: str | None = None,
        emotion: str = "neutral",
        columns: Sequence[str] | None = None,
        splits: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        keep: Conditions = (),
        licence: str | None = None,
    ) -> None:
        super().__init__(root, splits, limits, keep, licence)
        self.audio = self.root.parent if audio is None else Path(audio).expanduser()
        self.moved = audio is not None
        self.emotion = emotion
        self.columns = None if columns is None else tuple(columns)
        known = sorted(WITH_EMOTION)
        if self.columns is not None and (self.columns[-1:] != ("text",) or sorted({*self.columns, "emotion"}) != known):
            raise got("corpus.columns", columns, "path, speaker, language, perhaps emotion, in any order, then text")

    @property
    def roots(self) -> tuple[Path, ...]:
        """The list and the folder of its audio."""
        return (self.root, self.audio)

    def advice(self, problems: Sequence[Problem]) -> list[str]:
        """Name the folder of the audio where recordings are missing."""
        return audio_advice(problems, self.audio, self.moved)

    def rows(self) -> Iterator[Record | Problem]:
        """Return one row for each line that is not empty."""
        lines = [
            (number, line.strip("\ufeff"))
            for number, line in enumerate(lines_of(read_text(self.root, "corpus list")), start=1)
            if line.strip("\ufeff \t")
        ]
        if lines and _names_columns(lines[0][1]):
            detail = (
                f"{lines[0][1][:LONGEST_SHOWN]!r} names columns: a list has no such line, a table (corpus=table) has"
            )
            yield Problem(f"{self.root}:{lines.pop(0)[0]}", "header line", detail)
        columns = self.columns or (WITH_EMOTION if _names_emotions([line for _, line in lines]) else USUAL)
        place = columns.index("path")
        cells = (line.split("|", len(columns) - 1) for _, line in lines)
        paths = ListedPaths((cell[place].strip() for cell in cells if len(cell) > place), self.audio, self.moved)
        yield from unique_ids(self._row(number, line, columns, paths) for number, line in lines)

    def _row(self, number: int, line: str, columns: Sequence[str], paths: ListedPaths) -> Record | Problem:
        where = f"{self.root}:{number}"
        fields = [field.strip() for field in line.split("|", len(columns) - 1)]
        if len(fields) != len(columns) or not all(fields[:-1]):
            return Problem(where, "list line", f"{line[:LONGEST_SHOWN]!r} is not {'|'.join(columns)}")
        if "\0" in line or "\r" in line.strip():
            what = "null character" if "\0" in line else "carriage return (lines end in line feeds: save the list so)"
            return Problem(where, "list line", f"it holds a {what}")
        row = dict(zip(columns, fields, strict=True))
        if columns == USUAL and _emotion_before(row["text"]):
            detail = f"{row['text'][:LONGEST_SHOWN]!r} begins with an emotion, other lines do not: give all or none one"
            return Problem(where, "list line", f"{detail}, or name corpus.columns=[{','.join(WITH_EMOTION)}]")
        path = paths.find(row["path"])
        return Record(
            id=as_name("-".join((row["speaker"], *path.with_suffix("").parts)).replace("/", "")),
            audio=self.audio / path,
            text=row["text"],
            speaker=row["speaker"],
            language=language_code(row["language"]),
            emotion=row.get("emotion", self.emotion).lower(),
            custom={"line": number},
        )


def _names_columns(line: str) -> bool:
    """Whether a line is a heading: no row says the text "text" in a language that is called "language"."""
    cells = [cell.strip().lower() for cell in line.split("|")]
    return cells[-1] == "text" and not {"language", "lang"}.isdisjoint(cells)


def _names_emotions(lines: Sequence[str]) -> bool:
    """Whether every line has a word before its text, and the words are emotions or few enough to be labels."""
    texts = [line.split("|", 3)[3] for line in lines if line.count("|") >= 3]
    if not texts or not all("|" in text for text in texts):
        return False
    words = {text.partition("|")[0].strip().lower() for text in texts}
    if words <= EMOTIONS:
        return True
    labels = all(word and not any(letter.isspace() for letter in word) for word in words)
    return labels and len(words) <= min(MOST_EMOTIONS, len(texts) // 2)


def _emotion_before(text: str) -> bool:
    return "|" in text and text.partition("|")[0].strip().lower() in EMOTIONS
