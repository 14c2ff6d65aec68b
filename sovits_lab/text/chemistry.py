"""Chemical formulas, which are said letter by letter in any language: H2SO4, Fe2O3, NaCl."""

from __future__ import annotations

import re

_ELEMENT = (
    "(?:A[cglrstu]|B[aeir]?|C[adelorsu]?|Er|F[er]?|G[ade]|H[efgo]?|I[nr]?|K|L[aiu]|M[gno]|N[abdei]?|Os?|P[bdtu]?"
    "|R[abnu]|S[bceimnr]?|T[aieln]|U|V|W|Xe|Z[nr])"
)
# With a number it has a symbol of two letters (Fe2O3), a second number (H2SO4), or is an ion or gas whose letters
# make a word (SO2); without one it is a salt, an oxide and the like, so that CoCo and MoMo stay names.
_NUMBERED = (
    "(?:(?=[A-Z0-9]*[A-Z][a-z])(?=[A-Za-z]*[0-9])|(?=[A-Za-z]+[0-9]+[A-Za-z]+[0-9]))"
    rf"(?:{_ELEMENT}(?:[1-9][0-9]?)?){{2,}}"
    "|H?(?:[SNC]O|NH|PO)[234]|(?:Sp|Sa|Pa|Fi)C?O2"
)
_PLAIN = rf"(?=[A-Z]?[A-Z]?[a-z]|[A-Z][A-Z][a-z]){_ELEMENT}(?:Cl|Br|OH|As|[OSFINCP])"
FORMULA = rf"(?<![A-Za-z0-9])(?:{_NUMBERED}|{_PLAIN})(?![A-Za-z0-9])"


def letters_apart(m: re.Match[str]) -> str:
    """Return a formula with a space between letters that stand side by side, all of them capitals."""
    return re.sub("(?<=[A-Za-z])(?=[A-Za-z])", " ", m[0]).upper()
