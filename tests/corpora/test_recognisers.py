"""Folders that are given as a recogniser and hold none: one line, nothing asked of the network."""

import os
from pathlib import Path

import pytest

from sovits_lab.corpora.transcripts import WHISPER_FILES, whisper_transcriber
from sovits_lab.types import InputError

pytest.importorskip("faster_whisper")


@pytest.mark.parametrize("there", range(len(WHISPER_FILES)))
def test_a_folder_that_lacks_a_file_is_refused_with_its_name(tmp_path: Path, there: int) -> None:
    for name in (*WHISPER_FILES[:there], "notes.txt"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(InputError, match=rf"recogniser: got 'no {WHISPER_FILES[there]} in .*, expected a folder with"):
        whisper_transcriber(str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"{}", b"\x06\x00\x00\x00" + os.urandom(200), os.urandom(3000)])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    for name in WHISPER_FILES:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match="cannot be opened") as refused:
        whisper_transcriber(str(tmp_path))
    assert "\n" not in str(refused.value)
