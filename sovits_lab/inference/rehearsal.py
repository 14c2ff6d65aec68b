"""Stage `rehearsal`: what a trained voice says itself, as recordings that are learned beside those of somebody new.

Who learns a minute of one speaker, or two sentences of many, forgets how everything else is said. Rehearsed with data
of its own making a network keeps it (pseudo-rehearsal; Robins 1995).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sovits_lab.audio.files import save_audio
from sovits_lab.checkpoints.bundle import build, read_facts
from sovits_lab.checkpoints.starter import base_folder
from sovits_lab.corpora.manifest import Header, Phone, Record, cut, write_cuts
from sovits_lab.corpora.natural_grammar import natural_words, varied_sentences
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.inference.aligned_tokens import OwnSpeech, own_speech
from sovits_lab.inference.request import Request
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.types import got

ENGLISH = "en"
PREFIX = "rehearsal"
WITHOUT = "no rehearsal: stages.rehearsal=null features.inputs=[corpus]"


class Rehearse:
    """Sentences of many different words by the base's own speakers, in some of its emotions by turns.

    Args:
        base: the voice; None is refused with what to add.
        sentences: how many.
        emotions: in which they are said; None is all that the base has.
        seed: of the sentences.
    """

    resumable = False

    def __init__(
        self, sentences: int, base: str | None = None, emotions: Sequence[str] | None = None, seed: int = 0
    ) -> None:
        if sentences < 1:
            raise got("rehearsal.sentences", sentences, f"at least 1, or {WITHOUT}")
        self.base, self.count, self.emotions, self.seed = base, sentences, emotions, seed

    def lacks(self, rows: Sequence[RowFacts]) -> list[Lack]:
        """Refuse a base that is not there or cannot say the sentences before anything is computed; a corpus lacks
        nothing for it.
        """
        facts = read_facts(base_folder(self.base), "voice", ("frontend",))
        self._refuse(build(facts["frontend"]).languages)
        natural_words()
        return []

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        """Write `cuts.jsonl.gz` and `audio/`; `inputs` is not used.

        Raises:
            InputError: no base, or one that reads no English.
        """
        (out / "audio").mkdir()
        with Synthesizer.load(base_folder(self.base)) as voice:
            self._refuse(voice.voice.frontend.languages)
            rate = voice.voice.sample_rate
            made = []
            for number, request in enumerate(self._requests(voice)):
                speech = own_speech(voice, request)
                name = f"{PREFIX}-{number:04}"
                save_audio(out / "audio" / f"{name}.flac", speech.wav, rate)
                record = Record(
                    id=name,
                    audio=Path("audio") / f"{name}.flac",
                    text=request.text,
                    speaker=str(request.speaker),
                    language=ENGLISH,
                    emotion=str(request.emotion),
                    custom={"licence": "that of the base"},
                    phones=tuple(timed_phones(speech, voice.voice.spec.frames_per_second)),
                )
                made.append(cut(record, Header(rate, len(speech.wav)), "train", "emotional"))
                report.progress(number + 1, self.count, "utterances")
        write_cuts(made, out)

    def _refuse(self, languages: Sequence[str]) -> None:
        if ENGLISH not in languages:
            given = f"a base that reads {', '.join(languages)}"
            raise got("rehearsal", given, f"one that reads English, or {WITHOUT}")

    def _requests(self, voice: Synthesizer) -> Iterator[Request]:
        speakers, known = list(voice.voice.speakers), list(voice.voice.emotions)
        emotions = known if self.emotions is None else list(self.emotions)
        if strange := sorted(set(emotions) - set(known)) or not emotions:
            raise got("rehearsal.emotions", strange or emotions, f"some of {', '.join(known)}, or null for all")
        for number, text in enumerate(varied_sentences(self.count, self.seed)):
            who = speakers[number // len(emotions) % len(speakers)]
            yield Request(text, who, emotion=emotions[number % len(emotions)], language=ENGLISH)


def timed_phones(speech: OwnSpeech, frames_per_second: float) -> Iterator[Phone]:
    """Return when each phone of the voice's own speech is spoken; none where the voice does not know."""
    if speech.places is None:
        return
    ends = np.cumsum(np.bincount(speech.places, minlength=len(speech.phones))) / frames_per_second
    for phone, start, end in zip(speech.phones, [0.0, *ends[:-1]], ends, strict=True):
        yield Phone(phone, round(float(start), 5), round(float(end - start), 5))
