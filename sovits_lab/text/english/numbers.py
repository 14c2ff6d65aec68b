"""English number words: cardinals, ordinals, years, digit by digit."""

from __future__ import annotations

_SMALL = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = ["_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_SCALES = (
    (10**18, "quintillion"),
    (10**15, "quadrillion"),
    (10**12, "trillion"),
    (10**9, "billion"),
    (10**6, "million"),
    (10**3, "thousand"),
)
_ODD_ORDINALS = {
    "one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth", "nine": "ninth",
    "twelve": "twelfth",
}  # fmt: skip
LONGEST = 21


def cardinal(number: int) -> str:
    """Turn 37 into "thirty-seven", 1234 into "one thousand two hundred thirty-four"; 0 to 10^21 - 1 are taken."""
    if number < 20:
        return _SMALL[number]
    if number < 100:
        tens, one = divmod(number, 10)
        return _TENS[tens] + (f"-{_SMALL[one]}" if one else "")
    if number < 1000:
        head, rest, name = number // 100, number % 100, "hundred"
    else:
        size, name = next(pair for pair in _SCALES if number >= pair[0])
        head, rest = divmod(number, size)
    return f"{cardinal(head)} {name}" + (f" {cardinal(rest)}" if rest else "")


def ordinal(number: int) -> str:
    """Turn 21 into "twenty-first"."""
    words = cardinal(number)
    cut = max(words.rfind(" "), words.rfind("-")) + 1
    last = words[cut:]
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    return words[:cut] + _ODD_ORDINALS.get(last, regular)


def digits(number: str, zero: str = "zero") -> str:
    """Turn "105" into "one zero five"."""
    return " ".join(zero if digit == "0" else _SMALL[int(digit)] for digit in number)


def year(number: int) -> str:
    """Turn 1999 into "nineteen ninety-nine", 2005 into "two thousand five", 1905 into "nineteen oh five"."""
    head, rest = divmod(number, 100)
    if number % 1000 == 0 or 2000 <= number < 2010:
        return cardinal(number)
    if rest == 0:
        return f"{cardinal(head)} hundred"
    return f"{cardinal(head)} {'oh ' if rest < 10 else ''}{cardinal(rest)}"


def whole(number: str) -> str:
    """Say a run of digits: as a number when it is short enough and has no leading zero, else digit by digit."""
    if len(number) > LONGEST or (len(number) > 1 and number[0] == "0"):
        return digits(number)
    return cardinal(int(number))
