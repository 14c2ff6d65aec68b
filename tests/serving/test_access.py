"""The door: keys, tokens, scopes, limits, bodies, headers."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from websockets.sync.client import connect

from sovits_lab.__main__ import main as sovits_lab_main
from sovits_lab.inference.starter import starter_folder
from sovits_lab.serving.access.keys import ApiKeys
from sovits_lab.serving.access.keys_command import main as keys_command
from sovits_lab.serving.access.tokens import JwtTokens
from sovits_lab.serving.asks import SpeechAsk
from sovits_lab.serving.dispatcher import LoadPolicy
from sovits_lab.serving.problems import ProblemError
from sovits_lab.serving.queue import QueueLimits
from sovits_lab.serving.settings import HttpSettings, RequestLimits, compose_settings, record
from sovits_lab.types import InputError
from tests.serving.servers import PATIENCE, RunningService, running

BODY = {"input": "Yes.", "voice": "ann", "seed": 1}
KEYS = {"RS256": rsa.generate_private_key(65537, 2048), "EdDSA": ed25519.Ed25519PrivateKey.generate()}


def token(
    algorithm: str = "RS256", key: Any = None, kid: str = "", iat: float = -5, exp: float = 3600, **more: Any
) -> str:
    """A token; `iat` and `exp` are seconds from now, when it is made and not when the tests are collected."""
    now = time.time()
    claims = {"sub": "mia", "iss": "https://issuer.example", "aud": "voice", "scope": "speak", "iat": now + iat,
              "exp": now + exp} | more  # fmt: skip
    return jwt.encode(claims, key or KEYS[algorithm], algorithm, headers={"kid": kid or algorithm})


@pytest.fixture(scope="module")
def guarded(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("guarded")
    kinds = {"RS256": jwt.algorithms.RSAAlgorithm, "EdDSA": jwt.algorithms.OKPAlgorithm}
    documents = [
        kinds[name].to_jwk(key.public_key(), as_dict=True) | {"kid": name, "alg": name} for name, key in KEYS.items()
    ]
    (folder / "jwks.json").write_text(json.dumps({"keys": documents}))
    tokens = (f"tokens.jwks={folder}/jwks.json", "tokens.issuer='https://issuer.example'", "tokens.audience=voice")
    more = ("http.body_bytes=20000", "http.origins=[https://page.example]")
    with running(voice_folder, folder, *tokens, *more) as service:
        yield service


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
def test_a_token_of_the_issuer_opens(guarded: RunningService, algorithm: str) -> None:
    with guarded.client(token(algorithm)) as client:
        assert client.post("/v1/audio/speech", json=BODY).status_code == 200
        assert client.get("/v1/voices").status_code == 403


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"exp": -3600}, "expired"),
        ({"aud": "other"}, "InvalidAudience"),
        ({"iss": "https://evil.example"}, "InvalidIssuer"),
        ({"iat": 600}, "ImmatureSignature"),
        ({"key": ed25519.Ed25519PrivateKey.generate(), "algorithm": "EdDSA"}, "InvalidSignature"),
        (
            {"key": "a public key taken for a password", "algorithm": "HS256", "kid": "RS256"},
            "InvalidAlgorithm",
        ),
        ({"kid": "EdDSA"}, "InvalidAlgorithm"),
        ({"algorithm": "EdDSA", "kid": "RS256"}, "InvalidAlgorithm"),
    ],
)
def test_a_token_that_is_not_good_is_refused(guarded: RunningService, more: dict[str, Any], said: str) -> None:
    with guarded.client(token(**more)) as client:
        reply = client.get("/v1/models")
    assert reply.status_code == 401 and said in reply.json()["detail"] and "www-authenticate" in reply.headers


def test_a_token_without_a_signature_is_refused(guarded: RunningService) -> None:
    claims = {"sub": "mia", "iss": "https://issuer.example", "aud": "voice", "scope": "admin", "iat": 1, "exp": 9e9}
    for forged in (jwt.encode(claims, None, "none"), token().rpartition(".")[0] + "."):
        with guarded.client(forged) as client:
            assert client.get("/v1/models").status_code == 401


def test_tokens_are_not_refused_for_a_provider_that_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = JwtTokens("https://127.0.0.1:9/jwks.json", "https://issuer.example", "voice")
    with pytest.raises(ProblemError, match="keys of the identity provider cannot be reached") as refused:
        tokens.find(token())
    assert refused.value.status == 503 and refused.value.retry_after
    with pytest.raises(InputError, match="expected all three"):
        JwtTokens("https://127.0.0.1:9/jwks.json", "", "voice")


def test_a_provider_that_does_not_answer_is_not_asked_for_every_token(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def gone(_: jwt.PyJWKClient) -> None:
        asked.append(1)
        raise jwt.PyJWKClientConnectionError("timed out")

    monkeypatch.setattr(jwt.PyJWKClient, "fetch_data", gone)
    tokens = JwtTokens("https://127.0.0.1:9/jwks.json", "https://issuer.example", "voice")
    for pause, expected in ((10.0, 1), (10.0, 1), (0.0, 2)):
        monkeypatch.setattr("sovits_lab.serving.access.tokens.PAUSE", pause)
        with pytest.raises(ProblemError, match="cannot be reached"):
            tokens.find(token())
        assert len(asked) == expected


def test_clocks_may_differ_by_half_a_minute(guarded: RunningService) -> None:
    with guarded.client(token(iat=20, exp=-5)) as client:
        assert client.get("/v1/models").status_code == 200


def test_without_a_known_key_nothing_but_life_is_told(guarded: RunningService) -> None:
    for headers in ({}, {"Authorization": "Bearer"}, {"Authorization": "Basic YTpi"}, {"Authorization": "Bearer sk-x"}):
        for method, path in (("POST", "/v1/audio/speech"), ("GET", "/v1/audio/voices"), ("GET", "/metrics")):
            assert httpx.request(method, guarded.url + path, headers=headers, json=BODY).status_code == 401
    assert httpx.get(f"{guarded.url}/health/live").status_code == 200


def test_requests_a_minute_and_seconds_a_day_are_bounded(guarded: RunningService) -> None:
    with guarded.client(guarded.more_keys("few", requests_per_minute=3)) as client:
        codes = [client.post("/v1/audio/speech", json=BODY) for _ in range(5)]
    assert [one.status_code for one in codes] == [200, 200, 200, 429, 429]
    assert 1 <= int(codes[-1].headers["retry-after"]) <= 60
    with guarded.client(guarded.more_keys("short", seconds_per_day=10)) as client:
        long = {**BODY, "input": "The river is cold, and nobody went there any more. " * 20}
        refused = client.post("/v1/audio/speech", json=long)
        assert (
            refused.status_code == 429 and refused.json()["error"]["code"] == "quota" and "10 s a day" in refused.text
        )
        half = {**BODY, "input": "The river is cold, and nobody went there any more, and nobody asked why."}
        codes = [client.post("/v1/audio/speech", json=one).status_code for one in (half, half, BODY)]
        assert codes == [200, 429, 200]  # what was refused has used nothing up


def test_no_body_is_awaited_of_somebody_who_is_not_known(guarded: RunningService) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    for key in ("", "Authorization: Bearer sk-x\r\n"):
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as unknown:
            unknown.sendall(f"POST /v1/voices HTTP/1.1\r\nHost: a\r\n{key}Content-Length: 9000\r\n\r\n".encode())
            assert unknown.recv(400).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize("charset", ["punycode", "utf-16", "'idna'"])
def test_forms_are_read_in_utf8_alone(guarded: RunningService, charset: str) -> None:
    media = f"multipart/form-data; boundary=b; charset={charset}"
    form = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\na-b\r\n--b--\r\n'
    with guarded.client() as client:
        reply = client.post("/v1/voices", content=form, headers={"Content-Type": media})
    assert reply.status_code == 415 and "not UTF-8" in reply.json()["detail"]


def test_nobody_is_sent_to_the_host_that_they_name(guarded: RunningService) -> None:
    with guarded.client() as client:
        assert client.get("/v1/voices/", headers={"Host": "evil.example"}).status_code in (404, 422)


def test_a_body_may_not_be_large(guarded: RunningService) -> None:
    with guarded.client() as client:
        large = client.post("/v1/audio/speech", json={**BODY, "input": "x" * 30_000})
        assert large.status_code == 413 and large.headers["content-type"] == "application/problem+json"
        chunked = client.post("/v1/audio/speech", content=(b"x" * 1000 for _ in range(40)))
        assert chunked.status_code == 413


def test_only_forms_may_be_as_large_as_recordings(served: RunningService) -> None:
    with served.client() as client:
        assert client.post("/v1/audio/speech", json={**BODY, "input": "x" * (3 << 20)}).status_code == 413
        assert client.post("/v1/voices", files={"clip": b"x" * (3 << 20)}).status_code == 422


def test_a_body_that_does_not_come_is_not_waited_for(voice_folder: Path, tmp_path: Path) -> None:
    with running(voice_folder, tmp_path, "http.slow_seconds=0.5") as service:
        host, port = service.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as slow:
            head = f"POST /v1/audio/speech HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {service.key}\r\n"
            slow.sendall(f"{head}Content-Length: 90\r\nContent-Type: application/json\r\n\r\n{{".encode())
            assert b"408" in slow.recv(400)


def test_browsers_of_other_pages_are_kept_out_and_headers_are_set(guarded: RunningService) -> None:
    preflight = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    evil = httpx.options(f"{guarded.url}/v1/audio/speech", headers={"Origin": "https://evil.example", **preflight})
    good = httpx.options(f"{guarded.url}/v1/audio/speech", headers={"Origin": "https://page.example", **preflight})
    assert "access-control-allow-origin" not in evil.headers
    assert good.headers["access-control-allow-origin"] == "https://page.example"
    reply = httpx.get(f"{guarded.url}/health/live")
    assert reply.headers["x-content-type-options"] == "nosniff" and reply.headers["x-frame-options"] == "DENY"
    assert "default-src 'self'" in reply.headers["content-security-policy"] and "server" not in reply.headers


def test_a_key_is_kept_as_a_hash_only_and_can_be_taken_out_of_use(tmp_path: Path) -> None:
    keys = ApiKeys(tmp_path / "keys.sqlite")
    key = keys.add("ann", ("speak",))
    assert key.encode() not in (tmp_path / "keys.sqlite").read_bytes()
    assert (tmp_path / "keys.sqlite").stat().st_mode & 0o077 == 0
    who = keys.find(key)
    assert who is not None and who.owner == "ann"
    keys.disable(who.key_id)
    assert keys.find(key) is None and len(keys) == 0
    with pytest.raises(InputError, match="scopes: got 'root'"):
        keys.add("ann", ("root",))


def test_an_open_socket_and_a_waiting_job_of_a_key_that_is_taken_out_of_use_are_spoken_no_more(
    guarded: RunningService,
) -> None:
    key = guarded.more_keys("leaver")
    keys = ApiKeys(guarded.folder / "keys.sqlite")
    who = keys.find(key)
    assert who is not None
    address = guarded.url.replace("http", "ws") + "/v1/audio/stream"
    with connect(address, additional_headers={"Authorization": f"Bearer {key}"}) as opened:

        def told(kind: str) -> dict[str, Any]:
            while (event := json.loads(opened.recv(timeout=PATIENCE)))["type"] not in (kind, "error"):
                pass
            assert event["type"] == kind, event
            return dict(event)

        opened.send(json.dumps({"type": "session.update", "voice": "ann"}))
        opened.send(json.dumps({"type": "input_text.append", "text": "Yes. "}))
        told("speech.segment")
        keys.disable(who.key_id)
        opened.send(json.dumps({"type": "input_text.append", "text": "No. "}))
        assert told("error")["error"]["code"] == "key_unknown"
    with pytest.raises(ProblemError, match="not in use any more"):
        asyncio.run(guarded.service.job(who, SpeechAsk(**BODY), "job"))


def test_keys_are_made_listed_and_disabled_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = f"folder={tmp_path / 'service'}"
    with pytest.raises(InputError, match="expected that of a service"):
        keys_command(["list", folder])
    assert keys_command(["add", "owner=game", "scopes=speak,voices:write", "requests_per_minute=30", folder]) == 0
    key = capsys.readouterr().out.strip()
    who = ApiKeys(tmp_path / "service" / "keys.sqlite").find(key)
    assert who is not None and who.owner == "game" and who.allowance.requests_per_minute == 30
    keys_command(["list", folder])
    told = capsys.readouterr().out
    assert key not in told and f"{who.key_id}  game  speak,voices:write  30 a minute" in told and "in use" in told
    keys_command(["disable", who.key_id, folder])
    keys_command(["list", folder])
    assert "disabled on 20" in capsys.readouterr().out
    assert ApiKeys(tmp_path / "service" / "keys.sqlite").find(key) is None
    with pytest.raises(InputError, match="expected the id of a key in use"):
        keys_command(["disable", who.key_id, folder])


def test_a_service_listens_to_its_own_machine_unless_told() -> None:
    assert HttpSettings().host == "127.0.0.1"
    with pytest.raises(InputError, match=r"expected 127\.0\.0\.1, or http.exposed=true"):
        HttpSettings(host="0.0.0.0")
    assert compose_settings([])["bundle"] == str(starter_folder())
    with pytest.raises(InputError, match=r"http\.prot"):
        compose_settings(["bundle=a", "http.prot=1"])
    for word, key in (("+colour=3", "colour"), ("+http.prt=1", r"http\.prt"), ("+tokens.x=1", r"tokens\.x")):
        with pytest.raises(InputError, match=f"{key}: got [13], expected one of"):
            compose_settings(["light=none", word])


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ({"port": "http"}, HttpSettings, "port: got 'http', expected a value of type int"),
        ({"port": 99_999_999}, HttpSettings, "port: got 99999999, expected a number at least 0 and at most 65535"),
        ({"port": -1}, HttpSettings, "port: got -1"),
        ({"slow_seconds": float("nan")}, HttpSettings, "slow_seconds: got nan"),
        ({"exposed": "yes please"}, HttpSettings, "exposed: got 'yes please'"),
        ({"origins": "https://a.example"}, HttpSettings, "origins: got 'https://a.example', expected a value"),
        ({"letters": 0}, RequestLimits, "letters: got 0, expected a number at least 1"),
        ({"pause_seconds": -1.0}, RequestLimits, "pause_seconds: got -1.0"),
        ({"waiting": "many"}, QueueLimits, "waiting: got 'many'"),
        ({"degrade_after": -5.0}, LoadPolicy, "degrade_after: got -5.0"),
    ],
)  # fmt: skip
def test_a_setting_of_another_type_or_out_of_range_is_named_before_anything_listens(
    values: dict[str, object], kind: type[object], said: str
) -> None:
    with pytest.raises(InputError) as caught:
        record(kind, values, "here")
    assert f"here.{said}" in str(caught.value)


def test_a_file_in_the_place_of_the_folder_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert sovits_lab_main(["keys", "add", "owner=me", f"folder={tmp_path / 'file'}"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and str(tmp_path / "file") in said
