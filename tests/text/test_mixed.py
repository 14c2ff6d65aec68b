"""Mixed text: who reads which stretch, and nothing is lost beside a stranger."""

from __future__ import annotations

import pytest

from sovits_lab.text.frontend import MultilingualFrontend, ReleasedFrontend
from sovits_lab.text.given import Given, read_lexicon
from sovits_lab.text.language import LANGUAGES
from sovits_lab.text.reading import Span
from sovits_lab.text.segment import segment
from sovits_lab.types import InputError


def pieces(text: str, language: str | None = None) -> str:
    return "|".join(f"{p.language}:{text[p.start : p.end].strip()}" for p in segment(text, LANGUAGES, language))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我用Python写了一个demo。", "zh:我用|en:Python|zh:写了一个|en:demo。"),
        ("Hello你好，こんにちは世界。", "en:Hello|zh:你好，|ja:こんにちは世界。"),
        ("ねえ、知ってる？最近、僕は天文学を勉強してるんだ。", "ja:ねえ、知ってる？最近、僕は天文学を勉強してるんだ。"),
        ("안녕하세요 你好 hello", "ko:안녕하세요|zh:你好|en:hello"),
        ("价格是100元，about 14 dollars。", "zh:价格是100元，|en:about 14 dollars。"),
        ("气温在-3℃到12℃之间", "zh:气温在-3℃到12℃之间"),
        ("速度120km/h，2.4GHz", "zh:速度120km/h，2.4GHz"),
        ("x+y=10，对吧", "zh:x+y=10，对吧"),
        ("邮箱是a_b@mail.com。", "zh:邮箱是|en:a_b@mail.com。"),
        ("NHKのニュース", "ja:NHKのニュース"),
        ("佢喺香港返工。", "yue:佢喺香港返工。"),
        ("12345", "zh:12345"),
        ("午後3時半。", "ja:午後3時半。"),
        ("XBB.1.5很常见", "zh:XBB.1.5很常见"),
        ("速度2MB/s，慢", "zh:速度2MB/s，慢"),
        ("卡尔・马克思写的", "zh:卡尔・马克思写的"),
        ("김치・불고기", "ko:김치・불고기"),
        ("アン・ハサウェイ", "ja:アン・ハサウェイ"),
        ("東京・コーヒーの店", "ja:東京・コーヒーの店"),
    ],
)
def test_script_first(text: str, expected: str) -> None:
    assert pieces(text) == expected


def test_the_caller_decides_what_han_characters_are() -> None:
    assert pieces("東京大学", "ja") == "ja:東京大学" and pieces("東京大学", "zh") == "zh:東京大学"
    assert pieces("你好 hello", "yue") == "yue:你好|en:hello"


def test_pieces_are_the_whole_text() -> None:
    text = " （我）iPhone 15、KBS 뉴스!! こんにちは\n"
    assert "".join(text[p.start : p.end] for p in segment(text, LANGUAGES)) == text


def test_strangers_never_silence_their_neighbours() -> None:
    reading = MultilingualFrontend().read("请看😀https://a.com/x_y谢谢Привет你好")
    read = {text for unit in reading.units for text in [reading.text[unit.span.start : unit.span.end]]}
    assert {"请", "看", "谢", "你", "好"} <= read
    reasons = {skip.reason for skip in reading.skipped}
    assert reasons == {"symbol or emoji that is not spoken", "letter that this language does not read"}


def test_phones_by_hand_are_obeyed() -> None:
    front = MultilingualFrontend()
    reading = front.read("银行", given=[Given(Span(1, 2), "zh", ("x", "ing2"))])
    assert reading.phones == ("y", "in2", "x", "ing2")
    part = front.read("hello", given=[Given(Span(0, 2), "en", ("HH", "EH1"))])
    assert part.phones[:2] == ("HH", "EH1") and len(part.phones) > 2


def test_a_user_lexicon_wins_and_its_mistakes_have_a_line(tmp_path) -> None:  # type: ignore[no-untyped-def]
    good = tmp_path / "words.tsv"
    good.write_text("# mine\n行长\tzh\tx ing2 zh ang3\nGenshin\ten\tG EH1 N SH IH0 N\n", "utf-8")
    front = MultilingualFrontend(lexicon=good)
    assert front.read("genshin的行长").phones[:6] == ("G", "EH1", "N", "SH", "IH0", "N")
    assert "ing2" in front.read("行长").phones
    bad = tmp_path / "bad.tsv"
    bad.write_text("行长\tzh\tqq9\n", "utf-8")
    with pytest.raises(InputError, match=r"bad.tsv line 1: phones for zh: got 'qq9'"):
        read_lexicon(bad, front.symbols)
    bad.write_text("行长\tzn\ta\n", "utf-8")
    with pytest.raises(InputError, match=r"bad.tsv line 1: language of phones: got 'zn'"):
        read_lexicon(bad, front.symbols)
    bad.write_bytes("行长\tzh\thang2 zhang3\n".encode("gbk"))
    with pytest.raises(InputError, match=r"bad.tsv, line 1: got byte 0x.., expected text in UTF-8"):
        read_lexicon(bad, front.symbols)


def test_a_lexicon_with_a_byte_order_mark_or_other_separators_is_read(tmp_path) -> None:  # type: ignore[no-untyped-def]
    words = tmp_path / "words.tsv"
    words.write_bytes("\ufeffGenshin\ten\tG EH1 N\r\nIm\u2028pact\ten\tP AE1 K T\n".encode())
    found = read_lexicon(words, MultilingualFrontend().symbols)
    assert [entry.word for entry in found] == ["Genshin", "Im\u2028pact"]


def test_released_front_end_and_tables() -> None:
    released = ReleasedFrontend("v1").read("こんにちは、世界。", language="ja")
    assert "UNK" in released.phones and all(phone in ReleasedFrontend("v1").symbols for phone in released.phones)
    compact = MultilingualFrontend(table="multilingual").read("私は行きます。我喜欢 tea。")
    assert "#" in compact.phones and "UNK" not in compact.phones
    with pytest.raises(InputError, match="symbol table: got 'v9'"):
        MultilingualFrontend(table="v9")
    short = ReleasedFrontend("v2").read("好")
    assert short.phones == (".", "h", "ao3")
