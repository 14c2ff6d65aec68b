"""Files that are damaged, endless or made to do harm are refused in one line; nothing is written through links."""

from __future__ import annotations

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.files import (
    MOST_LINE,
    lines_of,
    load_archive,
    load_array,
    printable,
    read_json,
    read_json_lines,
    read_packed_lines,
    read_text,
    write_whole,
)
from sovits_lab.types import InputError

READERS: dict[str, Callable[[Path, str], Any]] = {
    "text": read_text, "json": read_json, "array": load_array, "archive": load_archive,
    "lines": lambda *given, **more: list(read_json_lines(*given, **more)),
    "packed": lambda *given, **more: list(read_packed_lines(*given, **more)),
}  # fmt: skip


def refused(reader: Callable[..., Any], path: Path, **more: Any) -> str:
    with pytest.raises(InputError) as caught:
        reader(path, "thing", **more)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 700
    return str(caught.value)


@pytest.mark.parametrize("name", READERS)
def test_only_regular_files_are_opened(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")  # opening it would hang
    device, unread, nothing = "device or a pipe", "cannot be read", "nothing there"
    for path, words in (("pipe", device), ("/dev/zero", device), (".", "a folder"), ("none", nothing),
                        ("x" * 5000, unread), ("a\0b", unread), ("pipe/x", nothing)):  # fmt: skip
        assert words in refused(READERS[name], tmp_path / path)


def test_sizes_are_limited(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x" * 100)
    assert "100 bytes, expected at most 99" in refused(read_text, tmp_path / "a.txt", most=99).replace("'", "")
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)  # takes no disk
    assert "expected at most" in refused(read_json, tmp_path / "large")
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b"\n" * 10_000_000))
    assert "when unpacked" in refused(READERS["packed"], tmp_path / "bomb.gz", most=1_000_000)
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a.npy", b"\0" * 20_000_000)
    assert (tmp_path / "bomb.npz").stat().st_size < 100_000
    assert "20000000 bytes when unpacked" in refused(load_archive, tmp_path / "bomb.npz", most=1 << 20).replace("'", "")
    header = (
        b"\x93NUMPY\x01\x00v\x00"
        + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117)
        + b"\n"
    )
    (tmp_path / "bomb.npy").write_bytes(header)
    assert "cannot be read" in refused(load_array, tmp_path / "bomb.npy")


@pytest.mark.parametrize(
    "content",
    [b"[" * 200_000, b'{"a": ' + b"9" * 6000 + b"}", b'{"a": 1e999}', b'{"a": -Infinity}', b'{"a": NaN}',
     b'{"a": "\xe9"}', b'{"a"', b"\0", b""],
)  # fmt: skip
def test_bombs_in_json(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert "a.json" in refused(read_json, tmp_path / "a.json")
    if content:
        (tmp_path / "a.jsonl").write_bytes(b'{"fine": 1}\n' + content + b"\n")
        assert "line 2" in refused(READERS["lines"], tmp_path / "a.jsonl")


def test_what_runs_code_is_not_loaded(tmp_path: Path) -> None:
    class Trace:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.system, (f"touch {tmp_path / 'trace'}",))

    np.save(tmp_path / "a.npy", np.array([Trace()], dtype=object), allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=np.array([Trace()], dtype=object))
    refused(load_array, tmp_path / "a.npy")
    refused(load_archive, tmp_path / "a.npz")
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("kept", [0, 10, 60, 150])
def test_arrays_cut_short(tmp_path: Path, kept: int) -> None:
    np.save(tmp_path / "a.npy", np.arange(100.0))
    np.savez(tmp_path / "a.npz", a=np.arange(100.0))
    for name, reader in (("a.npy", load_array), ("a.npz", load_archive)):
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:kept])
        assert name in refused(reader, tmp_path / name)


def test_a_flipped_bit_in_an_archive_is_noticed(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.arange(1000.0))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "a.npz").write_bytes(data)
    assert "cannot be read" in refused(load_archive, tmp_path / "a.npz")


def test_what_is_whole_is_read(tmp_path: Path) -> None:
    write_whole(tmp_path / "a.json", '\ufeff{"a": [1, 2.5, "é"]}'.encode())
    assert read_json(tmp_path / "a.json", "thing") == {"a": [1, 2.5, "é"]}
    rows = [{"a": "x\u2028y"}, {"a": 2}]
    packed = gzip.compress("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())
    write_whole(tmp_path / "a.jsonl.gz", packed)
    assert list(read_packed_lines(tmp_path / "a.jsonl.gz", "thing")) == rows
    np.savez(tmp_path / "a.npz", a=np.arange(3), b=np.array(["x"]))
    assert load_archive(tmp_path / "a.npz", "thing")["b"].tolist() == ["x"]
    assert lines_of("a\u2028b\r\nc\x0bd\n\ne") == ["a\u2028b", "c\x0bd", "", "e"]


def test_lines_are_read_one_by_one(tmp_path: Path) -> None:
    content = b'\xef\xbb\xbf{"a": 1}\r\n\n{"a": 2}\n{"a": "\xe9"}\n'
    (tmp_path / "a.jsonl").write_bytes(content)
    (tmp_path / "a.gz").write_bytes(gzip.compress(content)[:-12])  # cut short
    for reader, path in ((read_json_lines, "a.jsonl"), (read_packed_lines, "a.gz")):
        rows = reader(tmp_path / path, "thing")
        assert [next(rows), next(rows)] == [{"a": 1}, {"a": 2}]
    assert "line 4: got byte 0xe9" in refused(READERS["lines"], tmp_path / "a.jsonl")
    (tmp_path / "long").write_bytes(b'{"fine": 1}\n"' + b"x" * MOST_LINE)
    assert "line 2: got 'more than" in refused(READERS["lines"], tmp_path / "long")


def test_nothing_is_written_through_links(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    for name in ("out", f".out.{os.getpid()}.partial"):
        (tmp_path / name).symlink_to(kept)
    write_whole(tmp_path / "out", b"new")
    assert kept.read_text() == "precious" and (tmp_path / "out").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "out"]
    with pytest.raises(InputError, match=r"no\\x1b\[31m"):
        write_whole(tmp_path / "no\x1b[31m" / "out", b"")


def test_control_characters_are_shown_as_escapes() -> None:
    assert printable("a\x1b[31m\x07\u202eb\té") == "a\\x1b[31m\\x07\\u202eb\\té"
