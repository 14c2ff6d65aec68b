"""CREMA-D (Cao et al., 2014): 91 actors, twelve English sentences, six emotions, strengths for one sentence.

A file's name says everything: `1001_IEO_SAD_HI` is actor, sentence, emotion, strength (`XX` where none was asked for).
"""

from __future__ import annotations

from collections.abc import Iterator

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below

EMOTIONS = {"NEU": "neutral", "SAD": "sad", "HAP": "happy", "ANG": "angry", "FEA": "fearful", "DIS": "disgust"}
INTENSITIES = {"LO": "weak", "MD": "medium", "HI": "strong", "XX": "normal", "X": "normal"}
SENTENCES = {
    "IEO": "It's eleven o'clock.",
    "TIE": "That is exactly what happened.",
    "IOM": "I'm on my way to the meeting.",
    "IWW": "I wonder what this is about.",
    "TAI": "The airplane is almost full.",
    "MTI": "Maybe tomorrow it will be cold.",
    "IWL": "I would like a new alarm clock.",
    "ITH": "I think I have a doctor's appointment.",
    "DFA": "Don't forget a jacket.",
    "ITS": "I think I've seen this before.",
    "TSI": "The surface is slick.",
    "WSI": "We'll stop in a couple of minutes.",
}


class CremaD(RecordedCorpus):
    """Rows by file name; speakers are `1001` to `1091`.

    >>> rows_of({"1001_IEO_SAD_HI.wav": RECORDING})
    1001_IEO_SAD_HI: 1001, en, sad, It's eleven o'clock.
    """

    looked_for = "recordings with names such as 1001_IEO_SAD_HI.wav"

    def rows(self) -> Iterator[Record | Problem]:
        """Yield a row for each recording below the root."""
        for path in audio_below(self.root):
            parts = path.stem.split("_")
            if len(parts) != 4 or not (len(parts[0]) == 4 and parts[0].isdecimal()):
                yield Problem(str(path), "file name", f"{path.name} is not actor, sentence, emotion and strength")
                continue
            actor, sentence, emotion, strength = parts
            if sentence not in SENTENCES or emotion not in EMOTIONS or strength not in INTENSITIES:
                yield Problem(str(path), "file name", f"{path.name} has an unknown sentence, emotion or strength")
                continue
            yield Record(
                id=path.stem,
                audio=path,
                text=SENTENCES[sentence],
                speaker=actor,
                language="en",
                emotion=EMOTIONS[emotion],
                intensity=INTENSITIES[strength],
                sentence=sentence,
            )
