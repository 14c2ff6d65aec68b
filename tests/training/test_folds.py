"""Folds over speakers: each encoder is the one that a training without these speakers gives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evaluation.style.embed import EmbedFolds
from sovits_lab.reporting import Silent
from sovits_lab.training.folds import TrainFolds
from sovits_lab.training.reference_encoder import TrainStyle
from sovits_lab.types import InputError
from tests.data.stores import SPEC, write_store
from tests.training.losses import weighed

FOLDS = [["a", "b"], ["c"]]
STYLE: dict[str, Any] = {
    "model": {
        "_target_": "sovits_lab.conditioning.conv_statistics.ConvStatisticsReference",
        "mels": SPEC.n_mels,
        "channels": 8,
        "layers": 1,
        "attention_channels": 4,
        "out_channels": 4,
    },
    "optimisation": {"steps": 3, "warmup": 1},
    "losses": {
        **weighed(emotion=1.0),
        "pitch": {"weight": 0.5, "_target_": "sovits_lab.losses.pitch.PitchOfFrames", "input": "frames"},
    },
    "references": {"frames": [19, 31]},
    "roles": ["emotional"],
    "batch_size": 4,
    "precision": "32-true",
    "seed": 0,
    "runtime": {"threads": 1, "log_every": 1},
    "changes": [{"_target_": "sovits_lab.audio.changes.Tempo", "max_stretch": 1.2}],
}


class Steps(Silent):
    """Notes which steps were recorded."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self.steps.append(step)


@pytest.fixture
def inputs(tmp_path: Path) -> dict[str, Path]:
    """Features of four test voices."""
    write_store(tmp_path / "features", speakers=["a", "b", "c", "d"])
    return {"features": tmp_path / "features"}


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "bundle" / "model.safetensors")


def test_each_encoder_is_that_of_a_training_without_the_fold(inputs: dict[str, Path], tmp_path: Path) -> None:
    out, alone, report = tmp_path / "folds", tmp_path / "alone", Steps()
    out.mkdir(), alone.mkdir()
    TrainFolds(FOLDS, **STYLE).run(inputs, out, report)
    TrainStyle(**STYLE, without=["c"]).run(inputs, alone, Silent())
    first, second = weights(out / "1"), weights(out / "2")
    assert all(torch.equal(second[name], value) for name, value in weights(alone).items())
    assert any(not torch.equal(first[name], second[name]) for name in first)
    assert report.steps == sorted(set(report.steps)) and report.steps[-1] == 6

    half = weights(out / "1")
    (out / "2" / "bundle" / "model.safetensors").unlink(), (out / "2" / "bundle" / "bundle.json").unlink()
    (out / "2" / "bundle").rmdir()
    again = Steps()
    TrainFolds(FOLDS, **STYLE).run(inputs, out, again)  # as after a kill in the second fold
    assert again.steps[0] == 4 and all(torch.equal(half[k], v) for k, v in weights(out / "1").items())
    assert all(torch.equal(second[k], v) for k, v in weights(out / "2").items())

    vectors = tmp_path / "vectors"
    vectors.mkdir()
    audio = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}
    EmbedFolds(audio, ["emotional"], ["train"], -26.0).run({**inputs, "style": out}, vectors, Silent())
    found = [dict(np.load(vectors / f"{number}.npz")) for number in (1, 2)]
    for arrays, fold in zip(found, json.loads((out / "folds.json").read_text()), strict=True):
        assert set(arrays["speaker"][arrays["unheard"]]) == set(fold) and len(arrays["vectors"]) == 24
    assert not np.allclose(found[0]["vectors"], found[1]["vectors"])


def test_an_encoder_that_shows_no_frames_learns_the_rest_and_says_so(
    inputs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gru = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": SPEC.n_mels, "channels": [8]}
    said: list[str] = []
    monkeypatch.setattr(Silent, "say", lambda self, text: said.append(text))
    TrainStyle(**(STYLE | {"model": gru})).run(inputs, tmp_path, Silent())
    assert "pitch is not taught: the encoder shows no frames" in said
    assert (tmp_path / "bundle").is_dir()


@pytest.mark.parametrize("folds", [[["a"]], [["a"], []], [["a", "b"], ["b"]]])
def test_folds_that_are_none_are_refused(folds: list[list[str]]) -> None:
    with pytest.raises(InputError, match="nobody in two"):
        TrainFolds(folds, **STYLE)
