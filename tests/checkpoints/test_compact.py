"""Weights in 8 bits: near, small, and refused where they do not fit together."""

from pathlib import Path

import pytest
import torch

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.bundle import WEIGHTS, read_weights
from sovits_lab.checkpoints.compact import FEWEST, SCALE, compact, expanded
from sovits_lab.checkpoints.pack_command import main
from sovits_lab.types import InputError
from tests.inference.voices import write_voice


def test_large_matrices_come_back_within_half_a_step() -> None:
    generator = torch.Generator().manual_seed(1)
    rows = torch.logspace(-3, 2, 64)[:, None, None]
    before = {
        "conv": torch.randn(64, 8, 5, generator=generator) * rows,
        "bias": torch.randn(64, generator=generator),
        "ids": torch.arange(5),
        "small": torch.randn(4, 4, generator=generator),
    }
    kept = compact(before)
    assert kept["conv"].dtype == torch.int8
    assert before["conv"].numel() >= FEWEST
    after = expanded(kept)
    assert after.keys() == before.keys()
    step = before["conv"].flatten(1).abs().amax(1) / 127
    assert ((after["conv"] - before["conv"]).abs().flatten(1).amax(1) <= step / 2 * 1.001).all()
    for name in ("bias", "ids", "small"):
        torch.testing.assert_close(after[name], before[name], rtol=0, atol=0)


def test_a_row_of_zeros_stays_zero() -> None:
    before = {"weight": torch.zeros(32, 64)}
    assert torch.equal(expanded(compact(before))["weight"], before["weight"])


def test_a_scale_that_does_not_fit_is_refused() -> None:
    kept = compact({"weight": torch.ones(32, 64)})
    kept["weight" + SCALE] = torch.ones(31)
    with pytest.raises(InputError, match=r"weight.scale: got .31,., expected .32,. numbers"):
        expanded(kept)


def test_a_tensor_that_is_called_a_scale_is_kept() -> None:
    before = {"norm" + SCALE: torch.ones(3), "norm": torch.ones(3)}
    assert expanded(compact(before)).keys() == before.keys()


def test_a_packed_voice_speaks_nearly_the_same(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    whole, small = write_voice(tmp_path / "voice"), tmp_path / "small"
    assert main([f"bundle={whole}", f"out={small}"]) == 0
    assert "written" in capsys.readouterr().out
    assert (small / WEIGHTS).stat().st_size < 0.7 * (whole / WEIGHTS).stat().st_size
    before, after = read_weights(whole), read_weights(small)
    assert before.keys() == after.keys()
    for name, value in before.items():
        torch.testing.assert_close(after[name], value, rtol=0, atol=float(value.abs().max()) / 100 + 1e-9)
    with Synthesizer.load(small) as packed:
        assert len(packed.speak("The river is cold.", "ann").wav)


def test_what_is_no_voice_is_not_packed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="bundle"):
        main([f"bundle={tmp_path}", f"out={tmp_path / 'x'}"])
    voice = write_voice(tmp_path / "own")
    before = (voice / "model.safetensors").read_bytes()
    (tmp_path / "link").symlink_to(voice)
    for out in (voice, tmp_path / "link", voice / ".." / voice.name):
        with pytest.raises(InputError, match="another folder than the bundle's"):
            main([f"bundle={voice}", f"out={out}"])
    assert (voice / "model.safetensors").read_bytes() == before
    (tmp_path / "full").mkdir()
    with pytest.raises(InputError, match="pack, out"):
        main([f"bundle={write_voice(tmp_path / 'voice')}", f"out={tmp_path / 'full'}"])
