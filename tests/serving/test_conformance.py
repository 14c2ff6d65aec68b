"""Clients: ours, the OpenAPI document against the service, and the files of deploy/."""

from __future__ import annotations

import asyncio
import io
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import schemathesis
import soundfile
import yaml
from hypothesis import HealthCheck, given, settings

from sovits_lab.serving.client import AsyncVoiceClient, ServiceError, VoiceClient
from sovits_lab.serving.cluster.command import WorkerOptions
from sovits_lab.serving.settings import composed
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


def conform(served: RunningService, examples: int, derandomize: bool = True) -> None:
    """Every route, with bodies of every kind: no status, header or body that the document does not know, no 5xx.

    The cases are the same each time unless they are drawn anew: what a run refuses, the next one can show.
    """
    schema = schemathesis.openapi.from_url(f"{served.url}/openapi.json")
    headers = {"Authorization": f"Bearer {served.key}"}
    checks = [
        schemathesis.checks.CHECKS.get_one(name)
        for name in ("not_a_server_error", "status_code_conformance", "content_type_conformance",
                     "response_schema_conformance", "response_headers_conformance")
    ]  # fmt: skip

    seen = []
    for found in schema.get_all_operations():
        operation = found.ok()
        seen.append(operation.label)

        @settings(max_examples=examples, deadline=None, database=None, derandomize=derandomize,
                  suppress_health_check=list(HealthCheck))  # fmt: skip
        @given(case=operation.as_strategy())
        def one(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, checks=checks, timeout=PATIENCE)

        one()
    assert {"POST /v1/audio/speech", "POST /tts", "POST /v1/voices", "GET /v1/audio/jobs/{job_id}"} <= set(seen)


def test_the_document_tells_the_truth(served: RunningService) -> None:
    conform(served, 8)


@pytest.mark.slow
def test_the_document_tells_the_truth_in_two_thousand_cases(served: RunningService) -> None:
    conform(served, 120, derandomize=False)


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
        composed(words)


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
