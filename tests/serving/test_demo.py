"""`make serve-demo` where it cannot begin; that it speaks is measured, see docs/serving.md."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from sovits_lab.serving import demo


def test_a_port_that_is_taken_is_said_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(demo, "PORT", taken.getsockname()[1])
        assert demo.main(["a-bundle"]) == 1
    assert "is taken by something that runs already" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
