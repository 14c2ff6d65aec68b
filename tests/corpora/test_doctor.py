"""Each kind of bad row is named; a corpus without a usable row is refused with the list; the command's exit status."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_lab.corpora.command import main
from sovits_lab.corpora.doctor import Diagnosis, Limits, check, check_cuts
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.manifest import Header, Phone, Record, cut, phones_of, read_cuts, write_cuts
from sovits_lab.types import InputError
from tests.corpora.corpora import RATE, Quiet, recording

LIMITS = Limits(min_seconds=0.3, max_seconds=2.0)


def row(path: Path, **changes: object) -> Record:
    custom = {"split": "train", "role": "emotional"}
    return replace(Record(path.stem, path, "some words", "anna", "en", custom=custom), **changes)


def reasons(diagnosis: Diagnosis) -> dict[str, list[str]]:
    return {reason: [problem.row for problem in found] for reason, found in diagnosis.by_reason().items()}


def unreadable(text: str, language: str) -> str | None:
    return f"no front end for {language}" if language == "xx" else None


def test_each_fault_is_named(tmp_path: Path) -> None:
    good = recording(tmp_path / "good.wav")
    (tmp_path / "garbage.wav").write_text("words")
    soundfile.write(tmp_path / "clipped.wav", np.sign(np.sin(np.arange(RATE) / 9)), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan), RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "stereo.wav", np.full((RATE, 2), 0.1), RATE)
    rows = [
        row(good),
        row(tmp_path / "missing.wav"),
        row(tmp_path / "garbage.wav"),
        row(tmp_path / "clipped.wav"),
        row(tmp_path / "nan.wav"),
        row(tmp_path / "stereo.wav"),
        row(recording(tmp_path / "silent.wav", level=0.0005)),
        row(recording(tmp_path / "short.wav", seconds=0.1)),
        row(recording(tmp_path / "long.wav", seconds=2.5)),
        row(recording(tmp_path / "rate.wav", rate=8_000)),
        row(good, id="wordless", text="  "),
        row(good, id="foreign", language="xx"),
        row(good),
    ]
    report = Quiet()
    diagnosis = check(rows, LIMITS, report, unreadable)
    assert reasons(diagnosis) == {
        "missing": ["missing"], "unreadable": ["garbage", "nan"], "clipped": ["clipped"],
        "several channels": ["stereo"],
        "silent": ["silent"], "too short": ["short"], "too long": ["long"], "wrong rate": ["rate"],
        "empty text": ["wordless"], "unreadable text": ["foreign"], "duplicate id": ["good"],
    }  # fmt: skip
    assert [sound.record.id for sound in diagnosis.usable] == ["good"]
    assert diagnosis.usable[0].header == Header(RATE, round(0.6 * RATE))
    assert diagnosis.total == len(rows)
    assert report.seen[-1] == (13, 13, "recordings")
    assert str(tmp_path / "rate.wav") in str(diagnosis.by_reason()["wrong rate"][0].detail)


def test_speakers_in_two_places(tmp_path: Path) -> None:
    good = recording(tmp_path / "good.wav")

    def placed(name: str, speaker: str, split: str, role: str) -> Record:
        return row(good, id=name, speaker=speaker, custom={"split": split, "role": role})

    rows = [
        placed("1", "heard", "train", "heldout"),
        placed("2", "both", "train", "emotional"),
        placed("3", "both", "test", "judge"),
        placed("4", "fine", "train", "target"),
        placed("5", "fine", "test", "target"),
    ]
    assert reasons(check(rows, LIMITS, Quiet())) == {"speaker in two places": ["1", "2", "3"]}
    strict = replace(LIMITS, speakers_apart=True)
    assert reasons(check(rows, strict, Quiet())) == {"speaker in two places": ["1", "2", "3", "4", "5"]}


def test_many_rows_are_heard_in_processes_with_the_same_result(tmp_path: Path) -> None:
    good = recording(tmp_path / "good.wav")
    rows = [row(good if n % 3 else tmp_path / "none.wav", id=str(n)) for n in range(150)]
    diagnosis = check(rows, LIMITS, Quiet())
    assert [sound.record.id for sound in diagnosis.usable] == [str(n) for n in range(150) if n % 3]
    assert len(diagnosis.problems) == 50


def test_a_corpus_without_a_usable_row_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "my.list").write_text("a.wav|anna|EN|hello\nb.wav|anna|EN|there\nno bars\n")
    with pytest.raises(InputError, match=r"no usable row of 3.*my\.list:3.*anna-a \(missing") as caught:
        GptSovitsList(str(tmp_path / "my.list")).run({}, tmp_path, Quiet())
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cuts.jsonl.gz").exists()


def test_manifest_keeps_everything_and_gives_the_same_bytes(tmp_path: Path) -> None:
    recording(tmp_path / "audio" / "a.wav")
    record = Record("a", Path("audio/a.wav"), "hi", "anna", "en", "sad", 0.5, "s1", {"take": "02"})
    cuts = [cut(record, Header(RATE, 9600), "train", "emotional", [Phone("h", 0.1, 0.2), Phone("aI", 0.3, 0.1)])]
    first = write_cuts(cuts, tmp_path).read_bytes()
    assert write_cuts(cuts, tmp_path).read_bytes() == first
    (again,) = read_cuts(tmp_path)
    spoken = again.supervisions[0]
    assert (spoken.text, spoken.speaker, spoken.language) == ("hi", "anna", "en")
    assert spoken.custom == {
        "emotion": "sad", "intensity": 0.5, "split": "train", "role": "emotional", "sentence": "s1", "take": "02",
    }  # fmt: skip
    assert phones_of(again) == [Phone("h", 0.1, 0.2), Phone("aI", 0.3, 0.1)]
    assert again.load_audio().shape == (1, 9600)
    assert check_cuts([again], LIMITS, Quiet()).problems == []


def test_manifest_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing there"):
        read_cuts(tmp_path)
    (tmp_path / "cuts.jsonl.gz").write_bytes(b"no gzip")
    with pytest.raises(InputError, match="cannot be read"):
        read_cuts(tmp_path)


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recording(tmp_path / "a.wav")
    listed = tmp_path / "my.list"
    listed.write_text("a.wav|anna|EN|hello\nb.wav|anna|EN|there\n")
    arguments = ["corpus=gpt_sovits_list", f"corpus.root={listed}", "corpus.limits.min_seconds=0.3"]
    assert main([*arguments, f"table={tmp_path / 'bad.tsv'}"]) == 0
    shown = capsys.readouterr().out
    assert "missing" in shown
    assert "1 of 2 rows are usable" in shown
    assert (tmp_path / "bad.tsv").read_text().splitlines()[1].startswith("anna-b\tmissing\t")
    assert main([*arguments, "corpus.limits.min_seconds=5"]) == 1
    assert main([]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["words"], "KEY=VALUE"),
        (["corpus=nothing"], "corpus/nothing"),
        (["corpus=ravdess"], r"give corpus\.root="),
        (["corpus=ravdess", "corpus.root=.", "+corpus.colour=red"], "colour"),
        (["corpus=ravdess", "corpus.root=.", "+corpus.limits.colour=red"], "colour"),
        (["corpus=ravdess", "corpus.root=/nowhere/at/all"], "/nowhere/at/all"),
        (["rows=many", "corpus=ravdess", "corpus.root=."], "whole number"),
        (["manifest=/nowhere"], "/nowhere"),
        (["rows=3"], r"corpus=NAME or manifest=PATH"),
    ],
)
def test_command_says_what_is_wrong(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        main(arguments)
