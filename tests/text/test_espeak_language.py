"""Polish and German phones of espeak-ng."""

from __future__ import annotations

import pytest

from sovits_lab.corpora.emodb import SENTENCES
from sovits_lab.text.espeak import PAUSE
from sovits_lab.text.espeak_language import EspeakLanguageFrontend, cleaned
from sovits_lab.types import InputError


def test_soft_and_nasal_sounds_are_told_apart() -> None:
    polish = EspeakLanguageFrontend("pl")
    assert polish.read("kości").phones[-2:] == ("ts;", "i")
    assert polish.read("ząb").phones != polish.read("zab").phones
    assert polish.read("miasto").phones[:3] == ("m", "j", "a")
    assert len({polish.read(word).phones for word in ("kasza", "kasia", "kasa")}) == 3


def test_a_glottal_stop_is_no_pause_and_a_comma_is() -> None:
    german = EspeakLanguageFrontend("de")
    assert german.read("Der Lappen liegt auf dem Eisschrank.").phones.count(PAUSE) == 0
    phones = german.read(SENTENCES["b01"]).phones
    assert PAUSE in phones and PAUSE not in (phones[0], phones[-1])


@pytest.mark.parametrize(
    ("language", "texts"),
    [
        ("pl", ("„Ród smoka” to serial telewizyjny.", "12 książek, weekend i jazz!", "Chodźmy w tango.")),
        ("de", (*SENTENCES.values(), "Der Computer vom Team kostet 3,50 Euro.", "Croissant, Teint, Jury, Garage.")),
    ],
)
def test_every_phone_is_in_the_table(language: str, texts: tuple[str, ...]) -> None:
    frontend = EspeakLanguageFrontend(language)
    for text in texts:
        reading = frontend.read(text, language)
        assert reading.phones and not reading.unread
        frontend.symbols.ids(reading.phones)


def test_marks_of_words_stress_and_softness() -> None:
    assert cleaned(["|", "m", ";", "'a", "s", "_", "|", "n^", ";", "E#", "_:", "_:", "|", "l", ";", "i", "_:"]) == (
        "m", "j", "a", "s", "n^", "E", PAUSE, "l", "i",
    )  # fmt: skip
    assert cleaned(["_:", "_"]) == ()


def test_nothing_to_say_is_silence_and_other_languages_are_refused() -> None:
    assert EspeakLanguageFrontend("pl").read("... !").is_silent
    with pytest.raises(InputError, match=r"frontend\.language: got 'fr', expected one of pl, de"):
        EspeakLanguageFrontend("fr")
    with pytest.raises(InputError, match="language"):
        EspeakLanguageFrontend("pl").read("Yes.", "en")
