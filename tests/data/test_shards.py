"""Shards hold exactly what the folder holds: read here, by URL, by Lhotse, in training, whole or not at all."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from lhotse import CutSet
from lhotse.audio.backend import audio_backend

from sovits_lab.data import shard_files
from sovits_lab.data.batches import Labels, SpeechData, TokenizerData
from sovits_lab.data.plan import BatchPlan
from sovits_lab.data.references import References
from sovits_lab.data.store import FeatureStore
from sovits_lab.preparation.shards import ReadShards, WriteShards
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.data.stores import write_store

SIZE = 5


class Served(NamedTuple):
    """A folder behind a URL, and what was asked for."""

    url: str
    asked: list[str]


class Folders(NamedTuple):
    """The same corpus as a flat store and as shards."""

    flat: Path
    shards: Path
    tokens: Path


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    root = tmp_path_factory.mktemp("shards")
    store = write_store(root / "flat", each=6)
    (root / "tokens").mkdir()
    np.save(root / "tokens" / "tokens.npy", np.arange(sum(row.frames for row in store.rows) // 2, dtype=np.int32))
    write(root / "flat", root / "shards", root / "tokens")
    return Folders(root / "flat", root / "shards", root / "tokens")


def write(features: Path, out: Path, tokens: Path, processes: int = 1) -> None:
    out.mkdir()
    inputs = {"features": features, "tokens": tokens}
    WriteShards(SIZE, seed=1, runtime={"threads": processes}).run(inputs, out, Silent())


def read(source: Path | str, out: Path, window: int = 0) -> FeatureStore:
    out.mkdir()
    ReadShards(str(source), window).run({}, out, Silent())
    return FeatureStore(out)


@pytest.fixture
def served(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """A web server over a copy of the shards that a test may damage, and an empty cache."""
    asked: list[str] = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, form: str, *args: Any) -> None:
            asked.append(self.path.lstrip("/"))

    shutil.copytree(folders.shards, tmp_path / "served")
    monkeypatch.setenv(shard_files.CACHE_VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(shard_files, "PAUSES", (0.0,))
    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path / "served")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(f"http://127.0.0.1:{server.server_port}", asked)
    server.shutdown()
    server.server_close()


def same(one: Any, other: Any) -> bool:
    """Batches are equal bit for bit."""
    pairs = zip(one, other, strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def speech(store: FeatureStore, world: int = 1) -> SpeechData:
    rows = list(range(len(store.rows)))
    tokens = {row.id: np.arange(row.frames // 2) for row in store.rows}
    speakers = {name: np.ones(2, np.float32) for name in store.baselines}
    references = References(store, rows, frames=(10, 20), spectral_jitter=0.1)
    labels = Labels.of(store, rows)
    return SpeechData(store, rows, tokens, speakers, labels, references, 3.0, 7, waveforms=True, world=world)


def test_batches_from_shards_are_those_of_the_folder(folders: Folders, tmp_path: Path) -> None:
    flat = FeatureStore(folders.flat)
    for store in (FeatureStore(folders.shards), read(folders.shards, tmp_path / "features")):
        assert store.rows == flat.rows and store.baselines == flat.baselines
        ours, theirs = speech(store, world=2), speech(flat, world=2)
        assert all(same(ours.batch(step, rank), theirs.batch(step, rank)) for step in range(20) for rank in (0, 1))
        rows = range(len(flat.rows))
        assert same(TokenizerData(store, rows, 3.0, 1).batch(3), TokenizerData(flat, rows, 3.0, 1).batch(3))


def test_shards_do_not_depend_on_the_number_of_processes(folders: Folders, tmp_path: Path) -> None:
    write(folders.flat, tmp_path / "again", folders.tokens, processes=3)
    names = sorted(path.name for path in folders.shards.iterdir())
    assert names == sorted(path.name for path in (tmp_path / "again").iterdir())
    assert all((folders.shards / name).read_bytes() == (tmp_path / "again" / name).read_bytes() for name in names)


def test_shards_of_shards_hold_the_same(folders: Folders, tmp_path: Path) -> None:
    write(folders.shards, tmp_path / "again", folders.tokens)
    assert (folders.shards / "mel.000001.tar").read_bytes() == (tmp_path / "again" / "mel.000001.tar").read_bytes()


def test_lhotse_reads_them_from_a_url(folders: Folders, served: Served) -> None:
    flat = FeatureStore(folders.flat)
    numbers = range(-(-len(flat.rows) // SIZE))
    ends = {"cuts": "jsonl.gz", "recording": "tar", "mel": "tar", "f0": "tar", "tokens": "tar"}
    cuts = CutSet.from_shar({f: [f"{served.url}/{f}.{n:06d}.{end}" for n in numbers] for f, end in ends.items()})
    by_id = {cut.id: cut for cut in cuts}
    assert len(by_id) == len(flat.rows)
    start = 0
    for i, row in enumerate(flat.rows):
        cut = by_id[row.id]
        assert np.array_equal(cut.load_custom("mel"), flat.stored("mel", i))
        assert np.array_equal(cut.load_custom("f0"), flat.f0(i))
        with audio_backend("LibsndfileBackend"):
            assert np.array_equal(cut.load_audio()[0] * 32768, flat.stored("wav", i))
        assert np.array_equal(cut.load_custom("tokens"), np.arange(start, start + row.frames // 2))
        said = cut.supervisions[0]
        assert (said.text, said.speaker, said.custom["emotion"]) == (row.text, row.speaker, row.emotion)
        assert tuple(phone.symbol for phone in said.alignment["phone"]) == row.phones
        start += row.frames // 2


def test_each_shard_is_fetched_once_and_only_when_it_is_read(folders: Folders, served: Served, tmp_path: Path) -> None:
    store, flat = read(served.url, tmp_path / "features"), FeatureStore(folders.flat)
    assert served.asked == ["info.json", "table.jsonl", "places.npy"]
    assert all(np.array_equal(store.mel(i), flat.mel(i)) for i in range(len(flat.rows)))
    mels = [name for name in served.asked if name.startswith("mel")]
    assert len(mels) == len(set(mels)) == len(set(store._arrays.shards)) and "recording.000000.tar" not in served.asked
    FeatureStore(tmp_path / "features").mel(0)
    assert len([name for name in served.asked if name.startswith("mel")]) == len(mels), "another process finds it"


def test_a_small_cache_keeps_its_limit_and_the_values(
    folders: Folders, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 2 * (folders.shards / "recording.000000.tar").stat().st_size
    monkeypatch.setenv(shard_files.LIMIT_VARIABLE, str(limit / 1e9))
    store, flat = read(served.url, tmp_path / "features", window=2), speech(FeatureStore(folders.flat))
    data = speech(store)
    for step in range(len(data.plan._epoch(0))):
        batch = data.batch(step)
        assert torch.equal(batch.wav[0, :100], torch.from_numpy(flat.store.wav(data.plan.batch(step)[0])[:100]))
        assert sum(path.stat().st_size for path in (tmp_path / "cache").iterdir()) <= limit
    assert len([name for name in served.asked if name.startswith("recording")]) <= len(set(store.shards)) + 1


@pytest.mark.parametrize("damage", ["truncated", "flipped", "absent"])
def test_a_damaged_shard_is_one_clear_error(
    damage: str, served: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = tmp_path / "served" / "mel.000001.tar"
    content = bytearray(shard.read_bytes())
    if damage == "truncated":
        shard.write_bytes(content[:-700])
    elif damage == "flipped":
        content[2000] ^= 1
        shard.write_bytes(content)
    else:
        shard.unlink()
    expected = {"truncated": "truncated", "flipped": "checksum", "absent": ""}[damage]
    with pytest.raises(InputError, match=rf"shard {served.url}/mel.000001.tar: .*{expected}"):
        store = read(served.url, tmp_path / "remote")
        [store.mel(i) for i in range(len(store.rows))]
    with pytest.raises(InputError, match=rf"shard .*served/mel.000001.tar: .*{expected}"):
        read(tmp_path / "served", tmp_path / "local")
    assert not list((tmp_path / "cache").glob("*mel.000001.tar")), "nothing half stays"


def test_an_address_without_shards_is_an_error_of_one_line(served: Served, tmp_path: Path) -> None:
    for source in (f"{served.url}/nowhere", str(tmp_path / "nowhere"), "pipe:false {}"):
        with pytest.raises(InputError, match=r"info.json") as error:
            read(source, tmp_path / f"features-{len(source)}")
        assert "\n" not in str(error.value)


def test_a_command_that_fails_after_its_output_is_an_error(folders: Folders, tmp_path: Path) -> None:
    source = f"pipe:cat {folders.shards}/{{}}; exec >&-; sleep 0.3; exit 3"
    with pytest.raises(InputError, match=r"info.json cannot be read .*status 3"):
        read(source, tmp_path / "features")


def test_a_command_can_stand_for_an_object_store(folders: Folders, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv(shard_files.CACHE_VARIABLE, str(tmp_path / "cache"))
    store = read(f"pipe:cat {folders.shards}/{{}}", tmp_path / "features")
    assert np.array_equal(store.f0(3), FeatureStore(folders.flat).f0(3))


def test_a_stream_visits_every_item_once_and_few_shards_at_a_time() -> None:
    rng = np.random.default_rng(0)
    frames, shards = rng.integers(30, 300, 900), rng.integers(0, 12, 900)
    plan = BatchPlan(frames.tolist(), 2000, 3, world=2, shards=shards, window=3)
    epoch = plan._epoch(0)
    assert sorted(np.concatenate(epoch).tolist())[: len(frames)] >= list(range(len(frames)))
    assert set(np.concatenate(epoch).tolist()) == set(range(len(frames)))
    seen = [frozenset(shards[batch]) for batch in epoch]
    groups = [frozenset().union(*seen[i : i + 3]) for i in range(0, len(seen) - 2, 3)]
    assert max(len(group) for group in groups) <= 6, "at most two windows meet"
    assert len({group for group in groups if len(group) <= 3}) >= 4 and len(set(map(tuple, map(sorted, seen)))) > 12


def test_a_stream_is_a_pure_function_of_the_step(folders: Folders, tmp_path: Path) -> None:
    store = read(folders.shards, tmp_path / "features", window=2)
    ordered = [speech(store).batch(step) for step in range(12)]
    later = speech(FeatureStore(tmp_path / "features"))
    assert all(same(later.batch(step), ordered[step]) for step in (11, 4, 7)), "a resumed run asks in the middle"
    again = speech(FeatureStore(folders.flat))
    again.store.shards, again.store.window = store.shards, 2
    flat = speech(again.store)
    assert all(same(flat.batch(step), ordered[step]) for step in range(12)), "the medium changes nothing"
    references = References(store, range(len(store.rows)), other_speaker=1.0)
    assert all(len({store.shards[i] for i in rows}) == 1 for rows in references.of.values())
