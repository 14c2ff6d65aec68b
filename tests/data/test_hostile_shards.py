"""A folder of features that was found opens no URL and runs no command, unless a configuration has named the source."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.data import shard_files
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.shards import ReadShards, WriteShards
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.data.stores import write_store


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Shards in a folder, and an empty cache."""
    monkeypatch.setenv(shard_files.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(shard_files, "PAUSES", (0.0,))
    write_store(tmp_path / "flat", each=1)
    (tmp_path / "shards").mkdir()
    WriteShards(2).run({"features": tmp_path / "flat"}, tmp_path / "shards", Silent())
    return tmp_path / "shards"


def change(folder: Path, **facts: Any) -> None:
    path = folder / "info.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | facts))


@pytest.mark.parametrize("source", ["pipe:touch {trace}; cat {folder}/{{}}", "https://127.0.0.1:9/x", "s3://bucket/x"])
def test_a_source_that_was_found_is_not_opened(shards: Path, tmp_path: Path, source: str) -> None:
    trace = tmp_path / "trace"
    change(shards, source=source.format(trace=trace, folder=shards), window=0)
    with pytest.raises(InputError, match="which no configuration on this machine has named"):
        FeatureStore(shards).mel(0)
    assert not trace.exists()


def test_a_source_that_the_configuration_names_is_opened(shards: Path, tmp_path: Path) -> None:
    source = f"pipe:cat {shards}/{{}}"
    out = tmp_path / "features"
    out.mkdir()
    ReadShards(source).run({}, out, Silent())
    assert (FeatureStore(out).mel(0) == FeatureStore(shards).mel(0)).all()
    shutil.rmtree(tmp_path / "cache")  # another machine: its user has named nothing
    with pytest.raises(InputError, match="no configuration"):
        FeatureStore(out)


@pytest.mark.parametrize("how", ["others", "group", "owner", "content", "link", "folder", "pipe"])
def test_an_allowance_of_somebody_else_in_a_shared_cache_allows_nothing(
    shards: Path, tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trace = tmp_path / "trace"
    source = f"pipe:touch {trace}; cat {shards}/{{}}"
    change(shards, source=source, window=0)
    allowance = tmp_path / "cache" / "allowed" / hashlib.sha256(source.encode()).hexdigest()
    allowance.parent.mkdir(parents=True)
    if how == "folder":
        allowance.mkdir()
    elif how == "pipe":
        os.mkfifo(allowance, 0o600)
    elif how == "link":
        (tmp_path / "text").write_text(source)
        allowance.symlink_to(tmp_path / "text")
    else:
        allowance.write_text("" if how == "content" else source)
        allowance.chmod({"others": 0o602, "group": 0o620}.get(how, 0o600))
    if how == "owner":
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    with pytest.raises(InputError, match="which no configuration on this machine has named"):
        FeatureStore(shards)
    assert not trace.exists()


@pytest.mark.parametrize("table", ["shards", "index"])
@pytest.mark.parametrize("name", ["x; touch {trace}; #.tar", "../../trace", "$(touch {trace})", "/etc/passwd", ""])
def test_names_in_the_index_are_names(shards: Path, tmp_path: Path, table: str, name: str) -> None:
    trace, name = tmp_path / "trace", name.format(trace=tmp_path / "trace")
    info = json.loads((shards / "info.json").read_text())
    change(shards, **{table: info[table] | {name: {"size": 1, "sha256": "0" * 64}}})
    out = tmp_path / "features"
    out.mkdir()
    with pytest.raises(InputError, match=f", {table}: got") as caught:
        ReadShards(f"pipe:cat {shards}/{{}}").run({}, out, Silent())
    assert "\n" not in str(caught.value)
    if table == "shards":
        with pytest.raises(InputError, match=", shards: got"):
            FeatureStore(shards)
    assert not trace.exists()


@pytest.mark.parametrize(
    "fact", [5, {}, {"size": "1", "sha256": "0" * 64}, {"size": -1, "sha256": "0" * 64}, {"size": 1, "sha256": "x"}]
)
def test_facts_of_files_are_sizes_and_checksums(shards: Path, fact: Any) -> None:
    change(shards, shards={"mel.000000.tar": fact})
    with pytest.raises(InputError, match=r"mel\.000000\.tar: got .*expected its size in bytes and its SHA-256"):
        FeatureStore(shards)


@pytest.mark.parametrize("limit", ["much", "inf", "nan", "-1e999"])
def test_a_limit_that_is_no_size_is_named(shards: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    source = f"pipe:cat {shards}/{{}}"
    shard_files.allow(source)
    change(shards, source=source, window=0)
    monkeypatch.setenv(shard_files.LIMIT_VARIABLE, limit)
    with pytest.raises(InputError, match=rf"SOVITS_LAB_CACHE_GB: got '{limit}', expected a number of gigabytes"):
        FeatureStore(shards)
