"""Tables of one's own recordings, and several corpora in one run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from sovits_lab.corpora.combined import CombinedCorpus
from sovits_lab.corpora.cuts import CutsCorpus
from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.manifest import Header, Phone, Record, cut, phones_of, read_cuts, write_cuts, write_facts
from sovits_lab.corpora.table import Table
from sovits_lab.types import InputError
from tests.corpora.corpora import Quiet, recording

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = ("path", "text", "speaker", "language", "emotion", "intensity", "split", "consent")
ROWS = [
    ("a.wav", 'He said "no, thanks".', "anna", "EN", "Sad", "0.5", "test", "yes"),
    ("b.wav", "Second text", "anna", "english", "neutral", "strong", "", "TRUE"),
    ("c.wav", "Third text", "bob", "zh", "", "", "train", "1"),
    ("d.wav", "Fourth text", "bob", "en", "neutral", "", "", "no"),
    ("e.wav", "Fifth text", "bob", "en", "neutral", "", "dev", "yes"),
]


def write(path: Path, rows: list[tuple[str, ...]], columns: tuple[str, ...] = COLUMNS) -> Path:
    """The same table in the format of the suffix."""
    if path.suffix == ".jsonl":
        lines = [json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) for row in rows]
    elif path.suffix == ".tsv":
        lines = ["\t".join(row) for row in (columns, *rows)]
    else:
        quote = chr(34)
        lines = [",".join(quote + cell.replace(quote, 2 * quote) + quote for cell in row) for row in (columns, *rows)]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8-sig")
    return path


def found(table: Table) -> tuple[dict[str, Record], list[Problem]]:
    rows = list(table.rows())
    return {row.id: row for row in rows if isinstance(row, Record)}, [row for row in rows if isinstance(row, Problem)]


def test_a_recording_of_two_corpora_counts_once_and_no_two_speakers_become_one(tmp_path: Path) -> None:
    recording(tmp_path / "a.wav")
    recording(tmp_path / "b.wav", 0.9)
    for name, rows in (("one", "ab"), ("two", "ba")):
        lines = "".join(f"{row}.wav\tanna\ten\thello\n" for row in rows[: 2 if name == "one" else 1])
        (tmp_path / f"{name}.tsv").write_text(f"path\tspeaker\tlanguage\ttext\n{lines}")
    node = {"_target_": "sovits_lab.corpora.table.Table"}
    corpora = {name: {**node, "root": str(tmp_path / f"{name}.tsv")} for name in ("one", "two")}
    found = CombinedCorpus(corpora).diagnose(Quiet())
    assert [sound.record.id for sound in found.usable] == ["one-anna-a", "one-anna-b"]
    assert [(problem.row, problem.reason) for problem in found.problems] == [("two-anna-b", "duplicate recording")]
    assert "row one-anna-b" in found.problems[0].detail
    with pytest.raises(InputError, match=r"corpora\.one-x: got 'one-x', expected a name that does not begin"):
        CombinedCorpus({**corpora, "one-x": corpora["two"]})


@pytest.mark.parametrize("suffix", ["tsv", "csv", "jsonl"])
def test_all_formats_say_the_same(tmp_path: Path, suffix: str) -> None:
    rows, problems = found(Table(str(write(tmp_path / f"t.{suffix}", ROWS))))
    assert list(rows) == ["anna-a", "anna-b", "bob-c"]
    first, second, third = rows.values()
    assert (first.text, first.language, first.emotion, first.intensity) == ('He said "no, thanks".', "en", "sad", 0.5)
    assert (first.split, first.audio) == ("test", tmp_path / "a.wav")
    assert (second.language, second.intensity, second.split) == ("en", "strong", "")
    assert (third.emotion, third.intensity, third.split) == ("neutral", "normal", "train")
    assert [problem.reason for problem in problems] == ["no consent", "table row"]
    assert "'dev'" in problems[1].detail and problems[1].row.endswith(f"t.{suffix}:{5 + (suffix != 'jsonl')}")


def test_what_a_row_lacks_may_hold_for_all(tmp_path: Path) -> None:
    path = write(tmp_path / "t.tsv", [("a.wav", "Some words")], ("path", "text"))
    assert "corpus.speaker=" in found(Table(str(path)))[1][0].detail
    rows, problems = found(Table(str(path), speaker="me", language="en"))
    assert problems == [] and rows["me-a"].speaker == "me"


def test_other_columns_are_kept_for_conditions(tmp_path: Path) -> None:
    rows = [(f"{n}.wav", f"Sentence number {n}", "anna", "en", str(n % 2)) for n in range(8)]
    for name, *_ in rows:
        recording(tmp_path / name, seconds=0.7)
    path = write(tmp_path / "t.csv", rows, ("path", "text", "speaker", "language", "take"))
    Table(str(path), splits={"test": [{"take": 1}]}).run({}, tmp_path, Quiet())
    assert Counter(cut.supervisions[0].custom["split"] for cut in read_cuts(tmp_path)) == {"train": 4, "test": 4}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", "path,text\na.wav,\"never closed\nb.wav,x\n", "from line 2"),
        ("t.csv", "path,text\na.wav," + "x" * 200_000 + "\n", "field larger"),
        ("t.csv", "", "columns: got ''"),
        ("t.tsv", "path\ttext\tpath\n", "each once"),
        ("t.tsv", "file\twords\na\tb\n", "path and text among them"),
        ("t.csv", "path;text\na.wav;x\n", "'path;text', expected .*with commas between"),
        ("t.tsv", "path,text\na.wav,x\n", "with tabs between"),
        ("t.xls", "path\ttext\n", r"'\.xls'"),
        ("t.tsv", "path\ttext\n", "nothing of this corpus there"),
        ("t.csv", b"path,text\na.wav,caf\xe9\n", "line 2: got byte 0xe9"),
    ],
)  # fmt: skip
def test_a_broken_table_is_one_line(tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=words) as caught:
        Table(str(tmp_path / name)).diagnose(Quiet())
    assert "\n" not in str(caught.value) and name in str(caught.value)


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"path": ' + "9" * 6000 + "}", '{"path": 1e999}', '{"path": NaN}', "[]", '{"path": ["a.wav"]}',
     '{"path": "a.wav", "text": {}}', '{"path": "a.wav", "text": true}', '{"path": "a\\u0000.wav", "text": "x"}',
     '{"path": "a.wav", "text": "x", "take": []}', '{"path": "a.wav", "text": "x", "intensity": []}',
     '{"path": "a.wav", "text": "x", "consent": []}'],
)  # fmt: skip
def test_a_bad_row_of_a_table_is_left_out_by_name(tmp_path: Path, line: str) -> None:
    good = '{"path": "b.wav", "text": "words"}'
    (tmp_path / "t.jsonl").write_text(f"{line}\n{good}\n", encoding="utf-8")
    rows, problems = found(Table(str(tmp_path / "t.jsonl"), speaker="me", language="en"))
    assert list(rows) == ["me-b"]
    assert [problem.row for problem in problems] == [f"{tmp_path / 't.jsonl'}:1"]


def parts(folder: Path) -> dict[str, Any]:
    """A little RAVDESS and a table of one's own."""
    for emotion in ("01", "04"):
        for sentence in ("01", "02"):
            recording(folder / "acted" / f"03-01-{emotion}-01-{sentence}-01-07.wav", seconds=0.7)
    rows = [(f"{n}.wav", f"Sentence number {n}", "me", "en") for n in range(6)]
    for name, *_ in rows:
        recording(folder / "mine" / name, seconds=0.7)
    table = write(folder / "mine" / "t.tsv", rows, ("path", "text", "speaker", "language"))
    return {"acted": folder / "acted", "mine": table}


def test_corpora_combine_under_names(tmp_path: Path) -> None:
    roots = parts(tmp_path)
    overrides = ["+corpus=combined", "+corpus@corpus.corpora.acted=ravdess", "+corpus@corpus.corpora.mine=table"]
    overrides += [f"corpus.corpora.{name}.root={root}" for name, root in roots.items()]
    overrides += [
        "corpus.corpora.mine.splits.target=[me]",
        *(f"corpus.corpora.acted.splits.{role}=[]" for role in ("target", "judge", "heldout")),
    ]
    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        node = compose(overrides=overrides).corpus
    corpus = instantiate(node, _recursive_=False, _convert_="object")
    (tmp_path / "out").mkdir()
    corpus.run({}, tmp_path / "out", Quiet())
    cuts = list(read_cuts(tmp_path / "out"))
    spoken = [cut.supervisions[0] for cut in cuts]
    assert Counter(one.speaker for one in spoken) == {"acted-actor07": 4, "mine-me": 6}
    assert {one.custom["role"] for one in spoken if one.speaker == "mine-me"} == {"target"}
    assert {one.custom["emotion"] for one in spoken} == {"neutral", "sad"}
    assert {one.custom["corpus"] for one in spoken} == {"acted", "mine"}
    assert {row.role for row in corpus.survey()} == {"emotional", "target"}
    before = corpus.state()
    recording(roots["acted"] / "03-01-04-01-01-01-07.wav", seconds=0.8)
    assert corpus.state() != before


@pytest.mark.parametrize(
    ("corpora", "words"),
    [
        ({}, "none, expected corpora by name|got 'none'"),
        ({"x": {"_target_": "sovits_lab.corpora.table.Table", "root": "/nowhere/t.tsv"}}, "corpus x: corpus.root"),
        ({"x": 5}, r"corpora\.x: got 5"),
        ({"../x": {"_target_": "sovits_lab.corpora.table.Table", "root": "."}}, "letters, digits"),
        ({"x": {"_target_": "sovits_lab.corpora.limits.ClipLimits"}}, "a corpus of recordings"),
        ({"x": {"_target_": "sovits_lab.corpora.table.Table", "root": ".", "colour": 1}}, "colour"),
    ],
)
def test_what_does_not_combine_is_named(corpora: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        CombinedCorpus(corpora).diagnose(Quiet())


@pytest.mark.parametrize("suffix", ["list", "tsv", "jsonl"])
def test_paths_of_other_systems_are_understood(tmp_path: Path, suffix: str) -> None:
    names = ["one.wav", "my clips/two.wav", "three.wav", "same.wav"]
    for name in names:
        recording(tmp_path / "audio" / name)
    written = ["one.wav", "my clips\\two.wav", '"three.wav"', "D:\\rec\\three.wav", "/gone/one.wav"]
    twins = ["C:\\a\\same.wav", "C:\\b\\same.wav"]  # of which one is here, nobody knows which

    def paths(written: list[str], **keys: Any) -> list[str]:
        table = tmp_path / f"t.{suffix}"
        if suffix == "list":
            table.write_text("".join(f"{path}|me|en|A text\n" for path in written))
            corpus: Any = GptSovitsList(str(table), **keys)
        else:
            rows = [(path, "A text", "me", "en") for path in written]
            corpus = Table(str(write(table, rows, ("path", "text", "speaker", "language"))), **keys)
        rows_ = list(corpus.rows())
        assert all(isinstance(row, Record) for row in rows_), rows_
        return [str(row.audio.relative_to(tmp_path / "audio")) if row.audio.exists() else "" for row in rows_]

    audio = str(tmp_path / "audio")
    assert paths(written[:3], audio=audio) == ["one.wav", "my clips/two.wav", "three.wav"]
    assert paths(written[3:], audio=audio) == ["three.wav", "one.wav"]
    assert paths([f"audio\\{name}" for name in names]) == names
    assert paths(written[3:]) == ["", ""]  # nobody said where to look
    assert paths(twins, audio=audio) == ["", ""]


@pytest.mark.parametrize("path", ["x" * 5000 + ".wav", "a/" * 3000 + "x.wav"])
def test_a_path_that_no_file_can_have_is_named(tmp_path: Path, path: str) -> None:
    recording(tmp_path / "one.wav", seconds=1)
    listed = tmp_path / "my.list"
    listed.write_text(f"one.wav|me|en|A short text.\n{path}|me|en|Another text.\n")
    corpus = GptSovitsList(str(listed), limits={"min_seconds": 0.1})
    diagnosis = corpus.diagnose(Quiet())
    assert [problem.reason for problem in diagnosis.problems] == ["unfit path"] and len(diagnosis.usable) == 1
    assert len(diagnosis.problems[0].detail) < 300 and corpus.state()


def test_a_path_of_letters_that_no_file_can_have_is_named(tmp_path: Path) -> None:
    table = tmp_path / "t.jsonl"
    table.write_text('{"path": "\\ud800.wav", "text": "A text", "speaker": "me", "language": "en"}\n')
    with pytest.raises(InputError, match="unfit path"):
        Table(str(table)).survey()


def test_a_carriage_return_within_a_line_is_named(tmp_path: Path) -> None:
    listed = tmp_path / "my.list"
    listed.write_bytes(b"a.wav|me|en|First.\rb.wav|me|en|Second.\nc.wav|me|en|Third.\r\r\nd.wav|me|en|Fourth.\r\n")
    rows = list(GptSovitsList(str(listed)).rows())
    assert [row.reason for row in rows if isinstance(row, Problem)] == ["list line"]
    assert [row.text for row in rows if isinstance(row, Record)] == ["Third.", "Fourth."]
    assert "carriage return" in str(rows[0])


def test_a_long_text_is_not_printed_whole(tmp_path: Path) -> None:
    recording(tmp_path / "one.wav", seconds=1)
    listed = tmp_path / "my.list"
    listed.write_text(f"one.wav|me|en|{'word ' * 5000}\n" + "two.wav" + "|me|en" * 5000 + "\nbroken " * 5000)
    problems = GptSovitsList(str(listed)).diagnose(Quiet(), lambda *_: "it is not read").problems
    assert problems and max(len(problem.detail) for problem in problems) < 500


def made(folder: Path) -> Path:
    """A corpus stage's folder: two rows, of which one has phone times."""
    times = (Phone("HH", 0.0, 0.2), Phone("AY1", 0.2, 0.4))
    cuts = []
    for name, phones, split in (("a", times, "train"), ("b", (), "valid")):
        recording(folder / "audio" / f"{name}.wav", seconds=0.6)
        record = Record(name, Path(f"audio/{name}.wav"), "Hi.", "heart", "en", "sad", sentence=name, phones=phones)
        cuts.append(cut(record, Header(16000, 9600), split, "emotional"))
    write_cuts(cuts, folder)
    write_facts(folder, [folder])
    return folder


def test_a_manifest_beside_recordings_keeps_its_splits_and_phone_times(tmp_path: Path) -> None:
    folder = made(tmp_path / "made")
    recording(tmp_path / "me.wav", seconds=1.0)
    (tmp_path / "my.list").write_text("me.wav|me|en|Hello there.\n")
    nodes: dict[str, Any] = {
        "heart": {"_target_": "sovits_lab.corpora.cuts.CutsCorpus", "root": str(folder)},
        "mine": {
            "_target_": "sovits_lab.corpora.gpt_sovits_list.GptSovitsList",
            "root": str(tmp_path / "my.list"),
        },
    }
    for corpus, name in ((CutsCorpus(str(folder)), "a"), (CombinedCorpus(nodes), "heart-a")):
        out = tmp_path / name
        out.mkdir()
        corpus.run({}, out, Quiet())
        rows = {item.id: item for item in read_cuts(out)}
        assert phones_of(rows[name]) == [Phone("HH", 0.0, 0.2), Phone("AY1", 0.2, 0.4)]
        assert rows[name].supervisions[0].custom["split"] == "train"
        other = rows[name.replace("a", "b") if name == "a" else "heart-b"]
        assert other.supervisions[0].custom["split"] == "valid"
        assert phones_of(other) == []
    assert rows["mine-me-me"].supervisions[0].speaker == "mine-me"
    assert [row.timed for row in CutsCorpus(str(folder)).survey()] == [True, False]
    before = CutsCorpus(str(folder)).state()
    recording(folder / "audio" / "a.wav", seconds=0.7)
    assert CutsCorpus(str(folder)).state() != before


def test_a_manifest_that_is_not_there_or_cuts_a_recording_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.root"):
        CutsCorpus(str(tmp_path / "none")).diagnose(Quiet())
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="manifest"):
        CutsCorpus(str(tmp_path / "empty")).diagnose(Quiet())
    folder = made(tmp_path / "made")
    items = list(read_cuts(folder))
    write_cuts([items[0].truncate(duration=0.3, preserve_id=True), items[1]], folder)
    problems = CutsCorpus(str(folder)).diagnose(Quiet()).problems
    assert [(problem.row, problem.reason) for problem in problems] == [("a", "part of a recording")]
    items[1].supervisions[0].custom["split"] = "dev"
    write_cuts([items[0], items[1], items[0]], folder)
    diagnosis = CutsCorpus(str(folder)).diagnose(Quiet())
    assert [problem.reason for problem in diagnosis.problems] == ["unknown split", "duplicate id"]
    assert [sound.record.id for sound in diagnosis.usable] == ["a"]


@pytest.mark.parametrize(
    ("phones", "why"),
    [
        ((), ""),
        ((("HH", 0.0, 0.2), ("AY1", 0.21, 0.4)), ""),
        ((("HH", 0.0, 0.2), ("AY1", 0.3, 0.3)), "AY1 begins at 0.3 s, where 0.2 is expected"),
        ((("AY1", 0.2, 0.4), ("HH", 0.0, 0.2)), "AY1 begins at 0.2 s, where 0 is expected"),
        ((("HH", 0.0, 0.2), ("AY1", 0.1, 0.5)), "no overlaps"),
        ((("HH", 0.0, 0.2),), "the last phone ends at 0.2 s, the recording at 0.6"),
    ],
)
def test_phones_fill_the_recording(tmp_path: Path, phones: tuple[tuple[str, float, float], ...], why: str) -> None:
    recording(tmp_path / "a.wav", seconds=0.6)
    record = Record("a", Path("a.wav"), "Hi.", "heart", "en", phones=tuple(Phone(*phone) for phone in phones))
    write_cuts([cut(record, Header(16000, 9600), "train", "emotional")], tmp_path)
    problems = CutsCorpus(str(tmp_path)).diagnose(Quiet()).problems
    assert [problem.reason for problem in problems] == (["phone times"] if why else [])
    assert all(why in problem.detail for problem in problems)
