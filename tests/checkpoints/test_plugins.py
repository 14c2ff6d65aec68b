"""A part of one's own: built where its package is named, refused elsewhere, and part of the hash."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from sovits_lab.checkpoints.bundle import build
from sovits_lab.pipeline import fingerprint
from sovits_lab.pipeline.fingerprint import code_digest
from sovits_lab.plugins import VARIABLE
from sovits_lab.types import InputError

ENCODER = '''
import torch
from sovits_lab.conditioning.reference import ReferenceEncoder

class Mine(ReferenceEncoder):
    """Mean and deviation of every mel bin."""

    def __init__(self, n_mels: int = 80) -> None:
        super().__init__()
        self.out_channels = 2 * n_mels

    def forward(self, mel, mask):
        weight = mask[:, None] / mask.sum(1)[:, None, None]
        mean = (mel * weight).sum(2)
        return torch.cat([mean, ((mel - mean[..., None]).square() * weight).sum(2).sqrt()], dim=1)
'''
NODE = {"_target_": "mylab_of_a_test.encoders.Mine", "n_mels": 4}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "mylab_of_a_test"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "encoders.py").write_text(ENCODER)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return folder


def test_without_its_package_named_a_foreign_class_is_refused(package: Path) -> None:
    with pytest.raises(InputError, match=f"{VARIABLE}=NAME adds a package of your own"):
        build(NODE)
    assert "mylab_of_a_test" not in sys.modules, "nothing of it was imported"


def test_a_named_package_is_built_and_hashed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "other, mylab_of_a_test")
    encoder = build(NODE)
    mel = torch.randn(2, 4, 9)
    assert encoder(mel, torch.ones(2, 9, dtype=torch.bool)).shape == (2, 8)
    stage = {"_target_": "sovits_lab.training.reference_encoder.TrainStyle", "model": NODE}
    before = code_digest(stage)
    (package / "encoders.py").write_text(ENCODER + "\nNEW = 1\n")
    for cached in (fingerprint.source, fingerprint._imports, fingerprint._syntax):
        cached.cache_clear()
    assert code_digest(stage) != before


def test_what_is_no_package_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "os; rm")
    with pytest.raises(InputError, match="names of top-level packages"):
        build(NODE)
