"""Names that may become parts of file names (letters and digits of any script, `-`, `_` and `.`), and paths."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

LONGEST = 120  # bytes; file systems allow 255, and something is put before and behind a name
LONGEST_PART, LONGEST_PATH = 255, 4096  # bytes, of one name and of a whole path
RULE = f"letters, digits, '-', '_' and '.', not first a '.', at most {LONGEST} bytes"
_NAME = re.compile(r"[\w-][\w.-]*")


def is_name(text: str) -> bool:
    """Return whether a text can be part of a file name without leading anywhere."""
    return bool(_NAME.fullmatch(text)) and len(text.encode("utf-8", "replace")) <= LONGEST


def is_path(path: Path) -> bool:
    """Return whether a file can have this path: the system takes its letters and its length."""
    try:
        parts = [os.fsencode(part) for part in path.parts]
    except UnicodeEncodeError:
        return False
    longest, whole = max(map(len, parts), default=0), sum(map(len, parts)) + len(parts)
    return b"\0" not in b"".join(parts) and longest <= LONGEST_PART and whole < LONGEST_PATH


def as_name(text: str) -> str:
    """Turn a text into a name: `_` in place of what none may hold; a long one ends in a hash of the whole."""
    name = re.sub(r"[^\w.-]+", "_", text).lstrip(".") or "_"
    if len(name.encode("utf-8", "replace")) <= LONGEST:
        return name
    whole = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    kept = name.encode("utf-8", "replace")[: LONGEST - 13].decode("utf-8", "ignore")
    return f"{kept}-{whole}"
