"""espeak-ng's phones and times, apart from the corpus that is made of them."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest

from sovits_lab.corpora.toy_grammar import sentences
from sovits_lab.text.espeak import PAUSE, phonemize, speak
from sovits_lab.text.espeak_library import LONGEST_PIECE, LONGEST_WORD, pieces
from sovits_lab.text.frontend import EspeakFrontend


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


def test_repeated_short_sentences_do_not_end_the_process() -> None:
    """A crash inside the library ends the whole process, so the texts are spoken in one of their own."""
    parts = ["a.", "U.S.", "é.", "ab", "1.2.", "x'", "௧", "I.B.M. ", "0x", "!", "😀", "\0", "(", "www.", "\n", "mm-"]
    deal = random.Random(4)
    mixed = ("".join(deal.choices(parts, k=deal.choice((60, 200)))) for _ in range(20))
    texts = [part * (600 // len(part)) for part in parts] + [*mixed]
    code = (
        "import json, sys\nfrom sovits_lab.text.frontend import EspeakFrontend\n"
        "from sovits_lab.text.espeak import speak\n"
        "for text in json.load(sys.stdin):\n"
        "    EspeakFrontend().read(text)\n"
        "    speak('one ' + text)\n"
        "print('whole')"
    )
    done = subprocess.run([sys.executable, "-c", code], input=json.dumps(texts), capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "whole"), done.stderr[-500:]


def test_eight_threads_hear_what_one_hears() -> None:
    code = (
        "from concurrent.futures import ThreadPoolExecutor; from sovits_lab.text.espeak import speak\n"
        "texts = [f'The {animal} ran to house number {n}.' for n in range(8) for animal in ('dog', 'cat', 'wolf')]\n"
        "phones = lambda text: speak(text, voice='en-us+f3').phones\n"
        "alone = [phones(text) for text in texts]\n"
        "with ThreadPoolExecutor(8) as pool:\n"
        "    together = list(pool.map(phones, texts))\n"
        "symbols = lambda said: [[phone.symbol for phone in one] for one in said]\n"
        "print(symbols(alone) == symbols(together))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "True"), done.stderr[-500:]


def test_a_long_text_is_spoken_whole() -> None:
    sentence = "The seven dogs ran home, and nobody saw them. "
    one, many = phonemize(sentence), phonemize(sentence * 30)
    assert many == [*one, PAUSE] * 29 + one


def test_pieces_hold_the_text_and_keep_to_the_limits() -> None:
    text = "Well, " * 90 + "a." * 300 + " and then.\0 It ended."
    cut = list(pieces(text))
    assert "".join(cut).replace(" ", "") == text.replace(" ", "").replace("\0", "")
    assert max(len(piece) for piece in cut) <= LONGEST_PIECE
    assert max(len(word) for piece in cut for word in piece.split()) <= LONGEST_WORD


def test_a_nul_byte_swallows_nothing() -> None:
    assert phonemize("one\0 two three") == phonemize("one two three")


def test_no_change_of_voice_among_the_phones() -> None:
    assert not [phone for phone in phonemize("one ௧ two ௳ three") if phone.startswith("(")]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Dr. Smith paid $3.50.", "Doctor Smith paid three dollars and fifty cents."),
        ("ＡＢＣ is on page 12.", "ABC is on page twelve."),
        ("one\0 two", "one two"),
        ("The CEOs put a SIM card in; turn it ON.", "The C.E.O's put a sim card in, turn it on."),
        ("It cost £5; 30% came.", "It cost five pounds, thirty percent came."),
    ],
)
def test_the_front_end_says_what_our_english_rules_say(written: str, said: str) -> None:
    assert EspeakFrontend().read(written).phones == tuple(phonemize(said))


def test_digits_of_other_scripts_are_told() -> None:
    reading = EspeakFrontend().read("room ௧௨ ௳")
    assert reading.phones == tuple(phonemize("room")) and reading.unread == "௧௨"
    assert all(phone in EspeakFrontend().symbols for phone in reading.phones)


def test_the_embedded_corpus_is_read_as_it_was_spoken() -> None:
    for sentence in sentences(150, 0):
        assert EspeakFrontend().read(sentence).phones == tuple(phonemize(sentence))
