"""Foreign manifests become samples, and what is wrong with them is named by line."""

from __future__ import annotations

import json

import pytest

from evaluation.scoring.manifest import find_run_samples, read_manifest
from sovits_lab.types import InputError


def test_seed_tts_lists(tmp_path):
    (tmp_path / "meta.lst").write_text(
        "utt1|some prompt|prompts/p1.wav|what to say\nutt2|other|prompts/p2.wav|more words|truth/t2.wav\n",
        encoding="utf-8",
    )
    first, second = read_manifest(tmp_path / "meta.lst", tmp_path / "out")
    assert (first.id, first.text, first.prompt_text, first.speaker) == ("utt1", "what to say", "some prompt", "p1")
    assert first.wav == tmp_path / "out" / "utt1.wav"
    assert first.truth is None
    assert second.truth == tmp_path / "truth" / "t2.wav"


def test_csv_and_jsonl_say_the_same(tmp_path):
    (tmp_path / "a.csv").write_text(
        'wav,text,speaker,emotion,strength,flags\nx.wav,"hello, you",ann,sad,0.5,runaway\n', encoding="utf-8"
    )
    record = {
        "wav": "x.wav",
        "text": "hello, you",
        "speaker": "ann",
        "emotion": "sad",
        "strength": 0.5,
        "flags": ["runaway"],
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(record) + "\n", encoding="utf-8")
    (from_csv,), (from_jsonl,) = read_manifest(tmp_path / "a.csv"), read_manifest(tmp_path / "a.jsonl")
    assert from_csv == from_jsonl
    assert from_csv.id == "x"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "wav,words\nx.wav,hi\n", "at least text"),
        ("a.csv", "wav,text\nx.wav,hi,there\n", "line 2"),
        ("a.csv", "wav,text\nx.wav,\n", "line 2, field text"),
        ("a.csv", "wav,text,strength\nx.wav,hi,much\n", "field strength"),
        ("a.jsonl", "{", "line 1: not JSON"),
        ("a.jsonl", "[1]\n", "line 1"),
        ("a.jsonl", "", "at least one row"),
        ("a.lst", "utt|prompt\n", "2 cells"),
        ("a.xml", "", "suffix"),
        ("a.jsonl", '{"wav": "x.wav", "text": "a"}\n{"wav": "x.wav", "text": "b"}\n', "another id than line 1"),
    ],
)
def test_wrong_manifests_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / name, tmp_path)


def test_a_list_needs_the_folder_of_outputs(tmp_path):
    (tmp_path / "a.lst").write_text("u|p|p.wav|t\n", encoding="utf-8")
    with pytest.raises(InputError, match="wavs=FOLDER"):
        read_manifest(tmp_path / "a.lst")


def test_a_run_is_found_by_its_folder(tmp_path):
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "samples.jsonl").write_text("{}\n", encoding="utf-8")
    assert find_run_samples(tmp_path) == tmp_path / "samples" / "samples.jsonl"
    with pytest.raises(InputError, match="samples/samples"):
        find_run_samples(tmp_path / "nothing")


def test_the_manifest_of_an_earlier_version_is_named(tmp_path):
    (tmp_path / "items.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"items\.jsonl.*rename it"):
        find_run_samples(tmp_path)
