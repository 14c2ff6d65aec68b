"""The natural corpus: neural voices x emotions x sentences, with parallel truth, and phones where known."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.files import resample
from sovits_lab.audio.trim import trim_silence
from sovits_lab.corpora.manifest import Phone
from sovits_lab.corpora.natural_grammar import varied_sentences
from sovits_lab.corpora.natural_phones import SpelledPhone, spell
from sovits_lab.corpora.natural_style import NaturalSpeech, NaturalStyle, check_style
from sovits_lab.corpora.natural_voices import check_voice, voice_named
from sovits_lab.corpora.spoken import SpokenCorpus, TimedSpeech
from sovits_lab.corpora.toy_plan import Cell
from sovits_lab.text.frontend import EnglishFrontend

TRIAL = ("The quick brown fox jumps over the lazy dog.", "Thank you for the flowers, they are beautiful.",
         "We have never seen so many people here before.", "Could you tell me what time it is?")  # fmt: skip
PLAIN = NaturalStyle(rate=1, pitch=0, range=1, gain_db=0, tilt_db=0, breath_db=0, pause=1)
LICENCE = "Apache-2.0"  # of the voices; what they say is ours
REST = 0.06  # seconds that the last phone, mostly a pause, has at least


class NaturalCorpus(SpokenCorpus):
    """A stage that speaks the natural corpus.

    Args:
        voices_folder: folder of further voice files of Kokoro, `NAME.bin`; None for those in packages.
        settings: arguments of `SpokenCorpus`; voices as `voice_named` takes them, emotions are those of
            `NaturalStyle`, relative to how the voice speaks by itself.
    """

    language = "en"
    style_class = NaturalStyle

    def __init__(self, voices_folder: str | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.voices_folder = voices_folder
        for name, style in self.emotions.items():
            check_style(style, f"corpus.emotions.{name}")

    def sentences(self, count: int, seed: int) -> list[str]:
        return varied_sentences(count, seed)

    def licence(self, voice: str) -> str:
        return LICENCE

    def check_voices(self) -> None:
        for role in self.roles.values():
            for voice in role.chosen():
                check_voice(voice, self.voices_folder)

    def speak_cell(self, cell: Cell[NaturalStyle], gain: float) -> TimedSpeech:
        spelled = spell(self._frontend.read(cell.text, "en"))
        seed = int.from_bytes(cell.id.encode()[-8:]) % 2**31 + self.seed
        speech = voice_named(cell.voice, self.voices_folder).say(spelled, cell.style, seed)
        wav, phones = trimmed(speech, spelled, self.sample_rate)
        return TimedSpeech(wav * gain * 10 ** (cell.style.gain_db / 20), phones)

    def trial_speech(self, voice: str) -> list[Float32[np.ndarray, " T"]]:
        named = voice_named(voice, self.voices_folder)
        spoken = (named.say(spell(self._frontend.read(text, "en")), PLAIN, 0) for text in TRIAL)
        return [trim_silence(speech.wav, speech.sample_rate).wav for speech in spoken]

    @cached_property
    def _frontend(self) -> EnglishFrontend:
        return EnglishFrontend()


def trimmed(speech: NaturalSpeech, spelled: Sequence[SpelledPhone], sample_rate: int) -> TimedSpeech:
    """Return the speech at another rate with little silence around it, and its phones, gapless from start to end."""
    wav = resample(speech.wav, speech.sample_rate, sample_rate)
    found = trim_silence(wav, sample_rate)
    first, last = round(found.start * sample_rate), round(found.end * sample_rate)
    if not speech.seconds:
        return TimedSpeech(wav[first:last])
    ends = np.cumsum(speech.seconds) * sample_rate
    last = min(len(wav), max(last, round(ends[:-1].max(initial=0) + REST * sample_rate)))  # the last phone has a place
    edges = np.clip(np.concatenate([[0.0], ends]) - first, 0, last - first) / sample_rate
    edges[-1] = (last - first) / sample_rate
    phones = [
        Phone(each.phone, round(float(start), 5), round(float(end - start), 5))
        for each, start, end in zip(spelled, edges, edges[1:], strict=False)
    ]
    return TimedSpeech(wav[first:last], phones)
