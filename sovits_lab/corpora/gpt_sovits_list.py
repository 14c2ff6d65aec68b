"""The annotation list of the GPT-SoVITS family: one `path|speaker|language|text` a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.corpora.splits import Conditions
from sovits_lab.types import InputError

LANGUAGES = {"jp": "ja", "ja": "ja", "zh": "zh", "en": "en", "ko": "ko", "yue": "yue", "all_zh": "zh", "all_ja": "ja"}


class GptSovitsList(RecordedCorpus):
    """Rows of a list file.

    Args:
        root: the list file.
        audio: folder of its relative paths; None is the folder of the list.
        emotion: label of every row, as such a list has none.
        splits, limits, keep: see `RecordedCorpus`.
    """

    def __init__(
        self,
        root: str,
        audio: str | None = None,
        emotion: str = "neutral",
        splits: Mapping[str, Any] | None = None,
        limits: Mapping[str, Any] | None = None,
        keep: Conditions = (),
    ) -> None:
        super().__init__(root, splits, limits, keep)
        self.audio = self.root.parent if audio is None else Path(audio).expanduser()
        self.emotion = emotion

    def rows(self) -> Iterator[Record | Problem]:
        """One row for each line that is not empty."""
        try:
            lines = self.root.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"corpus list {self.root}: cannot be read as UTF-8 text ({error})") from error
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            fields = line.split("|", 3)
            if len(fields) != 4 or not all(field.strip() for field in fields[:3]):
                yield Problem(f"{self.root}:{number}", "list line", f"{line!r} is not path|speaker|language|text")
                continue
            path, speaker, language, text = (field.strip() for field in fields)
            yield Record(
                id="-".join((speaker, *Path(path).with_suffix("").parts)).replace("/", ""),
                audio=self.audio / path,
                text=text,
                speaker=speaker,
                language=LANGUAGES.get(language.lower(), language.lower()),
                emotion=self.emotion,
                custom={"line": number},
            )
