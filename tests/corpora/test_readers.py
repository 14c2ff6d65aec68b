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
from sovits_lab.corpora.ravdess import Ravdess
from sovits_lab.corpora.splits import Splits, matches
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
