"""Voices and log of a service, in the files of its folder."""

from __future__ import annotations

import os
from pathlib import Path

from sovits_lab.provenance.audit import AuditFile
from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.serving.voices.acceptance import installed_acceptance
from sovits_lab.serving.voices.registry import MOST_VOICES, SqliteVoices
from sovits_lab.types import Count

KEY = "SOVITS_LAB_AUDIT_KEY"  # the secret of the log's hashes, as `audit verify` reads it


def kept_voices(folder: Path, most: Count = MOST_VOICES) -> SqliteVoices:
    """Return the registry of a service's folder, whose uploads are checked by the networks that are installed.

    Args:
        folder: of the service.
        most: voices of one account.
    """
    return SqliteVoices(folder / "voices.sqlite", ConsentLedger(folder / "consents.db"), installed_acceptance(), most)


def kept_log(folder: Path) -> AuditFile:
    """Return the audit log of a service's folder."""
    key = os.environ.get(KEY, "")
    return AuditFile(folder / "audit.jsonl", key.encode() or None)
