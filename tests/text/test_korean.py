"""Korean: the standard pronunciation across syllables, words and numbers."""

from __future__ import annotations

import pytest

from sovits_lab.text.korean import joints, rules
from sovits_lab.text.korean.language import Korean, ReleasedKorean
from sovits_lab.text.korean.numbers import native, sino
from sovits_lab.text.korean.sounds import CODAS, ONSETS, VOWELS
from sovits_lab.text.language import Language
from sovits_lab.text.traced import Traced


def phones(language: Language, text: str) -> str:
    return " ".join(phone for unit in language.read_piece(Traced.of(text)).units for phone in unit.phones)


def said(text: str) -> str:
    """A text in Hangul as it is pronounced."""
    traced = Traced.of(text)
    normalised = rules.normalise(traced)
    digits = frozenset(place for place, char in enumerate(text) if char.isdigit())
    sounds = Korean().sounds(normalised, digits)
    composed = (
        chr(0xAC00 + 588 * ONSETS.index(s.onset) + 28 * VOWELS.index(s.vowel) + CODAS.index(s.coda)) if s else c
        for s, c in zip(sounds, normalised.text, strict=True)
    )
    return "".join(composed)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("굳이", "ㄱ ㅜ ㅈ ㅣ"),
        ("같이", "ㄱ ㅏ ㅊ ㅣ"),
        ("좋고", "ㅈ ㅗ ㅋ ㅗ"),
        ("많다", "ㅁ ㅏ ㄴ ㅌ ㅏ"),
        ("국물", "ㄱ ㅜ ㅇ ㅁ ㅜ ㄹ"),
        ("독립", "ㄷ ㅗ ㅇ ㄴ ㅣ ㅂ"),
        ("신라", "ㅅ ㅣ ㄹ ㄹ ㅏ"),
        ("값을", "ㄱ ㅏ ㅂ ㅆ ㅡ ㄹ"),
        ("밟다", "ㅂ ㅏ ㅂ ㄸ ㅏ"),
        ("읽다", "ㅇ ㅣ ㄱ ㄸ ㅏ"),
        ("할 수", "ㅎ ㅏ ㄹ 空 ㅆ ㅜ"),
        ("3개", "ㅅ ㅔ ㄱ ㅐ"),
        ("20살", "ㅅ ㅡ ㅁ ㅜ ㅅ ㅏ ㄹ"),
        ("6월", "ㅇ ㅣ ㅜ ㅇ ㅜ ㅓ ㄹ"),
        ("-5℃", "ㅇ ㅕ ㅇ ㅎ ㅏ 空 ㅇ ㅗ ㄷ ㅗ".replace("ㅕ", "ㅣ ㅓ")),
        ("2번 버스", "ㅇ ㅣ ㅂ ㅓ ㄴ 空 ㅂ ㅓ ㅅ ㅡ"),
    ],
)
def test_korean(text: str, expected: str) -> None:
    assert phones(Korean(), text) == expected


def test_korean_numbers() -> None:
    assert sino("2024") == "이천이십사" and sino("10000") == "만" and sino("110000") == "십일만"
    assert native(20) == "스무" and native(25) == "스물다섯"


needs_kiwi = pytest.mark.skipif(not joints.available(), reason="needs kiwipiepy, the extra `ko`")


@needs_kiwi
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 육 after a coda, ten and its neighbours
        ("36일 106호 3.6", "삼심뉴길 뱅뉴코 삼점뉵"),
        ("1.5배 8점 2점을", "일쩌모배 팔쩜 이저믈"),
        ("26명 68개", "스물려선명 예순녀덜깨"),
        # ㄴ between words
        ("용산역, 한여름, 콩잎, 무슨 일", "용산녁, 한녀름, 콩닙, 무슨 닐"),
        ("신혼여행 중국요리 볼일 못 읽어", "신혼녀행 중궁뇨리 볼릴 몬 닐거"),
        # tensed words and the nouns beside them that are not
        ("인권 문법 초점 내과 영수증", "인꿘 문뻡 초쩜 내꽈 영수쯩"),
        ("강가 눈동자 빵집 출근길 갈등 결석", "강까 눈똥자 빵찝 출근낄 갈뜽 결썩"),
        ("안전 가구 침대 신장 공격", "안전 가구 침대 신장 공격"),
        # stems, and nouns and causatives of the same letters
        ("신을 신고 신고했다", "시늘 신꼬 신고핻따"),
        ("안고 감기 남기고 옮기다 닮고", "안꼬 감기 남기고 옴기다 담꼬"),
        # after the adnominal ㄹ
        ("할 것, 갈 데, 만날 사람", "할 껃, 갈 떼, 만날 싸람"),
        ("할게 먹을게요 갈수록 할지", "할께 머글께요 갈쑤로 칼찌"),
        # ㄴ before ㄹ that stays
        ("생산량 판단력 입원료 신라", "생산냥 판단녁 이붠뇨 실라"),
        # palatal sounds and article 15
        ("붙여 닫혀 해돋이 맏형", "부처 다처 해도지 마텽"),
        ("맛없다 겉옷 헛웃음 첫인상 몇 월", "마덥따 거돋 허두슴 처딘상 며 둴"),
        # counters, hours, telephones
        ("3개월 14시 30대 1번째", "삼개월 십싸시 삼십때 첟뻔째"),
        ("5대 3 2~3명 3~4일", "오대 삼 두세명 삼사일"),
        ("1577-3082 119에 전화", "이로칠칠, 삼공파리 이릴구에 전화"),
        # chat
        ("ㅎㅎㅎ ㅜㅜ ㅇㅋ ㄱ", "흐흐흐 오케이 기역"),
        ("8-5=3 7×8=56", "팔 빼기 오는 삼 칠 고파기 파른 오심뉵"),
    ],
)
def test_korean_words(text: str, expected: str) -> None:
    assert said(text) == expected


def test_korean_without_kiwi_still_knows_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joints, "available", lambda: False)
    assert said("인기가 많은 색연필 16일 할 수") == "인끼가 마는 생년필 심뉴길 할 쑤"


def test_released_korean_follows_the_letters_only() -> None:
    assert phones(ReleasedKorean(), "인기") == "ㅇ ㅣ ㄴ ㄱ ㅣ ."
    assert phones(ReleasedKorean(), "ㅋㅋ 할 수") == "ㅋ ㅋ 空 ㅎ ㅏ ㄹ 空 ㅆ ㅜ ."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("옷 한 벌", "오 탄 벌"),
        ("못 하고", "모 타고"),
        ("책 한 권", "채 칸 권"),
        ("닭 한 마리", "다 칸 마리"),
        ("옷 입다", "온 닙따"),
        ("서울 역", "서울 력"),
        ("스물 여섯", "스물 려섣"),
        ("넓죽하다", "넙쭈카다"),
        ("넓다", "널따"),
        ("물 한 잔", "물 한 잔"),
    ],
)
def test_words_said_in_one_breath(text: str, expected: str) -> None:
    assert said(text) == expected
