"""Outputs of preparation stages that are damaged are refused in one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.data.prepared import open_prepared
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError
from tests.data.stores import write_store


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    inputs = {name: tmp_path / name for name in ("features", "tokens", "speaker")}
    write_store(inputs["features"])
    store = FeatureStore(inputs["features"])
    for name in ("tokens", "speaker"):
        inputs[name].mkdir()
    frames = max(row.start + row.frames for row in store.rows)
    np.save(inputs["tokens"] / "tokens.npy", np.zeros(frames // 2, np.int16))
    (inputs["tokens"] / "durations.json").write_text("{}")
    (inputs["tokens"] / "facts.json").write_text(json.dumps({"codes": 4}))
    speakers = sorted({row.speaker for row in store.rows})
    np.savez(inputs["speaker"] / "speakers.npz", **{name: np.ones(3, np.float32) for name in speakers})
    return inputs


def test_whole_folders_open(folders: dict[str, Path]) -> None:
    prepared = open_prepared(folders)
    assert prepared.codes == 4
    assert all(len(vector) == 3 for vector in prepared.speakers.values())


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


@pytest.mark.parametrize(
    "file", ["tokens/tokens.npy", "tokens/durations.json", "tokens/facts.json", "speaker/speakers.npz"]
)
@pytest.mark.parametrize("harm", [cut_short, Path.unlink])
def test_a_damaged_file_is_one_line_with_its_name(
    folders: dict[str, Path], file: str, harm: Callable[[Path], None]
) -> None:
    stage, _, name = file.partition("/")
    if name == "durations.json":
        (folders[stage] / name).write_text(json.dumps({"a": [1, 2, 3]}))
    harm(folders[stage] / name)
    with pytest.raises(InputError, match=name) as caught:
        open_prepared(folders)
    assert "\n" not in str(caught.value)


def test_tokens_of_other_features_are_refused(folders: dict[str, Path]) -> None:
    np.save(folders["tokens"] / "tokens.npy", np.zeros(3, np.int16))
    with pytest.raises(InputError, match="half of the features' frames"):
        open_prepared(folders)
