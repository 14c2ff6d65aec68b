"""Mels at one level, style vectors of true recordings, and the figures that a trial of them becomes."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from evaluation.catalogue import is_declared
from evaluation.compare.arms import read_arm
from evaluation.style.embed import EmbedStyles
from evaluation.style.scores import ScoreStyle
from evaluation.style.stage import StyleTrial
from sovits_lab.audio.energy import level_dbfs
from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.level_mels import LevelMels, levelled_mel
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.data.stores import SPEC, voice, write_store

AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}
MODEL = {
    "_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference",
    "mels": SPEC.n_mels,
    "channels": [8],
    "kernel": 3,
    "stride": 2,
    "hidden": 8,
    "out_channels": 4,
    "pool": {"_target_": "sovits_lab.conditioning.pooling.MeanPool"},
}


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """Features of five test voices in three emotions, and an untrained encoder."""
    found = {name: tmp_path / name for name in ("features", "style", "vectors", "trial", "scores")}
    for folder in found.values():
        folder.mkdir()
    store = write_store(found["features"], speakers=["a", "b", "c", "d", "e"], each=3, split="test")
    rows = [replace(row, emotion="happy") if row.id.endswith("sad-2") else row for row in store.rows]
    lines = [json.dumps(asdict(row)) + "\n" for row in rows]
    (found["features"] / "table.jsonl").write_text("".join(lines), encoding="utf-8")
    torch.manual_seed(0)
    write_bundle(found["style"] / "bundle", {"reference": build(MODEL)}, {"kind": "style", "model": MODEL})
    return found


def embed(folders: dict[str, Path], seconds: float | None = None) -> dict[str, np.ndarray]:
    stage = EmbedStyles(AUDIO, roles=["emotional"], splits=["test"], level=-26.0, seconds=seconds)
    stage.run(folders, folders["vectors"], Silent())
    return dict(np.load(folders["vectors"] / "style_vectors.npz"))


def test_a_level_is_heard_in_raw_vectors_only(folders: dict[str, Path]) -> None:
    before = embed(folders)
    wav = np.load(folders["features"] / "wav.npy")
    np.save(folders["features"] / "wav.npy", wav // 8)
    after = embed(folders)
    assert np.abs(before["vectors"] - after["vectors"]).max() < 0.02
    assert np.abs(before["vectors_raw"] - after["vectors_raw"]).max() > 0.05
    assert before["level"] - after["level"] == pytest.approx(20 * np.log10(8), abs=0.1)


def test_seconds_cut_the_middle_of_a_clip(folders: dict[str, Path]) -> None:
    whole, cut = embed(folders), embed(folders, seconds=0.2)
    assert np.abs(whole["vectors"] - cut["vectors"]).max() > 1e-3
    assert np.allclose(whole["vectors"], embed(folders, seconds=60)["vectors"])
    with pytest.raises(InputError, match="above 0"):
        embed(folders, seconds=0)


def test_mels_at_one_level_are_those_of_a_louder_recording(folders: dict[str, Path], tmp_path: Path) -> None:
    wav = voice(1, 40)[0]
    loud = wav * 10 ** ((-20.0 - level_dbfs(wav)) / 20)
    assert np.allclose(levelled_mel(wav, SPEC, -20.0), levelled_mel(loud, SPEC, -20.0), atol=1e-3)
    silence = np.zeros(3200, dtype=np.float32)
    assert np.array_equal(levelled_mel(silence, SPEC, -20.0), levelled_mel(silence, SPEC, -60.0))
    out = tmp_path / "levelled"
    out.mkdir()
    LevelMels(AUDIO, -20.0).run({"recorded": folders["features"]}, out, Silent())
    old, new = FeatureStore(folders["features"]), FeatureStore(out)
    assert new.rows == old.rows and np.array_equal(new.wav(3), old.wav(3)) and np.array_equal(new.f0(3), old.f0(3))
    assert np.allclose(new.mel(3), levelled_mel(old.wav(3), SPEC, -20.0), atol=0.01)


def test_a_trial_becomes_figures_that_a_comparison_reads(folders: dict[str, Path]) -> None:
    embed(folders)
    StyleTrial(False, False, 50, 99, 0).run({"vectors": folders["vectors"]}, folders["trial"], Silent())
    bar = {"figure": "style_abx_emotion", "at_least": 2.0}
    ScoreStyle([bar]).run(folders, folders["scores"], Silent())
    arm = read_arm(folders["scores"])
    trial = json.loads((folders["trial"] / "style.json").read_text())["trials"][0]
    found = {(f["name"], f["group"]): f for f in arm.report["figures"] if f["emotion"] == "all"}
    assert found["style_abx_emotion", "all"]["value"] == pytest.approx(trial["abx"]["emotion"]["estimate"] / 100)
    assert ("style_abx_emotion", "level") in found and ("style_abx_speaker", "raw") in found
    assert all(is_declared(name) for name, _ in found)
    assert arm.report["bars"][0]["reached"] is False
    assert len(arm.samples) == 30 == arm.report["samples"]
