"""Files from elsewhere are read with limits, our own are written whole; what is wrong with one is a single line.

A file that was found may be damaged, endless or made to do harm. So only regular files are opened, sizes are compared
before memory is asked for, and a broken one is an `InputError`, never a traceback.
"""

from __future__ import annotations

import gzip
import io
import json
import math
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from sovits_lab.types import InputError, got
from sovits_lab.types import printable as printable

MIB = 1 << 20
MOST_TEXT = 512 * MIB
MOST_LINE = 4 * MIB  # bytes
MOST_WEIGHTS = 16 * 1024 * MIB
MOST_UNPACKED = 8192 * MIB
SHOWN = 200  # characters of another's words
AGAIN = "it is damaged; if a stage made it, remove the stage's folder and run again"


class StoreError(InputError):
    """A file of our own cannot be read or written, as on a full disk; the message is for whoever runs the program."""


def regular_file(path: Path, what: str, most: int | None = None) -> Path:
    """Return the same path, once it is known to be an ordinary file of at most `most` bytes.

    Raises:
        InputError: nothing there, a folder, a device, a pipe, a name that no file can have, or too large.
    """
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise got(f"{what} {printable(path)}", "nothing there", "a file") from None
    except (OSError, ValueError) as error:  # a name too long, or with a null byte
        raise InputError(f"{what} {printable(path)[:200]}: cannot be read ({reason_of(error)})") from error
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or a pipe"
        raise got(f"{what} {printable(path)}", kind, "an ordinary file")
    if most is not None and found.st_size > most:
        raise got(f"{what} {printable(path)}", f"{found.st_size} bytes", f"at most {most}")
    return path


def read_bytes(path: Path, what: str, most: int) -> bytes:
    """Read a regular file of at most `most` bytes.

    Raises:
        InputError: see `regular_file`; one that cannot be read.
    """
    try:
        with _opened(path, what, most) as file:
            data = file.read(most + 1)
    except OSError as error:
        raise InputError(f"{what} {printable(path)}: cannot be read ({error.strerror or error})") from error
    if len(data) > most:  # it grows, or its size is not told, as below /proc
        raise got(f"{what} {printable(path)}", f"more than {most} bytes", f"at most {most}")
    return data


def read_text(path: Path, what: str, most: int = MOST_TEXT) -> str:
    """Read text in UTF-8, with or without a byte-order mark.

    Raises:
        InputError: see `regular_file`; bytes that are no UTF-8, with the line where they are.
    """
    return decode(read_bytes(path, what, most), f"{what} {printable(path)}")


def decode(data: bytes, where: str, first: int = 1) -> str:
    """Decode bytes in UTF-8 to text, without a byte-order mark; they begin at the line `first` of what is read."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + first
        raise InputError(
            f"{where}, line {line}: got byte 0x{data[error.start]:02x}, expected text in UTF-8; convert the file"
        ) from error


def lines_of(text: str) -> list[str]:
    """Split at line feeds only: texts may hold other separators (U+2028, U+0085, vertical tab) within a line."""
    lines = text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_json(path: Path, what: str, most: int = MOST_TEXT) -> Any:
    """Return the content of a JSON file.

    Raises:
        InputError: see `read_text` and `parse_json`.
    """
    return parse_json(read_text(path, what, most), f"{what} {printable(path)}")


def read_object(path: Path, what: str, most: int = MOST_TEXT) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Raises:
        InputError: see `read_json`; another value.
    """
    found = read_json(path, what, most)
    if not isinstance(found, dict):
        raise got(f"{what} {printable(path)}", type(found).__name__, "a JSON object")
    return found


def parse_json(text: str, where: str) -> Any:
    """Parse JSON with finite numbers of a length and depth that anybody writes.

    Raises:
        InputError: anything else; it begins with `where`.
    """
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: cannot be read as JSON ({reason_of(error)}): {AGAIN}") from error


def read_json_lines(path: Path, what: str, most: int = MOST_TEXT) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file with one JSON object on each line; empty lines are passed over.

    One line is held at a time: a list of all that a large corpus has takes ten times the room of the file.

    Raises:
        InputError: see `regular_file`; larger than `most`, or a line that is no JSON object, by its number.
    """
    where = f"{what} {printable(path)}"
    with _opened(path, what, most) as file:
        yield from _objects(file, where, most)


def read_packed_lines(path: Path, what: str, most: int = MOST_UNPACKED) -> Iterator[dict[str, Any]]:
    """Yield the objects of a file packed by gzip as `read_json_lines` does; the size that counts is the unpacked one.

    Raises:
        InputError: as `read_json_lines`; no gzip, or cut short.
    """
    where = f"{what} {printable(path)}"
    with _opened(path, what, most) as file, gzip.GzipFile(fileobj=file) as stream:
        yield from _objects(stream, where, most, " when unpacked")


def load_array(path: Path, what: str, memory_mapped: bool = False) -> np.ndarray:
    """Return a `.npy` file of plain numbers or text.

    Raises:
        InputError: cut short, or no such file.
    """
    regular_file(path, what)
    try:
        mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # compares the header with the size of the file
    except (OSError, ValueError, EOFError, SyntaxError, zipfile.BadZipFile) as error:
        raise InputError(f"{what} {printable(path)}: cannot be read ({reason_of(error)}): {AGAIN}") from error
    if not isinstance(mapped, np.ndarray):
        raise got(f"{what} {printable(path)}", "an archive", "one array")
    return mapped if memory_mapped else np.array(mapped)


def load_archive(path: Path, what: str, most: int = MOST_UNPACKED) -> dict[str, np.ndarray]:
    """Return all arrays of an `.npz` file.

    Raises:
        InputError: cut short, damaged, holds anything but plain arrays, or larger than `most` bytes when unpacked.
    """
    regular_file(path, what)
    where = f"{what} {printable(path)}"
    try:
        with zipfile.ZipFile(path) as packed:
            size = sum(entry.file_size for entry in packed.infolist())
        if size > most:
            raise got(where, f"{size} bytes when unpacked", f"at most {most}")
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except InputError:
        raise
    except (OSError, ValueError, EOFError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"{where}: cannot be read ({reason_of(error)}): {AGAIN}") from error


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write bytes under a temporary name beside `path`, then rename; nothing half-written stays, no link is followed.

    Raises:
        InputError: when the system refuses (full disk, no permission, no such folder).
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.unlink(missing_ok=True)  # of a process with our number that was killed, or a link that waits for us
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise InputError(f"file {printable(path)}: cannot be written ({error.strerror or error})") from error


def reason_of(error: BaseException) -> str:
    """Return the beginning of an error's own words, without the name of the file."""
    words = error.strerror if isinstance(error, OSError) and error.strerror else str(error).strip().split("\n")[0]
    return printable(words)[:SHOWN] or type(error).__name__


def _opened(path: Path, what: str, most: int) -> io.BufferedIOBase:
    try:
        return regular_file(path, what, most).open("rb")
    except OSError as error:
        raise InputError(f"{what} {printable(path)}: cannot be read ({error.strerror or error})") from error


def _objects(file: io.BufferedIOBase, where: str, most: int, measured: str = "") -> Iterator[dict[str, Any]]:
    size = 0
    for number, line in enumerate(_lines(file, where), 1):
        size += len(line)
        if size > most:  # it grows, or it is packed, so that its own size does not tell
            raise got(where, f"more than {most} bytes{measured}", f"at most {most}")
        if len(line) > MOST_LINE:
            raise got(f"{where}, line {number}", f"more than {MOST_LINE} bytes", f"at most {MOST_LINE}")
        text = decode(line, where, number)
        if not text.strip():
            continue
        value = parse_json(text, f"{where}, line {number}")
        if not isinstance(value, dict):
            raise got(f"{where}, line {number}", type(value).__name__, "a JSON object")
        yield value


def _lines(file: io.BufferedIOBase, where: str) -> Iterator[bytes]:
    """Lines with their ends; of one that is too long as much as shows it."""
    try:
        while line := file.readline(MOST_LINE + 1):
            yield line
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{where}: cannot be read ({reason_of(error)}): {AGAIN}") from error


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is beyond the range of numbers")
    return value


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite)  # `json.loads` would make one a call
