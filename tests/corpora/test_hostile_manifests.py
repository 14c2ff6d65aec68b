"""A manifest is data: it runs no command, opens no URL, reads nothing outside the corpus. A breach leaves a trace."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evaluation.speaker.enrolment import read_corpus_clips, read_corpus_sexes
from sovits_lab.corpora.command import main
from sovits_lab.corpora.manifest import Header, Record, audio_of, cut, read_cuts, write_cuts, write_facts
from sovits_lab.preparation.features import BuildFeatures
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.corpora.corpora import RATE, recording

AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec"}
ENGLISH = {"_target_": "sovits_lab.text.frontend.EnglishFrontend"}


def rows(folder: Path) -> list[dict[str, Any]]:
    """Two good rows of a corpus in `folder`."""
    recording(folder / "audio" / "a.wav")
    made = [Record(name, Path("audio/a.wav"), "some words", "anna", "en") for name in ("one", "two")]
    return [cut(each, Header(RATE, 9600), "train", "emotional").to_dict() for each in made]


def write(folder: Path, content: list[dict[str, Any]]) -> Path:
    path = folder / "cuts.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in content).encode()))
    return path


def run_features(folder: Path) -> None:
    out = folder / "features"
    out.mkdir()
    BuildFeatures(AUDIO, ENGLISH).run({"corpus": folder}, out, Silent())


def test_a_phone_that_the_front_end_lacks_is_left_out_by_name(tmp_path: Path) -> None:
    content = rows(tmp_path)
    for row, symbol in zip(content, ("spn", "AY1"), strict=True):
        row["supervisions"][0]["alignment"] = {"phone": [[symbol, 0.0, 0.6, None]]}
    write(tmp_path, content)
    run_features(tmp_path)
    assert (
        "one\tunknown phone\t'spn': the front end english has none" in (tmp_path / "features/left_out.tsv").read_text()
    )


READERS: dict[str, Callable[[Path], object]] = {
    "read": lambda folder: list(read_cuts(folder)),
    "doctor": lambda folder: main([f"manifest={folder}"]),
    "features": run_features,
    "enrolment": lambda folder: read_corpus_clips(folder / "cuts.jsonl.gz", RATE, {"anna"}),
    "sexes": lambda folder: read_corpus_sexes(folder / "cuts.jsonl.gz"),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["command", "url", "file"])
def test_no_command_runs(tmp_path: Path, reader: str, kind: str) -> None:
    trace = tmp_path / "trace"
    command = f"touch {trace}; cat {tmp_path / 'audio' / 'a.wav'}"
    content = rows(tmp_path)
    source = content[1]["recording"]["sources"][0]
    source |= {"type": kind, "source": command if kind == "command" else f"pipe:{command}"}
    write(tmp_path, content)
    if reader == "doctor" and kind == "file":
        assert main([f"manifest={tmp_path}"]) == 0  # a file of this name: it is missing
    elif reader not in ("sexes", "read") or kind != "file":
        with pytest.raises(InputError, match=r"(row 2 \('two'\).*sources|pipe:touch.*nothing there)"):
            READERS[reader](tmp_path)
    assert not trace.exists()


@pytest.mark.parametrize("storage", ["numpy_hdf5", "lilcom_url", "memory_raw"])
def test_stored_arrays_are_refused(tmp_path: Path, storage: str) -> None:
    content = rows(tmp_path)
    array = {"storage_type": storage, "storage_path": f"pipe:touch {tmp_path}/", "storage_key": "trace", "shape": [1]}
    content[0]["custom"] = {"mel": {"array": array, "temporal_dim": 0, "frame_shift": 1.0, "start": 0}}
    write(tmp_path, content)
    with pytest.raises(InputError, match=r"row 1 \('one'\): features or custom"):
        read_cuts(tmp_path)
    content = rows(tmp_path)
    content[0]["supervisions"][0]["custom"]["mel"] = array
    write(tmp_path, content)
    with pytest.raises(InputError, match=r"row 1.*custom\.mel"):
        read_cuts(tmp_path)
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("written", ["../outside.wav", "audio/../../outside.wav", "{outside}"])
def test_recordings_lie_below_the_corpus(tmp_path: Path, written: str) -> None:
    folder = tmp_path / "corpus"
    outside = recording(tmp_path / "outside.wav")
    content = rows(folder)
    content[0]["recording"]["sources"][0]["source"] = written.format(outside=outside)
    write(folder, content)
    with pytest.raises(InputError, match=rf"row 1 \('one'\).*outside\.wav'?, expected a file below {folder}"):
        read_cuts(folder)
    write_facts(folder, [tmp_path])  # what a corpus stage notes of its configuration
    assert len(read_cuts(folder)) == 2


WRONG: list[tuple[str, Any]] = [
    ("id", 5), ("id", None), ("start", "0"), ("start", -1), ("duration", []), ("duration", True),
    ("type", "MixedCut"), ("supervisions", {}), ("supervisions", []), ("recording", None),
    ("recording.sampling_rate", 0), ("recording.sampling_rate", "16000"), ("recording.num_samples", -3),
    ("recording.sources", []), ("recording.sources.0.source", 5), ("recording.sources.0.source", ["a.wav"]),
    ("recording.sources.0.source", "a\0b"), ("supervisions.0.text", 5), ("supervisions.0.speaker", ["anna"]),
    ("supervisions.0.custom", "sad"), ("supervisions.0.custom.emotion", []), ("supervisions.0.custom.split", 1),
    ("supervisions.0.alignment", []), ("supervisions.0.alignment", {"phone": [1]}),
    ("supervisions.0.alignment", {"phone": [["a", 0.0]]}),
    ("supervisions.0.alignment", {"phone": [["a", "x", 0.1]]}),
    ("supervisions.0.alignment", {"phone": [["a", 0.0, -1.0]]}),
    ("channel", {"a": 1}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "value"), WRONG)
def test_wrong_types_are_refused_by_row(tmp_path: Path, field: str, value: Any) -> None:
    content = rows(tmp_path)
    place: Any = content[1]
    *above, last = field.split(".")
    for key in above:
        place = place[int(key) if key.isdigit() else key]
    place[last] = value
    write(tmp_path, content)
    with pytest.raises(InputError, match=r"cuts\.jsonl\.gz, row 2") as caught:
        [audio_of(each, RATE) for each in read_cuts(tmp_path)]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 100_000,
        b'{"id": ' + b"9" * 6000 + b"}",
        b'{"start": 1e999}',
        b'{"start": NaN}',
        b'{"id": "\xe9"}',
        b"[]",
        b'{"id"',
    ],
)
def test_bombs_in_a_manifest_are_one_line(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "cuts.jsonl.gz").write_bytes(gzip.compress(b"\n" + line + b"\n"))
    with pytest.raises(InputError, match=r"cuts\.jsonl\.gz, line 2") as caught:
        read_cuts(tmp_path)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


def test_a_manifest_cut_short_is_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, rows(tmp_path))
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(InputError, match=r"cuts\.jsonl\.gz: cannot be read"):
        read_cuts(tmp_path)


def test_enrolment_hears_what_the_row_says(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav", seconds=1.0)
    one = cut(Record("a", Path("a.wav"), "words", "anna", "en"), Header(RATE, RATE), "train", "emotional")
    write_cuts([one.truncate(offset=0.25, duration=0.5)], tmp_path)
    (clip,) = read_corpus_clips(tmp_path / "cuts.jsonl.gz", RATE, {"anna"})["anna"]
    assert len(clip) == RATE // 2
    assert np.abs(clip).max() > 0.2
