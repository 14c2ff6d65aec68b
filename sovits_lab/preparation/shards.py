"""Stage `shards`: a feature store as Lhotse Shar archives; and the stage `features` that reads such archives again."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import soundfile

from sovits_lab.data.prepared import read_tokens
from sovits_lab.data.shard_files import (
    FileFact,
    LocalFiles,
    allow,
    check,
    copy_small,
    fact_of,
    facts_of,
    is_remote,
)
from sovits_lab.data.shards import COLUMNS, FIELDS, PLACES, file_name
from sovits_lab.data.store import FeatureStore
from sovits_lab.files import load_array, read_json, write_whole
from sovits_lab.pipeline.parts import PartedStage, Parts, Work
from sovits_lab.types import got

if TYPE_CHECKING:
    from lhotse import MonoCut

INFO, TABLE = "info.json", "table.jsonl"
INDEX = (TABLE, PLACES)


class WriteShards(PartedStage):
    """Cuts with recording (FLAC, 16 bit), mel and F0, and tokens where they are among the inputs.

    Utterances are dealt to the shards at random, so that every shard looks like the corpus. The bytes depend on the
    store and on the arguments alone.

    Args:
        utterances: in a shard.
        seed: of the dealing.
        runtime: see `PartedStage`.
    """

    def __init__(self, utterances: int = 512, seed: int = 0, runtime: Mapping[str, Any] | None = None) -> None:
        super().__init__(runtime)
        if utterances < 1:
            raise got("shards: utterances", utterances, "1 or more")
        self.utterances, self.seed = utterances, seed

    def plan(self, inputs: Mapping[str, Path]) -> Work:
        """Plan the work, which needs `features` and takes `tokens`."""
        store = FeatureStore(inputs["features"])
        tokens = read_tokens(inputs["tokens"], store) if "tokens" in inputs else {}
        dealt = self._dealt(store)

        def make(number: int, folder: Path) -> None:
            _write_shard(store, tokens, dealt[number], number, folder)
            store.release()  # else all recordings of the corpus would be in memory at the end

        return Work(len(dealt), make, len(store.rows))

    def _dealt(self, store: FeatureStore) -> list[np.ndarray]:
        order = np.random.default_rng(self.seed).permutation(len(store.rows))
        return [order[first : first + self.utterances] for first in range(0, len(order), self.utterances)]

    def gather(self, inputs: Mapping[str, Path], parts: Parts, out: Path, report: Any) -> None:
        """Gather all shards side by side, with table and index."""
        store = FeatureStore(inputs["features"])
        places = np.zeros((len(store.rows), len(COLUMNS)), dtype=np.int64)
        facts: dict[str, FileFact] = {}
        for number, rows in enumerate(self._dealt(store)):
            folder = parts.path(number)
            places[rows] = load_array(folder / PLACES, "part of the shards")
            shard = read_json(folder / "files.json", "part of the shards")
            facts |= {name: FileFact(*fact) for name, fact in shard.items()}
            for name in shard:
                if (folder / name).exists():  # else an earlier attempt has moved it
                    (folder / name).replace(out / name)
        np.save(out / PLACES, places)
        shutil.copyfile(inputs["features"] / TABLE, out / TABLE)
        own = {key: value for key, value in store.info.items() if key not in ("shards", "source", "window", "index")}
        info = {
            **own,
            "mels": store.mel(0, 0, 1).shape[1],
            "shards": {name: fact._asdict() for name, fact in facts.items()},
            "index": {name: fact_of(out / name)._asdict() for name in INDEX},
        }
        write_whole(out / INFO, json.dumps(info, ensure_ascii=False, indent=1).encode())
        size = sum(fact.size for fact in facts.values())
        report.say(f"shards: {parts.count} of {self.utterances} utterances, {size / 1e6:.0f} MB")


def _write_shard(
    store: FeatureStore, tokens: Mapping[str, np.ndarray], rows: Sequence[int] | np.ndarray, number: int, folder: Path
) -> None:
    """One shard: its archives, `places.npy` of its rows, and `files.json` with sizes and checksums."""
    from lhotse.shar.writers.tar import TarWriter

    fields = (*FIELDS, "tokens") if tokens else FIELDS
    cuts, frames = [], []
    paths = {field: folder / file_name(field, number) for field in ("cuts", *fields)}
    writers = {field: TarWriter(str(paths[field]), shard_size=None) for field in fields}
    for i in map(int, rows):
        row = store.rows[i]
        cuts.append(_cut(store, i, tokens))
        frames.append(row.frames)
        contents = {
            "recording": _flac(store.stored("wav", i), _rate(store)),
            "mel": _npy(store.stored("mel", i)),
            "f0": _npy(store.stored("f0", i)),
        } | ({"tokens": _npy(tokens[row.id])} if tokens else {})
        for field, content in contents.items():
            manifest = json.dumps(getattr(cuts[-1], field).to_dict()) + "\n"
            writers[field].write(f"{row.id}.{'flac' if field == 'recording' else 'npy'}", content)
            writers[field].write(f"{row.id}.json", io.BytesIO(manifest.encode()), count=False)
    for writer in writers.values():
        writer.close()
    with gzip.GzipFile(paths["cuts"], "wb", mtime=0) as file:
        for cut in cuts:
            file.write(json.dumps(cut.to_dict(), ensure_ascii=False).encode() + b"\n")
    found = {field: _members(paths[field]) for field in FIELDS}
    places = np.array([
        [number, length, mel.offset_data + mel.size - 2 * length * _mels(store), f0.offset_data + f0.size - 4 * length,
         wav.offset_data, wav.size]
        for length, mel, f0, wav in zip(frames, found["mel"], found["f0"], found["recording"], strict=True)
    ], dtype=np.int64)  # fmt: skip
    np.save(folder / PLACES, places)
    facts = {path.name: fact_of(path) for path in paths.values()}
    (folder / "files.json").write_text(json.dumps(facts), encoding="utf-8")


def _members(path: Path) -> list[tarfile.TarInfo]:
    """The data members of an archive, without the manifests between them."""
    with tarfile.open(path) as archive:
        return archive.getmembers()[::2]


def _mels(store: FeatureStore) -> int:
    return store.stored("mel", 0).shape[1]


def _rate(store: FeatureStore) -> int:
    return round(store.hop * store.frames_per_second)


def _flac(wav: np.ndarray, sample_rate: int) -> io.BytesIO:
    packed = io.BytesIO()
    soundfile.write(packed, wav, sample_rate, format="FLAC", subtype="PCM_16")
    return packed


def _npy(array: np.ndarray) -> io.BytesIO:
    packed = io.BytesIO()
    np.save(packed, np.ascontiguousarray(array))
    return packed


def _cut(store: FeatureStore, i: int, tokens: Mapping[str, np.ndarray]) -> MonoCut:
    """A cut as Lhotse wants it, its arrays as placeholders."""
    from lhotse import AudioSource, MonoCut, Recording, SupervisionSegment
    from lhotse.array import Array, TemporalArray
    from lhotse.supervision import AlignmentItem

    row, rate = store.rows[i], _rate(store)
    seconds = row.frames * store.hop / rate

    def array(stored: np.ndarray, shift: float) -> TemporalArray:
        return TemporalArray(Array("shar", "", "", list(stored.shape)), 0, shift, 0.0)

    edges = np.cumsum([0, *row.durations]) / store.frames_per_second
    phones = [AlignmentItem(*each) for each in zip(row.phones, edges[:-1].tolist(), np.diff(edges).tolist())]  # noqa: B905
    facts = {"emotion": row.emotion, "role": row.role, "split": row.split, "phones": list(row.phones)}
    spoken = SupervisionSegment(
        row.id, row.id, 0.0, seconds, 0, row.text, row.language, row.speaker,
        custom=facts, alignment={"phone": phones} if phones else None,
    )  # fmt: skip
    recording = Recording(row.id, [AudioSource("shar", [0], "")], rate, row.frames * store.hop, seconds)
    frame = 1 / store.frames_per_second
    custom = {"mel": array(store.stored("mel", i), frame), "f0": array(store.stored("f0", i), frame)}
    if tokens:
        custom["tokens"] = array(tokens[row.id], 2 * frame)
    return MonoCut(row.id, 0.0, seconds, 0, [spoken], recording=recording, custom=custom)


class ReadShards:
    """Stage `features` from shards that are there: a folder, or a URL whose shards are fetched when they are read.

    Args:
        source: folder or URL of what `WriteShards` wrote; `{}` in it stands for a file's name, as in
            `pipe:aws s3 cp s3://bucket/{} -`.
        window: shards that training reads together; 0 reads all of them in any order.
    """

    resumable = False

    def __init__(self, source: str, window: int = 0) -> None:
        if window < 0:
            raise got("features.window", window, "0 or a number of shards")
        self.source, self.window = source if is_remote(source) else str(Path(source).expanduser().absolute()), window

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write the index into `out`; the shards stay where they are.

        Raises:
            InputError: there are no shards, or a file of a folder is not what the index says.
        """
        allow(self.source)
        info = read_json(copy_small(self.source, INFO, out / INFO), f"shards {self.source}:")
        if not isinstance(info, dict) or "shards" not in info:
            raise got(f"shards {self.source}", "a feature store without shards", "what shards=write makes")
        index = facts_of(info, "index", f"shards {self.source}")
        for name in INDEX:
            if name not in index:
                raise got(f"shards {self.source}, index", f"no {name}", "what shards=write makes")
            copy_small(self.source, name, out / name)
            check(f"{self.source}: {name}", fact_of(out / name), index[name])
        facts = facts_of(info, "shards", f"shards {self.source}")
        if not is_remote(self.source):
            LocalFiles(Path(self.source), facts).verify()
        info |= {"source": self.source, "window": self.window}
        write_whole(out / INFO, json.dumps(info, ensure_ascii=False, indent=1).encode())
        report.say(f"shards: {len(np.unique(load_array(out / PLACES, 'shards')[:, 0]))} of {self.source}")
