"""Chinese number words: cardinals, decimals, digit by digit."""

from __future__ import annotations

DIGITS = "零一二三四五六七八九"
_UNITS = ((8, "亿"), (4, "万"), (3, "千"), (2, "百"), (1, "十"))
LONGEST = 16


def digits(number: str, one: str = "一") -> str:
    """Turn "105" into "一零五"; telephone numbers pass `one="幺"`. Characters that are no digits stay."""
    return "".join(
        (one if digit == "1" else DIGITS[int(digit)]) if digit in "0123456789" else digit for digit in number
    )


def _parts(number: str) -> str:
    """Value of a digit string; a gap of zeros inside is said once, as 零."""
    bare = number.lstrip("0")
    if len(bare) <= 1:
        return (DIGITS[0] if bare and len(bare) < len(number) else "") + (DIGITS[int(bare)] if bare else "")
    power, name = next(unit for unit in _UNITS if unit[0] < len(bare))
    return _parts(number[:-power]) + name + _parts(number[-power:])


def cardinal(number: str) -> str:
    """Turn "115" into "一百一十五", "15" into "十五", "000" into "零"; "" stays ""."""
    if not number:
        return ""
    bare = number.lstrip("0")
    if not bare:
        return DIGITS[0]
    words = _parts(bare)
    return words[1:] if words.startswith("一十") else words


def decimal(number: str, keep_zeros: bool = True) -> str:
    """Turn "3.14" into "三点一四", ".5" into "零点五".

    Args:
        number: digits with at most one point.
        keep_zeros: False leaves at most one of the zeros at the end, as the released models' front end does.
    """
    whole, _, part = number.partition(".")
    if not keep_zeros:
        part = part.rstrip("0") + ("0" if part.endswith("0") else "")
    words = cardinal(whole)
    return f"{words or DIGITS[0]}点{digits(part)}" if part else words


def amount(number: str) -> str:
    """Return a cardinal as a speaker says it before a measure word: 2 -> "两", 2000 -> "两千", 12 -> "十二"."""
    if "." in number or len(number.lstrip("0")) > LONGEST:
        return decimal(number) if "." in number else digits(number)
    words = cardinal(number)
    if words == "二":
        return "两"
    if words.startswith(("二千", "二万", "二亿")):
        words = "两" + words[1:]
    return words


def number(text: str) -> str:
    """Turn "3.10" into "三点一零"; too many digits for a number, or a leading zero, are said digit by digit."""
    whole = text.partition(".")[0]
    if len(whole) > LONGEST or (len(whole) > 1 and whole[0] == "0"):
        return digits(text).replace(".", "点")
    return decimal(text)
