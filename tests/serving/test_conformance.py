"""Clients: ours, the OpenAPI document against the service, and the files of deploy/."""

from __future__ import annotations

import asyncio
import io
import itertools
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import soundfile
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig

from sovits_lab.serving.client import AsyncVoiceClient, ServiceError, VoiceClient
from sovits_lab.serving.cluster.command import WorkerOptions
from sovits_lab.serving.settings import compose_settings
from tests.serving.servers import PATIENCE, RunningService

ROOT = Path(__file__).parents[2]


def test_the_client_speaks_streams_waits_and_raises(served: RunningService) -> None:
    with VoiceClient(served.url, served.key) as client:
        assert [one["id"] for one in client.voices()] == ["ann", "bob"]
        speech = client.speak("The river is cold.", "ann", seed=4, response_format="wav")
        info = soundfile.info(io.BytesIO(speech.data))
        assert speech.seed == 4 and speech.seconds == pytest.approx(info.duration, abs=0.01) and speech.degraded == ""
        assert len(b"".join(client.stream("The river is cold.", "ann", seed=4))) > 1000
        job = client.speak_later("The river is cold.", "ann", "key-1", seed=4, response_format="wav")
        assert job == client.speak_later("The river is cold.", "ann", "key-1", seed=4, response_format="wav")
        assert client.wait(job, 0.05) == speech.data
        with pytest.raises(ServiceError, match="expected one of ann, bob") as refused:
            list(client.stream("Yes.", "carl"))
        assert refused.value.status == 400 and refused.value.code == "unknown_voice" and refused.value.request_id

    async def at_once() -> list[bytes]:
        async with AsyncVoiceClient(served.url, served.key) as client:
            return [one.data for one in await asyncio.gather(
                *(client.speak("The river is cold.", "ann", seed=4, response_format="wav") for _ in range(4))
            )]  # fmt: skip

    assert set(asyncio.run(at_once())) == {speech.data}


# What keeps to the document may still be refused for its meaning: an unknown voice, a text without letters.
REFUSALS = [400, 401, 403, 404, 408, 409, 410, 413, 422, 429, 503]


def conform(served: RunningService, examples: int, derandomize: bool = True) -> int:
    """Every route and every check of schemathesis, with what keeps to the document and what breaks it.

    Every other body names a voice that is there, so that it is spoken. The cases are the same each time unless they are
    drawn anew: what a run refuses, the next one can show. Returns how many there were.
    """
    accepted = {"positive_data_acceptance": {"expected-statuses": ["2xx", *REFUSALS]}}
    config = SchemathesisConfig.from_dict({"checks": accepted})
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json", config=config)
    headers = {"Authorization": f"Bearer {served.key}"}
    names = set(schemathesis.checks.CHECKS.get_all_names()) - {"max_response_time"}
    checks = [schemathesis.checks.CHECKS.get_one(name) for name in sorted(names)]
    assert {"not_a_server_error", "negative_data_rejection", "ignored_auth", "use_after_free"} <= names

    how = settings(max_examples=examples, deadline=None, database=None, derandomize=derandomize,
                   suppress_health_check=list(HealthCheck))  # fmt: skip
    seen: Counter[str] = Counter()
    for operation, mode in itertools.product((found.ok() for found in schema.get_all_operations()), GenerationMode):
        if mode is GenerationMode.POSITIVE or operation.path not in ("/health/live", "/health/ready"):
            seen[operation.label] += try_operation(operation, mode, how, checks, headers)
    assert {"POST /v1/audio/speech", "POST /tts", "POST /v1/voices", "GET /v1/audio/jobs/{job_id}"} <= set(seen)
    return seen.total()


def try_operation(
    operation: Any, mode: GenerationMode, how: settings, checks: list[Any], headers: dict[str, str]
) -> int:
    """Send cases of one operation, and return how many there were."""
    cases = itertools.count()

    @how
    @given(case=operation.as_strategy(generation_mode=mode))
    def one(case: schemathesis.Case) -> None:
        if next(cases) % 2 == 0 and isinstance(case.body, dict) and "voice" in case.body:
            case.body["voice"] = "ann"
        reply = case.call(headers=headers, timeout=PATIENCE)
        if "x-request-id" not in reply.headers:  # what is no HTTP, or too long an address, does not reach the service
            assert reply.status_code == 400 and reply.text == "Invalid HTTP request received.", reply.text
            return
        case.validate_response(reply, checks=checks, headers=headers)
        if mode is GenerationMode.POSITIVE and reply.status_code == 422:  # its form is right, so it is its content
            told = reply.json()
            assert told["error"]["code"] != "invalid_request" or "UploadFile" in told["detail"], told

    one()
    return next(cases)


def test_the_document_tells_the_truth(served: RunningService) -> None:
    conform(served, 4)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_the_document_tells_the_truth_in_two_thousand_cases(served: RunningService) -> None:
    assert conform(served, 60, derandomize=False) >= 2000


def test_the_files_of_deploy_name_what_there_is() -> None:
    documents = [*yaml.safe_load_all((ROOT / "deploy/kubernetes/sovits-lab.yaml").read_text("utf-8")),
                 yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))]  # fmt: skip
    assert [one.get("kind") for one in documents] == ["Deployment", "StatefulSet", "Service", None]
    text = "".join(path.read_text("utf-8") for path in (ROOT / "deploy").rglob("*") if path.is_file())
    for words in re.findall(r'\["worker", (.*?)\]', text):
        assert {word.strip(' "').partition("=")[0] for word in words.split(",")} <= set(
            WorkerOptions.__dataclass_fields__
        )
    served = [re.findall(r'"([^"]+)"', words) for words in re.findall(r'\["serve", (.*?)\]', text, flags=re.S)]
    assert len(served) == 3
    for words in served:
        compose_settings(words)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze (Debian: systemd)")
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for unit in sorted((ROOT / "deploy/systemd").iterdir()):
        text = unit.read_text("utf-8").replace("/opt/sovits-lab/.venv/bin/python", sys.executable)
        (tmp_path / unit.name).write_text(text.replace("/opt/sovits-lab", str(tmp_path)), "utf-8")
        told = subprocess.run(["systemd-analyze", "verify", str(tmp_path / unit.name)], capture_output=True, text=True)
        ours = [line for line in told.stderr.splitlines() if unit.name in line]
        assert ours == [], told.stderr


@pytest.mark.skipif(shutil.which("nginx") is None, reason="needs nginx (Debian: nginx-light)")
def test_nginx_takes_the_site_of_the_compose_file(tmp_path: Path) -> None:
    """The other site is run by the tests of the cluster; this one is the same but for its names."""
    site = (ROOT / "deploy/nginx/compose.conf").read_text("utf-8")
    (tmp_path / "site.conf").write_text(site.replace("server gateway:8000", "server 127.0.0.1:8000"), "utf-8")
    whole = f"pid {tmp_path}/pid;\nerror_log {tmp_path}/log;\nevents {{}}\nhttp {{ include {tmp_path}/site.conf; }}\n"
    (tmp_path / "nginx.conf").write_text(whole, "utf-8")
    told = subprocess.run(["nginx", "-t", "-c", str(tmp_path / "nginx.conf")], capture_output=True, text=True)
    assert told.returncode == 0, told.stderr
