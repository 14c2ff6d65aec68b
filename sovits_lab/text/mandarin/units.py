"""Names of measures, currencies and signs in Chinese; the tables are data files, the patterns are made here."""

from __future__ import annotations

from sovits_lab.text.tables import any_of, pairs

UNITS = pairs("zh_units.tsv")
CURRENCIES = pairs("zh_currencies.tsv")
SIGNS = pairs("zh_signs.tsv")
NAMED = pairs("zh_named.tsv")
MONEY_WORDS = "元|块|美元|美金|欧元|英镑|日元|港元|港币|人民币|韩元|卢布|卢比|澳元|加元|泰铢"


UNIT = any_of(UNITS) + "(?![A-Za-z])"
CURRENCY = any_of(CURRENCIES)
