"""Consent: whole records, ends, withdrawals that leave no name behind, and the ways to what was made with it."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sovits_lab.__main__ import main
from sovits_lab.provenance.consent import CONSENT_ID, ConsentError, ConsentLedger
from sovits_lab.provenance.trace import trace_consent
from sovits_lab.types import InputError

FIELDS = {"who": "Ann Lee", "purpose": "a voice for games", "until": "2027-12-31", "version": "3"}
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC).timestamp()
DAY = 86_400.0


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(tmp_path: Path, clock: Clock) -> ConsentLedger:
    return ConsentLedger(tmp_path / "consents.db", clock)


def test_a_record_holds_what_was_given(ledger):
    record = ledger.grant({**FIELDS, "witness": "Bo"}, "ab" * 32, "tenant")
    assert CONSENT_ID.fullmatch(record.id)
    assert ledger.require(record.id) == record
    assert record.fields == {"who": "Ann Lee", "purpose": "a voice for games", "version": "3", "witness": "Bo"}
    assert (record.owner, record.until, record.given) == ("tenant", "2027-12-31", NOW)
    assert ledger.list("tenant") == ledger.list() == [record]
    assert ledger.list("other") == []


@pytest.mark.parametrize("name", FIELDS)
@pytest.mark.parametrize("value", [None, "", "  ", "x" * 501, 7])
def test_a_consent_that_is_not_complete_is_refused(ledger, name, value):
    fields = {key: value if key == name else given for key, given in FIELDS.items() if key != name or value is not None}
    with pytest.raises(InputError, match=f"consent, {name}"):
        ledger.grant(fields)
    assert ledger.list() == []


@pytest.mark.parametrize("until", ["2026-11-30", "tomorrow", "2027-02-30", "31.12.2027"])
def test_a_last_day_that_is_past_or_no_day_is_refused(ledger, until):
    with pytest.raises(InputError, match="consent, until"):
        ledger.grant({**FIELDS, "until": until})


def test_a_consent_ends_after_its_last_day(ledger, clock):
    short = ledger.grant({**FIELDS, "until": "2026-12-02"})
    forever = ledger.grant({**FIELDS, "until": "forever"})
    clock.now = NOW + DAY
    ledger.require(short.id)
    clock.now = NOW + 2 * DAY
    with pytest.raises(ConsentError, match="ended on 2026-12-02"):
        ledger.require(short.id)
    clock.now = NOW + 40_000 * DAY
    ledger.require(forever.id)


def test_a_withdrawal_leaves_a_tombstone_and_no_name(ledger, tmp_path):
    record = ledger.grant(FIELDS, "cd" * 32)
    gone = ledger.revoke(record.id, "changed her mind")
    assert gone.fields == {}
    assert (gone.clip_hash, gone.reason, gone.revoked) == ("cd" * 32, "changed her mind", NOW)
    with pytest.raises(ConsentError, match="was withdrawn on 2026-12-01"):
        ledger.require(record.id)
    assert ledger.revoke(record.id, "again") == gone
    assert all(b"Ann Lee" not in path.read_bytes() for path in tmp_path.iterdir())
    with pytest.raises(ConsentError, match="expected a new recording"):
        ledger.grant(FIELDS, "cd" * 32)
    ledger.grant(FIELDS, "ef" * 32)


@pytest.mark.parametrize("unknown", ["consent-0000000000000000", "", "' or 1=1 --", "\x1b[31m"])
def test_an_unknown_id_is_refused_in_one_printable_line(ledger, unknown):
    ledger.grant(FIELDS)
    for ask in (ledger.get, ledger.require, lambda one: ledger.revoke(one, "")):
        with pytest.raises(ConsentError, match="expected the id of a record") as caught:
            ask(unknown)
        assert str(caught.value).isprintable()


def test_a_file_that_is_no_ledger_is_one_line(tmp_path):
    (tmp_path / "consents.db").write_bytes(b"not a database, but long enough to be looked at" * 100)
    with pytest.raises(InputError, match="cannot be used"):
        ConsentLedger(tmp_path / "consents.db").list()


def manifest(folder: Path, consents: list[str | None]) -> None:
    folder.mkdir(parents=True)
    rows = [{"id": str(n), "supervisions": [{"custom": {} if one is None else {"consent": one}}]}
            for n, one in enumerate(consents)]  # fmt: skip
    (folder / "cuts.jsonl.gz").write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Path, str]:
    """Two runs: `with` used the consent, `without` did not; and a bundle that was moved away."""
    runs, mine, other = tmp_path / "runs", "consent-" + "1" * 16, "consent-" + "2" * 16
    manifest(runs / "stages" / "corpus-aa", [mine, other, None, mine])
    manifest(runs / "stages" / "corpus-bb", [other])
    for name, corpus in {"with": "corpus-aa", "without": "corpus-bb"}.items():
        (runs / "exp" / name).mkdir(parents=True)
        (runs / "exp" / name / "stages.json").write_text(json.dumps({"corpus": f"../../stages/{corpus}"}))
    for name, consents in {"voice": [mine], "foreign": [other], "old": None}.items():
        (runs / "bundles" / name).mkdir(parents=True)
        facts = {"format": 1, "kind": "voice"} | ({} if consents is None else {"consents": consents})
        (runs / "bundles" / name / "bundle.json").write_text(json.dumps(facts))
    return runs, mine


def test_a_consent_leads_to_corpora_runs_and_bundles(runs):
    folder, consent = runs
    found = trace_consent(folder, consent)
    assert {(use.kind, use.place.relative_to(folder).as_posix(), use.detail) for use in found.uses} == {
        ("corpus", "stages/corpus-aa/cuts.jsonl.gz", "2 recordings"),
        ("run", "exp/with", "stage corpus, 2 recordings"),
        ("bundle", "bundles/voice", "its facts name it"),
    }
    assert found.unread == ()


def test_what_cannot_be_read_is_named_and_the_rest_is_found(runs):
    folder, consent = runs
    (folder / "bundles" / "foreign" / "bundle.json").write_text("{")
    found = trace_consent(folder, consent)
    assert len(found.uses) == 3
    assert len(found.unread) == 1
    assert "foreign" in found.unread[0]


def test_the_commands_keep_withdraw_and_trace(runs, tmp_path, capsys, monkeypatch):
    folder, consent = runs
    monkeypatch.chdir(tmp_path)
    given = [f"{name}={value}" for name, value in FIELDS.items()]
    assert main(["consent", "grant", *given, "ledger=new/consents.db"]) == 0
    new = capsys.readouterr().out.strip()
    assert main(["consent", "list", "ledger=new/consents.db"]) == 0
    assert f"{new}  holds, until 2027-12-31  Ann Lee" in capsys.readouterr().out
    assert main(["consent", "revoke", new, "reason=asked", "ledger=new/consents.db"]) == 0
    capsys.readouterr()
    assert main(["consent", "trace", new, f"runs={folder}", "ledger=new/consents.db"]) == 0
    assert "0 places" in (out := capsys.readouterr().out)
    assert "was withdrawn" in out
    assert main(["consent", "trace", consent, f"runs={folder}", "ledger=new/consents.db"]) == 0
    assert "3 places" in capsys.readouterr().out
    assert main(["consent", "trace", "../etc", f"runs={folder}"]) == 2
