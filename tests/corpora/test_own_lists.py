"""A stranger's own folder of clips: what fails in it is said with the word to add, and costs no split."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from sovits_lab.checkpoints.starter import STARTER
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.languages import language_code
from sovits_lab.corpora.manifest import read_cuts
from sovits_lab.corpora.table import Table
from sovits_lab.training.few_shot import base_facts
from sovits_lab.types import InputError
from tests.corpora.corpora import Quiet, recording


def list_of(folder: Path, texts: Sequence[str], **options: Any) -> GptSovitsList:
    for number in range(len(texts)):
        recording(folder / "wavs" / f"{number}.wav", 0.9)
    lines = [f"wavs/{number}.wav|anna|en|{text}" for number, text in enumerate(texts)]
    (folder / "my.list").write_text("\n".join(lines) + "\n")
    return GptSovitsList(str(folder / "my.list"), **options)


def test_a_split_whose_only_row_is_bad_takes_a_good_one(tmp_path: Path) -> None:
    texts = [f"sentence {n}" for n in range(6)]
    shares = {"test_share": 0.01, "valid_share": 0.01}
    corpus = list_of(tmp_path, texts, splits=shares)
    first = {fact.split: fact.text for fact in corpus.survey()}
    assert set(first) == {"train", "valid", "test"}
    for bad in (first["test"], first["valid"]):  # silence is found by decoding, a missing file by the survey too
        recording(tmp_path / "wavs" / f"{texts.index(bad)}.wav", 0.9, level=0.0)
    found = corpus.diagnose(Quiet())
    assert [problem.reason for problem in found.problems] == ["silent", "silent"]
    assert {sound.record.custom["split"] for sound in found.usable} == {"train", "valid", "test"}
    corpus.run({}, tmp_path, Quiet())
    assert {each.supervisions[0].custom["split"] for each in read_cuts(tmp_path)} == {"train", "valid", "test"}
    (tmp_path / "wavs" / f"{texts.index(first['test'])}.wav").unlink()
    assert "test" in {fact.split for fact in corpus.survey()}


def write_rows(folder: Path, kind: str, paths: list[str]) -> tuple[Path, type[GptSovitsList] | type[Table]]:
    """Write the same rows as a list or as a table; returns the file and its reader."""
    if kind == "list":
        source = folder / "my.list"
        source.write_text("".join(f"{path}|anna|EN|hello\n" for path in paths))
        return source, GptSovitsList
    source = folder / "my.tsv"
    source.write_text("path\tspeaker\tlanguage\ttext\n" + "".join(f"{path}\tanna\ten\thello\n" for path in paths))
    return source, Table


@pytest.mark.parametrize("kind", ["list", "table"])
def test_recordings_of_another_machine_are_missed_with_the_word_to_add(kind: str, tmp_path: Path) -> None:
    recording(tmp_path / "here" / "take one.wav")
    paths = ["D:\\GPT\\slicer opt\\take one.wav", "D:\\GPT\\slicer opt\\take two.wav"]
    source, reader = write_rows(tmp_path, kind, paths)
    with pytest.raises(InputError, match=r"2 recordings are not where the list says.*add corpus\.audio=DIR"):
        reader(str(source)).survey()
    found = reader(str(source), audio=str(tmp_path / "here")).diagnose(Quiet())
    assert len(found.usable) == 1
    assert [note for note in found.notes if "1 recording is neither where" in note and str(tmp_path / "here") in note]


def test_a_voice_that_was_not_named_is_named_by_a_word_that_works() -> None:
    with pytest.raises(InputError, match=r"init: got None, .*init=(\S+)$") as refused:
        base_facts(None)
    assert str(refused.value).endswith(f"init={STARTER}")
    assert base_facts(str(STARTER))["models"]


@pytest.mark.parametrize(
    ("written", "code"),
    [("EN", "en"), ("en-US", "en"), ("en_gb", "en"), ("zh-CN", "zh"), ("zh_Hans_CN", "zh"), ("zh-HK", "yue"),
     ("ZH_hk", "yue"), ("ja-JP", "ja"), ("jp", "ja"), ("ko-KR", "ko"), ("all_zh", "zh"), ("es-419", "es"),
     ("auto", "auto"), ("x-y", "x-y"), ("", "")],
)  # fmt: skip
def test_a_language_with_its_region_is_the_language(written: str, code: str) -> None:
    assert language_code(f" {written} ") == code


@pytest.mark.parametrize(
    "heading",
    ["path|speaker|language|text", "vocal_path|speaker_name|lang|Text", " path | speaker | language | emotion | text "],
)
def test_a_line_of_headings_is_called_so_and_costs_nothing(heading: str, tmp_path: Path) -> None:
    plain = list_of(tmp_path, ["sentence 0", "sentence 1"])
    emotional = "emotion" in heading
    lines = (tmp_path / "my.list").read_text().replace("|sen", "|sad|sen" if emotional else "|sen")
    (tmp_path / "my.list").write_text(f"\ufeff{heading}\n{lines}")
    found = plain.diagnose(Quiet())
    assert [(problem.row, problem.reason) for problem in found.problems] == [(f"{tmp_path}/my.list:1", "header line")]
    assert "corpus=table" in found.problems[0].detail and not found.notes
    assert [sound.record.emotion for sound in found.usable] == ["sad" if emotional else "neutral"] * 2


@pytest.mark.parametrize("kind", ["list", "table"])
def test_a_recording_under_several_spellings_of_its_path_counts_once(kind: str, tmp_path: Path) -> None:
    recording(tmp_path / "wavs" / "a.wav")
    recording(tmp_path / "wavs" / "b.wav", 0.9)
    (tmp_path / "link.wav").symlink_to(tmp_path / "wavs" / "a.wav")
    paths = [
        "wavs/a.wav",
        "wavs/../wavs/a.wav",
        str(tmp_path / "wavs" / "a.wav"),
        "link.wav",
        "wavs\\a.wav",
        "wavs/b.wav",
    ]
    source, reader = write_rows(tmp_path, kind, paths)
    corpus = reader(str(source))
    found = corpus.diagnose(Quiet())
    assert sorted(sound.record.audio.name for sound in found.usable) == ["a.wav", "b.wav"]
    reasons = [problem.reason for problem in found.problems]
    assert sorted(reasons) == ["duplicate id"] + ["duplicate recording"] * 3
    assert "row anna-wavs-a" in next(one.detail for one in found.problems if one.reason == "duplicate recording")
    assert len(corpus.survey()) == 2


def test_a_constant_and_samples_without_a_header_are_no_speech(tmp_path: Path) -> None:
    corpus = list_of(tmp_path, ["sentence 0", "sentence 1"])
    soundfile.write(tmp_path / "wavs" / "0.wav", np.full(20_000, 0.3), 16_000)
    (tmp_path / "wavs" / "1.wav").rename(tmp_path / "wavs" / "1.raw")
    (tmp_path / "my.list").write_text((tmp_path / "my.list").read_text().replace("1.wav", "1.raw"))
    found = corpus.diagnose(Quiet())
    assert [problem.reason for problem in found.problems] == ["silent", "unreadable"]
