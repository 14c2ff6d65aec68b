"""Each kind of bad row is named; a corpus without a usable row is refused with the list; the command's exit status."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from sovits_lab.corpora.command import main
from sovits_lab.corpora.doctor import ClipLimits, Diagnosis, Problem, check, check_cuts
from sovits_lab.corpora.gpt_sovits_list import GptSovitsList
from sovits_lab.corpora.manifest import Header, Phone, Record, cut, phones_of, read_cuts, write_cuts
from sovits_lab.corpora.texts import TextJudge
from sovits_lab.preparation.features import BuildFeatures
from sovits_lab.reporting import Silent
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.types import InputError
from tests.corpora.corpora import RATE, Quiet, recording

LIMITS = ClipLimits(min_seconds=0.3, max_seconds=2.0)


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
    soundfile.write(tmp_path / "stereo.wav", np.tile(0.1 * np.sin(np.arange(RATE)[:, None] / 9), 2), RATE)
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
    phones = (Phone("h", 0.1, 0.2), Phone("aI", 0.3, 0.1))
    record = Record("a", Path("audio/a.wav"), "hi", "anna", "en", "sad", 0.5, "s1", {"take": "02"}, phones=phones)
    cuts = [cut(record, Header(RATE, 9600), "train", "emotional")]
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


def speech(path: Path, before: float = 0.0, seconds: float = 1.5, after: float = 0.0) -> Path:
    """A tone with silence around it."""
    tone = 0.3 * np.sin(np.arange(round(seconds * RATE)) / 9)
    soundfile.write(path, np.concatenate([np.zeros(round(before * RATE)), tone, np.zeros(round(after * RATE))]), RATE)
    return path


WORDS = "The quick brown fox jumps."
BAD_TEXTS = [
    ("emoji", "😀 🎉", "en", "no words"), ("dots", "... !", "en", "no words"), ("auto", WORDS, "auto", "'auto'"),
    ("region", WORDS, "xx-us", "'xx'"), ("unknown", WORDS, "xx", "'xx'"), ("none", WORDS, "", "language"),
    ("unread", f"{WORDS} ภาษาไทย", "en", "is not read"),
]  # fmt: skip


def test_doctor_and_features_leave_out_the_same_rows(tmp_path: Path) -> None:
    """By one front end and one judgement of text and length."""
    good = speech(tmp_path / "good.wav")
    lines = [f"{good.name}|anna|en|{WORDS}"]
    for name, text, language, _ in BAD_TEXTS:
        speech(tmp_path / f"{name}.wav")
        lines.append(f"{name}.wav|anna|{language or 'none'}|{text}")
    speech(tmp_path / "long.wav", seconds=8)
    speech(tmp_path / "fast.wav", seconds=0.7)
    lines += ["long.wav|anna|en|No.", f"fast.wav|anna|en|{WORDS} {WORDS} {WORDS}"]
    (tmp_path / "my.list").write_text("\n".join(lines), encoding="utf-8")
    corpus = GptSovitsList(str(tmp_path / "my.list"))
    frontend = MultilingualFrontend("multilingual")
    diagnosis = corpus.diagnose(Quiet(), TextJudge(frontend))
    left_out = {problem.row for problem in diagnosis.problems}
    assert {problem.reason for problem in diagnosis.problems} == {"unreadable text", "text and length"}
    assert [sound.record.id for sound in diagnosis.usable] == ["anna-good"]
    for name, _, language, words in BAD_TEXTS:
        (why,) = [problem.detail for problem in diagnosis.problems if problem.row == f"anna-{name}"]
        assert words in why or not language
    for name in ("corpus", "features"):
        (tmp_path / name).mkdir()
    corpus.run({}, tmp_path / "corpus", Quiet())
    node = {"_target_": "sovits_lab.text.frontend.MultilingualFrontend", "table": "multilingual"}
    said = Said()
    audio = {"_target_": "sovits_lab.audio.spec.AudioSpec"}
    BuildFeatures(audio, node).run({"corpus": tmp_path / "corpus"}, tmp_path / "features", said)
    table = (tmp_path / "features" / "left_out.tsv").read_text(encoding="utf-8").splitlines()[1:]
    assert {line.split("\t")[0] for line in table} == left_out
    assert said.lines[-1].startswith("features of 1 of 10 utterances; left out and listed in left_out.tsv: ")
    assert "7 unreadable text, 2 text and length" in said.lines[-1]


class Said(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)


def test_silence_around_speech_and_recordings_cut_short(tmp_path: Path) -> None:
    times = {"fine": (1, 1.5, 1), "before": (10, 1.5, 0), "after": (0.2, 1.5, 10), "both": (5, 1.5, 5)}
    times["blip"] = (1, 0.05, 1)
    rows = [row(speech(tmp_path / f"{name}.wav", *each)) for name, each in times.items()]
    cut_short = speech(tmp_path / "half.wav")
    cut_short.write_bytes(cut_short.read_bytes()[: cut_short.stat().st_size // 2])
    flac = tmp_path / "half.flac"
    soundfile.write(flac, np.random.default_rng(0).normal(0, 0.1, RATE), RATE)
    flac.write_bytes(flac.read_bytes()[: flac.stat().st_size // 2])
    found = reasons(check([*rows, row(cut_short, id="half"), row(flac, id="half2")], ClipLimits(), Quiet()))
    assert found == {
        "silence around speech": ["before", "after", "both"], "unreadable": ["half", "half2"], "too short": ["blip"],
    }  # fmt: skip


def test_a_wav_of_unknown_length_is_no_wav_cut_short(tmp_path: Path) -> None:
    path = speech(tmp_path / "streamed.wav")
    data = bytearray(path.read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert reasons(check([row(path)], ClipLimits(), Quiet())) == {}


def test_several_channels_are_allowed_by_the_limits(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "stereo.wav", np.tile(0.1 * np.sin(np.arange(RATE)[:, None] / 9), 2), RATE)
    (problem,) = check([row(tmp_path / "stereo.wav")], ClipLimits(), Quiet()).problems
    assert "corpus.limits.channels=2" in problem.detail
    assert check([row(tmp_path / "stereo.wav")], ClipLimits(channels=2), Quiet()).problems == []


def test_names_that_a_terminal_or_a_spreadsheet_would_obey(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = tmp_path / "bad.tsv"
    listed = tmp_path / "my.list"
    listed.write_text(
        "=cmd()|anna|en|text\n=1+1\n\x1b]0;owned\x07.wav|an\x1b[31mna|en|text\x1b[2J\n@sum\n", encoding="utf-8"
    )
    assert main(["corpus=gpt_sovits_list", f"corpus.root={listed}", f"table={trace}"]) == 1
    assert "\x1b" not in capsys.readouterr().out
    table = trace.read_text()
    assert "\x1b" not in table
    assert not any(cell.startswith(("=", "+", "@", "-")) for line in table.splitlines() for cell in line.split("\t"))
    Diagnosis([], [Problem("=cmd()", "+x", "@y\n=z")], 1).write(trace)
    assert trace.read_text().splitlines()[1] == "'=cmd()\t'+x\t'@y =z"
    with pytest.raises(InputError) as caught:
        GptSovitsList(str(tmp_path / "no\x1b[31mlist")).diagnose(Quiet())
    assert "\x1b" not in str(caught.value)


def test_a_link_in_the_place_of_a_table_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("precious")
    for name in ("bad.tsv", f".bad.tsv.{os.getpid()}.partial"):
        (tmp_path / name).symlink_to(kept)
    Diagnosis([], [], 0).write(tmp_path / "bad.tsv")
    assert kept.read_text() == "precious" and not (tmp_path / "bad.tsv").is_symlink()


@pytest.mark.parametrize(
    "limits", ["min_seconds=-1", "max_seconds=0.1", "sample_rate=-5", "channels=0", "speakers_apart=5", "max_seconds=x"]
)
def test_limits_out_of_range_are_refused(limits: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.limits\."):
        main(["corpus=gpt_sovits_list", f"corpus.root={tmp_path}", f"corpus.limits.{limits}"])


def test_speakers_apart_as_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"{recording(tmp_path / f'{n}.wav', seconds=0.7).name}|anna|en|Text number {n}.\n" for n in range(6)]
    (tmp_path / "my.list").write_text("".join(lines))
    arguments = ["corpus=gpt_sovits_list", f"corpus.root={tmp_path / 'my.list'}"]
    assert main(arguments) == 0
    assert main([*arguments, "corpus.limits.speakers_apart=true"]) == 1
    assert "speaker in two places" in capsys.readouterr().out


def test_a_target_that_is_refused_is_one_plain_line(tmp_path: Path) -> None:
    words = ["corpus=gpt_sovits_list", f"corpus.root={tmp_path}/my.list", "corpus._target_=os.system"]
    with pytest.raises(InputError, match=r"^doctor: Target 'os\.system' is blocklisted because it allows config data"):
        main(words)
