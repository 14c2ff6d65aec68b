"""Does a recording say what its text says? Compared by letters, with what a recogniser hears."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from sovits_lab.audio.clip_checks import ClipFinding, Verdict
from sovits_lab.audio.files import resample
from sovits_lab.files import reason_of
from sovits_lab.types import InputError, got

Wave = Float32[np.ndarray, " T"]
Transcriber = Callable[[np.ndarray, str | None], str]
"""A mono waveform at 16 kHz and a language, or None to guess it, to the words that are heard."""
RATE = 16_000
WHISPER_FILES = ("model.bin", "config.json", "tokenizer.json")
DOUBTFUL, BAD = 0.25, 0.5  # share of letters that differ; Whisper base errs by several percent on true recordings


def check_transcript(
    wav: Wave, rate: int, text: str, transcribe: Transcriber, language: str | None = None
) -> ClipFinding:
    """Check how many letters of a text differ from those that are heard, as a share of the longer of both."""
    hypothesis = transcribe(resample(wav, rate, RATE), language)
    share = letter_difference(text, hypothesis)
    advice = f"heard {hypothesis.strip()[:80]!r}: correct the text, or cut the clip to it"
    verdict: Verdict = "bad" if share > BAD else "doubtful" if share > DOUBTFUL else "good"
    return ClipFinding("text", 100 * share, "% of letters differ", verdict, "" if verdict == "good" else advice)


def letter_difference(one: str, other: str) -> float:
    """Return the edit distance of two texts without case, marks and blanks, as a share of the longer; 0 where equal."""
    from rapidfuzz.distance import Levenshtein

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
