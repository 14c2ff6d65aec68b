"""A checkpoint is written beside its place: a temporary folder that is full or missing plays no part."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import torch

from sovits_lab.training.checkpointing import DirectCheckpointIO


def test_checkpoints_do_not_pass_through_the_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "nowhere"
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(nowhere))
    monkeypatch.setattr(tempfile, "tempdir", str(nowhere))
    with pytest.raises(FileNotFoundError), tempfile.TemporaryFile():
        pass
    weights = torch.arange(1000.0)
    DirectCheckpointIO().save_checkpoint({"state_dict": {"weight": weights}}, tmp_path / "step=1.ckpt")
    again = torch.load(tmp_path / "step=1.ckpt", weights_only=True)
    assert torch.equal(again["state_dict"]["weight"], weights)
    assert [path.name for path in tmp_path.iterdir()] == ["step=1.ckpt"]
