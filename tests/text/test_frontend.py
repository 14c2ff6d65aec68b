"""The contract of front ends."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from sovits_lab.text.frontend import EnglishFrontend, load_frontend, require_speech
from sovits_lab.text.given import Given
from sovits_lab.text.reading import Span
from sovits_lab.text.symbols import SymbolTable, load_symbols
from sovits_lab.types import InputError


def test_english_reads_words_and_pauses() -> None:
    reading = EnglishFrontend().read("Hello, world!")
    assert reading.phones == ("HH", "AH0", "L", "OW1", ",", "W", "ER1", "L", "D", "!")
    assert reading.spans[0] == (0, 5) and reading.spans[-1] == (12, 13)
    assert sum(reading.counts) == len(reading.phones)
    front = load_frontend("english")
    assert front.symbols.phones(front.symbols.ids(reading.phones)) == list(reading.phones)


def test_out_of_vocabulary_words_have_phones() -> None:
    reading = EnglishFrontend().read("zorblax")
    assert len(reading.phones) > 3 and all(phone in EnglishFrontend().symbols for phone in reading.phones)


@pytest.mark.parametrize("text", ["", "   ", "...!?", "\x00"])
def test_nothing_to_say_is_stated(text: str) -> None:
    reading = EnglishFrontend().read(text)
    assert reading.is_silent
    with pytest.raises(InputError, match="at least one letter"):
        require_speech(reading)


def test_wrong_input_is_named() -> None:
    with pytest.raises(InputError, match="language: got 'xx', expected one of en"):
        EnglishFrontend().read("hello", language="xx")
    with pytest.raises(InputError, match="position 2"):
        EnglishFrontend().read("ab\ud800")
    with pytest.raises(InputError, match="front end: got 'klingon'"):
        load_frontend("klingon")


def test_symbol_table_round_trip_and_refusal() -> None:
    table = load_symbols("v2")
    assert len(table) == 732 and len(load_symbols("v1")) == 322
    assert SymbolTable.from_json(table.to_json()) == table
    with pytest.raises(InputError, match="phone: got 'QQ'"):
        table.ids(["a1", "QQ"])
    with pytest.raises(InputError, match="pad symbol"):
        SymbolTable(("a", "b"))


def test_importing_and_constructing_load_nothing_heavy() -> None:
    code = (
        "import sys; from sovits_lab.text.frontend import FRONTENDS, load_frontend; "
        "[load_frontend(name) for name in FRONTENDS]; "
        "heavy = {'torch', 'jieba', 'pypinyin', 'pyopenjtalk', 'ToJyutping', 'wordsegment', 'transformers', 'nltk'}; "
        "print(sorted(heavy & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


@pytest.mark.parametrize("text", ["a" * 100_000, "1 " * 10_000, "." * 100_000, "中" * 100_000])
def test_a_hundred_kilobytes_never_hang(text: str) -> None:
    started = time.perf_counter()
    load_frontend("multilingual").read(text)
    assert time.perf_counter() - started < 60


def test_too_long_a_text_is_named() -> None:
    with pytest.raises(InputError, match="200001 characters"):
        load_frontend("english").read("a" * 200_001)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    from sovits_lab.text import packages

    monkeypatch.setattr(packages, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"package pyopenjtalk is missing; install it with: pip install 'sovits-lab\[ja\]'"
    ):
        packages.require("pyopenjtalk", "ja")


@pytest.mark.parametrize("name", ["english", "espeak"])
def test_letters_of_other_scripts_are_left_out_and_told(name: str) -> None:
    frontend = load_frontend(name)
    hello, mixed = frontend.read("hello"), frontend.read("你好 hello")
    assert mixed.phones == hello.phones and (hello.unread, mixed.unread) == ("", "你好")
    assert mixed.skipped[0] == (Span(0, 2), "letter that this language does not read")
    assert frontend.read("привет").is_silent
    assert frontend.read("π and café, x² or ½: 3 € 👍").unread == ""


@pytest.mark.parametrize("name", ["english", "espeak"])
@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("Guten Morgen, wie geht es Ihnen?", "looks like German"),
        ("Je ne sais pas.", "looks like French"),
        ("El perro está en la casa.", "looks like Spanish"),
        ("Nie wiem, gdzie jest dworzec.", "looks like Polish"),
        ("Dzień dobry, jak się masz?", "looks like Polish"),
        ("Saya tidak tahu di mana stasiun itu.", "looks like Indonesian"),
        ("Tôi không biết nhà ga ở đâu.", "in no English dictionary"),
        ("Watashi wa eki ga doko ni aru ka shirimasen.", "looks like Japanese"),
        ("Wo bu zhidao chezhan zai nar.", "in no English dictionary"),
        ("Привет, мир!", "Приветмир: not spoken"),
        ("你好 hello", "你好: not spoken"),
    ],
)
def test_another_language_is_flagged(name: str, text: str, note: str) -> None:
    assert note in "; ".join(load_frontend(name).read(text).notes)


@pytest.mark.parametrize(
    "text",
    [
        "Was it on the desk or in the den? No.",
        "Die hard is a movie.",
        "La La Land is on.",
        "Tokyo, Osaka, Kyoto, Nagoya and Sapporo.",
        "Wikipedia, YouTube and TikTok banned spammers.",
        "'Twas brillig, and the slithy toves did gyre in the wabe.",
        "He ate a croissant at the café.",
        "",
    ],
)
def test_english_is_not_flagged(text: str) -> None:
    assert load_frontend("english").read(text).notes == ()


def test_a_front_end_of_five_languages_flags_a_sixth() -> None:
    frontend = load_frontend("multilingual")
    assert "looks like French" in "; ".join(frontend.read("Je ne sais pas où elle est.").notes)
    assert "no English" in "; ".join(frontend.read("Tôi không biết nhà ga ở đâu.").notes)
    assert not any("English" in note for note in frontend.read("这个bug我昨天就fix了，你pull一下。").notes)


def test_english_takes_phones_by_hand_and_a_lexicon(tmp_path: Path) -> None:
    lexicon = tmp_path / "words.tsv"
    lexicon.write_text("Genshin\ten\tG EH1 N SH IH0 N\n", "utf-8")
    front = EnglishFrontend(lexicon)
    reading = front.read("Genshin, do it", given=[Given(Span(12, 14), "en", ("T",))])
    assert reading.phones == ("G", "EH1", "N", "SH", "IH0", "N", ",", "D", "UW1", "T")
    assert front.read("tonight", given=[Given(Span(0, 2), "en", ("B",))]).phones == ("B", "N", "AY1", "T")
