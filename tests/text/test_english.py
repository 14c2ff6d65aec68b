"""English: numbers, dates, money, acronyms, homographs, words outside the dictionary."""

from __future__ import annotations

import pytest

from sovits_lab.text.english import rules
from sovits_lab.text.english.language import English
from sovits_lab.text.english.numbers import cardinal, ordinal, year
from sovits_lab.text.traced import Traced

WORDS = {
    "on 12/25/2023": "on December twenty-fifth, twenty twenty-three",
    "at 3:30 PM": "at three thirty P M",
    "at 10:00": "at ten o'clock",
    "costs $5.99 or €10": "costs five dollars and ninety-nine cents or ten euros",
    "$2.5 million": "two point five million dollars",
    "1,234,567 people": "one million two hundred thirty-four thousand five hundred sixty-seven people",
    "in the 1990s": "in the nineteen nineties",
    "call 555-1234": "call five five five, one two three four",
    "5kg and 60 km/h": "five kilograms and sixty kilometers per hour",
    "1 km": "one kilometer",
    "3/4 cup": "three quarters of a cup",
    "Dr. Smith, 5 Main St.": "Doctor Smith, five Main Street.",
    "St. John": "Saint John",
    "john.doe@mail.com": "john dot doe at mail dot com",
    "https://www.a.org/b_c": "W W W dot A dot org slash B underscore C",
    "snake_case": "snake case",
    "Henry VIII": "Henry the eighth",
    "Chapter IV": "Chapter four",
    "10-12 apples": "ten to twelve apples",
    "2019-2021": "twenty nineteen to twenty twenty-one",
    "-5 degrees": "minus five degrees",
    "v1.2.3": "v one point two point three",
    "the U.S. Army": "the U S Army",
    "Café": "Cafe",
    "007": "zero zero seven",
    "x = y + 2": "x equals y plus two",
    "1:30:45": "one thirty and forty-five seconds",
    "on 3 Jan 2020": "on the third of January twenty twenty",
    "5'10\" tall": "five foot ten tall",
    "24/7": "twenty-four seven",
    "C# and x²": "C sharp and x squared",
}


@pytest.mark.parametrize(("written", "said"), WORDS.items())
def test_written_to_said(written: str, said: str) -> None:
    assert rules.normalise(Traced.of(written)).text.strip() == said


def test_number_words() -> None:
    assert cardinal(1234) == "one thousand two hundred thirty-four"
    assert ordinal(21) == "twenty-first" and ordinal(12) == "twelfth" and ordinal(30) == "thirtieth"
    assert year(1905) == "nineteen oh five" and year(2005) == "two thousand five" and year(1900) == "nineteen hundred"


@pytest.fixture(scope="module")
def english() -> English:
    return English()


def phones(english: English, text: str) -> str:
    return " ".join(phone for unit in english.hear(Traced.of(text)).units for phone in unit.phones)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I read a book yesterday", "AY1 R EH1 D AH0 B UH1 K Y EH1 S T ER0 D EY2"),
        ("I will read", "AY1 W IH1 L R IY1 D"),
        ("to record a record", "T UW1 R IH0 K AO1 R D AH0 R EH1 K ER0 D"),
        ("we live here", "W IY1 L IH1 V HH IY1 R"),
        ("a live show", "AH0 L AY1 V SH OW1"),
        ("the wind", "DH AH0 W IH1 N D"),
        ("tears in her eyes", "T IH1 R Z IH0 N HH ER1 AY1 Z"),
        ("live music", "L AY1 V M Y UW1 Z IH0 K"),
        ("COVID", "K OW1 V IH0 D"),
        ("I used to object", "AY1 Y UW1 S T T UW1 AH0 B JH EH1 K T"),
        ("the apple", "DH IY0 AE1 P AH0 L"),
        ("NASA", "N AE1 S AH0"),
        ("FBI", "EH1 F B IY1 AY1"),
        ("the US", "DH AH0 Y UW1 EH1 S"),
        ("OpenAI's", "OW1 P AH0 N EY1 AY1 Z"),
        ("XMPP", "EH1 K S EH1 M P IY1 P IY1"),
        ("shouldn't've", "SH UH1 D AH0 N T AH0 V"),
        ("A cat", "AH0 K AE1 T"),
    ],
)
def test_words_to_phones(english: English, text: str, expected: str) -> None:
    assert phones(english, text) == expected


def test_shouting_is_not_an_acronym(english: English) -> None:
    assert phones(english, "THIS IS US") == "DH IH1 S IH1 Z AH1 S"


def test_a_word_nobody_knows_is_spelled_by_the_network(english: English) -> None:
    assert phones(english, "zorblaxian").startswith("Z ")
