"""Sentences that whoever enrols must say: drawn by the service, for one key, for minutes, for one use."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.provenance.consent import ConsentLedger
from sovits_lab.serving.voices.acceptance import ClipAcceptance
from sovits_lab.serving.voices.challenges import MOST_OPEN, SECONDS, VoiceChallenges, drawn_sentence, words_differ
from sovits_lab.serving.voices.registry import SqliteVoices
from sovits_lab.types import InputError
from tests.serving.recordings import CONSENT, recording
from tests.serving.servers import running
from tests.serving.test_voices import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def challenges(tmp_path: Path, clock: Clock) -> VoiceChallenges:
    return VoiceChallenges(tmp_path / "challenges.db", clock)


def test_a_sentence_is_taken_once_by_its_own_key_in_time(challenges: VoiceChallenges, clock: Clock) -> None:
    first, second = challenges.draw("a", "en"), challenges.draw("a", "en")
    assert first.id != second.id and first.sentence != second.sentence
    with pytest.raises(InputError, match="drawn for this key less than 5 minutes ago"):
        challenges.take("b", first.id)
    assert challenges.take("a", first.id) == first
    clock.now += SECONDS + 1
    for gone in (first.id, second.id, "x", "'; drop table challenges; --"):
        with pytest.raises(InputError, match="not used yet; draw another") as caught:
            challenges.take("a", gone)
        assert "\n" not in str(caught.value)


def test_a_key_has_few_open_sentences_and_others_keep_theirs(challenges: VoiceChallenges, clock: Clock) -> None:
    other = challenges.draw("b", "en")
    drawn = []
    for _ in range(MOST_OPEN + 3):
        clock.now += 1
        drawn.append(challenges.draw("a", "en"))
    for gone in drawn[:3]:
        with pytest.raises(InputError, match="draw another"):
            challenges.take("a", gone.id)
    assert [challenges.take("a", one.id) for one in drawn[3:]] == drawn[3:]
    assert challenges.take("b", other.id) == other


@pytest.mark.parametrize("language", ["en", "zh"])
def test_sentences_are_far_from_one_another(language: str) -> None:
    pairs = [words_differ(drawn_sentence(language), drawn_sentence(language), language) for _ in range(300)]
    assert np.mean(np.array(pairs) > 0.25) > 0.98
    assert not re.search(r"[{}0-9-]", drawn_sentence(language))


def test_chinese_is_compared_by_its_sounds_and_a_language_without_sentences_is_named(
    challenges: VoiceChallenges,
) -> None:
    assert words_differ("小红在马路对面看见红色的书包", "小紅在馬路對面看見紅色的書包。", "zh") == 0
    with pytest.raises(InputError, match="'fr', expected one of en, zh"):
        challenges.draw("a", "fr")


def judging_registry(folder: Path) -> SqliteVoices:
    """A registry that hears whatever was drawn last, in the same voice."""
    folder.mkdir(parents=True, exist_ok=True)
    judge = ClipAcceptance(lambda wavs: np.ones((len(wavs), 1), np.float32), lambda wav, language: HEARD[-1])
    return SqliteVoices(folder / "voices.db", ConsentLedger(folder / "consents.db"), judge)


HEARD: list[str] = []
JUDGED = f"voices={{_target_:{__name__}.judging_registry}}"


def test_a_voice_is_enrolled_with_a_sentence_that_the_service_drew_and_no_other(
    voice_folder: Path, tmp_path: Path
) -> None:
    with running(voice_folder, tmp_path, JUDGED) as service, service.client() as client:

        def enrol(name: str, **fields: str) -> tuple[int, str]:
            data = {"name": name, "consent": json.dumps(CONSENT), **fields}
            sent = {"clip": ("a.wav", recording(seed=len(HEARD))), "challenge": ("b.wav", recording(seed=9))}
            reply = client.post("/v1/voices", data=data, files=sent)
            return reply.status_code, reply.text

        drawn = client.post("/v1/voices/challenges").json()
        assert drawn["language"] == "en" and drawn["sentence"].endswith(".")
        HEARD.append(drawn["sentence"].upper())
        code, said = enrol("Own", challenge_text="my own sentence")
        assert code == 400 and "POST /v1/voices/challenges" in said
        assert enrol("Ann", challenge_id=drawn["id"])[0] == 201
        code, said = enrol("Bob", challenge_id=drawn["id"])
        assert code == 400 and "draw another" in said
        second = client.post("/v1/voices/challenges", params={"language": "zh"}).json()
        code, said = enrol("Cid", challenge_id=second["id"])  # it hears the first one's words
        assert code == 422 and second["sentence"] in said
        other = service.more_keys("ann", "voices:write")
        with service.client(other) as second_key:
            strange = second_key.post("/v1/voices/challenges").json()
        assert enrol("Dan", challenge_id=strange["id"])[0] == 400  # of another key, though of the same account
        (kept,) = service.service.voices.ledger.list("ann")
        assert kept.fields["challenge"] == drawn["sentence"] and kept.fields["challenge_likeness"] == "1.000"
