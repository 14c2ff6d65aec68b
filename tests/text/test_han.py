"""Which language Han characters are in: kana and usage decide, the script alone does not."""

from __future__ import annotations

import pytest

from sovits_lab.text.language import LANGUAGES
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.text.segment import segment
from sovits_lab.types import InputError

JAPANESE = """
都合がいい日を教えて。 他社の製品と比べる。 着々と進んでいる。 没になった企画。 我に返った。
才女と呼ばれている。 了承を得ました。 就任式に出席する。 是非見てください。
本日、休業いたします。 学生時代、野球部だった。 這って進む。 齋藤さんと渡邊さん。 憂鬱な朝だ。
剝がれたシール。 本日の営業は終了しました。 東京駅 那覇空港に着いた。 彼は「東京」と書いた。
令和六年四月一日施行。 今日は特別です。 サイズ別に分ける。 送料は別料金です。 別れた人。 別の店に行く。
ポイント還元セール。 お金を返還する。 生還した人。 還暦祝いです。
"""
CANTONESE = """
佢成晚都冇瞓過。 呢間舖頭賣咩㗎？ 今晚去邊食飯？ 你阿哥做邊行㗎？ 點去尖沙咀最快？ 聽日見。
我想飲水。 大家食多啲啦。 你飲茶定飲咖啡？搭地鐵好方便。 電梯壞咗，行樓梯啦。 落雨收衫喇。
你講真定講笑呀？ 隻貓匿喺床下底。 邊個打電話嚟？ 今日係星期三。 我哋听日去边度玩？
"""
MANDARIN = """
我明天要去台北開會。 這班捷運會停靠台北車站。 那邊個人是誰？ 他關係到公司的未來。 三點去接小孩。
早點休息。 食物中毒的原因尚未查明。 飲水機壞了。 好嘞，这就来。 他才三岁就会写字。
唔，让我想想。 学校太嘈杂了。 着急也没用。 晒太阳对身体好。 东京大学很有名。
歡迎光臨，請問幾位？ 体育馆旁边有一家咖啡店。 日本国会通过法案。 天气晴。 列車因為信號故障
大阪好玩。 別再說了。
"""


def languages(text: str, language: str | None = None, own: str | None = None) -> set[str]:
    return {piece.language for piece in segment(text, LANGUAGES, language, own)}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (text, language)
        for texts, language in ((JAPANESE, "ja"), (CANTONESE, "yue"), (MANDARIN, "zh"))
        for text in texts.split()
    ],
)
def test_a_sentence_shows_its_language(text: str, language: str) -> None:
    assert languages(text) == {language}


def test_a_clause_without_evidence_is_what_its_neighbours_are() -> None:
    assert languages("山本部長、会議室です。") == {"ja"} and languages("山本部長") == {"zh"}
    assert languages("今日天氣好。你食咗飯未？") == {"yue"}
    assert languages("這是今天的報紙。你食咗飯未？") == {"zh", "yue"}


def test_japanese_words_inside_chinese_leave_it_chinese() -> None:
    text = "我喜欢吃お好み焼き和拉面"
    found = [(p.language, text[p.start : p.end]) for p in segment(text, LANGUAGES)]
    assert found == [("zh", "我喜欢吃"), ("ja", "お好み焼き"), ("zh", "和拉面")]


def test_what_shows_no_language_is_in_that_of_the_voice() -> None:
    text = "列車因為信號故障"
    assert languages(f"港鐵{text}") == {"yue"}  # a name of Hong Kong
    assert languages(text, own="yue") == {"yue"} and languages(text, own="ja") == {"zh"}
    assert languages("山本部長", own="ja") == {"ja"} and languages("山本部長", "zh", own="ja") == {"zh"}
    assert MultilingualFrontend(own="yue").read("三月").language == "yue"
    with pytest.raises(InputError, match="language: got 'xx'"):
        MultilingualFrontend(own="xx")


def test_a_repeated_character_is_read_in_every_language() -> None:
    assert MultilingualFrontend().read("人々", "zh").unread == ""
    assert MultilingualFrontend().read("佐々木").language == "ja"
