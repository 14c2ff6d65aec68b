"""Clients of a film for Python, Unity and Godot."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.serving.servers import PATIENCE

JSON_NET = Path("/usr/lib/cli/Newtonsoft.Json-5.0/Newtonsoft.Json.dll")
NO_MONO = "needs mcs, mono and Json.NET (Debian: mono-mcs mono-runtime libnewtonsoft-json5.0-cil)"


def test_the_python_client_plays_to_the_end(port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy

    import soundfile

    answers = iter(["call the village on the radio", "1", "2"])
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    client = runpy.run_path(str(Path(__file__).parents[2] / "deploy" / "clients" / "film" / "player.py"))
    client["main"](f"ws://127.0.0.1:{port}/film", str(tmp_path / "film.wav"))
    assert soundfile.info(tmp_path / "film.wav").duration > 1


@pytest.mark.skipif(not JSON_NET.is_file() or not shutil.which("mcs") or not shutil.which("mono"), reason=NO_MONO)
def test_the_unity_client_plays_to_the_end(port: int, tmp_path: Path) -> None:
    program, root = tmp_path / "player.exe", Path(__file__).parents[2]
    shutil.copy(JSON_NET, tmp_path)
    sources = ["tests/unity.cs", "tests/dialogue/unity_player.cs", "deploy/clients/film/FilmClient.cs"]
    compiled = ["mcs", f"-r:{JSON_NET}", f"-out:{program}", *(str(root / name) for name in sources)]
    built = subprocess.run(compiled, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    play = ["mono", str(program), f"ws://127.0.0.1:{port}/film"]
    played = subprocess.run(play, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    said = played.stdout.splitlines()
    assert said[-1].startswith("end ") and len(said) == len(set(said)) > 5
    assert any(line.startswith("line MIRA ") for line in said)


@pytest.mark.skipif(shutil.which("gdparse") is None, reason="needs gdparse (pip install gdtoolkit)")
def test_the_client_for_godot_is_gdscript() -> None:
    client = Path(__file__).parents[2] / "deploy" / "clients" / "film" / "film_client.gd"
    parsed = subprocess.run(["gdparse", str(client)], capture_output=True, text=True, check=False)
    assert parsed.returncode == 0, parsed.stdout + parsed.stderr
