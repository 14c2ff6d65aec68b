"""Uploads: every accepted format, hundreds of hostile ones; nothing but refusals, nothing written, little memory."""

from __future__ import annotations

import json
import resource
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.serving.contracts import ChallengeAnswer, RefusedClipError
from sovits_lab.serving.voices.acceptance import ClipAcceptance
from sovits_lab.serving.voices.uploads import decode_upload
from tests.audio.test_clip_checks import RATE, sentence
from tests.serving.recordings import CONSENT, FORMATS, bomb, encoded, hostile, recording
from tests.serving.servers import REGISTRY, running


@pytest.mark.parametrize("kind", FORMATS)
def test_every_accepted_format_is_decoded(kind):
    clip = decode_upload("clip", recording(kind), 30)
    assert clip.wav.shape[1] == 1
    assert len(clip.mono) / clip.sample_rate == pytest.approx(5.0, abs=0.1)
    assert ClipAcceptance().accept("clip", recording(kind)).clip.sample_rate == clip.sample_rate


def test_what_is_kept_is_coded_anew_without_metadata():
    two = np.stack([sentence(), sentence()], axis=1)
    plain = recording()
    tagged = plain[:36] + b"LIST\x12\0\0\0INFOIART\x06\0\0\0Ann L\0" + plain[36:]
    kept = [decode_upload("clip", data, 30).stored() for data in (plain, tagged, encoded(two))]
    assert kept[0] == kept[1] == kept[2]
    assert b"Ann" not in kept[1]


def test_hostile_uploads_are_refused_in_one_line_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    acceptance = ClipAcceptance()
    for name, data in hostile(8):
        with pytest.raises(RefusedClipError) as caught:
            acceptance.accept("clip", data)
        assert str(caught.value).isprintable(), name
        assert "Traceback" not in str(caught.value), name
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_three_hundred_hostile_uploads_are_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    acceptance = ClipAcceptance()
    refused = 0
    for name, data in hostile(270, seed=1):
        try:
            acceptance.accept("clip", data)
        except RefusedClipError as error:
            refused += 1
            assert str(error).isprintable(), name
        else:
            pytest.fail(f"{name} was accepted")
    assert refused >= 300
    assert list(tmp_path.iterdir()) == []


def refused_over_http(voice_folder: Path, folder: Path, uploads: Iterable[tuple[str, bytes]]) -> int:
    """Send uploads to a service with the real registry: each is refused in a sentence, and nothing is written."""
    count = 0
    with running(voice_folder, folder, REGISTRY) as service, service.client() as client:
        assert client.get("/v1/voices").json()["voices"] == []
        before = files_below(folder)
        for name, data in uploads:
            fields = {"name": f"Voice {count}", "consent": json.dumps(CONSENT)}
            reply = client.post("/v1/voices", files={"clip": ("../../clip.wav", data)}, data=fields)
            assert reply.status_code in (400, 413, 422), f"{name}: {reply.status_code}"
            told = reply.json()
            assert told["detail"].isprintable() and told["request_id"], name
            assert "Traceback" not in reply.text and str(folder) not in reply.text, name
            count += 1
        assert files_below(folder) == before
        assert client.get("/v1/voices").json()["voices"] == []
        spoken = client.post("/v1/audio/speech", json={"input": "Yes.", "voice": "ann"})
        assert spoken.status_code == 200  # and the service goes on
    return count


def files_below(folder: Path) -> set[Path]:
    """Files of a service's folder, apart from those that SQLite makes and takes away while it writes."""
    return {path for path in folder.rglob("*") if not path.name.endswith(("-wal", "-shm", "-journal"))}


def test_hostile_uploads_over_http_are_refused_and_leave_nothing(voice_folder, tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert refused_over_http(voice_folder, tmp_path / "service", hostile(8)) > 40
    assert list((tmp_path / "here").iterdir()) == []


@pytest.mark.slow
def test_three_hundred_hostile_uploads_over_http(voice_folder, tmp_path):
    assert refused_over_http(voice_folder, tmp_path, hostile(270, seed=1)) >= 300


def test_hours_in_a_small_file_cost_neither_time_nor_memory():
    data = bomb()
    assert len(data) < 300_000
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with pytest.raises(RefusedClipError, match="more than 30 s"):
        decode_upload("clip", data, 30)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert after.ru_utime - before.ru_utime < 10  # seconds of the decoder's own; an hour and a half takes minutes


def test_every_reason_is_named():
    wav = np.clip(np.tile(sentence(), 1)[: 2 * RATE] * 8, -0.5, 0.5)
    with pytest.raises(RefusedClipError) as caught:
        ClipAcceptance().accept("clip", encoded(wav))
    assert "length 2.00 s, expected 3 to 30 s" in str(caught.value)
    assert "clipping" in str(caught.value)


def test_a_text_that_is_not_spoken_is_refused():
    heard = ClipAcceptance(transcribe=lambda wav, language: "the river is cold")
    heard.accept("clip", recording(), "The river is cold!")
    with pytest.raises(RefusedClipError, match="heard 'the river is cold'"):
        heard.accept("clip", recording(), "A hundred dogs are barking at the moon")


def test_a_challenge_must_be_the_sentence_and_the_person():
    def embed(wavs):
        return np.array([[1.0, 0.0] if i == 0 or same else [0.0, 1.0] for i, _ in enumerate(wavs)])

    same = True
    judge = ClipAcceptance(embed, lambda wav, language: "blue seven lanterns")
    clip = decode_upload("clip", recording(), 30)
    answer = ChallengeAnswer(recording(seed=1), "blue seven lanterns", "en")
    assert judge.same_person(clip, answer) == 1.0
    for other in ("something else entirely", "blue nine candles"):  # near is not enough: it may be an older recording
        with pytest.raises(RefusedClipError, match=f"heard 'blue seven lanterns', expected '{other}'"):
            judge.same_person(clip, replace(answer, sentence=other))
    same = False
    with pytest.raises(RefusedClipError, match=r"challenge: likeness 0\.00"):
        judge.same_person(clip, answer)
