"""What can be scored: a run of ours, a JSONL or CSV manifest, or the list files of seed-tts-eval."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from evaluation.scoring.samples import MANIFEST, OLD_MANIFEST, Sample, parse_sample
from sovits_lab.types import InputError, got

LISTS = (".lst", ".txt")
TABLES = {".csv": ",", ".tsv": "\t"}
SEPARATOR = "|"


def find_run_samples(folder: Path) -> Path:
    """Find the `samples.jsonl` of a run: in the folder itself, or in its `samples` folder.

    Raises:
        InputError: there is none, or only one of an earlier version.
    """
    for place in (folder / "samples", folder):
        if (place / MANIFEST).is_file():
            return place / MANIFEST
        if (place / OLD_MANIFEST).is_file():
            raise got("run", place / OLD_MANIFEST, f"{MANIFEST}: it is of an earlier version; rename it, or run again")
    raise got("run", folder, f"a folder with samples/{MANIFEST} or {MANIFEST}")


def read_manifest(path: Path, wavs: Path | None = None) -> list[Sample]:
    """Samples of any manifest, in file order.

    JSONL, CSV and TSV have the fields of `Sample`, of which only `text` and `wav` are needed; lists are those of
    seed-tts-eval: `utt|prompt_text|prompt_wav|infer_text[|infer_wav]`, outputs in `wavs` as `utt.wav`.

    Args:
        path: the manifest; relative paths in it are taken from its folder.
        wavs: folder of the outputs, for lists, and for rows without `wav`.

    Raises:
        InputError: unknown suffix, no rows, a row without text, an id that comes twice; the line is named.
    """
    if not path.is_file():
        raise got("manifest", path, "an existing file")
    if path.suffix == ".jsonl":
        rows = _jsonl(path)
    elif path.suffix in TABLES:
        rows = _table(path)
    elif path.suffix in LISTS:
        rows = _list(path, wavs)
    else:
        raise got(f"manifest {path}, suffix", path.suffix, f"one of .jsonl {' '.join(TABLES)} {' '.join(LISTS)}")
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    for line, record in rows:
        sample = parse_sample(_complete(record, line, wavs), path.parent, f"{path}, line {line}")
        if sample.id in seen:
            raise got(f"{path}, line {line}, field id", sample.id, f"another id than line {seen[sample.id]} has")
        seen[sample.id] = line
        samples.append(sample)
    if not samples:
        raise got("manifest", path, "at least one row")
    return samples


def _complete(record: Mapping[str, Any], line: int, wavs: Path | None) -> dict[str, Any]:
    """Fill what a foreign manifest need not say: id, output, speaker (the reference clip stands for its speaker)."""
    made = {key: value for key, value in record.items() if value not in (None, "")}
    made.setdefault("id", Path(str(made["wav"])).stem if "wav" in made else f"line{line}")
    if "wav" not in made and wavs is not None:
        made["wav"] = str((wavs / f"{made['id']}.wav").absolute())
    reference = made.get("speaker_reference")
    made.setdefault("speaker", Path(str(reference)).stem if reference else "unknown")
    for key in ("phones", "flags"):
        if isinstance(made.get(key), str):
            made[key] = made[key].split()
    for key in ("strength", "synthesis_seconds", "audio_seconds"):
        if isinstance(made.get(key), str):
            try:
                made[key] = float(made[key])
            except ValueError as error:
                raise got(f"manifest line {line}, field {key}", made[key], "a number") from error
    return made


def _jsonl(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            try:
                record = json.loads(line)
            except json.JSONDecodeError as error:
                raise InputError(f"{path}, line {number}: not JSON ({error.msg})") from error
            if not isinstance(record, dict):
                raise got(f"{path}, line {number}", record, "an object")
            yield number, record


def _table(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, delimiter=TABLES[path.suffix], strict=True)
        lacking = {"text"} - set(reader.fieldnames or ())
        if lacking:
            raise got(f"{path}, columns", list(reader.fieldnames or ()), "a header with at least text and wav")
        for row in reader:
            if None in row:
                raise got(f"{path}, line {reader.line_num}", "more cells than the header", "as many")
            yield reader.line_num, row


def _list(path: Path, wavs: Path | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if wavs is None:
        raise got(f"manifest {path}: folder of the outputs", None, "wavs=FOLDER beside a list of seed-tts-eval")
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split(SEPARATOR)]
        if not 4 <= len(cells) <= 5:
            raise got(
                f"{path}, line {number}", f"{len(cells)} cells", "utt|prompt_text|prompt_wav|infer_text[|infer_wav]"
            )
        utterance, prompt_text, prompt, text, *truth = cells
        yield (
            number,
            {
                "id": utterance.removesuffix(".wav"),
                "text": text,
                "prompt_text": prompt_text,
                "speaker_reference": prompt,
                "truth": truth[0] if truth else None,
            },
        )
