"""Japanese: words, accents, and everything that is not written in words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sovits_lab.text.japanese.language import Japanese
from sovits_lab.text.japanese.open_jtalk import rephrase
from sovits_lab.text.language import Language
from sovits_lab.text.multilingual import ReleasedFrontend
from sovits_lab.text.symbols import load_symbols
from sovits_lab.text.traced import Traced
from sovits_lab.types import InputError

pytest.importorskip("pyopenjtalk")
SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).resolve().parents[3] / "shared"))
GOLDEN = SHARED / "golden" / "text_ja.json"
DICTIONARY = Path(os.environ.get("OPEN_JTALK_JDIC", "/var/lib/mecab/dic/open-jtalk/naist-jdic"))


def phones(language: Language, text: str) -> str:
    return " ".join(phone for unit in language.read_piece(Traced.of(text)).units for phone in unit.phones)


def test_japanese_words_have_spans_and_accents() -> None:
    pytest.importorskip("pyopenjtalk")
    text = "値段は1,500円です。"
    heard = Japanese().read_piece(Traced.of(text))
    said = [(unit.text, text[unit.span.start : unit.span.end]) for unit in heard.units]
    assert said[0] == ("値段", "値段") and ("円", "円") in said
    joined = " ".join(phone for unit in heard.units for phone in unit.phones)
    assert "s e ] N" in joined and "hy a k u" in joined and "[" in joined
    assert "h a ] sh i" in phones(Japanese(), "箸")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("辛いラーメンを食べる。", "から"),
        ("辛い別れだった。", "辛い"),
        ("お腹がとても空いた。", "す"),
        ("席が空いた。", "あ"),
        ("箱が空だ。", "から"),
        ("空が青い。", "空"),
        ("市場で野菜を買う。", "いちば"),
        ("株式市場の動き。", "シジョー"),
        ("戸を開ける。窓が開く。", "あく"),
        ("本を開く。", "開く"),
        ("おいしい最中を食べた。", "もなか"),
        ("会議の最中に", "最中"),
        ("帽子を被る。", "かぶ"),
        ("種をまく。", "たね"),
        ("推し活が楽しい。", "おしかつ"),
    ],
)
def test_words_are_read_by_their_context(text: str, expected: str) -> None:
    assert expected in Japanese().read_piece(Traced.of(text)).normalised


def test_context_reading_keeps_the_spans_of_its_words() -> None:
    text = "お腹が空いた。"
    units = Japanese().read_piece(Traced.of(text)).units
    assert "".join(text[unit.span.start : unit.span.end] for unit in units) == text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("1,500円", "1500円"),
        ("15:30", "15時30分"),
        ("3/4", "4分の3"),
        ("12/25", "12月25日"),
        ("-5℃", "マイナス5度"),
        ("10%", "10パーセント"),
        ("03-1234-5678", "03の1234の5678"),
        ("①", "マル1"),
        ("ｶﾞｲﾄﾞ", "ガイド"),
        ("5kg", "5キログラム"),
        ("8:30-17:15", "8時30分から17時15分"),
        ("7月1日〜9日", "7月1日から9日"),
        ("300円～800円", "300円から800円"),
        ("火〜土 9時-17時", "カからド 9時から17時"),
        ("月・木に", "ゲツ,モクに"),
        ("5月3日(金)", "5月3日金曜日"),
        ("東京〜大阪", "東京から大阪"),
        ("2000円〜", "2000円から"),
        ("すごい〜", "すごいー"),
        ("4-6人", "4から6人"),
        ("3-2で勝った", "3タイ2で勝った"),
        ("４×６＝２４", "4かける6は24"),
        ("9−5=4", "9ひく5は4"),
        ("8÷2=4", "8わる2は4"),
        ("15cm×20cm", "15センチメートルかける20センチメートル"),
        ("20m²と3㎡", "20平方メートルと3平方メートル"),
        ("16:9", "16タイ9"),
        ("１２：３０", "12時30分"),
        ("5/10〜5/15", "5月10日から5月15日"),
        ("½カップ", "2分の1カップ"),
        ("2³=8", "2の3乗は8"),
        ("5人×3組", "5人かける3組"),
        ("Ⅲ章", "3章"),
        ("5>3", "5大なり3"),
        ("$2.50", "2ドル50セント"),
        ("㈱山田", "株式会社山田"),
        ("50m走", "50メートルソー"),
    ],
)
def test_japanese_signs(written: str, said: str) -> None:
    assert Japanese().read_piece(Traced.of(written)).normalised == said


def test_a_sign_between_measures_is_no_letter() -> None:
    front = ReleasedFrontend("v2")
    assert front.read("10cm×20cmの紙", "ja").language == "ja"


def test_a_folder_without_the_dictionary_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"Japanese dictionary: got .*sys\.dic"):
        Japanese(released=True, dictionary=tmp_path)


def _word(text: str, pos: str, accent: int, moras: int, rule: str = "*", group: str = "一般") -> dict[str, object]:
    named = {"string": text, "pos": pos, "pos_group1": group, "pos_group2": "*", "pos_group3": "*", "cform": "*"}
    return {**named, "acc": accent, "mora_size": moras, "chain_rule": rule, "chain_flag": -1}


def test_phrases_and_accents_of_the_original_rules() -> None:
    asked = [
        _word("日本", "名詞", 2, 3),
        _word("語", "名詞", 1, 1, "P1", "接尾"),
        _word("を", "助詞", 0, 1, "名詞%F1"),
        _word("話す", "動詞", 2, 3),
        _word("五", "名詞", 1, 1, "C3", "数"),
        _word("十", "名詞", 1, 2, "*", "数"),
    ]
    words = rephrase(asked, lambda word: None)
    assert [word["chain_flag"] for word in words[1:]] == [1, 1, 0, 0, 1]
    assert words[0]["acc"] == 4 and words[4]["acc"] == 1  # にほんご\を, ご\じゅう


@pytest.mark.skipif(not (DICTIONARY / "sys.dic").is_file(), reason=f"needs Open JTalk's dictionary in {DICTIONARY}")
def test_the_dictionary_of_open_jtalk_gives_the_released_readings() -> None:
    given = Japanese(released=True, dictionary=DICTIONARY)
    assert phones(given, "値段は1,500円です。").endswith("g o [ hy a k u ] e N d e s u .")
    assert phones(given, "2024年5月3日").startswith("n i [ s e ] N # n i ] j u u # y o ] n e N # g o ] g a ts u")


@pytest.mark.skipif(
    not (GOLDEN.is_file() and (DICTIONARY / "sys.dic").is_file()),
    reason=f"needs {GOLDEN} and Open JTalk's dictionary in {DICTIONARY}",
)
def test_stored_readings_are_equal_with_the_dictionary() -> None:
    given, symbols = Japanese(released=True, dictionary=DICTIONARY), load_symbols("v2")
    for item in json.loads(GOLDEN.read_text("utf-8"))["items"]:
        heard = [phone if phone in symbols else "UNK" for phone in phones(given, item["text"]).split()]
        assert heard == item["v2"]["phones"], item["text"]
