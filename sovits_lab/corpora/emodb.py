"""EMO-DB (Burkhardt et al., 2005): ten German actors, ten sentences, seven emotions, 535 recordings.

A file's name says everything: `03a01Fa` is speaker 03, sentence a01, emotion F (`Freude`), take a.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below

EMOTIONS = {
    "N": "neutral", "T": "sad", "F": "happy", "W": "angry", "A": "fearful", "E": "disgust", "L": "bored",
}  # fmt: skip
SENTENCES = {
    "a01": "Der Lappen liegt auf dem Eisschrank.",
    "a02": "Das will sie am Mittwoch abgeben.",
    "a04": "Heute abend könnte ich es ihm sagen.",
    "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
    "a07": "In sieben Stunden wird es soweit sein.",
    "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
    "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
    "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
    "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
    "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
}
MEN = frozenset({"03", "10", "11", "12", "15"})
_NAME = re.compile(r"(\d{2})([ab]\d{2})([A-Z])([a-z]?)")


class EmoDb(RecordedCorpus):
    """Rows by file name; speakers are `03` to `16`, custom fields `take` and `sex`.

    >>> rows_of({"wav/03a01Fa.wav": RECORDING})
    03a01Fa: 03, de, happy, Der Lappen liegt auf dem Eisschrank.
    """

    looked_for = "recordings with names such as 03a01Fa.wav"

    def rows(self) -> Iterator[Record | Problem]:
        """Yield a row for each recording below the root."""
        for path in audio_below(self.root):
            named = _NAME.fullmatch(path.stem)
            if named is None or named[2] not in SENTENCES or named[3] not in EMOTIONS:
                yield Problem(str(path), "file name", f"{path.name} is not speaker, sentence, emotion and take")
                continue
            yield Record(
                id=path.stem,
                audio=path,
                text=SENTENCES[named[2]],
                speaker=named[1],
                language="de",
                emotion=EMOTIONS[named[3]],
                sentence=named[2],
                custom={"take": named[4] or "a", "sex": "m" if named[1] in MEN else "f"},
            )
