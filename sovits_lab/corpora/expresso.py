"""Expresso (Nguyen et al., 2023), its read speech: four English speakers in eight styles, with transcripts.

`read_transcriptions.txt` lists `id <tab> text`; recordings lie below `audio_48khz/read/SPEAKER/STYLE/base`. An id is
`SPEAKER_STYLE_[KIND_]NUMBER`. Recordings of minutes (`longform`) and dialogues are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sovits_lab.corpora.doctor import LONGEST_SHOWN, Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below
from sovits_lab.files import lines_of, read_text
from sovits_lab.types import got

TRANSCRIPTS = "read_transcriptions.txt"
NEUTRAL = "default"  # the style's name
LONG = "longform"
_ID = re.compile(r"(ex\d{2})_([a-z]+)_(?:([a-z]+)_)?(\d+)")


class Expresso(RecordedCorpus):
    r"""Rows by transcript line; speakers are `ex01` to `ex04`, emotions the corpus' styles, with `neutral` for its
    `default`.

    >>> recording = "audio_48khz/read/ex01/sad/base/ex01_sad_00012.wav"
    >>> rows_of({recording: RECORDING, "read_transcriptions.txt": "ex01_sad_00012\tI *never* said so.\n"})
    ex01_sad_00012: ex01, en, sad, I never said so.
    """

    looked_for = f"{TRANSCRIPTS} and recordings such as audio_48khz/read/ex01/sad/base/ex01_sad_00012.wav"

    def files(self) -> list[Path]:
        """Return the transcripts."""
        path = self.root / TRANSCRIPTS
        return [path.absolute()] if path.is_file() else []

    def rows(self) -> Iterator[Record | Problem]:
        """Yield one row for each transcript line; a line without a recording keeps the path where it should be."""
        folder = self.root / "audio_48khz" / "read"
        audio = {path.stem: path for path in audio_below(folder)} if folder.is_dir() else {}
        if not self.files():
            if audio:
                raise got(f"corpus.root {self.root}", "recordings alone", f"{TRANSCRIPTS} beside them")
            return
        transcripts = self.root / TRANSCRIPTS
        for number, line in enumerate(lines_of(read_text(transcripts, "transcripts")), start=1):
            if not line.strip():
                continue
            key, _, text = (part.strip() for part in line.partition("\t"))
            named = _ID.fullmatch(key)
            if named is None or not text:
                yield Problem(
                    f"{transcripts}:{number}", "transcript line", f"{line[:LONGEST_SHOWN]!r} is not an id and a text"
                )
                continue
            speaker, style, kind, _ = named.groups()
            if kind == LONG:
                continue
            yield Record(
                id=key,
                audio=audio.get(key, folder / speaker / style / "base" / f"{key}.wav"),
                text=text.replace("*", ""),  # marks of emphasised words
                speaker=speaker,
                language="en",
                emotion="neutral" if style == NEUTRAL else style,
                custom={"kind": kind or "base"},
            )
