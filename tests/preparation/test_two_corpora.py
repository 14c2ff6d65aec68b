"""Features of two manifests at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sovits_lab.audio.files import save_audio
from sovits_lab.corpora.manifest import Header, Record, cut, write_cuts
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.features import BuildFeatures
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.inference.voices import AUDIO, clip

ENGLISH = {"_target_": "sovits_lab.text.frontend.EnglishFrontend"}


def manifest(folder: Path, name: str, speaker: str, pitch: float) -> Path:
    folder.mkdir()
    wav = clip(2.0, pitch)
    save_audio(folder / f"{name}.flac", wav, 16_000)
    record = Record(name, Path(f"{name}.flac"), "The river is cold today.", speaker, "en")
    write_cuts([cut(record, Header(16_000, len(wav)), "train", "emotional")], folder)
    return folder


def test_rows_of_every_manifest_are_there_each_name_once(tmp_path: Path) -> None:
    one, other = manifest(tmp_path / "one", "a", "ann", 200.0), manifest(tmp_path / "other", "b", "bob", 110.0)
    stage = BuildFeatures(AUDIO, ENGLISH)
    (tmp_path / "out").mkdir()
    stage.run({"corpus": one, "rehearsal": other}, tmp_path / "out", Silent())
    store = FeatureStore(tmp_path / "out")
    assert [(row.id, row.speaker) for row in store.rows] == [("a", "ann"), ("b", "bob")]
    assert np.isclose(np.median(store.f0(1)[store.f0(1) > 0]), 110, rtol=0.05)
    (tmp_path / "again").mkdir()
    with pytest.raises(InputError, match="recordings of corpus and rehearsal: got 'two of name a', expected each name"):
        stage.run({"corpus": one, "rehearsal": one}, tmp_path / "again", Silent())
