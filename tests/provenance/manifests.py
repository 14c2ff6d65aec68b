"""The manifest of a small corpus as its stage writes it, with a licence and a consent."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from sovits_lab.corpora.manifest import MANIFEST

MINE = "consent-" + "1" * 16
LICENCE = "CC BY 4.0"


def write_manifest(folder: Path) -> Path:
    """Write three recordings: one names a consent, one a licence, one neither."""
    folder.mkdir()
    rows = [
        {"id": str(n), "duration": 2.5, "supervisions": [{"speaker": who, "language": "en", "custom": custom}]}
        for n, (who, custom) in enumerate(
            [("ann", {"emotion": "sad", "consent": MINE}), ("ann", {"emotion": "neutral", "licence": LICENCE}),
             ("b|<b>", {"emotion": "sad"})]
        )
    ]  # fmt: skip
    (folder / MANIFEST).write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    return folder
