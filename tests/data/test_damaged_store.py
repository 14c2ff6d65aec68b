"""A damaged feature store is refused in one line that names the file, and the row where it is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError
from tests.data.stores import write_store


def use(folder: Path) -> None:
    """Open a store and read everything."""
    store = FeatureStore(folder)
    for i in range(len(store.rows)):
        store.mel(i), store.f0(i), store.wav(i), store.phones(i), store.phone_of_frame(i)


def said(folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        use(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 1000
    return str(caught.value)


@pytest.mark.parametrize("name", ["table.jsonl", "info.json", "mel.npy", "f0.npy", "wav.npy"])
@pytest.mark.parametrize("kept", [0, 0.4, 0.95])
def test_files_cut_short(tmp_path: Path, name: str, kept: float) -> None:
    write_store(tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: round(kept * len(data))])
    assert name in said(tmp_path)


@pytest.mark.parametrize("name", ["table.jsonl", "info.json", "mel.npy", "wav.npy"])
@pytest.mark.parametrize("content", [b"\x80\x04cos\nsystem\n", b"{}", b"[" * 100_000, b"PK\x03\x04", b"\xff\xfe"])
def test_files_of_another_kind(tmp_path: Path, name: str, content: bytes) -> None:
    write_store(tmp_path)
    (tmp_path / name).write_bytes(content)
    assert name in said(tmp_path)


@pytest.mark.parametrize(("name", "value"), [("mel", np.nan), ("mel", np.inf), ("f0", np.nan)])
def test_numbers_that_are_none(tmp_path: Path, name: str, value: float) -> None:
    store = write_store(tmp_path)
    array = np.load(tmp_path / f"{name}.npy")
    array[store.rows[3].start + 5] = value
    np.save(tmp_path / f"{name}.npy", array)
    assert f"{name} of utterance {store.rows[3].id}" in said(tmp_path)


ROWS: list[tuple[str, Any]] = [
    ("id", "../x"), ("id", 5), ("speaker", None), ("start", -1), ("start", "0"), ("start", 10**9), ("frames", 0),
    ("frames", True), ("phones", ["a", "ZZ"]), ("phones", "ab"), ("durations", [1, 2]), ("durations", [-1]),
    ("text", []),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), ROWS)
def test_rows_that_cannot_be(tmp_path: Path, field: str, value: Any) -> None:
    write_store(tmp_path)
    lines = (tmp_path / "table.jsonl").read_text().splitlines()
    lines[2] = json.dumps(json.loads(lines[2]) | {field: value})
    (tmp_path / "table.jsonl").write_text("\n".join(lines) + "\n")
    words = said(tmp_path)
    assert "row 3" in words if value != 10**9 else "mel.npy" in words


def test_whole_lines_may_be_missing_but_not_the_array(tmp_path: Path) -> None:
    write_store(tmp_path)
    lines = (tmp_path / "table.jsonl").read_text().splitlines()
    lines[0] = json.dumps(json.loads(lines[0]) | {"surprise": 1})
    (tmp_path / "table.jsonl").write_text("\n".join(lines) + "\n")
    assert "row 1" in said(tmp_path) and "surprise" in said(tmp_path)
    (tmp_path / "mel.npy").unlink()
    assert "mel.npy" in said(tmp_path) or "row 1" in said(tmp_path)


INFOS: list[Callable[[dict[str, Any]], object]] = [
    lambda info: info.update(hop=0),
    lambda info: info.update(hop="160"),
    lambda info: info.update(frames_per_second=-1),
    lambda info: info.update(symbols="abc"),
    lambda info: info.pop("baselines"),
    lambda info: info.update(window=-1),
    lambda info: info["baselines"].update(ann=[1, 2]),
    lambda info: info["baselines"].update(ann=["a", 1, 1, 1]),
]


@pytest.mark.parametrize("change", INFOS)
def test_facts_that_cannot_be(tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    write_store(tmp_path)
    info = json.loads((tmp_path / "info.json").read_text())
    change(info)
    (tmp_path / "info.json").write_text(json.dumps(info))
    assert "info.json" in said(tmp_path)
