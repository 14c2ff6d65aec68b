"""`python -m sovits_lab audit verify|show`: is the audit log as it was written, and what does it say?"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

KEY_VARIABLE = "SOVITS_LAB_AUDIT_KEY"
LOG = Path("runs/serving/audit.jsonl")  # of the service in its default folder


@dataclass(frozen=True)
class AuditVerify:
    """`verify` follows the chain of hashes and names every line that was changed, removed, added or moved.

    Exit status: 0 the log is whole, 1 it is not, 2 there is no log or the command is wrong. A log that was written with
    a key needs it in the environment variable SOVITS_LAB_AUDIT_KEY.
    """

    log: Path = option("the log", LOG, bare=True)
    expect: str = option("a hash that was noted earlier: that of some line", "")


@dataclass(frozen=True)
class AuditShow:
    """`show` prints events as lines of JSON, those of one voice, consent or request where that is given."""

    log: Path = option("the log", LOG, bare=True)
    voice: str = option("id of a voice", "")
    consent: str = option("id of a consent record", "")
    request: str = option("id of a request", "")


def main(argv: list[str]) -> int:
    """Run the command."""
    if not argv or wants_help(argv):
        print(describe(AuditVerify, "audit verify"), describe(AuditShow, "audit show"), sep="\n\n")
        return 0
    if argv[0] == "verify":
        return _verify(read_options(AuditVerify, argv[1:]))
    if argv[0] == "show":
        return _show(read_options(AuditShow, argv[1:]))
    raise got("audit", argv[0], "verify or show")


def audit_key() -> bytes | None:
    """Return the secret of the environment, None where there is none."""
    word = os.environ.get(KEY_VARIABLE, "")
    return word.encode() if word else None


def _verify(asked: AuditVerify) -> int:
    from sovits_lab.files import printable
    from sovits_lab.provenance.audit import verify_log

    report = verify_log(asked.log, audit_key(), asked.expect)
    for fault in report.faults:
        print(printable(f"line {fault.line}: {fault.why}"))
    state = f"{len(report.faults)} faults" if report.faults else "whole"
    print(f"{asked.log}: {report.head.lines} lines, {state}; last hash {report.head.hash}")
    return int(bool(report.faults))


def _show(asked: AuditShow) -> int:
    from sovits_lab.provenance.audit import read_events

    wanted = {"voice_id": asked.voice, "consent_id": asked.consent, "request_id": asked.request}
    wanted = {name: value for name, value in wanted.items() if value}
    for line in read_events(asked.log):
        event: dict[str, Any] = line["event"]
        if all(event.get(name) == value for name, value in wanted.items()):
            print(json.dumps({"n": line["n"], "time": line["time"], **event}, ensure_ascii=True))
    return 0
