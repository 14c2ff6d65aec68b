"""Korean number words: Sino-Korean, native before counters, digit by digit."""

from __future__ import annotations

_DIGITS = "영일이삼사오육칠팔구"
_GROUPS = ("", "만", "억", "조", "경")
_ONES = ("", "한", "두", "세", "네", "다섯", "여섯", "일곱", "여덟", "아홉")
_TENS = ("", "열", "스물", "서른", "마흔", "쉰", "예순", "일흔", "여든", "아흔")
LONGEST = 20


def digits(number: str, zero: str = "영") -> str:
    """Turn "105" into "일영오"; telephone numbers pass `zero="공"`."""
    return "".join(zero if digit == "0" else _DIGITS[int(digit)] for digit in number)


def _four(number: str) -> str:
    words = ""
    for digit, unit in zip(number, ("천", "백", "십", "")[-len(number) :], strict=True):
        if digit != "0":
            words += ("" if digit == "1" and unit else _DIGITS[int(digit)]) + unit
    return words


def sino(number: str) -> str:
    """Turn "2024" into "이천이십사"; too long or with a leading zero: digit by digit."""
    if len(number) > LONGEST or (len(number) > 1 and number[0] == "0"):
        return digits(number)
    if not number.strip("0"):
        return _DIGITS[0]
    groups = [number[max(0, end - 4) : end] for end in range(len(number), 0, -4)]
    words = ""
    for place in range(len(groups) - 1, -1, -1):
        group = _four(groups[place])
        if group:
            # 10 000 is 만, not 일만, at the head of a number.
            words += ("" if group == "일" and place == 1 and not words else group) + _GROUPS[place]
    return words


def native(number: int) -> str:
    """Turn 3 into "세", 20 into "스무", 25 into "스물다섯"; 1 to 99."""
    tens, one = divmod(number, 10)
    return "스무" if number == 20 else _TENS[tens] + _ONES[one]
