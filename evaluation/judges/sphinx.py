"""pocketsphinx with the model of its wheel (English): forced alignment of known text, and a closed-vocabulary loop.

Its open-vocabulary recognition is of no use for synthesis (far too many errors on clean speech). Aligning known text is
the good use: the score per frame falls with noise, wrong words and bad speech, and single words can be looked at.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evaluation.judges.contract import JudgeCard, WordRecogniser, weight_hash
from evaluation.scoring.normalisers import normalise_lab
from sovits_lab.types import got

if TYPE_CHECKING:
    from pocketsphinx import Decoder

RATE = 16000
NOT_ALIGNED = -20.0  # score of a text that cannot be aligned at all; real mismatches reach about -15
_TINY = 1e-300


def _card(name: str, construct: str, needs: tuple[str, ...]) -> JudgeCard:
    spec = find_spec("pocketsphinx")
    if spec is None or spec.origin is None:
        raise got(f"judge {name}", "no installed package pocketsphinx", "`pip install pocketsphinx`")
    model = Path(spec.origin).parent / "model" / "en-us"
    files = [one for one in (model / "en-us", model / "cmudict-en-us.dict") if one.exists()]
    return JudgeCard(
        name=name,
        version=version("pocketsphinx"),
        construct=construct,
        rate=RATE,
        weight_hash=weight_hash(*files),
        minimum_seconds=0.3,
        needs=needs,
        licence="BSD-2-Clause",
    )


class AlignedWord(NamedTuple):
    """An aligned word: first and last frame (10 ms), mean log score per frame against the best senone, x 1000."""

    text: str
    start: int
    end: int
    score: float


class Alignment(NamedTuple):
    """Mean score per frame over words, the worst word, and the words; an empty list when the text does not fit."""

    mean: float
    worst: float
    words: list[AlignedWord]


class Dictionary:
    """Words as the model knows them; unknown words get a pronunciation from the English front end."""

    def __init__(self, decoder: Decoder) -> None:
        self.decoder = decoder
        self.added: list[str] = []

    @cached_property
    def _pronouncer(self) -> object:
        from sovits_lab.text.english.pronounce import Pronouncer
        from sovits_lab.text.english.tags import tag

        return Pronouncer(tag)

    def words(self, text: str) -> list[str]:
        """Return the words of a text, all of them in the dictionary now; symbols that have no sound are left out."""
        return [word for word in normalise_lab(text, "en").split() if self._known(word)]

    def _known(self, word: str) -> bool:
        if self.decoder.lookup_word(word) is not None:
            return True
        phones = [re.sub(r"\d", "", phone) for phone in self._pronouncer.word(word)]  # type: ignore[attr-defined]
        spelt = [phone for phone in phones if phone.isalpha()]
        if not spelt:
            return False
        self.decoder.add_word(word, " ".join(spelt), True)
        self.added.append(word)
        return True


def encode_pcm(wav: np.ndarray) -> bytes:
    """Encode a recording [T] in [-1, 1] as 16-bit little-endian samples."""
    return (np.clip(wav, -1, 1) * 32767).astype("<i2").tobytes()


class SphinxAligner:
    """Aligns known English text to a recording and scores every word."""

    def __init__(self) -> None:
        self.card = _card("pocketsphinx alignment", "intelligibility", ("text",))

    @cached_property
    def _decoder(self) -> Decoder:
        from pocketsphinx import Decoder

        # compallsen scores against the best of all senones: without it scores of different texts do not compare.
        return Decoder(lm=None, compallsen=True, bestpath=False, fwdflat=False, loglevel="FATAL")

    @cached_property
    def _dictionary(self) -> Dictionary:
        return Dictionary(self._decoder)

    def release(self) -> None:
        """Let go of the model."""
        self.__dict__.pop("_decoder", None)
        self.__dict__.pop("_dictionary", None)

    def align(self, wav: np.ndarray, text: str) -> Alignment:
        """Align a text to a recording [T] at 16 kHz.

        The package's own `set_alignment` / `get_alignment` end the process, so the words are read from the segments of
        the search for the text; their scores come as exp(log score / 10^4).

        Raises:
            InputError: the text has no word that can be spoken.
        """
        words = self._dictionary.words(text)
        if not words:
            raise got("text to align", text, "at least one English word")
        decoder = self._decoder
        decoder.set_align_text(" ".join(words))
        decoder.start_utt()
        decoder.process_raw(encode_pcm(wav), full_utt=True)
        decoder.end_utt()
        if decoder.hyp() is None:
            return Alignment(NOT_ALIGNED, NOT_ALIGNED, [])
        found = list(_words(decoder.seg()))
        frames = sum(one.end - one.start + 1 for one in found)
        if not frames:
            return Alignment(NOT_ALIGNED, NOT_ALIGNED, [])
        mean = sum(one.score * (one.end - one.start + 1) for one in found) / frames
        return Alignment(mean, min(one.score for one in found), found)


def _words(segments: Sequence[object]) -> Iterator[AlignedWord]:
    for one in segments:
        name, first, last = one.word, one.start_frame, one.end_frame  # type: ignore[attr-defined]
        if name.startswith(("<", "[")):
            continue
        score = 1000 * math.log(max(one.ascore, _TINY)) / (last - first + 1)  # type: ignore[attr-defined]
        yield AlignedWord(re.sub(r"\(\d+\)$", "", name), first, last, max(score, NOT_ALIGNED))


class SphinxLoop(WordRecogniser):
    """Any sequence of the words that occur in the manifest, all equally likely: no sentence is known beforehand.

    The honest closed-set error rate: a language model would repair bad speech, a list of sentences would choose.
    """

    languages = ("en",)

    def __init__(self) -> None:
        self.card = _card("pocketsphinx word loop", "intelligibility", ("text", "vocabulary of all texts"))
        self._vocabulary: tuple[str, ...] = ()

    def prepare(self, texts: Sequence[str]) -> None:
        self.release()
        self._vocabulary = tuple(sorted({word for text in texts for word in normalise_lab(text, "en").split()}))
        self.setting = hashlib.sha256(" ".join(self._vocabulary).encode()).hexdigest()[:12]

    @cached_property
    def _decoder(self) -> Decoder:
        from pocketsphinx import Decoder

        decoder = Decoder(lm=None, bestpath=False, fwdflat=False, loglevel="FATAL")
        words = Dictionary(decoder).words(" ".join(self._vocabulary))
        if not words:
            raise got("vocabulary of the word loop", list(self._vocabulary), "at least one English word")
        decoder.add_jsgf_string("loop", f"#JSGF V1.0; grammar loop; public <said> = ( {' | '.join(words)} )+ ;")
        decoder.activate_search("loop")
        return decoder

    def release(self) -> None:
        self.__dict__.pop("_decoder", None)

    def transcribe(self, wavs: Sequence[np.ndarray], language: str) -> list[str]:
        return [self._transcribe(wav) for wav in wavs]

    def _transcribe(self, wav: np.ndarray) -> str:
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(encode_pcm(wav), full_utt=True)
        decoder.end_utt()
        found = decoder.hyp()
        return "" if found is None else found.hypstr
