"""Does a recording say what its text says? Compared with what a recogniser hears, by letters and by sounds."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float32
from rapidfuzz.distance import Levenshtein

from sovits_lab.audio.clip_checks import ClipFinding, Verdict
from sovits_lab.audio.files import load_audio, resample
from sovits_lab.corpora.doctor import Problem
from sovits_lab.corpora.manifest import Progress, Record
from sovits_lab.files import reason_of
from sovits_lab.text.multilingual import MultilingualFrontend
from sovits_lab.text.reading import SILENT, Reading
from sovits_lab.types import InputError, got

Wave = Float32[np.ndarray, " T"]
Transcriber = Callable[[np.ndarray, str | None], str]
"""A mono waveform at 16 kHz and a language, or None to guess it, to the words that are heard."""
RATE = 16_000
WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
DOUBTFUL, BAD = 0.25, 0.5  # share that differs; Whisper base errs by several percent on true recordings


class MismatchedTexts(NamedTuple):
    """Rows whose recording says other words than their text, surely or perhaps."""

    bad: list[Problem]
    doubtful: list[Problem]


def compare_texts(rows: Sequence[Record], transcribe: Transcriber, report: Progress) -> MismatchedTexts:
    """Listen to recordings and compare what is heard with their texts.

    Args:
        rows: with absolute audio paths that can be read.
        transcribe: a recogniser.
        report: told how many rows are done.
    """
    found = MismatchedTexts([], [])
    for done, row in enumerate(rows):
        wav = load_audio(row.audio, RATE, mix_down=True, rate="any")
        one = check_transcript(wav, RATE, row.text, transcribe, row.language)
        problem = Problem(row.id, f"{one.verdict} text", f"{one.value:.0f} % differs, {one.advice} [{row.audio}]")
        found.bad.extend([problem] if one.verdict == "bad" else [])
        found.doubtful.extend([problem] if one.verdict == "doubtful" else [])
        report.progress(done + 1, len(rows), "recordings")
    return found


def check_transcript(
    wav: Wave, rate: int, text: str, transcribe: Transcriber, language: str | None = None
) -> ClipFinding:
    """Check how much of a text differs from what is heard; see `spoken_difference`."""
    hypothesis = transcribe(resample(wav, rate, RATE), language)
    share = spoken_difference(text, hypothesis, language)
    advice = f"heard {hypothesis.strip()[:80]!r}: correct the text, or cut the clip to it"
    verdict: Verdict = "bad" if share > BAD else "doubtful" if share > DOUBTFUL else "good"
    return ClipFinding("text", 100 * share, "% differs", verdict, "" if verdict == "good" else advice)


def spoken_difference(text: str, hypothesis: str, language: str | None = None) -> float:
    """Return how much of a text differs from what is heard: of its letters or of its sounds, whichever is less.

    A recogniser writes "one hundred and five" as 105, "tsp" as teaspoon, and Chinese in other characters of the same
    sound. So where too many letters differ, both are read by our front ends, and their phones are compared without
    tones and stress. A language that no front end here reads is compared by its letters alone.

    Args:
        text: what should be said.
        hypothesis: what a recogniser wrote.
        language: of both, or None to see it from the letters.
    """
    share = letter_difference(text, hypothesis)
    if share <= DOUBTFUL or not letters(hypothesis):
        return share
    try:
        reading = _frontend().read(text, language)
        languages = reading.language.split("+")  # digits alone do not say what they are read as
        other = _frontend().read(hypothesis, language or (languages[0] if len(languages) == 1 else None))
    except InputError:  # another language, or its extra is not installed
        return share
    sounds = _sounds(reading)
    return min(share, float(Levenshtein.normalized_distance(sounds, _sounds(other)))) if sounds else share


def _sounds(reading: Reading) -> list[str]:
    return [phone.rstrip("0123456789") for phone in reading.phones if phone not in SILENT]


@cache
def _frontend() -> MultilingualFrontend:
    return MultilingualFrontend()


def letter_difference(one: str, other: str) -> float:
    """Return the edit distance of two texts without case, marks and blanks, as a share of the longer; 0 where equal."""
    return float(Levenshtein.normalized_distance(letters(one), letters(other)))


def letters(text: str) -> str:
    """Return the letters and digits of a text, without case, accents and width."""
    plain = unicodedata.normalize("NFKD", text).casefold()
    return re.sub(r"[\W_]", "", "".join(c for c in plain if not unicodedata.combining(c)))


def whisper_transcriber(name: str = "whisper-base") -> Transcriber:
    """Load Whisper as a listener.

    Raises:
        InputError: its weights or faster-whisper are missing, or the folder holds something else.
    """
    from sovits_lab.weights.locate import locate

    folder = locate("recogniser", name)
    if find_spec("faster_whisper") is None:
        raise InputError("recogniser: got no faster-whisper, expected the extra `eval`")
    model = open_whisper("recogniser", folder, device="cpu", compute_type="int8", cpu_threads=1)

    def transcribe(wav: np.ndarray, language: str | None) -> str:
        known = language if language in model.supported_languages else None
        segments, _ = model.transcribe(wav, language=known, beam_size=1, condition_on_previous_text=False)
        return " ".join(segment.text for segment in segments)

    return transcribe


def open_whisper(who: str, folder: Path, **settings: Any) -> Any:
    """Open a Whisper model of CTranslate2 (faster-whisper); what its folder lacks is not asked of the network.

    Args:
        who: the key, for messages.
        folder: of the model.
        settings: as faster-whisper takes them.

    Raises:
        InputError: a file is missing or damaged.
    """
    from faster_whisper import WhisperModel

    expected = f"a folder with a Whisper model of CTranslate2: {', '.join(WHISPER_FILES)}"
    if lacking := [name for name in WHISPER_FILES if not (folder / name).is_file()]:
        raise got(who, f"no {lacking[0]} in {folder}", expected)
    try:
        return WhisperModel(str(folder), **settings)
    except Exception as error:  # what CTranslate2 and the library of tokenizers say of damaged files is of many kinds
        raise InputError(f"{who}: {folder} cannot be opened ({reason_of(error)}), expected {expected}") from error
