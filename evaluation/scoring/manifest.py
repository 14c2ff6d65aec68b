"""What can be scored: a run of ours, a JSONL or CSV manifest, or the list files of seed-tts-eval."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from evaluation.scoring.languages import guess_language
from evaluation.scoring.samples import MANIFEST, OLD_MANIFEST, Sample, parse_sample, read_records
from sovits_lab.files import lines_of, read_text
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


def read_manifest(path: Path, wavs: Path | None = None, language: str = "") -> list[Sample]:
    """Read the samples of any manifest, in file order.

    JSONL, CSV and TSV have the fields of `Sample`, of which only `text` and `wav` are needed; lists are those of
    seed-tts-eval: `utt|prompt_text|prompt_wav|infer_text[|infer_wav]`, outputs in `wavs` as `utt.wav`. A row without a
    speaker is spoken by the voice of its reference file.

    Args:
        path: the manifest, in UTF-8; relative paths in it are taken from its folder.
        wavs: folder of the outputs, for lists, and for rows without `wav`.
        language: of rows that do not say theirs; empty: told by the letters of the text, where they tell.

    Raises:
        InputError: unknown suffix, no rows, no outputs, a row without text, an id that comes twice; the line is named.
    """
    if not path.is_file():
        raise got("manifest", path, "an existing file")
    if path.suffix == ".jsonl":
        rows = list(read_records(path))
    elif path.suffix in TABLES:
        rows = list(_table(path))
    elif path.suffix in LISTS:
        rows = list(_list(path, wavs))
    else:
        raise got(f"manifest {path}, suffix", path.suffix, f"one of .jsonl {' '.join(TABLES)} {' '.join(LISTS)}")
    if not rows:
        raise got("manifest", path, "at least one row")
    if wavs is None and not any("wav" in record for _, record in rows):
        raise got(f"manifest {path}, outputs", "no field wav in any row", "wav in the rows, or wavs=FOLDER")
    voices = _name_voices([record for _, record in rows], path.parent)
    samples: list[Sample] = []
    seen: dict[str, int] = {}
    for line, record in rows:
        where = f"{path}, line {line}"
        sample = parse_sample(_complete(record, line, where, wavs, language, voices), path.parent, where)
        if sample.id in seen:
            raise got(f"{where}, field id", sample.id, f"another id than line {seen[sample.id]} has")
        seen[sample.id] = line
        samples.append(sample)
    return samples


def _name_voices(records: Sequence[Mapping[str, Any]], folder: Path) -> dict[str, str]:
    """Name the voice of each reference file: by its base name where no other file has the same, else by its path."""
    files: dict[str, Path] = {}
    for record in records:
        reference = record.get("speaker_reference")
        if isinstance(reference, str) and reference and not record.get("speaker"):
            files[reference] = Path(os.path.normpath(folder / reference))
    stems: dict[str, set[Path]] = {}
    for path in files.values():
        stems.setdefault(path.stem, set()).add(path)
    root = Path(os.path.normpath(folder))
    named = {}
    for reference, path in files.items():
        place = path.relative_to(root) if path.is_relative_to(root) else path
        named[reference] = path.stem if len(stems[path.stem]) == 1 else place.as_posix()
    return named


def _complete(
    record: Mapping[str, Any], line: int, where: str, wavs: Path | None, language: str, voices: Mapping[str, str]
) -> dict[str, Any]:
    """Fill what a foreign manifest need not say: id, output, speaker, language."""
    made = {key: value for key, value in record.items() if value not in (None, "")}
    made.setdefault("id", Path(str(made["wav"])).stem if "wav" in made else f"line{line}")
    if "wav" not in made and wavs is not None:
        made["wav"] = str((wavs / f"{_plain_name(made['id'], where)}.wav").absolute())
    reference = made.get("speaker_reference")
    made.setdefault("speaker", voices.get(str(reference), "unknown") if reference else "unknown")
    made.setdefault("language", language or guess_language(str(made.get("text", ""))))
    for key in ("phones", "flags"):
        if isinstance(made.get(key), str):
            made[key] = made[key].split()
    if "flags" not in made and record.get("flags") is not None:
        made["flags"] = []  # an empty cell of a column of flags: watched over, and nothing to report
    return made


def _plain_name(name: Any, where: str) -> str:
    """Return an id that is to become a file name.

    Raises:
        InputError: it would lead to another folder.
    """
    text = str(name)
    if text in (".", "..") or any(sign in text for sign in "/\\\0"):
        raise got(f"{where}, field id", text, "a plain name: the output is looked for as ID.wav in the folder wavs")
    return text


def _table(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    reader = csv.DictReader(io.StringIO(read_text(path, "manifest")), delimiter=TABLES[path.suffix], strict=True)
    try:
        lacking = {"text"} - set(reader.fieldnames or ())
        if lacking:
            raise got(f"{path}, columns", list(reader.fieldnames or ()), "a header with at least text and wav")
        for row in reader:
            if None in row:
                raise got(f"{path}, line {reader.line_num}", "more cells than the header", "as many")
            yield reader.line_num, row
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: {error}, expected cells as in the header") from error


def _list(path: Path, wavs: Path | None) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if wavs is None:
        raise got(f"manifest {path}: folder of the outputs", None, "wavs=FOLDER beside a list of seed-tts-eval")
    for number, line in enumerate(lines_of(read_text(path, "manifest")), start=1):
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
