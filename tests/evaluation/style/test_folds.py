"""Cross-validated encoders: nobody is scored by an encoder that heard him, and what was planted is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.catalogue import is_declared
from evaluation.compare.arms import read_arm
from evaluation.style.folds import ScoreFolds
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError

EMOTIONS = ("angry", "neutral", "sad")
SPEAKERS = tuple("abcdef")
FOLDS = (("a", "b"), ("c", "d"), ("e", "f"))


def plant(folder: Path, heard: float, unheard: float, who: float = 0.0) -> None:
    """Three encoders, each with a space of its own: how clear the emotion of heard and unheard speakers is, and who."""
    folder.mkdir(exist_ok=True)
    rows = [(s, e, t) for s in SPEAKERS for e in EMOTIONS for t in ("x", "y") for _ in range(2)]
    speaker, emotion, text = (np.array(column) for column in zip(*rows, strict=True))
    for number, fold in enumerate(FOLDS, 1):
        rng = np.random.default_rng(number)
        mask = np.isin(speaker, fold)
        clear = np.where(mask, unheard, heard)[:, None]
        codes = (emotion[:, None] == np.array(EMOTIONS)) * clear
        vectors = np.hstack([codes, who * (speaker[:, None] == np.array(SPEAKERS))]) + rng.normal(size=(len(rows), 9))
        turned = vectors @ np.linalg.qr(rng.normal(size=(9, 9)))[0]
        level = np.where(emotion == "angry", -15.0, -25.0)
        np.savez(folder / f"{number}.npz", vectors=turned, vectors_raw=turned + level[:, None], speaker=speaker,
                 emotion=emotion, text=text, level=level, unheard=mask)  # fmt: skip


def figures(tmp_path: Path, *planted: float) -> dict[tuple[str, str], dict[str, Any]]:
    plant(tmp_path / "vectors", *planted)
    out = tmp_path / "scores"
    out.mkdir()
    stage = ScoreFolds([{"figure": "style_emotion", "at_least": 0.9}], untouched=["c", "d"])
    stage.run({"vectors": tmp_path / "vectors"}, out, Silent())
    scores = json.loads((out / "scores.json").read_text())
    return {(f["name"], f["group"]): f for f in scores["figures"] if f["emotion"] == "all"}


def test_emotion_that_carries_over_is_found_with_all_speakers_counted(tmp_path: Path) -> None:
    found = figures(tmp_path, 8.0, 8.0)
    for name, group in (("style_abx_emotion", "all"), ("style_emotion", "all"), ("style_emotion", "unheard")):
        assert found[name, group]["value"] > 0.95 and found[name, group]["speakers"] == 6
    assert found["style_abx_speaker", "all"]["value"] == pytest.approx(0.5, abs=0.1)
    assert found["style_emotion", "untouched"]["n"] == 24 and found["style_abx_emotion", "untouched"]["speakers"] == 2
    assert found["style_emotion", "level"]["value"] == pytest.approx(2 / 3)
    arm = read_arm(tmp_path / "scores")
    assert arm.report["bars"][0]["reached"] is True and len(arm.samples) == 72
    assert all(is_declared(name) for name, _ in found)


def test_what_an_encoder_knows_of_speakers_it_heard_earns_nothing(tmp_path: Path) -> None:
    found = figures(tmp_path, 20.0, 0.0)
    assert found["style_abx_emotion", "all"]["value"] == pytest.approx(0.5, abs=0.15)
    assert found["style_emotion", "all"]["value"] < 0.55


def test_a_speaker_code_leaks(tmp_path: Path) -> None:
    found = figures(tmp_path, 0.0, 0.0, 20.0)
    assert found["style_abx_speaker", "all"]["value"] > 0.95 and found["style_speaker_leak", "all"]["value"] > 0.9
    assert found["style_speaker_leak", "all"]["truth"] == pytest.approx(0.5)


def test_folds_that_do_not_cover_everybody_once_are_refused(tmp_path: Path) -> None:
    plant(tmp_path / "vectors", 1.0, 1.0)
    (tmp_path / "vectors" / "3.npz").unlink()
    with pytest.raises(InputError, match="each clip unheard in one fold"):
        ScoreFolds().run({"vectors": tmp_path / "vectors"}, tmp_path, Silent())
    (tmp_path / "vectors" / "2.npz").unlink()
    with pytest.raises(InputError, match="at least two"):
        ScoreFolds().run({"vectors": tmp_path / "vectors"}, tmp_path, Silent())
