"""A syllable (initial, final with tone) to the two phones the released models were trained with, by rule."""

from __future__ import annotations

from sovits_lab.text.tables import names

_SHORT = {"uei": "ui", "iou": "iu", "uen": "un"}
_RETROFLEX, _SIBILANT, _PALATAL = frozenset({"zh", "ch", "sh", "r"}), frozenset("zcs"), frozenset("jqx")
# Without an initial, i, u and ü become the consonants y and w; what is left of the final is named here.
_AFTER_Y = {
    "i": "i", "ia": "a", "ian": "En", "iang": "ang", "iao": "ao", "ie": "E", "in": "in", "ing": "ing", "io": "o",
    "iong": "ong", "iou": "ou", "v": "v", "van": "van", "ve": "ve", "vn": "vn",
}  # fmt: skip
_AFTER_W = {
    "u": "u", "ua": "a", "uai": "ai", "uan": "an", "uang": "ang", "uei": "ei", "uen": "en", "ueng": "eng", "uo": "o",
    "ong": "eng",
}  # fmt: skip
_MARKER = {"a": "AA", "e": "EE", "o": "OO"}
_INITIALS = frozenset(names("b p m f d t n l g k h j q x zh ch sh r z c s"))
_FINALS = frozenset(
    names(
        "a ai an ang ao e ei en eng er i ia ian iang iao ie in ing iong iu o ong ou u ua uai uan uang ui un uo v van "
        "ve vn E En i0 ir"
    )
)
# Interjections that are one consonant: the nearest full syllable, as speakers of the training data wrote them.
_CONSONANT_ONLY = {
    "m": ("EE", "en"),
    "n": ("EE", "en"),
    "ng": ("EE", "en"),
    "ê": ("EE", "ei"),
    "hm": ("h", "en"),
    "hng": ("h", "eng"),
}


def phones(initial: str, final: str) -> tuple[str, str] | None:
    """Split into two phones, the second with the tone; None for what is no Mandarin syllable.

    Args:
        initial: "" or a pinyin initial.
        final: pypinyin's strict final with its tone number 1 to 5, such as "uei4", "v3", "er2".
    """
    name, tone = final[:-1], final[-1:]
    if tone not in "12345" or not tone:
        return None
    if initial + name in _CONSONANT_ONLY:
        head, tail = _CONSONANT_ONLY[initial + name]
        return head, tail + tone
    if not initial:
        pair = _without_initial(name)
        return (pair[0], pair[1] + tone) if pair else None
    if name == "i" and initial in _RETROFLEX:
        name = "ir"
    elif name == "i" and initial in _SIBILANT:
        name = "i0"
    elif initial in _PALATAL and name.startswith("u"):
        name = "v" + name[1:]
    elif name == "ue":
        name = "ve"
    name = _SHORT.get(name, name)
    return (initial, name + tone) if initial in _INITIALS and name in _FINALS else None


def _without_initial(name: str) -> tuple[str, str] | None:
    if name in _AFTER_Y:
        return "y", _AFTER_Y[name]
    if name in _AFTER_W:
        return "w", _AFTER_W[name]
    if name in _FINALS and name[0] in _MARKER:
        return _MARKER[name[0]], name
    return None
