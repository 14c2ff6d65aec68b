"""Weights in 8 bits: near, small, and refused where they do not fit together."""

import json
from pathlib import Path

import pytest
import torch

from sovits_lab import Synthesizer
from sovits_lab.checkpoints.bundle import WEIGHTS, read_weights
from sovits_lab.checkpoints.cards import cards_of
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


def test_the_model_card_of_a_packed_run_has_its_scores(tmp_path: Path) -> None:
    """Of the run's figures: by emotion, without points of the strength curve, names from elsewhere made harmless."""
    run, voice = tmp_path / "run", write_voice(tmp_path / "voice")
    run.mkdir()
    (run / "bundle").symlink_to(voice)
    card = "# V\n\n## Scores\n\nThey are in the report.\n\n## Use\n\nWith care.\n"
    (voice / "MODEL_CARD.md").write_text(card, encoding="utf-8")
    one = {
        "group": "all",
        "strength": None,
        "low": 0.01,
        "high": 0.05,
        "truth": None,
        "unit": "share",
        "judge": "W|<b>",
    }
    figures = [
        {**one, "name": "wer.lab.W|<b>", "emotion": "sad", "value": 0.034, "truth": 0.02},
        {**one, "name": "wer.lab.W|<b>", "emotion": "neutral", "value": 0.02},
        {**one, "name": "wer.lab.W|<b>", "emotion": "sad", "value": 0.9, "strength": 0.5},
        {**one, "name": "similarity", "judge": "CAM++", "emotion": "sad", "value": 0.71, "unit": "", "low": None},
        {**one, "name": "rtf", "emotion": "sad", "value": 3.0},
        {**one, "name": "similarity", "emotion": "sad", "value": None},
    ]
    (run / "scores.json").write_text(json.dumps({"samples": 8, "figures": figures}), encoding="utf-8")
    assert main([f"bundle={run}", f"out={tmp_path / 'small'}"]) == 0
    found = (tmp_path / "small" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "| similarity to the speaker's recordings | CAM++ |  | 0.71 |\n" in found
    assert "| words misheard | W\\|&lt;b> | 2 % [1, 5] | 3.4 % [1, 5], T 2 |\n" in found
    assert "rtf" not in found
    assert "in the report" not in found
    assert found.endswith("\n\n## Use\n\nWith care.\n")
    (run / "scores.json").write_text('{"figures": []}', encoding="utf-8")
    assert cards_of(run) == cards_of(voice) == {"MODEL_CARD.md": card}
    (run / "scores.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match=r"scores .*expected a JSON object"):
        main([f"bundle={run}", f"out={tmp_path / 'small'}"])


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
