"""espeak-ng's phones and times, apart from the corpus that is made of them."""

import numpy as np

from sovits_lab.text.espeak import PAUSE, phonemize, speak


def test_phones_of_known_words() -> None:
    assert phonemize("She saw the thin dog.") == ["S", "i:", "s", "O:", "D", "@", "T", "I", "n", "d", "0", "g"]


def test_a_comma_is_one_pause_and_the_ends_have_none() -> None:
    phones = phonemize("Yes, we can; no. Maybe!")
    assert phones.count(PAUSE) == 3
    assert PAUSE not in (phones[0], phones[-1])


def test_phones_last_and_follow_each_other() -> None:
    for text in ("Seven lazy bells on the hill will fall.", "Twelve wolves themselves."):
        speech = speak(text, voice="en-us+f3", rate=130, word_gap=3)
        starts = [phone.start for phone in speech.phones] + [speech.end]
        assert (np.diff(starts) > 0).all()
        assert speech.end <= len(speech.wav)
        assert np.abs(speech.wav[speech.end + 500 :]).max(initial=0) < 0.02 * np.abs(speech.wav).max()


def test_settings_are_heard() -> None:
    fast, slow = (len(speak("One two three four five.", rate=rate).wav) for rate in (220, 120))
    assert slow > 1.4 * fast
