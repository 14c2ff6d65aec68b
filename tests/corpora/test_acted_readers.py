"""Readers of corpora of acted emotions, on small imitations of their folders, and on nEMO where it is at hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from sovits_lab.corpora.cremad import CremaD
from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.emodb import SENTENCES as GERMAN
from sovits_lab.corpora.emodb import EmoDb
from sovits_lab.corpora.emovdb import EmovDb
from sovits_lab.corpora.expresso import Expresso
from sovits_lab.corpora.manifest import Record, read_cuts
from sovits_lab.corpora.nemo import Nemo
from sovits_lab.corpora.recorded import RecordedCorpus
from sovits_lab.types import InputError
from tests.corpora.corpora import Quiet, recording
from tests.corpora.test_readers import SHARED, configured, facts


def read(corpus: RecordedCorpus) -> tuple[dict[str, Record], list[Problem]]:
    found = list(corpus.rows())
    return {row.id: row for row in found if isinstance(row, Record)}, [row for row in found if isinstance(row, Problem)]


def nemo(root: Path) -> None:
    lines = ["file_id\temotion\traw_text\tspeaker_id"]
    for speaker in ("KS0", "MK0", "WR0", "EB0"):
        for name in (f"{speaker}_neutral_1", f"{speaker}_sadness_12"):
            recording(root / "samples" / f"{name}.wav")
            lines.append(f"{name}.wav\tx\t„Lubię” czytać.\t        {speaker}")
    (root / "data.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def emodb(root: Path) -> None:
    for speaker in ("09", "10", "12", "15", "16"):
        recording(root / "wav" / f"{speaker}a01Nb.wav")
        recording(root / "wav" / f"{speaker}b10Ta.wav")


def cremad(root: Path) -> None:
    splits = configured("cremad", "corpus.root=x").splits
    for actor in (*splits.target, *splits.judge, *splits.heldout, "1001"):
        recording(root / f"{actor}_IEO_SAD_HI.wav")
        recording(root / f"{actor}_TSI_NEU_XX.wav")


def expresso(root: Path) -> None:
    lines = []
    for speaker in ("ex01", "ex02", "ex03"):
        for style, kind in (("default", "_essentials"), ("sad", "")):
            key = f"{speaker}_{style}{kind}_00012"
            recording(root / "audio_48khz" / "read" / speaker / style / "base" / f"{key}.wav", rate=48_000)
            lines.append(f"{key}\tI *never* said so.")
    lines.append("ex01_default_longform_00001\tA long story.")
    (root / "read_transcriptions.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


def emovdb(root: Path) -> None:
    for folder, name in (("bea_Amused", "amused_1-28_0001"), ("sam_Neutral", "neutral_1-28_0002"),
                         ("josh/Sleepy", "sleepiness_29-56_0002")):  # fmt: skip
        recording(root / folder / f"{name}.wav")
    lines = '( arctic_a0001 "Author of the danger trail." )\n( arctic_a0002 "Not at this case." )\n'
    (root / "cmuarctic.data").write_text(lines)


LAYOUTS: dict[str, Callable[[Path], None]] = {
    "nemo": nemo, "emodb": emodb, "cremad": cremad, "expresso": expresso, "emovdb": emovdb,
}  # fmt: skip


def test_nemo(tmp_path: Path) -> None:
    nemo(tmp_path)
    recording(tmp_path / "samples" / "KS0_sadness_13.wav")
    recording(tmp_path / "samples" / "KS0_boredom_12.wav")
    rows, problems = read(Nemo(str(tmp_path)))
    assert len(rows) == 8
    assert facts(rows["KS0_sadness_12"]) == ("KS0", "sad", "normal", "12", "pl")
    assert rows["MK0_neutral_1"].sentence == "01"
    assert rows["MK0_neutral_1"].text == "„Lubię” czytać."
    assert [problem.reason for problem in problems] == ["file name", "no text"]


def test_emodb(tmp_path: Path) -> None:
    emodb(tmp_path)
    recording(tmp_path / "03a03Fa.wav")
    rows, problems = read(EmoDb(str(tmp_path)))
    assert facts(rows["10b10Ta"]) == ("10", "sad", "normal", "b10", "de")
    assert rows["16a01Nb"].custom == {"take": "b", "sex": "f"}
    assert rows["16a01Nb"].text == GERMAN["a01"]
    assert [problem.reason for problem in problems] == ["file name"]


def test_cremad(tmp_path: Path) -> None:
    for name in ("1001_IEO_SAD_HI", "1002_TSI_NEU_XX", "1002_TSI_JOY_XX", "1002_TSI_NEU"):
        recording(tmp_path / f"{name}.wav")
    rows, problems = read(CremaD(str(tmp_path)))
    assert facts(rows["1001_IEO_SAD_HI"]) == ("1001", "sad", "strong", "IEO", "en")
    assert facts(rows["1002_TSI_NEU_XX"]) == ("1002", "neutral", "normal", "TSI", "en")
    assert len(rows) == len(problems) == 2


def test_expresso(tmp_path: Path) -> None:
    expresso(tmp_path)
    transcripts = tmp_path / "read_transcriptions.txt"
    transcripts.write_text(transcripts.read_text() + "ex01-ex02_happy_001\tNo read speech.\nex02_sad_00099\tGone.\n")
    rows, problems = read(Expresso(str(tmp_path)))
    assert (rows["ex01_default_essentials_00012"].emotion, rows["ex03_sad_00012"].emotion) == ("neutral", "sad")
    assert rows["ex03_sad_00012"].text == "I never said so."
    assert "ex01_default_longform_00001" not in rows
    assert rows["ex02_sad_00099"].audio == tmp_path / "audio_48khz/read/ex02/sad/base/ex02_sad_00099.wav"
    assert [problem.row for problem in problems] == [f"{transcripts}:8"]


def test_emovdb(tmp_path: Path) -> None:
    emovdb(tmp_path)
    recording(tmp_path / "bea_Amused" / "amused_1-28_0777.wav")
    recording(tmp_path / "bea_Puzzled" / "puzzled_0001.wav")
    rows, problems = read(EmovDb(str(tmp_path)))
    assert facts(rows["bea_amused_0001"]) == ("bea", "amused", "normal", "0001", "en")
    assert facts(rows["josh_sleepy_0002"]) == ("josh", "sleepy", "normal", "0002", "en")
    assert rows["sam_neutral_0002"].text == "Not at this case."
    assert sorted(problem.reason for problem in problems) == ["file name", "no text"]


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_configured_corpus_makes_a_manifest(name: str, tmp_path: Path) -> None:
    root, out = tmp_path / "corpus", tmp_path / "out"
    LAYOUTS[name](root)
    out.mkdir()
    configured(name, f"corpus.root={root}").run({}, out, Quiet())
    cuts = list(read_cuts(out))
    targets = [cut.supervisions[0].custom for cut in cuts if cut.supervisions[0].custom["role"] == "target"]
    assert targets
    assert all(custom["split"] == "test" for custom in targets if custom["emotion"] != "neutral")
    assert (out / "bad_rows.tsv").read_text() == "row\treason\tdetail\n"


@pytest.mark.parametrize("name", LAYOUTS)
def test_no_folder_and_a_wrong_folder_are_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.root.*nowhere"):
        configured(name, f"corpus.root={tmp_path}/nowhere").diagnose(Quiet())
    with pytest.raises(InputError, match="nothing of this corpus there") as caught:
        configured(name, f"corpus.root={tmp_path}").diagnose(Quiet())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "lost", "message"),
    [
        ("nemo", "data.tsv", r"no table of texts', expected data\.tsv or manifest\.tsv"),
        ("expresso", "read_transcriptions.txt", r"recordings alone', expected read_transcriptions\.txt"),
        ("emovdb", "cmuarctic.data", r"no sentences', expected cmuarctic\.data"),
    ],
)
def test_recordings_without_their_texts_are_refused(name: str, lost: str, message: str, tmp_path: Path) -> None:
    LAYOUTS[name](tmp_path)
    (tmp_path / lost).unlink()
    with pytest.raises(InputError, match=message):
        configured(name, f"corpus.root={tmp_path}").diagnose(Quiet())


@pytest.mark.parametrize(("name", "speaker"), [("nemo", "WR0"), ("emodb", "15"), ("cremad", "1085"), ("emovdb", "sam")])
def test_half_a_corpus_names_the_speakers_that_are_missing(name: str, speaker: str, tmp_path: Path) -> None:
    LAYOUTS[name](tmp_path)
    gone = [path for path in tmp_path.rglob("*.wav") if speaker in str(path.relative_to(tmp_path))]
    for path in gone:
        path.unlink()
    assert gone
    with pytest.raises(InputError, match=rf"corpus\.splits: speakers.*{speaker}.*expected speakers of the corpus"):
        configured(name, f"corpus.root={tmp_path}").diagnose(Quiet())


def test_a_table_of_texts_with_other_columns_is_refused(tmp_path: Path) -> None:
    nemo(tmp_path)
    (tmp_path / "data.tsv").write_text("a\tb\nKS0_neutral_1.wav\tx\n")
    with pytest.raises(InputError, match=r"columns: got \['a', 'b'\], expected file_id and raw_text"):
        list(Nemo(str(tmp_path)).rows())


@pytest.mark.skipif(not (SHARED / "data" / "nemo").is_dir(), reason="the recordings of nEMO are not here")
def test_nemo_itself(tmp_path: Path) -> None:
    configured("nemo", f"corpus.root={SHARED / 'data' / 'nemo'}").run({}, tmp_path, Quiet())
    custom = [cut.supervisions[0].custom for cut in read_cuts(tmp_path)]
    assert len(custom) > 400
    seen = Counter((row["role"], row["split"]) for row in custom)
    assert min(seen["emotional", "train"], seen["target", "train"], seen["heldout", "test"]) >= 20
    assert {row["emotion"] for row in custom if (row["role"], row["split"]) == ("target", "train")} == {"neutral"}
