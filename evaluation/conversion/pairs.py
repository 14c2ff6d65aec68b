"""What is converted: recordings and targets from a table, as samples of two kinds."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from evaluation.scoring.samples import NEUTRAL, Sample
from sovits_lab.files import read_text
from sovits_lab.types import InputError, got

COLUMNS = ("source", "source_speaker", "speaker", "reference", "text")


class ConversionSamples(NamedTuple):
    """What is to be scored.

    Attributes:
        conversions: a source in the voice of a target; `truth` is the source, `style_speaker` who spoke it.
        resynthesis: sources in their own speaker's voice, heard in another clip: what the way through the content
            tokens costs by itself.
    """

    conversions: list[Sample]
    resynthesis: list[Sample]

    @property
    def all(self) -> list[Sample]:
        """Conversions, then resynthesis."""
        return [*self.conversions, *self.resynthesis]


def read_pairs(path: Path, wavs: Path) -> ConversionSamples:
    """Read the pairs of a table.

    Args:
        path: tab-separated, its first line names the columns: source, source_speaker, speaker, reference (a clip of the
            target) and text (what the source says), and if known emotion, language, source_neutral (a clip of the
            source's speaker from whose mean pitch and level the source moves; without it from its own), and
            source_reference (another clip of the source's speaker: then the source is also made in its own voice). A
            pair of a speaker with itself is a resynthesis. Relative paths are taken from its folder.
        wavs: where the converted recordings lie, or will lie: N.wav for pair N, self-N.wav for its source in its own
            voice.

    Raises:
        InputError: a column or a file that is missing, no pairs.
    """
    reader = csv.DictReader(io.StringIO(read_text(path, "pairs")), delimiter="\t", quoting=csv.QUOTE_NONE)
    lacking = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if lacking:
        raise got(f"{path}, columns", " ".join(reader.fieldnames or ()), f"also {' '.join(lacking)}")
    conversions: list[Sample] = []
    resynthesis: dict[Path, Sample] = {}
    for number, row in enumerate(reader, start=1):
        where = f"{path}, pair {number}"
        source, target = (_file(path.parent, row[name], f"{where}, {name}") for name in ("source", "reference"))
        who, shared = row["source_speaker"], _shared(row, source)
        if row.get("source_neutral"):
            shared["style_reference"] = _file(path.parent, row["source_neutral"], f"{where}, source_neutral")
        if row["speaker"] == who:
            resynthesis[source] = _sample(f"{number}", wavs, who, target, shared)
            continue
        conversions.append(replace(_sample(f"{number}", wavs, row["speaker"], target, shared), style_speaker=who))
        if row.get("source_reference") and source not in resynthesis:
            own = _file(path.parent, row["source_reference"], f"{where}, source_reference")
            resynthesis[source] = _sample(f"self-{number}", wavs, who, own, shared)
    if not conversions and not resynthesis:
        raise InputError(f"{path}: got no pairs, expected a line for each source and target")
    return ConversionSamples(conversions, list(resynthesis.values()))


def _shared(row: Mapping[str, str], source: Path) -> dict[str, Any]:
    """Fields that both ways of a source share."""
    language, emotion = row.get("language") or "en", row.get("emotion") or NEUTRAL
    return {"text": row["text"], "emotion": emotion, "language": language, "truth": source}


def _sample(name: str, wavs: Path, speaker: str, reference: Path, shared: Mapping[str, Any]) -> Sample:
    return Sample(id=name, wav=wavs / f"{name}.wav", speaker=speaker, speaker_reference=reference, **shared)


def voices_of(samples: Sequence[Sample]) -> list[tuple[str, str]]:
    """Return whose speech in whose voice each sample is; they differ in a conversion alone."""
    return [(one.style_speaker or one.speaker, one.speaker) for one in samples]


def _file(folder: Path, name: str | None, where: str) -> Path:
    path = folder / (name or "")
    if not name or not path.is_file():
        raise got(where, name, "an existing recording")
    return path
