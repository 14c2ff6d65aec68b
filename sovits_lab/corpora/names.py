"""Names that may become parts of file names: letters and digits of any script, `-`, `_` and `.`."""

from __future__ import annotations

import hashlib
import re

LONGEST = 120  # bytes; file systems allow 255, and something is put before and behind a name
RULE = f"letters, digits, '-', '_' and '.', not first a '.', at most {LONGEST} bytes"
_NAME = re.compile(r"[\w-][\w.-]*")


def is_name(text: str) -> bool:
    """Return whether a text can be part of a file name without leading anywhere."""
    return bool(_NAME.fullmatch(text)) and len(text.encode("utf-8", "replace")) <= LONGEST


def as_name(text: str) -> str:
    """Turn a text into a name: `_` in place of what none may hold; a long one ends in a hash of the whole."""
    name = re.sub(r"[^\w.-]+", "_", text).lstrip(".") or "_"
    if len(name.encode("utf-8", "replace")) <= LONGEST:
        return name
    whole = hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:12]
    kept = name.encode("utf-8", "replace")[: LONGEST - 13].decode("utf-8", "ignore")
    return f"{kept}-{whole}"
