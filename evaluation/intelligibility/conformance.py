"""What each normaliser does to transcripts without an error."""

from __future__ import annotations

from evaluation.intelligibility.errors import count_errors
from evaluation.scoring.normalisers import NORMALISERS

CONFORMANCE = (
    ("en", "Don't panic, it's well-known.", "Don\u2019t panic, it\u2019s well known."),
    ("en", "He paid 25 dollars.", "he paid twenty-five dollars"),
    ("en", "Mr. Smith's colour TV", "Mister Smith's color TV"),
    ("en", "She said: \u201cno\u201d \u2014 twice!", 'She said, "no", twice.'),
    ("en", "A caf\u00e9 on the corner", "A cafe\u0301 on the corner"),
    ("en", "1,200 people came", "one thousand two hundred people came"),
    ("zh", "\u4eca\u5929\u662f3\u6708\u3002", "\u4eca\u5929\u662f\u4e09\u6708"),
    ("zh", "\uff21\uff22\uff23\uff01", "abc"),
)


def check_normalisers() -> list[dict[str, object]]:
    """Measure the error rates that each normaliser gives to transcripts without an error: 0 is right, all else is its
    own doing.
    """
    return [
        {"language": language, "reference": reference, "perfect transcript": transcript}
        | {
            one.name: count_errors(one.units(reference, language), one.units(transcript, language)).rate
            for one in NORMALISERS.values()
        }
        for language, reference, transcript in CONFORMANCE
    ]
