"""What is scored: the outputs of a system, with what they were asked to say and the true recordings beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
MANIFEST = "samples.jsonl"
OLD_MANIFEST = "items.jsonl"  # its name in earlier versions


@dataclass(frozen=True)
class Sample:
    """One output of a system, with what it was asked to say and the true recordings that it can be held against.

    `wav` is None for a failed output, whose `flags` say why. `truth` is the true recording of exactly this
    (speaker, text, emotion), `truth_neutral` the same speaker and text spoken neutrally. `prompt_text` is what the
    reference clips say. Seconds are wall-clock time of
    the synthesis and length of the audio. Paths are absolute once read.
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
    synthesis_seconds: float | None = None
    audio_seconds: float | None = None

    @property
    def group(self) -> str:
        """`target` for the speakers whose training speech was neutral only, `seen` for the others."""
        return "target" if self.role == "target" else "seen"


_PATHS = ("wav", "speaker_reference", "style_reference", "truth", "truth_neutral")


def parse_sample(record: Mapping[str, Any], folder: Path, where: str) -> Sample:
    """A sample from one manifest record; relative paths are taken from `folder`.

    Raises:
        InputError: a needed field is missing, or a field has the wrong type; `where` names the line.
    """
    known = {one.name for one in fields(Sample)}
    chosen = {key: value for key, value in record.items() if key in known and value is not None}
    for key in ("id", "text", "speaker"):
        if not isinstance(chosen.get(key), str) or not str(chosen[key]).strip():
            raise got(f"{where}, field {key}", record.get(key), "a text that is not empty")
    try:
        strength = float(chosen.get("strength", 1.0))
    except (TypeError, ValueError) as error:
        raise got(f"{where}, field strength", chosen["strength"], "a number") from error
    for key in _PATHS:
        chosen[key] = folder / str(chosen[key]) if chosen.get(key) else None
    chosen["strength"] = strength
    chosen["phones"] = tuple(chosen.get("phones", ()))
    chosen["flags"] = tuple(chosen.get("flags", ()))
    return Sample(**chosen)


def read_samples(path: Path) -> list[Sample]:
    """Read the samples of a `samples.jsonl`, in file order.

    Raises:
        InputError: the file is missing, empty, not JSON, or names one id twice.
    """
    if not path.is_file():
        raise got("samples manifest", path, "an existing samples.jsonl")
    samples: list[Sample] = []
    seen: set[str] = set()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}: not JSON ({error.msg})") from error
        sample = parse_sample(record, path.parent, f"{path}, line {number}")
        if sample.id in seen:
            raise got(f"{path}, line {number}, field id", sample.id, "an id that no earlier line has")
        seen.add(sample.id)
        samples.append(sample)
    if not samples:
        raise got("samples manifest", path, "at least one line")
    return samples


def select_headline(samples: Iterable[Sample]) -> list[Sample]:
    """The samples that the tables are made of: neutral ones, and of each emotion those spoken at full strength.

    Full strength is the one nearest to 1; the other strengths are points of the trade-off curve only.
    """
    samples = list(samples)
    nearest: dict[str, float] = {}
    for one in samples:
        best = nearest.get(one.emotion)
        if best is None or abs(one.strength - 1) < abs(best - 1):
            nearest[one.emotion] = one.strength
    return [one for one in samples if one.emotion == NEUTRAL or one.strength == nearest[one.emotion]]
