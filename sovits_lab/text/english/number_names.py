"""Numbers that are names: of telephones, rooms, models, versions and codes. They are said otherwise than quantities."""

from __future__ import annotations

import re

from sovits_lab.text.english.numbers import cardinal, digits, whole, year

Match = re.Match[str]
TELEPHONE = (
    r"(?<![0-9\-.,$])(?:"
    r"(?:\+[0-9]{1,3}[-. ]?|1[-. ])?(?:\([0-9]{3}\) ?|[0-9]{3}[-. ])[0-9]{3}[-. ][0-9]{4}"
    r"|\+[0-9]{1,3}(?:[-. ]\(?[0-9]{1,6}\)?){2,5}"
    r"|0[0-9][- ][0-9]{4}[- ][0-9]{4}|0(?:800|808|300|345|500|84[45]|870) [0-9]{4}"
    r"|\(?0[0-9]{2,4}\)?[-. ][0-9]{3,4}[-. ]?[0-9]{3,4}"
    r"|1[38]00[-. ][0-9]{3}[-. ][0-9]{3}|13[- ][0-9]{2}[- ][0-9]{2}"
    r"|[0-9]{4}[- ][0-9]{4}[- ][0-9]{4}[- ][0-9]{4}|[0-9]{3}-[0-9]{2}-[0-9]{4}"
    r"|[0-9]{3}-[0-9]{4})(?![0-9\-]|[.,][0-9])"
)
CALLED = (
    r"((?:\b(?:[Cc]all|[Cc]alled|[Cc]alling|[Dd]ial|[Dd]ialed|[Dd]ialing"
    r"|[Tt]ext(?:ing|ed)?(?: [A-Z]+(?= to ))?|ZIP|[Zz]ip|[Pp]asscode"
    r"|[Pp]assword|[Ee]xtension|OTP"
    r"|[A-Z]{2}(?= [0-9]{5}(?![0-9]))|[Pp]ostal code|[Cc]ode|PIN|[Pp]in|PIN code|[Zz]ip code|ZIP code)(?: "
    r"is| was| to| number|:)?)\s)"
)


# Capitals and at least three digits in a row, eight signs or more: the number of a vehicle, of a parcel.
LONG_CODE = (
    r"(?<![A-Za-z0-9-])(?=[A-Z0-9]{8,20}(?![A-Za-z0-9-]))"
    r"(?=[A-Z0-9]*[A-Z])(?=[A-Z0-9]*[0-9]{3})(?![A-Z0-9]*[A-Z]{5})[A-Z0-9]+"
)

# Three groups or more with letters and digits: 0042-7781-KX.
GROUPED_CODE = (
    r"(?<![A-Za-z0-9-])(?=[A-Z0-9-]*[A-Z])(?=[A-Z0-9-]*[0-9]{2})(?![A-Z0-9-]*[A-Z]{4})"
    r"[A-Z0-9]{1,8}(?:-[A-Z0-9]{1,8}){2,5}(?![A-Za-z0-9-])"
    r"|(?<![A-Za-z0-9-])[0-9]{2,6}-[0-9]{3,6}[A-Z]{1,2}(?![A-Za-z0-9-])"
    r"|(?<![A-Za-z0-9-])[A-Z]{1,3}[0-9]{3,}-[A-Z0-9]{1,6}(?![A-Za-z0-9-])"
)
PLATE = r"(?<=\b[Pp]late )(?=[A-Z0-9 -]*[0-9])[A-Z0-9]{1,4}[ -]?[A-Z0-9]{1,7}(?![A-Za-z0-9-])"
# Of four digits and more: Badge No. 4471, serial number 70213.
NUMBERED = (
    r"(\b(?:[Bb]adge|[Pp]ermit|[Pp]olicy|[Cc]laim|[Cc]ase|[Tt]icket|[Ii]nvoice|[Oo]rder|[Cc]onfirmation|[Ss]erial|[Aa]ccount"
    r"|[Aa]cct|[Mm]ember(?:ship)?|[Ll]icense|[Tt]racking|[Rr]eservation|[Bb]ooking|[Ll]oan|[Ee]mployee|[Ss]tudent|[Rr]eceipt"
    r"|[Rr]eference|PO|WO|RMA|[Pp]art|[Bb]atch|[Dd]ocket|[Rr]outing)"
    r" (?:[Nn]umber|[Nn]o\.|[Nn]br\.?|#)(?: is| was|:)? )([0-9]{4,})(?![0-9]|[.,][0-9])"
)


def long_code(m: Match) -> str:
    """Return 1HGCM82633A sign by sign, with a pause between groups."""
    groups = re.split("[ -]", m[0])
    return ", ".join(" ".join(digits(sign) if sign.isdigit() else sign for sign in group) for group in groups)


def telephone(m: Match) -> str:
    """Return each part of a telephone number digit by digit, but eight hundred for the 800 of a free call."""
    parts = re.findall("[0-9]+", m[0])
    groups = [
        cardinal(800) if part == "800" and len(parts) > 2 and place < 2 else digits(part)
        for place, part in enumerate(parts)
    ]
    return ", ".join(groups)


def code(m: Match) -> str:
    """Return a number that is a name digit by digit."""
    return m[1] + ", ".join(digits(part) for part in re.findall("[0-9]+", m[2]))


def model(m: Match) -> str:
    """Return RTX 4090, UA 1549 with the number in pairs of digits."""
    return f"{m[1]} {year(int(m[2]))} "


def in_hundreds(hundreds: str, rest: str) -> str:
    """Return 302 as three oh two, 415 as four fifteen, 500 as five hundred."""
    words = cardinal(int(hundreds))
    return f"{words} hundred" if rest == "00" else f"{words} {'oh ' * (rest[0] == '0')}{cardinal(int(rest))}"


def room(m: Match) -> str:
    """Return 302 as three oh two, 415 as four fifteen."""
    return m[1] + in_hundreds(m[2], m[3])


def lettered(m: Match) -> str:
    """Return F-150 as F one fifty, A320 as A three twenty, C-130s as C one thirties."""
    words = f"{m[1]} {in_hundreds(m[2], m[3])}"
    if not m[4]:
        return words
    return words[:-1] + "ies" if words.endswith("y") else words + ("es" if words.endswith("x") else "s")


def airliner(m: Match) -> str:
    """Return Boeing 747 and 737-800 as seven forty-seven, seven thirty-seven."""
    return f"{cardinal(7)} {cardinal(int(m[2] or m[4]))}"


def version(m: Match) -> str:
    """Return 2.10.3 as two point ten point three."""
    return " " + " point ".join(whole(part) for part in m[0].split(".")) + " "


def resolution(m: Match) -> str:
    """Return 1080p as ten eighty P."""
    head, rest = divmod(int(m[1]), 100)
    return f"{cardinal(head)} {cardinal(rest) if rest else 'hundred'} P"
