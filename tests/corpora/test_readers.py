"""Readers of recorded corpora on small imitations of their folders, and on RAVDESS itself where it is at hand."""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.esd import Esd
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.manifest import Record, read_cuts
from sovits_lab.corpora.names import is_name
from sovits_lab.corpora.ravdess import Ravdess
from sovits_lab.corpora.splits import Splits, matches
from sovits_lab.pipeline.sources import source_state
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.corpora.corpora import Quiet, recording

ROOT = Path(__file__).resolve().parents[2]
SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", ROOT.parent / "shared"))


def configured(name: str, *overrides: str) -> Any:
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        config = compose(overrides=[f"+corpus={name}", *overrides])
    return instantiate(config.corpus, _recursive_=False, _convert_="object")


def facts(row: Record) -> tuple:
    return row.speaker, row.emotion, row.intensity, row.sentence, row.language


def test_ravdess_names(tmp_path: Path) -> None:
    for name in ("03-01-04-02-01-02-07", "03-01-01-01-02-01-12", "03-02-04-01-01-01-07", "01-01-04-01-01-01-07"):
        recording(tmp_path / "Actor" / f"{name}.wav")
    recording(tmp_path / "notes.wav")
    recording(tmp_path / "03-01-09-01-01-01-07.wav")
    rows = {row.id: row for row in Ravdess(str(tmp_path)).rows() if isinstance(row, Record)}
    assert set(rows) == {"03-01-04-02-01-02-07", "03-01-01-01-02-01-12"}  # songs and videos are passed over
    assert facts(rows["03-01-04-02-01-02-07"]) == ("actor07", "sad", "strong", "01", "en")
    assert rows["03-01-04-02-01-02-07"].custom == {"take": "02", "sex": "m"}
    assert rows["03-01-01-01-02-01-12"].text == "Dogs are sitting by the door."
    problems = [row for row in Ravdess(str(tmp_path)).rows() if isinstance(row, Problem)]
    assert sorted(Path(problem.row).name for problem in problems) == ["03-01-09-01-01-01-07.wav", "notes.wav"]


def test_esd_transcripts(tmp_path: Path) -> None:
    english, mandarin = tmp_path / "0011", tmp_path / "0001"
    for folder, words, encoding in (
        (english, "0011_000001\tNo.\tNeutral\n0011_001052\tHe is here.\tSad\nnonsense\n", "utf-8-sig"),
        (mandarin, "0001_000351\t打远一看。\t生气\n", "gb18030"),
    ):
        folder.mkdir()
        (folder / f"{folder.name}.txt").write_bytes(words.encode(encoding))
    recording(english / "Neutral" / "0011_000001.wav")
    recording(english / "Sad" / "test" / "0011_001052.wav")
    recording(mandarin / "Angry" / "0001_000351.wav")
    found = list(Esd(str(tmp_path)).rows())
    rows = {row.id: row for row in found if isinstance(row, Record)}
    assert facts(rows["0011_000001"]) == ("0011", "neutral", "normal", "001", "en")
    assert facts(rows["0011_001052"]) == ("0011", "sad", "normal", "002", "en")
    assert facts(rows["0001_000351"]) == ("0001", "angry", "normal", "001", "zh")
    assert rows["0001_000351"].text == "打远一看。"
    assert all(row.audio.is_file() for row in rows.values())
    assert [row.row for row in found if isinstance(row, Problem)] == [f"{english / '0011.txt'}:3"]


def test_gpt_sovits_list(tmp_path: Path) -> None:
    recording(tmp_path / "wavs" / "a.wav")
    (tmp_path / "my.list").write_text(
        "wavs/a.wav|anna|ZH|你好|吗\n\nwavs/b.wav|anna|JP|やあ\nno bars\n", encoding="utf-8"
    )
    found = list(GptSovitsList(str(tmp_path / "my.list")).rows())
    first, second, broken = found
    assert (first.id, first.language, first.text, first.emotion) == ("anna-wavs-a", "zh", "你好|吗", "neutral")
    assert first.audio.is_file()
    assert second.language == "ja"
    assert broken.row.endswith("my.list:4")
    (tmp_path / "other.list").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(InputError, match=r"other\.list"):
        list(GptSovitsList(str(tmp_path / "other.list")).rows())


def record(speaker: str, emotion: str, sentence: str, **custom: str) -> Record:
    return Record("x", Path("x.wav"), sentence, speaker, "en", emotion, sentence=sentence, custom=custom)


def test_target_speakers_never_train_with_emotion() -> None:
    splits = Splits(target=["a"], heldout=["b"], judge=["c"], test_share=0.2, valid_share=0.1)
    for number in range(200):
        for emotion in ("sad", "happy", "neutral"):
            target = splits.place(record("a", emotion, str(number)))
            assert target.role == "target"
            assert emotion == "neutral" or target.split == "test"
            assert splits.place(record("b", emotion, str(number))) == ("test", "heldout")
    assert splits.place(record("c", "sad", "1")).role == "judge"
    assert splits.place(record("d", "sad", "1")).role == "emotional"


def test_a_sentence_is_in_one_split_whoever_says_it() -> None:
    splits = Splits(test_share=0.2, valid_share=0.1)
    places = {str(n): {splits.place(record(s, "sad", str(n))).split for s in "defg"} for n in range(400)}
    assert all(len(found) == 1 for found in places.values())
    share = Counter(found.pop() for found in places.values())
    assert 50 <= share["test"] <= 110
    assert 20 <= share["valid"] <= 60


def test_conditions() -> None:
    row = record("a", "sad", "1", take="02")
    assert matches(row, [{"take": ["01"]}, {"take": ["02"], "emotion": ["sad"]}])
    assert not matches(row, [{"take": ["02"], "emotion": ["happy"]}])
    with pytest.raises(InputError, match="colour"):
        matches(row, [{"colour": ["red"]}])


@pytest.mark.parametrize("name", ["test", "valid"])
@pytest.mark.parametrize("accepted", [["sadd"], "SAD", 5, ["angry", "glad"]])
def test_a_condition_that_no_row_can_meet_is_said(name: str, accepted: object) -> None:
    rows = [Record(f"a{i}", Path("a.wav"), "x", "ann", "en", emotion=("sad", "neutral")[i % 2]) for i in range(4)]
    (said,) = Splits(**{name: [{"emotion": accepted}]}).unmet(rows)
    assert said == f"corpus.splits.{name}: no row has emotion {accepted!r}; rows have neutral, sad"
    assert Splits(**{name: [{"emotion": ["sad", "glad"]}]}).unmet(rows) == []


def test_roles_must_be_clear(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="two roles"):
        Splits(target=["a"], judge=["a"])
    recording(tmp_path / "03-01-01-01-02-01-12.wav")
    with pytest.raises(InputError, match="actor99"):
        Ravdess(str(tmp_path), splits={"target": ["actor99"]}).run({}, tmp_path, Quiet())


@pytest.mark.parametrize("name", ["ravdess", "esd", "gpt_sovits_list"])
def test_every_corpus_config_builds(name: str, tmp_path: Path) -> None:
    assert configured(name, f"corpus.root={tmp_path}").root == tmp_path
    if name != "gpt_sovits_list":
        with pytest.raises(InputError, match=r"corpus\.root.*nowhere"):
            configured(name, f"corpus.root={tmp_path}/nowhere").run({}, tmp_path, Quiet())


def test_the_toy_config_builds() -> None:
    toy = configured("toy")
    voices = [voice for role in toy.roles.values() for voice in role.voices]
    assert len(voices) == len(set(voices)) == sum(role.speakers for role in toy.roles.values())
    assert list(toy.roles["target"].emotions) == ["neutral"]


@pytest.mark.skipif(not (SHARED / "data" / "ravdess").is_dir(), reason="the recordings of RAVDESS are not here")
def test_ravdess_itself(tmp_path: Path) -> None:
    corpus = configured("ravdess", f"corpus.root={SHARED / 'data' / 'ravdess'}")
    corpus.run({}, tmp_path, Quiet())
    cuts = read_cuts(tmp_path)
    assert len(cuts) == 1080
    seen = Counter(
        (c.supervisions[0].custom["role"], c.supervisions[0].custom["split"], c.supervisions[0].custom["emotion"])
        for c in cuts
    )
    trained = {emotion for role, split, emotion in seen if role == "target" and split == "train"}
    assert trained == {"neutral", "calm"}
    assert seen["target", "test", "sad"] == 32
    assert not [key for key in seen if key[0] == "heldout" and key[1] != "test"]
    assert (tmp_path / "bad_rows.tsv").read_text() == "row\treason\tdetail\n"


@pytest.mark.parametrize("clips", [3, 5, 20, 40])
def test_a_small_corpus_has_rows_in_every_split_with_a_share(clips: int) -> None:
    rows = [record("a", "neutral", f"sentence {n}") for n in range(clips)]
    rows += [record("b", "neutral", f"sentence {n} of b") for n in range(clips)]
    rows += [record("c", "neutral", f"sentence {n} of c") for n in range(clips)]
    splits = Splits(target=["b"], judge=["c"], test_share=0.05, valid_share=0.02)
    places = splits.place_all(rows)
    for role in ("emotional", "target"):
        assert {place.split for place in places if place.role == role} == {"train", "valid", "test"}
    assert [place.role for place in places] == ["emotional"] * clips + ["target"] * clips + ["judge"] * clips
    alone = [splits.place(row) for row in rows]
    moved = [i for i, (one, other) in enumerate(zip(places, alone, strict=True)) if one != other]
    assert len(moved) <= 4 and all(alone[i].split == "train" for i in moved)


def test_a_sentence_stays_together_where_a_split_is_filled() -> None:
    rows = [record(name, "neutral", f"sentence {n}") for name in "ab" for n in range(6)]
    places = Splits(test_share=0.01, valid_share=0.01).place_all(rows)
    assert [place.split for place in places[:6]] == [place.split for place in places[6:]]
    assert Counter(place.split for place in places) == {"train": 8, "valid": 2, "test": 2}


def listed(folder: Path, *lines: str, start: str = "") -> list[Record | Problem]:
    (folder / "my.list").write_bytes((start + "\n".join(lines) + "\n").encode())
    return list(GptSovitsList(str(folder / "my.list")).rows())


def test_a_byte_order_mark_and_other_separators_are_no_part_of_a_line(tmp_path: Path) -> None:
    texts = ["one\u2028two", "one\u2029two", "one\x85two", "one\x0btwo", "one\x0ctwo", "one\x1ctwo", "plain"]
    rows = listed(tmp_path, *(f"{n}.wav|anna|en|{text}" for n, text in enumerate(texts)), start="\ufeff")
    assert [row.text for row in rows if isinstance(row, Record)] == texts
    rows = listed(
        tmp_path, "a.wav|anna|en|with a carriage return\r", "\ufeffb.wav|anna|en|joined files", start="\ufeff"
    )
    assert [(row.id, row.text) for row in rows if isinstance(row, Record)] == [
        ("anna-a", "with a carriage return"), ("anna-b", "joined files"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "emotions"),
    [
        (["a.wav|lj|en|sad|in being", "b.wav|lj|en|Neutral|a text"], ["sad", "neutral"]),
        (["a.wav|lj|en|sad|in being"], ["sad"]),
        (["a.wav|lj|en|melancholy|x|y", "b.wav|lj|en|melancholy|z"] * 2, ["melancholy"] * 4),
        (["a.wav|lj|zh|悲伤|你好", "b.wav|lj|zh|悲伤|你好吗"], ["悲伤"] * 2),
        (["a.wav|lj|en|either|or", "b.wav|lj|en|neither|nor"], ["neutral"] * 2),  # no labels: each word once
        (["a.wav|lj|en|one two|three"] * 4, ["neutral"] * 4),
    ],
)
def test_an_emotion_before_the_text_is_read(tmp_path: Path, lines: list[str], emotions: list[str]) -> None:
    rows = listed(tmp_path, *lines)
    assert [row.emotion for row in rows if isinstance(row, Record)] == emotions
    if emotions[0] == "neutral":
        assert all("|" in row.text for row in rows if isinstance(row, Record))


def test_an_emotion_in_some_lines_only_is_named(tmp_path: Path) -> None:
    plain, labelled = listed(tmp_path, "a.wav|lj|en|a text", "b.wav|lj|en|sad|another text")
    assert isinstance(plain, Record) and isinstance(labelled, Problem)
    assert "my.list:2" in labelled.row and "corpus.columns=[path,speaker,language,emotion,text]" in labelled.detail
    columns = ["speaker", "path", "emotion", "language", "text"]
    (tmp_path / "my.list").write_text("lj|a.wav|joy|EN|a|b\n")
    (row,) = GptSovitsList(str(tmp_path / "my.list"), columns=columns).rows()
    assert isinstance(row, Record)
    assert (row.speaker, row.emotion, row.language, row.text) == ("lj", "joy", "en", "a|b")
    with pytest.raises(InputError, match=r"corpus\.columns"):
        GptSovitsList("x", columns=["path", "text", "speaker", "language"])


def test_recordings_that_differ_in_the_suffix_are_two(tmp_path: Path) -> None:
    rows = listed(
        tmp_path, "a.wav|anna|en|x", "a.flac|anna|en|y", "b/a.wav|anna|en|z", "b-a.wav|anna|en|w", "a.wav|anna|en|v"
    )
    assert [row.id for row in rows if isinstance(row, Record)] == [
        "anna-a",
        "anna-a-flac",
        "anna-b-a",
        "anna-b-a-wav",
        "anna-a",
    ]


@pytest.mark.parametrize(
    "path", ["../../x/evil.wav", "/data/a b/ü 1.wav", "C:\\clips\\a.wav", ".hidden.wav", "x" * 4000 + ".wav"]
)
def test_ids_of_lists_are_names(tmp_path: Path, path: str) -> None:
    (row,) = listed(tmp_path, f"{path}|anna|en|text")
    assert isinstance(row, Record) and is_name(row.id)


@pytest.mark.parametrize("key", ["../x/evil_000001", "/etc/evil_000001", "a b_000001", ".._000001", "a\x1b[31m_000001"])
def test_ids_of_esd_that_lead_elsewhere_are_left_out(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "0011"
    folder.mkdir()
    (folder / "0011.txt").write_text(f"{key}\tText.\tSad\n0011_000002\tText.\tSad\n")
    recording(folder / "Sad" / "0011_000002.wav")
    recording(tmp_path / "x" / "evil_000001.wav")
    corpus = Esd(str(tmp_path))
    diagnosis = corpus.diagnose(Quiet())
    assert [sound.record.id for sound in diagnosis.usable] == ["0011_000002"]
    assert [problem.reason for problem in diagnosis.problems] == ["unfit id"]


def test_speakers_become_parts_of_names(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav", seconds=0.7)
    (tmp_path / "my.list").write_text("a.wav|../anna|en|text\na.wav|安娜|en|text\n")
    diagnosis = GptSovitsList(str(tmp_path / "my.list")).diagnose(Quiet())
    assert [(problem.reason, "anna" in problem.detail) for problem in diagnosis.problems] == [("unfit speaker", True)]
    assert [sound.record.speaker for sound in diagnosis.usable] == ["安娜"]


@pytest.mark.parametrize(("name", "words"), [("ravdess", "03-01-04-02-01-02-07.wav"), ("esd", "0011/0011.txt")])
def test_a_wrong_folder_is_told_what_was_looked_for(name: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing")
    with pytest.raises(InputError, match=f"nothing of this corpus there.*{words}"):
        configured(name, f"corpus.root={tmp_path}").diagnose(Quiet())


def test_a_list_must_be_a_file_of_lines(tmp_path: Path) -> None:
    (tmp_path / "empty.list").write_text("\n\n")
    os.mkfifo(tmp_path / "pipe.list")
    for name, words in (
        ("empty.list", "nothing of this corpus"),
        ("pipe.list", "a device or a pipe"),
        (".", "a folder"),
    ):
        with pytest.raises(InputError, match=words):
            GptSovitsList(str(tmp_path / name)).diagnose(Quiet())
    with pytest.raises(InputError, match="a device or a pipe"):
        GptSovitsList("/dev/zero").diagnose(Quiet())


def test_words_in_the_place_of_lists_are_understood() -> None:
    row, other = record("a", "sad", "1"), record("b", "happy", "2")
    splits = Splits(target="c", test={"emotion": "sad"}, valid=[{"emotion": "happy", "speaker": "b"}])
    assert splits.place(row).split == "test" and splits.place(other).split == "valid"
    assert splits.target == ("c",)
    assert matches(record("a", "sad", "1", take="2"), [{"take": 2}])
    for wrong in ("sad", [["sad"]], [{"emotion": {"sad": 1}}], [{"emotion": []}], [{}], 5):
        with pytest.raises(InputError, match=r"corpus\.splits\.test"):
            Splits(test=wrong)
    with pytest.raises(InputError, match=r"corpus\.splits\.judge"):
        Splits(judge={"a": 1})
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(InputError, match="shares"):
            Splits(test_share=share)


def test_a_change_of_list_or_recording_is_another_state(tmp_path: Path) -> None:
    path = recording(tmp_path / "a.wav")
    recording(tmp_path / "b.wav").with_suffix(".other").touch()
    (tmp_path / "my.list").write_text("a.wav|anna|en|text\nb.wav|anna|en|text\n")
    corpus = GptSovitsList(str(tmp_path / "my.list"))
    first = corpus.state()
    assert corpus.state() == first
    recording(path, seconds=0.7)
    second = corpus.state()
    path.unlink()
    third = corpus.state()
    (tmp_path / "my.list").write_text("a.wav|anna|en|other\nb.wav|anna|en|text\n")
    assert len({first, second, third, corpus.state()}) == 4


def test_a_corpus_that_changed_has_another_stage_and_says_so(tmp_path: Path) -> None:
    root = tmp_path / "my.list"
    recording(tmp_path / "a.wav", seconds=0.7)
    root.write_text("a.wav|anna|en|some words\n")
    node = {"_target_": "sovits_lab.corpora.gpt_sovits_list.GptSovitsList", "root": str(root)}
    stages, report = tmp_path / "stages", Spoken()

    def run(name: str) -> str | None:
        (stages / name).mkdir(parents=True)
        instantiate(node).run({}, stages / name, report)
        return source_state(node, stages)

    first = run("corpus-1")
    assert "changed" not in " ".join(report.said)
    root.write_text("a.wav|anna|en|other words\n")
    second = run("corpus-2")
    assert second != first and f"{root} and {tmp_path} changed since it was last read" in " ".join(report.said)
    root.rename(tmp_path / "away")  # out of reach: what was read last counts
    assert source_state(node, stages) in (first, second)
    assert source_state({"_target_": "sovits_lab.corpora.toy.ToyCorpus"}, stages) is None


class Spoken(Silent):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)
