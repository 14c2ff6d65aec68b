"""RAVDESS (Livingstone & Russo, 2018): 24 actors, two sentences, eight emotions, two intensities, two takes.

A file's name says everything: modality-channel-emotion-intensity-statement-repetition-actor. Only speech is read
(modality 03 audio, channel 01 speech); odd actors are men. The sentences differ in two words, so splits by sentence
make little sense: hold out takes, or speakers.
"""

from __future__ import annotations

from collections.abc import Iterator

from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Record
from sovits_lab.corpora.recorded import RecordedCorpus, audio_below

EMOTIONS = {
    "01": "neutral", "02": "calm", "03": "happy", "04": "sad", "05": "angry", "06": "fearful", "07": "disgust",
    "08": "surprised",
}  # fmt: skip
INTENSITIES = {"01": "normal", "02": "strong"}
STATEMENTS = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}


class Ravdess(RecordedCorpus):
    """Rows by file name; speakers are `actor01` to `actor24`, custom fields `take` and `sex`.

    >>> rows_of({"Actor_07/03-01-04-02-01-02-07.wav": RECORDING})
    03-01-04-02-01-02-07: actor07, en, sad, Kids are talking by the door.
    """

    looked_for = "recordings of speech with names such as 03-01-04-02-01-02-07.wav"

    def rows(self) -> Iterator[Record | Problem]:
        """Yield a row for each audio file below the root."""
        for path in audio_below(self.root):
            parts = path.stem.split("-")
            if len(parts) != 7 or not all(len(part) == 2 and part.isdigit() for part in parts):
                yield Problem(str(path), "file name", f"{path.name} is not seven two-digit numbers")
                continue
            modality, channel, emotion, intensity, statement, take, actor = parts
            if (modality, channel) != ("03", "01"):
                continue
            if emotion not in EMOTIONS or intensity not in INTENSITIES or statement not in STATEMENTS:
                yield Problem(str(path), "file name", f"{path.name} has an unknown emotion, intensity or statement")
                continue
            yield Record(
                id=path.stem,
                audio=path,
                text=STATEMENTS[statement],
                speaker=f"actor{actor}",
                language="en",
                emotion=EMOTIONS[emotion],
                intensity=INTENSITIES[intensity],
                sentence=statement,
                custom={"take": take, "sex": "m" if int(actor) % 2 else "f"},
            )
