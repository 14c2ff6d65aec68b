"""ESD, the Emotional Speech Dataset (Zhou et al., 2021): 10 Mandarin and 10 English speakers x 350 texts x 5 emotions.

`SPEAKER/SPEAKER.txt` lists `id <tab> text <tab> emotion`; recordings lie in `SPEAKER/EMOTION/[split/]id.wav`. Numbers
run through the emotions in blocks of 350, so number modulo 350 is the sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sovits_lab.corpora.doctor import LONGEST_SHOWN, Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.names import RULE, is_name
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below
from sovits_lab.files import MOST_TEXT, lines_of, regular_file

EMOTIONS = {
    "neutral": "neutral", "angry": "angry", "happy": "happy", "sad": "sad", "surprise": "surprise",
    "中立": "neutral", "生气": "angry", "快乐": "happy", "伤心": "sad", "惊喜": "surprise",
}  # fmt: skip
SENTENCES = 350
LAST_MANDARIN_SPEAKER = 10


class Esd(RecordedCorpus):
    r"""Rows by transcript line; speakers are `0001` to `0020`.

    >>> rows_of({"0011/Sad/0011_001052.wav": RECORDING, "0011/0011.txt": "0011_001052\tHe is here.\tSad\n"})
    0011_001052: 0011, en, sad, He is here.
    """

    looked_for = "SPEAKER/SPEAKER.txt, such as 0011/0011.txt"

    def files(self) -> list[Path]:
        """Return the transcripts."""
        return [path.absolute() for path in self.root.glob("*/*.txt")]

    def rows(self) -> Iterator[Record | Problem]:
        """Yield one row for each transcript line; a line without a recording keeps the path where it should be."""
        for transcript in sorted(self.root.glob("*/*.txt")):
            speaker = transcript.parent.name
            if transcript.stem == speaker and speaker.isdigit():
                audio = {path.stem: path for path in audio_below(transcript.parent)}
                yield from _lines(transcript, speaker, audio)


def _lines(transcript: Path, speaker: str, audio: dict[str, Path]) -> Iterator[Record | Problem]:
    for number, line in enumerate(lines_of(_decode(transcript)), start=1):
        if not line.strip():
            continue
        fields = [field.strip() for field in line.strip("\ufeff").split("\t")]
        key = fields[0]
        numbered = key.rpartition("_")[2]
        emotion = EMOTIONS.get(fields[-1].lower())
        if len(fields) != 3 or emotion is None or not numbered.isdecimal():
            yield Problem(
                f"{transcript}:{number}", "transcript line", f"{line[:LONGEST_SHOWN]!r} is not id, text and emotion"
            )
            continue
        if not is_name(key):
            yield Problem(f"{transcript}:{number}", "unfit id", f"{key!r}, expected {RULE}")
            continue
        yield Record(
            id=key,
            audio=audio.get(key, transcript.parent / fields[-1] / f"{key}.wav"),
            text=fields[1],
            speaker=speaker,
            language="zh" if int(speaker) <= LAST_MANDARIN_SPEAKER else "en",
            emotion=emotion,
            sentence=f"{(int(numbered) - 1) % SENTENCES + 1:03d}",
        )


def _decode(transcript: Path) -> str:
    """The distributed transcripts are in three encodings."""
    data = regular_file(transcript, "transcript", MOST_TEXT).read_bytes()
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        return data.decode("gb18030", errors="replace")
