"""Benchmarks of speaking: what is counted, and what is said of a system that is not here."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.bench import child, peer_systems, peers
from sovits_lab.bench.command import OTHERS, main
from sovits_lab.bench.first_audio import measure_first_audio
from sovits_lab.bench.peers import measure_peers, rows_of
from sovits_lab.bench.spoken import SpokenText, text_of, time_pieces, waits_of
from sovits_lab.types import InputError
from tests.inference.voices import write_voice


@pytest.mark.parametrize("words", [1, 5, 40])
def test_texts_have_as_many_words_as_asked(words: int) -> None:
    assert len(text_of(words).split()) == words and text_of(words).endswith(".")


def test_a_listener_waits_for_a_piece_that_comes_after_all_before_it_was_played() -> None:
    assert waits_of([0.1, 1.0, 2.0], [1.0, 1.0, 1.0]) == 0
    assert waits_of([0.1, 1.5, 2.0], [1.0, 1.0, 1.0]) == 1
    assert waits_of([0.1, 1.5, 2.6], [1.0, 1.0, 1.0]) == 2
    assert waits_of([], []) == 0


def test_silence_is_no_first_sound() -> None:
    def pieces() -> Iterator[np.ndarray]:
        yield np.zeros(800)
        time.sleep(0.05)
        yield np.ones(1600)

    spoken = time_pieces(pieces(), 16_000)
    assert spoken.speech == pytest.approx(0.15)
    assert spoken.first >= 0.05 and spoken.whole >= spoken.first and spoken.processor < spoken.first


def run_of(processor: float) -> dict:
    text = SpokenText(0.1, 1.0, processor, 2.0, 0).figures()
    return {"start": 1.0, "start_processor": 0.5, "peak": 100.0, "5": text}


def test_rows_are_medians_and_ratios_to_our_voice() -> None:
    rows = rows_of({"native": [run_of(0.2), run_of(0.4), run_of(9.0)], "flite": [run_of(0.1)]}, 5)
    assert rows["native"]["processor_rtf"] == pytest.approx(0.2) and rows["native"]["ratio"] == 1
    assert rows["flite"]["ratio"] == pytest.approx(0.25) and rows["flite"]["first"] == pytest.approx(100)


def test_what_is_not_here_is_named_with_what_installs_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(peer_systems.shutil, "which", lambda _: None)
    monkeypatch.setattr(peers, "measure_system", lambda name, options: run_of(0.2))
    assert measure_peers(["systems=native,espeak-ng,flite", "words=5", "rounds=1"]) == 0
    said = capsys.readouterr().out
    assert "espeak-ng  not here; apt-get install espeak-ng" in said and "flite      not here" in said
    assert said.count("0.1000 (0.1000)") == 0 and "0.5000 (0.1000)" in said


def test_a_system_that_fails_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "Traceback\nOSError: no voice")
    monkeypatch.setattr(child.subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(InputError, match=r"bench peers native: failed \(OSError: no voice\)"):
        measure_peers(["systems=native", "words=5"])


def test_the_native_voice_is_measured_in_this_process(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    folder = write_voice(tmp_path)
    began = time.time()
    assert peer_systems.main(["system=native", "words=3", f"bundle={folder}", f"began={began}"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["peak"] > 0 and 0 < figures["start"] < time.time() - began and figures["3"]["speech"] > 0


def test_first_sounds_are_told_by_length_and_way(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert measure_first_audio([f"bundle={write_voice(tmp_path)}", "words=3", "rounds=2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0].strip() for line in lines] == ["3 words, clauses", "3 words, chunks of 8"]
    assert all("p50" in line and "in 2 streams" in line for line in lines)


@pytest.mark.parametrize("name", [*OTHERS])
def test_every_other_benchmark_describes_itself(name: str, capsys: pytest.CaptureFixture) -> None:
    assert main([name, "--help"]) == 0
    assert f"bench {name}" in capsys.readouterr().out
