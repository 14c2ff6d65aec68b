"""An append-only record of what was done with which voice: lines of JSON, each with the hash of the one before.

A line is `{"n", "time", "previous", "event", "hash"}`, and `hash` covers all the rest; with a key it is an HMAC, which
nobody without the key can make. Beside the log lies `<log>.head` with the number and hash of its last line, so that a
log whose end was cut off is found as well. Whoever can rewrite both and has no key to reckon with is found only by a
hash that was noted elsewhere: `python -m sovits_lab audit verify` prints it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from sovits_lab.files import StoreError, parse_json, printable, read_json, reason_of, regular_file, write_whole
from sovits_lab.types import InputError, got

ORIGIN = "0" * 64
MOST_LINE = 1 << 20  # bytes
PATIENCE = 10.0  # seconds for another process to finish its line
FIELDS = {"n", "time", "previous", "event", "hash"}


class LogHead(NamedTuple):
    """The last line of a log: how many there are, and its hash."""

    lines: int
    hash: str


class AuditFault(NamedTuple):
    """Where a log is not as it was written: the number of the line, and what is wrong there."""

    line: int
    why: str


class AuditReport(NamedTuple):
    """What was found in a log; `faults` is empty where it is whole."""

    head: LogHead
    faults: tuple[AuditFault, ...]


class AuditFile:
    """A log in a file, for several processes of one machine at once.

    Args:
        path: of the log; it is made with its first line, readable by its owner alone.
        key: secret of the hashes; None leaves them plain.
        clock: Unix time in seconds.
    """

    def __init__(self, path: Path | str, key: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self.path, self.key, self.clock = Path(path), key, clock
        self._lock = FileLock(str(self.path) + ".lock", timeout=PATIENCE)

    def append(self, event: Mapping[str, Any]) -> str:
        """Record an event of plain JSON values, and return the id of its line, `<number>-<first digits of its hash>`.

        The line is on the disk when this returns.

        Raises:
            InputError: an event that is no JSON or too long.
            StoreError: a log that cannot be written.
        """
        try:
            with self._lock:
                return self._append(event)
        except Timeout as error:
            raise StoreError(
                f"audit log {printable(self.path)}: another process holds it for {PATIENCE:g} s"
            ) from error
        except OSError as error:
            raise StoreError(f"audit log {printable(self.path)}: cannot be written ({reason_of(error)})") from error

    def _append(self, event: Mapping[str, Any]) -> str:
        head = self._last()
        record: dict[str, Any] = {
            "n": head.lines + 1,
            "time": round(self.clock(), 3),
            "previous": head.hash,
            "event": dict(event),
        }
        try:
            line: dict[str, Any] = {**record, "hash": digest(record, self.key)}
            data = json.dumps(line, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode() + b"\n"
        except (TypeError, ValueError) as error:
            raise InputError(f"audit event: cannot be written as JSON ({reason_of(error)})") from error
        if len(data) > MOST_LINE:
            raise got("audit event", f"{len(data)} bytes", f"at most {MOST_LINE}")
        _write_line(self.path, data)
        write_whole(head_path(self.path), json.dumps({"lines": line["n"], "hash": line["hash"]}).encode())
        return f"{line['n']}-{line['hash'][:16]}"

    def _last(self) -> LogHead:
        """The head of the log; a line that a dying process left half-written is ended, and stays to be seen."""
        if not self.path.exists():
            return LogHead(0, ORIGIN)
        tail = last_line(self.path)
        if not tail.endswith(b"\n"):
            with self.path.open("ab") as file:
                file.write(b"\n")
            return _spoilt(self.path, tail)
        try:
            line = parse_json(tail.decode("utf-8", "replace"), "audit log")
            return LogHead(int(line["n"]), str(line["hash"]))
        except (InputError, KeyError, TypeError, ValueError):
            return _spoilt(self.path, tail.rstrip(b"\n"))


def digest(record: Mapping[str, Any], key: bytes | None) -> str:
    """Return the SHA-256, or with a key the HMAC-SHA-256, of a record as sorted JSON, in hexadecimal."""
    data = json.dumps(record, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    return hashlib.sha256(data).hexdigest() if key is None else hmac.new(key, data, hashlib.sha256).hexdigest()


def head_path(path: Path) -> Path:
    """Return where the head of a log lies."""
    return path.with_name(path.name + ".head")


def verify_log(path: Path, key: bytes | None = None, expected: str = "") -> AuditReport:
    """Follow a log from its first line to its last.

    Args:
        path: of the log.
        key: the secret that it was written with.
        expected: a hash that was noted earlier and must be that of some line.

    Raises:
        InputError: no log is there.
    """
    faults: list[AuditFault] = []
    before, head, seen = LogHead(0, ORIGIN), LogHead(0, ORIGIN), {ORIGIN}
    for number, raw in enumerate(_lines(path), 1):
        why = _fault(raw, head, key)
        if why:
            faults.append(AuditFault(number, why))
        before, head = head, LogHead(number, _hash_of(raw))
        seen.add(head.hash)
    faults += _faults_of_head(path, head, before)
    if expected and expected not in seen:
        faults.append(AuditFault(head.lines, f"no line has the hash {expected}: lines were changed or cut off"))
    return AuditReport(head, tuple(faults))


def read_events(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a log that can be read, in their order.

    Raises:
        InputError: no log is there.
    """
    for raw in _lines(path):
        try:
            line = parse_json(raw.decode("utf-8"), "audit log")
        except (InputError, UnicodeDecodeError):
            continue
        if isinstance(line, dict) and isinstance(line.get("event"), dict):
            yield line


def last_line(path: Path, block: int = 65536) -> bytes:
    """Return the last line of a file with its line feed, if it has one; read from the end."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        data = b""
        while size > 0 and b"\n" not in data[:-1] and len(data) <= MOST_LINE:
            step = min(block, size)
            size -= step
            file.seek(size)
            data = file.read(step) + data
    return data[data[:-1].rfind(b"\n") + 1 :]


def _spoilt(path: Path, tail: bytes) -> LogHead:
    """The head after a line that is none: its number by counting, its hash that of its bytes."""
    with path.open("rb") as file:
        count = sum(1 for _ in file)
    return LogHead(count, hashlib.sha256(tail).hexdigest())


def _write_line(path: Path, data: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    try:
        start = os.fstat(handle).st_size
        written = os.write(handle, data)
        if written < len(data):  # a full disk took a part
            os.ftruncate(handle, start)
            raise OSError(28, "no space left")
        os.fsync(handle)
    finally:
        os.close(handle)


def _lines(path: Path) -> Iterator[bytes]:
    regular_file(path, "audit log")
    with path.open("rb") as file:
        for raw in file:
            yield raw.rstrip(b"\n")


def _hash_of(raw: bytes) -> str:
    """The hash that the next line names as `previous`."""
    try:
        line = parse_json(raw.decode("utf-8"), "audit log")
        return str(line["hash"])
    except (InputError, UnicodeDecodeError, KeyError, TypeError):
        return hashlib.sha256(raw).hexdigest()


def _fault(raw: bytes, head: LogHead, key: bytes | None) -> str:
    """What is wrong with a line that follows `head`; empty where nothing is."""
    try:
        line = parse_json(raw.decode("utf-8"), "the line")
    except (InputError, UnicodeDecodeError) as error:
        return f"cannot be read ({reason_of(error)})"
    if not isinstance(line, dict) or set(line) != FIELDS:
        return "has other fields than " + ", ".join(sorted(FIELDS))
    if line["n"] != head.lines + 1:
        return f"is numbered {line['n']}: lines were removed, added or moved"
    if line["previous"] != head.hash:
        return "does not follow the line before it: one of the two was changed"
    own = digest({name: value for name, value in line.items() if name != "hash"}, key)
    if not hmac.compare_digest(own, str(line["hash"])):
        return "was changed, or written with another key"
    return ""


def _faults_of_head(path: Path, head: LogHead, before: LogHead) -> list[AuditFault]:
    """What the noted head says against the log; a process that was killed may have left it one line behind."""
    place = head_path(path)
    if not place.exists():
        return [AuditFault(head.lines, f"{place.name} is missing: whether lines were cut off at the end is unknown")]
    noted = read_json(place, "audit log's head", 4096)
    claimed = (noted.get("lines"), noted.get("hash")) if isinstance(noted, dict) else ("no number of", "")
    if claimed not in (tuple(head), tuple(before)):
        why = f"{place.name} speaks of {claimed[0]} lines and another hash: the end was changed"
        return [AuditFault(head.lines, why)]
    return []
