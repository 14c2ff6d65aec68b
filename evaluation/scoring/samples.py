"""What is scored: the outputs of a system, with what they were asked to say and the true recordings beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sovits_lab.files import lines_of, read_text
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
MANIFEST = "samples.jsonl"
OLD_MANIFEST = "items.jsonl"  # its name in earlier versions


@dataclass(frozen=True)
class Sample:
    """One output of a system, with what it was asked to say and the true recordings that it can be held against.

    `wav` is None for a failed output, whose `flags` say why; `guarded` says that the manifest tells flags at all, so
    that somebody watched over the outputs. `truth` is the true recording of exactly this (speaker, text, emotion),
    `truth_neutral` the same speaker and text spoken neutrally. `prompt_text` is what the reference clips say. Seconds
    are wall-clock time of the synthesis and length of the audio. Paths are absolute once read.
    """

    id: str
    wav: Path | None
    text: str
    speaker: str
    emotion: str = NEUTRAL
    phones: tuple[str, ...] = ()
    language: str = ""
    sex: str = ""
    role: str = ""
    strength: float = 1.0
    speaker_reference: Path | None = None
    style_reference: Path | None = None
    style_speaker: str | None = None
    truth: Path | None = None
    truth_neutral: Path | None = None
    prompt_text: str = ""
    seed: int = 0
    flags: tuple[str, ...] = ()
    guarded: bool = False
    synthesis_seconds: float | None = None
    audio_seconds: float | None = None
    alone_seconds: float | None = None

    @property
    def group(self) -> str:
        """`target` for the speakers whose training speech was neutral only, `seen` for the others."""
        return "target" if self.role == "target" else "seen"


_PATHS = ("wav", "speaker_reference", "style_reference", "truth", "truth_neutral")
_NEEDED = ("id", "text", "speaker")
_TEXTS = ("emotion", "language", "sex", "role", "style_speaker", "prompt_text")
_LISTS = ("phones", "flags")
_SECONDS = ("synthesis_seconds", "audio_seconds", "alone_seconds")


def parse_sample(record: Mapping[str, Any], folder: Path, where: str) -> Sample:
    """Make a sample from one manifest record; relative paths are taken from `folder`.

    Raises:
        InputError: a needed field is missing, or a field has the wrong type; `where` names the line.
    """
    known = {one.name for one in fields(Sample)} - {"guarded"}
    chosen = {key: value for key, value in record.items() if key in known and value is not None}
    for key in _NEEDED:
        if not isinstance(chosen.get(key), str) or not str(chosen[key]).strip():
            raise got(f"{where}, field {key}", record.get(key), "a text that is not empty")
    for key in _TEXTS:
        if not isinstance(chosen.get(key, ""), str):
            raise got(f"{where}, field {key}", chosen[key], "a text")
    for key in _PATHS:
        chosen[key] = _path(chosen.get(key), folder, f"{where}, field {key}")
    for key in _LISTS:
        chosen[key] = _texts(chosen.get(key, ()), f"{where}, field {key}")
    for key in _SECONDS:
        if key in chosen:
            chosen[key] = _number(chosen[key], f"{where}, field {key}")
    chosen["strength"] = _number(chosen.get("strength", 1.0), f"{where}, field strength")
    seed = _number(chosen.get("seed", 0), f"{where}, field seed")
    if seed != int(seed):
        raise got(f"{where}, field seed", chosen["seed"], "a whole number")
    return Sample(**{**chosen, "seed": int(seed)}, guarded=record.get("flags") is not None)


def _path(value: Any, folder: Path, where: str) -> Path | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or "\0" in value:
        raise got(where, value, "a path")
    return folder / value


def _texts(value: Any, where: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise got(where, value, "a list of texts")
    return tuple(value)


def _number(value: Any, where: str) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise got(where, value, "a number")
    return number


def read_samples(path: Path) -> list[Sample]:
    """Read the samples of a `samples.jsonl`, in file order.

    Raises:
        InputError: the file is missing, empty, no UTF-8, not JSON, or names one id twice.
    """
    if not path.is_file():
        raise got("samples manifest", path, "an existing samples.jsonl")
    samples: list[Sample] = []
    seen: set[str] = set()
    for number, record in read_records(path):
        sample = parse_sample(record, path.parent, f"{path}, line {number}")
        if sample.id in seen:
            raise got(f"{path}, line {number}, field id", sample.id, "an id that no earlier line has")
        seen.add(sample.id)
        samples.append(sample)
    if not samples:
        raise got("samples manifest", path, "at least one line")
    return samples


def read_records(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Read the JSON objects of a file, one a line, with their line numbers; empty lines are passed over.

    Raises:
        InputError: bytes that are no UTF-8, or a line that is no JSON object.
    """
    for number, line in enumerate(lines_of(read_text(path, "manifest")), start=1):
        if line.strip():
            try:
                record = json.loads(line)
            except (ValueError, RecursionError) as error:
                reason = error.msg if isinstance(error, json.JSONDecodeError) else "too deep or too long"
                raise InputError(f"{path}, line {number}: not JSON ({reason})") from error
            if not isinstance(record, dict):
                raise got(f"{path}, line {number}", record, "an object")
            yield number, record


def check_outputs(samples: Sequence[Sample], where: str, all_needed: bool = False) -> None:
    """Refuse samples whose output files are gone.

    Args:
        samples: what was spoken.
        where: the manifest or folder, for the message.
        all_needed: whether a single missing file is refused, as for the samples of our own run; else only all of them.

    Raises:
        InputError: how many files are missing, and the first of them.
    """
    named = [one.wav for one in samples if one.wav is not None]
    gone = [path for path in named if not path.is_file()]
    if gone and (all_needed or len(gone) == len(named)):
        raise InputError(
            f"{where}: {len(gone)} of {len(named)} output files are missing, the first is {gone[0]}; "
            "put them back, or speak the samples again"
        )


def select_headline(samples: Iterable[Sample]) -> list[Sample]:
    """Select the samples that the tables are made of: neutral ones, and of each emotion those spoken at full strength.

    Full strength is the one nearest to 1; the other strengths are points of the trade-off curve only.
    """
    samples = list(samples)
    nearest: dict[str, float] = {}
    for one in samples:
        best = nearest.get(one.emotion)
        if best is None or abs(one.strength - 1) < abs(best - 1):
            nearest[one.emotion] = one.strength
    return [one for one in samples if one.emotion == NEUTRAL or one.strength == nearest[one.emotion]]
