"""`python -m sovits_lab consent list|grant|revoke|trace`: who agreed to what, and where it was used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

LEDGER = Path("runs/serving/consents.db")  # of the service in its default folder
RUNS = Path("runs")


@dataclass(frozen=True)
class ConsentList:
    """`list` prints every record: its id, whether it holds, until when, for what."""

    ledger: Path = option("file of the records", LEDGER)


@dataclass(frozen=True)
class ConsentGrant:
    """`grant` keeps a consent that was given on paper or elsewhere, and prints its id for the column `consent`."""

    who: str = option("who agreed")
    purpose: str = option("to what")
    until: str = option("last day, such as 2027-12-31, or forever")
    version: str = option("of the text that was agreed to")
    clip: Path | None = option("the recording that it is about", None, shown="a whole corpus")
    ledger: Path = option("file of the records", LEDGER)


@dataclass(frozen=True)
class ConsentRevoke:
    """`revoke` withdraws a consent: what names the person is removed; the service refuses and deletes its voices."""

    id: str = option("of the record", bare=True)
    reason: str = option("why", "")
    ledger: Path = option("file of the records", LEDGER)


@dataclass(frozen=True)
class ConsentTraceOptions:
    """`trace` finds the corpora, runs and bundles that used a consent.

    Exit status: 0 they were found or there are none, 1 some files could not be read, 2 the command is wrong.
    """

    id: str = option("of the record", bare=True)
    runs: Path = option("folder with runs or bundles", RUNS)
    ledger: Path = option("file of the records", LEDGER)


OPTIONS: dict[str, type] = {
    "list": ConsentList,
    "grant": ConsentGrant,
    "revoke": ConsentRevoke,
    "trace": ConsentTraceOptions,
}


def main(argv: list[str]) -> int:
    """Run the command."""
    if not argv or wants_help(argv):
        print("\n\n".join(describe(kind, f"consent {name}") for name, kind in OPTIONS.items()))
        return 0
    if argv[0] not in OPTIONS:
        raise got("consent", argv[0], f"one of {', '.join(OPTIONS)}")
    asked: object = read_options(OPTIONS[argv[0]], argv[1:])
    if isinstance(asked, ConsentList):
        return _list(asked)
    if isinstance(asked, ConsentGrant):
        return _grant(asked)
    if isinstance(asked, ConsentRevoke):
        return _revoke(asked)
    assert isinstance(asked, ConsentTraceOptions)
    return _trace(asked)


def _list(asked: ConsentList) -> int:
    import time

    from sovits_lab.files import printable
    from sovits_lab.provenance.consent import ConsentLedger

    for one in ConsentLedger(asked.ledger).list():
        state = one.why_not(time.time()) or "holds"
        what = f"{one.fields.get('purpose', '-')} (text {one.fields.get('version', '-')})"
        print(printable(f"{one.id}  {state}, until {one.until}  {one.fields.get('who', '-')}: {what}"))
    return 0


def _grant(asked: ConsentGrant) -> int:
    from sovits_lab.files import regular_file
    from sovits_lab.provenance.consent import ConsentLedger
    from sovits_lab.weights.hashes import file_hash

    fields = {"who": asked.who, "purpose": asked.purpose, "until": asked.until, "version": asked.version}
    digest = "" if asked.clip is None else file_hash(regular_file(asked.clip, "consent, clip"))
    asked.ledger.parent.mkdir(parents=True, exist_ok=True)
    print(ConsentLedger(asked.ledger).grant(fields, digest).id)
    return 0


def _revoke(asked: ConsentRevoke) -> int:
    from sovits_lab.provenance.consent import ConsentLedger

    record = ConsentLedger(asked.ledger).revoke(asked.id, asked.reason)
    print(f"{record.id}: withdrawn; `python -m sovits_lab consent trace {record.id}` finds what was made with it")
    return 0


def _trace(asked: ConsentTraceOptions) -> int:
    from sovits_lab.files import printable
    from sovits_lab.provenance.consent import CONSENT_ID
    from sovits_lab.provenance.trace import trace_consent

    if not CONSENT_ID.fullmatch(asked.id):
        raise got("consent trace", asked.id, "an id such as consent-0123456789abcdef")
    found = trace_consent(asked.runs, asked.id)
    for use in found.uses:
        print(printable(f"{use.kind:<8}{use.place}  {use.detail}"))
    for why in found.unread:
        print(printable(f"unread  {why}"))
    print(f"{asked.id}: {len(found.uses)} places below {asked.runs}, {_standing(asked)}")
    return int(bool(found.unread))


def _standing(asked: ConsentTraceOptions) -> str:
    import time

    from sovits_lab.provenance.consent import ConsentError, ConsentLedger

    try:
        why = ConsentLedger(asked.ledger).get(asked.id).why_not(time.time())
    except ConsentError:
        return f"no record of it in {asked.ledger}"
    return f"the consent {why}" if why else "the consent holds"
