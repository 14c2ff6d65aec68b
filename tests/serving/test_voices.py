"""The registry: what is enrolled is found by its owner alone; what is revoked is gone from the disk and stays gone."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.serving.contracts import (
    ChallengeAnswer,
    KeepsVoiceData,
    RefusedClipError,
    RevokedVoiceError,
    UnforgottenVoiceError,
    UnknownVoiceError,
    VoiceRegistry,
    VoiceUpload,
)
from sovits_lab.serving.voices.acceptance import ClipAcceptance
from sovits_lab.serving.voices.registry import VOICE_ID, SqliteVoices
from sovits_lab.types import InputError
from tests.serving.recordings import CONSENT, recording


class Clock:
    now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


class Keeper:
    """Remembers what it was told to forget."""

    def __init__(self, broken: bool = False) -> None:
        self.forgotten: list[str] = []
        self.broken = broken

    def forget_voice(self, voice_id: str) -> int:
        if self.broken:
            raise OSError("the cache is gone")
        self.forgotten.append(voice_id)
        return 1


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def voices(tmp_path: Path, clock: Clock) -> SqliteVoices:
    return SqliteVoices(tmp_path / "voices.db", ConsentLedger(tmp_path / "consents.db", clock), ClipAcceptance())


def upload(name: str = "Ann", seed: int = 0, **more: object) -> VoiceUpload:
    return VoiceUpload(name=name, clip=recording(seed=seed), consent=CONSENT, **more)


def on_disk(folder: Path, needle: bytes) -> bool:
    return any(needle in path.read_bytes() for path in folder.iterdir())


def test_a_voice_is_found_as_it_was_enrolled(voices):
    assert isinstance(voices, VoiceRegistry)
    made = voices.enrol("a", upload("Ann Lée", text="hello", languages=("en", "de"), styles={"sad": recording(seed=1)}))
    assert VOICE_ID.fullmatch(made.id)
    assert made.id.startswith("ann-lee-")
    found = voices.get("a", made.id)
    assert found == made
    assert hashlib.sha256(found.clip).hexdigest() == found.clip_hash
    assert (found.name, found.clip_text, found.languages, list(found.styles)) == (
        "Ann Lée",
        "hello",
        ("en", "de"),
        ["sad"],
    )
    assert voices.ledger.require(found.consent_id).clip_hash == found.clip_hash
    (listed,) = voices.list("a")
    assert (listed.id, list(listed.styles), listed.clip) == (
        made.id,
        ["sad"],
        b"",
    )  # recordings are not read for a list


def test_an_account_has_so_many_voices_and_no_more(voices):
    voices.most = 1
    made = voices.enrol("a", upload())
    with pytest.raises(InputError, match="voices: this account has 1, which is as many as it may; revoke one first"):
        voices.enrol("a", upload("Bob", seed=1))
    voices.enrol("b", upload("Bob", seed=1))
    voices.revoke("a", made.id, "")
    voices.enrol("a", upload("Bob", seed=2))


def test_owners_do_not_see_each_others_voices(voices):
    made = voices.enrol("a", upload())
    shared = voices.enrol("", upload("Everybody's", seed=2))
    assert [one.id for one in voices.list("b")] == [shared.id]
    for act in (voices.get, lambda owner, voice: voices.revoke(owner, voice, "")):
        with pytest.raises(UnknownVoiceError, match=f"expected one of: {shared.id}"):
            act("b", made.id)
    with pytest.raises(UnknownVoiceError, match="everybody's"):
        voices.revoke("b", shared.id, "")
    voices.get("b", shared.id)
    voices.enrol("b", upload(seed=3))  # the same name, of another owner


@pytest.mark.parametrize("voice_id", ["", "../x", "' or 1=1 --", "ANN", "x" * 65, "ann\0", "\x1b[31m", "ann-000000"])
def test_an_unknown_voice_is_answered_with_those_that_there_are(voices, voice_id):
    known = voices.enrol("a", upload()).id
    with pytest.raises(UnknownVoiceError, match=known) as caught:
        voices.get("a", voice_id)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"name": ""}, "voice, name"),
        ({"name": "a\nb"}, "voice, name"),
        ({"name": "x" * 81}, "voice, name"),
        ({"languages": ("../",)}, "voice, language"),
        ({"languages": ("en",) * 17}, "voice, languages"),
        ({"text": " "}, "voice, text"),
        ({"styles": {"../sad": b"x"}}, "styles, emotion"),
        ({"styles": {f"e{n}": b"x" for n in range(17)}}, "styles"),
        ({"consent": {}}, "consent, who"),
        ({"consent": {**CONSENT, "until": "2020-01-01"}}, "consent, until"),
        ({"clip": b"no sound"}, "clip: got no audio file"),
        ({"styles": {"sad": b"no sound"}}, "style sad: got no audio file"),
    ],
)
def test_what_is_not_complete_or_not_fit_is_refused_and_nothing_is_kept(voices, changes, why):
    fields = {"name": "Ann", "clip": recording(), "consent": CONSENT, **changes}
    with pytest.raises(InputError, match=why):
        voices.enrol("a", VoiceUpload(**fields))
    assert list(voices.list("a")) == []
    assert voices.ledger.list() == []


def test_a_name_is_used_once_also_by_two_at_the_same_time(voices):
    outcomes: list[object] = []

    def enrol(seed: int) -> None:
        try:
            outcomes.append(voices.enrol("a", upload(seed=seed)).id)
        except InputError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=enrol, args=(seed,)) for seed in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert sum(isinstance(one, str) for one in outcomes) == 1
    assert all("a name that you have not used" in str(one) for one in outcomes if not isinstance(one, str))
    assert sum(record.revoked is None for record in voices.ledger.list()) == 1


def test_a_revoked_voice_is_gone_from_the_disk_and_is_refused_for_good(voices, tmp_path):
    keeper = Keeper()
    assert isinstance(keeper, KeepsVoiceData)
    voices.watch(keeper)
    made = voices.enrol("a", upload("Ann Lee", styles={"sad": recording(seed=1)}))
    pieces = [made.clip[1000:1040], made.styles["sad"][1000:1040], b"Ann Lee"]
    assert all(on_disk(tmp_path, piece) for piece in pieces)
    voices.revoke("a", made.id, "asked")
    assert not any(on_disk(tmp_path, piece) for piece in pieces)
    assert keeper.forgotten == [made.id]
    assert list(voices.list("a")) == []
    for _ in range(100):
        with pytest.raises(RevokedVoiceError, match="was withdrawn or has ended"):
            voices.get("a", made.id)
    stone = voices.ledger.get(made.consent_id)
    assert (stone.reason, stone.clip_hash, stone.fields) == ("asked", made.clip_hash, {})
    with pytest.raises(InputError, match="expected a new recording"):
        voices.enrol("a", upload("Ann Lee"))
    voices.enrol("a", upload("Ann Lee", seed=4))  # the same person agrees anew, with a new recording
    voices.revoke("a", made.id, "twice")


def test_a_consent_withdrawn_elsewhere_takes_its_voice_along(voices, tmp_path):
    keeper = Keeper()
    voices.watch(keeper)
    made = voices.enrol("a", upload())
    ConsentLedger(voices.ledger.path, voices.ledger.clock).revoke(made.consent_id, "by the command")
    with pytest.raises(RevokedVoiceError):
        voices.get("a", made.id)
    assert keeper.forgotten == [made.id]
    assert not on_disk(tmp_path, made.clip[1000:1040])


def test_a_voice_ends_with_its_consent(voices, clock):
    made = voices.enrol("a", VoiceUpload("Ann", recording(), {**CONSENT, "until": "2027-06-30"}))
    voices.get("a", made.id)
    clock.now += 365 * 86_400
    assert list(voices.list("a")) == []
    with pytest.raises(RevokedVoiceError):
        voices.get("a", made.id)


def test_a_keeper_that_fails_is_named_in_the_log_and_the_others_forget(voices, caplog):
    broken, sound = Keeper(broken=True), Keeper()
    voices.watch(broken)
    voices.watch(sound)
    made = voices.enrol("a", upload())
    with pytest.raises(UnforgottenVoiceError, match="not all of it is deleted; revoke it again"):
        voices.revoke("a", made.id, "")
    assert "not forgotten by Keeper (the cache is gone)" in caplog.text
    assert sound.forgotten == [made.id]
    with pytest.raises(RevokedVoiceError):
        voices.get("a", made.id)
    broken.broken = False
    voices.revoke("a", made.id, "")
    assert broken.forgotten == [made.id]


def test_a_challenge_that_nobody_can_judge_is_refused(voices):
    with pytest.raises(InputError, match="no weights to judge it"):
        voices.enrol("a", upload(challenge=ChallengeAnswer(recording(), "blue seven lanterns", "en")))


def test_a_client_cannot_write_what_the_service_heard(voices):
    forged = replace(upload(), consent=CONSENT | {"challenge_likeness": "0.99"})
    with pytest.raises(InputError, match=r"challenge_likeness.*expected fields of your own"):
        voices.enrol("a", forged)


def test_a_file_that_is_no_registry_is_one_line(tmp_path):
    (tmp_path / "voices.db").write_bytes(b"no database, but long enough to be looked at" * 100)
    registry = SqliteVoices(tmp_path / "voices.db", ConsentLedger(tmp_path / "c.db"), ClipAcceptance())
    with pytest.raises(InputError, match="cannot be used"):
        registry.list("a")


def test_refusals_are_of_the_contract(voices):
    with pytest.raises(RefusedClipError):
        voices.enrol("a", VoiceUpload("Ann", b"RIFF", CONSENT))
