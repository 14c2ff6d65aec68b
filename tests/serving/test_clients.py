"""The examples of deploy/clients against a real service."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile

from sovits_lab.provenance.labels import read_labels
from sovits_lab.serving.asks import SpeechAsk
from tests.serving.servers import LABELS, PATIENCE, RunningService, running

CLIENTS = Path(__file__).parents[2] / "deploy" / "clients"
COMMANDS = {
    "speak.sh": ("bash", "curl"),
    "speak.py": (sys.executable, sys.executable),
    "speak_openai.py": (sys.executable, sys.executable),
    "speak.mjs": ("node", "node"),
}


@pytest.fixture(scope="module")
def served(voice_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningService]:
    with running(voice_folder, tmp_path_factory.mktemp("service"), LABELS) as service:
        yield service


def has_sockets(program: str) -> bool:
    """Whether a program is there; Node before 20.10 has no WebSocket at all, and before 22 by a flag."""
    if shutil.which(program) is None:
        return False
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return program != "node" or int((re.match(r"v(\d+)", version) or ["0", "0"])[1]) >= 20


def run(name: str, served: RunningService, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program, needed = COMMANDS[name]
    if not has_sockets(needed):
        pytest.skip(f"needs {needed}" + (" 20 or newer" if needed == "node" else ""))
    environment = {**os.environ, "SOVITS_URL": served.url, "SOVITS_KEY": served.key}
    flags = ["--experimental-websocket"] if program == "node" else []
    command = [program, *flags, str(CLIENTS / name), *words]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_speaks(name, served, tmp_path):
    done = run(name, served, tmp_path, 'He said "no", twice.', "ann", "sad")
    assert done.returncode == 0, done.stderr
    file = next(path for path in tmp_path.iterdir() if path.stem == "speech" and path.suffix != ".headers")
    assert soundfile.info(file).duration > 0.1
    assert read_labels(file.read_bytes()).synthetic


@pytest.mark.parametrize("name", COMMANDS)
def test_an_example_says_what_was_refused(name, served, tmp_path):
    done = run(name, served, tmp_path, "Hello.", "nobody", "sad")
    assert done.returncode != 0
    said = done.stdout + done.stderr + "".join(path.read_text(errors="replace") for path in tmp_path.iterdir())
    assert "nobody" in said


def test_the_sample_for_unity_asks_what_the_service_takes():
    source = (CLIENTS / "unity" / "SpeechClient.cs").read_text(encoding="utf-8")
    ask = source[source.index("class Ask") : source.index("class Problem")]
    fields = re.findall(r"public \w+ (\w+)", ask)
    assert set(fields) <= set(SpeechAsk.model_fields)
    SpeechAsk.model_validate({"input": "x", "voice": "ann", "emotion": "sad", "strength": 1.0, "seed": 7,
                              "response_format": "wav"})  # fmt: skip
    assert '"/v1/audio/speech"' in source
    assert source.count("{") == source.count("}")


@pytest.mark.skipif(shutil.which("mcs") is None, reason="needs mcs (Debian: mono-mcs)")
def test_the_sample_for_unity_compiles(tmp_path):
    sources = [str(Path(__file__).parents[1] / "unity.cs"), str(CLIENTS / "unity" / "SpeechClient.cs")]
    command = ["mcs", "-target:library", f"-out:{tmp_path / 'client.dll'}", *sources]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
