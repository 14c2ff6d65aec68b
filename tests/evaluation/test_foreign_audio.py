"""Audio and manifests of somebody else: every row is judged or named, and no figure comes without its judge."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.__main__ import main
from evaluation.judges.contract import WordRecogniser
from evaluation.real_speech.clips import read_corpus
from evaluation.scoring.estimates import Estimate, find_estimate
from evaluation.scoring.judge_card import JudgeCard
from evaluation.scoring.languages import guess_language
from evaluation.scoring.manifest import read_manifest
from evaluation.scoring.samples import parse_sample, read_samples
from evaluation.suite.stage import ScoreRun
from sovits_lab.reporting import Silent
from sovits_lab.types import InputError
from tests.evaluation.voices import read_items, run_folder, save, voice, write_items

NO_SPEAKER = "judge@judges.speaker=none"
PITCHFORK = "judges.speaker.judge={_target_: tests.evaluation.test_scores.Pitchfork}"


class Parrot(WordRecogniser):
    """Hears "one two" in everything, and knows English only."""

    languages = ("en",)

    def __init__(self) -> None:
        self.card = JudgeCard(name="parrot", version="1", construct="intelligibility", rate=16000)

    def transcribe(self, wavs, language: str) -> list[str]:
        return ["one two" for _ in wavs]


PARROT = "+judges.words={_target_: evaluation.intelligibility.words.WordScorer, judge: {_target_: %s}}"
PARROT %= "tests.evaluation.test_foreign_audio.Parrot"


def folder_of(root: Path, texts: dict[str, str], columns: str = "wav,text") -> Path:
    """A manifest of sounds that somebody else made: a CSV of names and texts."""
    rows = [columns]
    for name, text in texts.items():
        save(root / f"{name}.wav", voice("ann", 1.5))
        rows.append(f"{name}.wav,{text}")
    (root / "list.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return root / "list.csv"


def scored(manifest: Path, out: Path, *words: str) -> tuple[dict, list[Estimate]]:
    off = "judge@judges.words=none"
    assert main([f"manifest={manifest}", f"out={out}", off, *words]) == 0
    content = json.loads((out / "scores.json").read_text(encoding="utf-8"))
    return content, [Estimate(**one) for one in content["figures"]]


def test_no_guard_no_figure_of_one(tmp_path):
    content, figures = scored(folder_of(tmp_path, {"a": "one two", "b": "three four"}), tmp_path / "o", NO_SPEAKER)
    assert find_estimate(figures, "stopped") is None
    assert "the system's own guard" not in {one["name"] for one in content["judges"]}
    judges = {one["name"] for one in content["judges"]}
    assert not [one.name for one in figures if one.judge not in judges]


def test_a_manifest_with_flags_has_its_guard(tmp_path):
    folder = run_folder(tmp_path / "s")
    _, figures = scored(folder / "samples.jsonl", tmp_path / "o", NO_SPEAKER, "judge@judges.alignment=none")
    assert find_estimate(figures, "stopped").value == 1.0


def test_without_lengths_nothing_is_called_a_breakdown(tmp_path):
    manifest = folder_of(tmp_path, {"a": "one two", "b": "three four"})
    off = ("judge@judges.prosody=none", "judge@judges.alignment=none")
    _, figures = scored(manifest, tmp_path / "o", NO_SPEAKER, *off)
    assert find_estimate(figures, "unreported_breakdown") is None


@pytest.mark.parametrize("kind", ["missing", "unreadable", "silent", "not finite", "short"])
def test_what_cannot_be_heard_has_failed_whatever_is_measured(tmp_path, kind):
    manifest = folder_of(tmp_path, dict.fromkeys("abcd", "one two"))
    path = tmp_path / "d.wav"
    if kind == "missing":
        path.unlink()
    elif kind == "unreadable":
        path.write_bytes(b"no sound")
    else:
        wav = {"silent": np.zeros(16000), "not finite": np.full(16000, np.nan), "short": np.full(100, 0.1)}[kind]
        soundfile.write(path, wav, 16000, subtype="FLOAT")
    _, figures = scored(manifest, tmp_path / "o", NO_SPEAKER, PARROT)
    for name in ("silence", "clipping", "alignment", "aligned", "wer.lab.parrot", "wer.lab.macro.parrot"):
        found = find_estimate(figures, name)
        assert (found.n, found.missing) == (4, 1), name
        if not name.startswith("align"):  # a vowel fits no text, so it is as bad as a failed one
            assert found.value != found.observed, "the worst value is in the mean, and not in that without failed"
    whole = scored(folder_of(tmp_path / "w", dict.fromkeys("abc", "one two")), tmp_path / "p", NO_SPEAKER, PARROT)
    for name in ("silence", "alignment", "wer.lab.parrot"):
        assert find_estimate(figures, name).observed == pytest.approx(find_estimate(whole[1], name).value)


def test_a_text_without_words_is_named_and_the_rest_is_scored(tmp_path):
    manifest = folder_of(tmp_path, {"a": "one two", "dots": "...", "smile": "\N{SMILING FACE WITH OPEN MOUTH}"})
    content, figures = scored(manifest, tmp_path / "o", NO_SPEAKER, PARROT)
    found = find_estimate(figures, "alignment")
    assert (found.n, found.missing) == (1, 0)
    assert find_estimate(figures, "wer.lab.parrot").n == 1
    named = {(one["judge"], id) for one in content["left_out"] for id in one["ids"]}
    for judge in ("pocketsphinx alignment", "parrot"):
        assert {(judge, "dots"), (judge, "smile")} <= named
    page = (tmp_path / "o" / "report" / "index.html").read_text(encoding="utf-8")
    assert "dots, smile" in page


def test_a_missing_prompt_is_named_and_the_other_voices_are_judged(tmp_path):
    lines = []
    for name, speaker in (("a", "ann"), ("b", "bob")):
        save(tmp_path / "out" / f"{name}.wav", voice(speaker, 1.5))
        lines.append(f"{name}|one two|{speaker}.wav|three four")
    save(tmp_path / "ann.wav", voice("ann", 1.5, seed=7))
    (tmp_path / "meta.lst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    content, figures = scored(tmp_path / "meta.lst", tmp_path / "o", f"wavs={tmp_path / 'out'}", PITCHFORK)
    assert find_estimate(figures, "similarity").n == 1
    (reason,) = (one for one in content["left_out"] if one["judge"] == "spectrum" and one["ids"] == ["b"])
    assert "bob.wav: file is missing" in reason["reason"]


def test_prompts_of_one_base_name_are_voices_of_their_own(tmp_path):
    lines = []
    for speaker in ("ann", "bob"):
        save(tmp_path / speaker / "ref.wav", voice(speaker, 1.5, seed=7))
        save(tmp_path / "out" / f"{speaker}.wav", voice(speaker, 1.5))
        lines.append(f"{speaker}|one two|{speaker}/ref.wav|three four")
    lines.append("again|one two|./ann/../ann/ref.wav|three four")
    (tmp_path / "meta.lst").write_text("\n".join(lines) + "\n", encoding="utf-8")
    first, second, again = read_manifest(tmp_path / "meta.lst", tmp_path / "out")
    assert (first.speaker, second.speaker) == ("ann/ref.wav", "bob/ref.wav")
    assert again.speaker == first.speaker, "two ways to write one file are one voice"


def test_a_list_without_a_language_is_not_taken_for_english(tmp_path):
    save(tmp_path / "out" / "u.wav", voice("ann", 1.5))
    text = "\u4eca\u5929\u5929\u6c14\u5f88\u597d"
    (tmp_path / "meta.lst").write_text(f"u|{text}|u.wav|{text}\n", encoding="utf-8")
    content, figures = scored(tmp_path / "meta.lst", tmp_path / "o", f"wavs={tmp_path / 'out'}", NO_SPEAKER, PARROT)
    for name in ("alignment", "aligned"):
        found = find_estimate(figures, name)
        assert (found.value, found.n) == (None, 0)
    assert "does not know the language zh" in find_estimate(figures, "alignment").reason
    assert any("language zh" in one["reason"] and one["judge"] == "parrot" for one in content["left_out"])


def test_the_language_key_is_for_rows_without_one(tmp_path):
    manifest = folder_of(tmp_path, {"a": "guten Tag,de", "b": "one two,"}, "wav,text,language")
    assert [one.language for one in read_manifest(manifest, language="fr")] == ["de", "fr"]
    _, figures = scored(manifest, tmp_path / "o", NO_SPEAKER, "language=fr")
    assert find_estimate(figures, "alignment").value is None


@pytest.mark.parametrize(
    ("text", "language"),
    [("one two", ""), ("...", ""), ("\u4eca\u5929 ok", "zh"), ("\u4eca\u65e5\u306f", "ja"), ("\uc548\ub155", "ko"),
     ("\u043f\u0440\u0438\u0432\u0435\u0442", "und"), ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", "th")],
)  # fmt: skip
def test_letters_tell_a_language_or_leave_it_open(text, language):
    assert guess_language(text) == language


def test_a_low_sampling_rate_is_noted_on_the_page(tmp_path):
    manifest = folder_of(tmp_path, {"a": "one two", "b": "three four"})
    soundfile.write(tmp_path / "b.wav", voice("ann", 1.5)[::2], 8000)
    content, _ = scored(manifest, tmp_path / "o", NO_SPEAKER, "judge@judges.alignment=none")
    (note,) = (one for one in content["notes"] if "8000 Hz" in one)
    assert "1 of 2 outputs" in note and note.endswith("b.")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "wav,text\na.wav,\u4f60\u597d\n".encode("gbk"), r"a\.csv, line 2: .*UTF-8"),
        ("a.lst", "u|p|p.wav|hi\nu2|p|p.wav|\u4f60\n".encode("gbk"), r"a\.lst, line 2: .*UTF-8"),
        ("a.jsonl", b'{"wav": "a.wav", "text": "\xc4\xe3"}\n', r"a\.jsonl, line 1: .*UTF-8"),
        ("a.csv", b"id,text\na,hello\n", "no field wav in any row.*wavs=FOLDER"),
        ("a.jsonl", b'{"id": "a", "text": "hello"}\n', "no field wav in any row"),
    ],
)
def test_what_cannot_be_read_is_named_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    wavs = tmp_path if name.endswith("lst") else None
    with pytest.raises(InputError, match=message):
        read_manifest(tmp_path / name, wavs)


def test_byte_order_marks_and_separators_inside_texts_are_read(tmp_path):
    text = "one\u2028two\x85three\x0bfour"
    for name in ("a.jsonl", "samples.jsonl"):
        line = json.dumps({"id": "u", "wav": "u.wav", "text": text, "speaker": "x"}, ensure_ascii=False)
        (tmp_path / name).write_text("\ufeff" + line + "\n", encoding="utf-8")
    (tmp_path / "a.lst").write_text(f"\ufeffu|p|p.wav|{text}\n", encoding="utf-8")
    assert [one.text for one in read_manifest(tmp_path / "a.jsonl")] == [text]
    assert [one.text for one in read_samples(tmp_path / "samples.jsonl")] == [text]
    assert [(one.id, one.text) for one in read_manifest(tmp_path / "a.lst", tmp_path)] == [("u", text)]


@pytest.mark.parametrize(
    ("key", "value"),
    [("wav", 5), ("wav", ["a"]), ("seed", "x"), ("seed", 1.5), ("flags", 5), ("flags", [1]), ("emotion", []),
     ("truth", "a\0b"), ("strength", float("nan")), ("strength", True), ("phones", {"a": 1}), ("audio_seconds", "long"),
     ("language", 3)],
)  # fmt: skip
def test_wrong_types_are_refused_by_row(tmp_path, key, value):
    record = {"id": "a", "text": "hello", "speaker": "ann", "wav": "a.wav", key: value}
    with pytest.raises(InputError, match=rf"list, line 3, field {key}: got "):
        parse_sample(record, tmp_path, "list, line 3")


@pytest.mark.parametrize("name", ["../x", "a/b", "..", "a\\b"])
def test_an_id_that_becomes_a_file_name_is_one(tmp_path, name):
    (tmp_path / "a.lst").write_text(f"{name}|p|p.wav|hello\n", encoding="utf-8")
    with pytest.raises(InputError, match="line 1, field id"):
        read_manifest(tmp_path / "a.lst", tmp_path)


def test_lost_outputs_of_a_run_are_an_error_that_counts_them(tmp_path):
    folder = run_folder(tmp_path / "s")
    items = read_items(folder)
    items[0].update(wav=None, flags=["runaway"])
    write_items(folder, items)
    for item in items[1:]:
        (folder / item["wav"]).unlink()
    with pytest.raises(InputError, match="31 of 31 output files are missing"):
        ScoreRun().run({"samples": folder}, tmp_path, Silent())
    assert main([f"run={folder}", f"out={tmp_path / 'o'}", NO_SPEAKER]) == 2


def test_one_lost_output_of_a_run_is_an_error_of_its_stage(tmp_path):
    folder = run_folder(tmp_path / "s")
    (folder / read_items(folder)[4]["wav"]).unlink()
    with pytest.raises(InputError, match=r"1 of 32 output files are missing, the first is .*ann2_neutral"):
        ScoreRun().run({"samples": folder}, tmp_path, Silent())


@pytest.mark.parametrize(
    ("kind", "source"), [("command", "touch {trace}"), ("url", "pipe:touch {trace}"), ("file", "pipe:touch {trace}"),
                         ("url", "https://example.org/a.wav")],
)  # fmt: skip
def test_real_recordings_of_a_manifest_are_files(tmp_path, kind, source):
    cut = {
        "recording": {"sources": [{"type": kind, "source": source.format(trace=tmp_path / "trace")}]},
        "supervisions": [{"speaker": "ann", "text": "one", "custom": {"emotion": "sad"}}],
    }
    (tmp_path / "cuts.jsonl.gz").write_bytes(gzip.compress(json.dumps(cut).encode() + b"\n"))
    with pytest.raises(InputError, match=r"line 1, source of the recording.*expected a file"):
        read_corpus(tmp_path)
    assert not (tmp_path / "trace").exists()
