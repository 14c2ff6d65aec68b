"""EmoV-DB (Adigwe et al., 2018): four English speakers, sentences of CMU ARCTIC in five styles.

`SPEAKER_EMOTION/NAME_0042.wav` or `SPEAKER/EMOTION/NAME_0042.wav`, the last number being that of the sentence
`arctic_a0042` in `cmuarctic.data`, which lies in the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below
from sovits_lab.files import lines_of, read_text
from sovits_lab.types import got

SENTENCES = "cmuarctic.data"
EMOTIONS = {
    "neutral": "neutral", "amused": "amused", "amusement": "amused", "angry": "angry", "anger": "angry",
    "disgust": "disgust", "disgusted": "disgust", "sleepy": "sleepy", "sleepiness": "sleepy",
}  # fmt: skip
WOMEN = frozenset({"bea", "jenie"})
_SENTENCE = re.compile(r'\(\s*arctic_a(\d{4})\s+"(.*)"\s*\)')
_NUMBER = re.compile(r"(?:.*_)?(\d{4})")


class EmovDb(RecordedCorpus):
    r"""Rows by folder and file name, texts by number; speakers are `bea`, `jenie`, `josh` and `sam`.

    >>> sentences = '( arctic_a0001 "Author of the danger trail." )\n'
    >>> rows_of({"bea_Amused/amused_1-28_0001.wav": RECORDING, "cmuarctic.data": sentences})
    bea_amused_0001: bea, en, amused, Author of the danger trail.
    """

    looked_for = "recordings such as bea_Amused/amused_1-28_0001.wav"

    def files(self) -> list[Path]:
        """Return the list of sentences."""
        path = self.root / SENTENCES
        return [path.absolute()] if path.is_file() else []

    def rows(self) -> Iterator[Record | Problem]:
        """Yield a row for each recording below the root."""
        recordings = audio_below(self.root)
        if recordings and not self.files():
            raise got(f"corpus.root {self.root}", "no sentences", f"{SENTENCES} of CMU ARCTIC in it")
        texts = self._texts() if recordings else {}
        for path in recordings:
            place = "_".join(path.relative_to(self.root).parts[:-1]).split("_")
            numbered = _NUMBER.fullmatch(path.stem)
            emotion = EMOTIONS.get(place[1].lower()) if len(place) > 1 else None
            if emotion is None or numbered is None:
                yield Problem(str(path), "file name", f"{path} is not SPEAKER_EMOTION and a name that ends in a number")
            elif numbered[1] not in texts:
                yield Problem(str(path), "no text", f"{SENTENCES} has no sentence arctic_a{numbered[1]}")
            else:
                speaker = place[0].lower()
                yield Record(
                    id=f"{speaker}_{emotion}_{numbered[1]}",
                    audio=path,
                    text=texts[numbered[1]],
                    speaker=speaker,
                    language="en",
                    emotion=emotion,
                    sentence=numbered[1],
                    custom={"sex": "f" if speaker in WOMEN else "m"},
                )

    def _texts(self) -> dict[str, str]:
        """Texts by number."""
        lines = lines_of(read_text(self.root / SENTENCES, "sentences"))
        return {found[1]: found[2] for found in map(_SENTENCE.fullmatch, map(str.strip, lines)) if found}
