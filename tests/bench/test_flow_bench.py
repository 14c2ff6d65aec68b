"""Benchmarks of v3 and v4 run, and say what they measured."""

from __future__ import annotations

import re

import pytest

from sovits_lab.bench import flow_stream
from sovits_lab.bench.command import main
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import small_sovits


def test_flow_is_timed_beside_the_published_way(capsys: pytest.CaptureFixture) -> None:
    assert main(["flow", "frames=8", "steps=2", "few=1", "rounds=1", "width=64", "layers=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split("  ")[0] for line in lines][:2] == ["published, 2 steps", "ours fp32, 2 steps"]
    off = [float(re.search(r"mel (\S+) off", line)[1]) for line in lines]
    assert off[0] == 0 and off[1] < 1e-5 < off[3]  # fewer steps make another mel


def test_streams_are_timed_piece_by_piece(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    model = small_sovits("v4").eval()
    monkeypatch.setattr(flow_stream, "released_model", lambda version: model)
    assert main(["flow_stream", "seconds=2", "clip=0.4", "first=1", "steps=1,2", "rounds=1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["v4,  1 steps", "v4,  2 steps"]
    assert all("for 2.0 s" in line for line in lines)
    for line in lines:
        first, whole = (float(value) for value in re.findall(r"processor (\S+) s", line))
        assert 0 < first < whole


def test_a_precision_that_the_machine_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_stream, "missing", lambda precision: "a processor that multiplies it")
    with pytest.raises(InputError, match="precision: got 'bf16', expected fp32, or a processor"):
        main(["flow_stream", "precision=bf16"])
