"""Amounts for each of something, written with a stroke: $20/month, 12/box, 1,500 kWh/yr."""

from __future__ import annotations

from sovits_lab.text.traced import Rule, rule

_PER = (
    "month|mo|year|yr|day|week|wk|hour|hr|night|person|adult|child|kid|guest|couple|room|car|vehicle|player|team|family"
    "|household|minute|min|second|sec|kg|lb|piece|user|seat|student|unit|mile|mi"
)
# Of these only after a number: a class/group and /usr/share are no rates.
_PER_COUNTED = (
    "gallon|gal|oz|mi|kWh|h|d|g|l|L|GB|sqft|dozen|doz|head|cup|can|bottle|page|word|share|barrel|ton|game|set|pound|item|ticket"
    "|class|visit|trip|ride|line|bag|box|case|glass|plate|slice|session|lesson|shift|sq\\. ft\\."
)
_PAID = r"\b(?:dollars?|cents?|euros?|pounds?|pence|pesos?|rupees?|francs?|yen|yuan|won)"
_PER_NAMES = {
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "hr": "hour",
    "h": "hour",
    "d": "day",
    "min": "minute",
    "sec": "second",
    "kg": "kilogram",
    "lb": "pound",
    "doz": "dozen",
    "gal": "gallon",
    "oz": "ounce",
    "mi": "mile",
    "kWh": "kilowatt hour",
    "g": "gram",
    "l": "liter",
    "L": "liter",
    "GB": "gigabyte",
    "sqft": "square foot",
}

RULES: tuple[Rule, ...] = (
    rule(rf"(?<=[a-z0-9%])\s?/\s?({_PER})\b(\.(?=\s+[a-z0-9(+&]|,))?", lambda m: f" per {_PER_NAMES.get(m[1], m[1])}"),
    rule(
        rf"((?:[0-9][kKM%]?(?:\s?[A-Za-z]{{1,10}})?|{_PAID}))\s?/\s?({_PER_COUNTED})\b(\.(?=\s+[a-z0-9(+&]|,))?",
        lambda m: f"{m[1]} per {_PER_NAMES.get(m[2], m[2])}",
    ),
)
