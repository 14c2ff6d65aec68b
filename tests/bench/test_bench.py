"""The benchmark leaves out what the machine lacks, and says what that is."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from sovits_lab.bench.child import measure_apart
from sovits_lab.bench.command import PLANS, possible_cases
from sovits_lab.bench.reference import reference_waveform
from sovits_lab.models.gpt import packed
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.packed import Int8Linear, missing, pack, supported
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.types import InputError


@pytest.fixture
def old_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """One without bfloat16, as most are."""
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False, raising=False)


@pytest.mark.usefixtures("old_processor")
def test_what_the_processor_lacks_is_skipped_and_said(capsys: pytest.CaptureFixture) -> None:
    cases = list(possible_cases("gpt"))
    said = capsys.readouterr().out
    assert cases == [case for case in PLANS["gpt"] if case != "gpt:bf16:1"]
    assert "gpt:bf16:1" in said and "skipped: bf16 needs a processor with AVX-512" in said and said.count("\n") == 1
    assert "latency-v2:int8:1" in list(possible_cases("latency"))


@pytest.mark.usefixtures("old_processor")
def test_a_precision_that_the_processor_lacks_is_refused() -> None:
    assert not supported("bf16") and supported("fp32") and missing("int8") == ""
    with pytest.raises(InputError, match="precision: got 'bf16', expected one of fp32, int8 on this machine"):
        pack(PrefixDecoder(width=16, heads=2, layers=1), "bf16")


@pytest.mark.parametrize("has_bf16", [True, False])
def test_prefixes_of_8_bits_are_multiplied_as_the_processor_can(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packed, "multiplies_bf16", lambda: has_bf16)
    torch.manual_seed(0)
    plain = torch.nn.Linear(64, 32)
    made = Int8Linear(plain)
    x = torch.randn(2, 9, 64)
    with torch.no_grad():
        error = (made(x) - plain(x)).abs().max()
    assert made(x).dtype == torch.float32 and made.unpacked == (torch.bfloat16 if has_bf16 else torch.float32)
    assert error < (0.05 if has_bf16 else 0.02)


def test_a_case_ends_with_the_benchmark_that_was_killed(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    case = "from sovits_lab.bench.child import end_with_bench; end_with_bench(); import os, pathlib, time; "
    case += f"pathlib.Path({str(note)!r}).write_text(str(os.getpid())); time.sleep(60)"
    bench = f"from sovits_lab.bench.child import measure_apart; measure_apart('case', ['-c', {case!r}])"
    with subprocess.Popen([sys.executable, "-c", bench]) as parent:
        while not (note.is_file() and note.read_text()):
            time.sleep(0.1)
        parent.kill()
    child, ends = Path("/proc") / note.read_text(), time.monotonic() + 20
    while (child / "cmdline").is_file() and (child / "cmdline").read_bytes() and time.monotonic() < ends:
        time.sleep(0.1)
    assert time.monotonic() < ends


def test_a_case_that_fails_is_one_line() -> None:
    with pytest.raises(InputError, match=r"bench x: failed .*ZeroDivisionError"):
        measure_apart("bench x", ["-c", "1 / 0"])
    assert measure_apart("bench x", ["-c", "import os; print(os.environ['A'])"], A='{"b": 7}') == {"b": 7}


def test_the_published_way_of_the_head_gives_the_same_waveform() -> None:
    torch.manual_seed(0)
    head = HifiGan(in_channels=6, channels=16, rates=(4, 2), kernels=(8, 2), condition_channels=5)
    latents, condition = torch.randn(2, 6, 20), torch.randn(2, 5)
    torch.testing.assert_close(reference_waveform(head, latents, condition), head(latents, condition))
