"""`python -m sovits_lab watermark detect FILE ...`: does a recording say that it is synthetic?"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import got

LONGEST = 3600.0  # seconds
MOST_BYTES = 1 << 30


@dataclass(frozen=True)
class WatermarkDetect:
    """`detect` looks for the inaudible mark in the sound and for labels in the metadata.

    Exit status: 0 some recording has a mark or a label, 1 none has, 2 the command is wrong or a file cannot be read.
    Less than 1.5 s is too short for a verdict. No mark is no proof that a person spoke.
    """

    files: list[Path] = option("recordings of at most an hour", bare=True)
    format: str = option("of the answer", "text", choices=("text", "json"))


@dataclass(frozen=True)
class WatermarkEmbed:
    """`embed` marks and labels a recording that another program made, or that was made before marks were."""

    file: Path = option("the recording", bare=True)
    out: Path = option("where it goes: .wav or .flac")
    producer: str = option("who made it, for the label", "sovits_lab")


def main(argv: list[str]) -> int:
    """Run the command."""
    if not argv or wants_help(argv):
        print(describe(WatermarkDetect, "watermark detect"), describe(WatermarkEmbed, "watermark embed"), sep="\n\n")
        return 0
    if argv[0] == "detect":
        return _detect(read_options(WatermarkDetect, argv[1:]))
    if argv[0] == "embed":
        return _embed(read_options(WatermarkEmbed, argv[1:]))
    raise got("watermark", argv[0], "detect FILE or embed FILE")


def _detect(asked: WatermarkDetect) -> int:
    found = {str(path): _look(path) for path in asked.files}
    if asked.format == "json":
        print(json.dumps(found, indent=1))
    else:
        for name, one in found.items():
            print(f"{name}: {_in_words(one)}")
    return int(not any(one["mark"] or one["label"] for one in found.values()))


def _look(path: Path) -> dict[str, Any]:
    from sovits_lab.audio.files import audio_info, load_audio
    from sovits_lab.files import regular_file
    from sovits_lab.provenance.labels import read_labels
    from sovits_lab.provenance.watermark import WORKING_RATE, released_watermark

    rate = min(audio_info(path).sample_rate, WORKING_RATE)
    wav = load_audio(path, rate, max_seconds=LONGEST, mix_down=True, rate="any")
    result = released_watermark().detect(wav, rate)
    labels = read_labels(regular_file(path, "recording", MOST_BYTES).read_bytes())
    return {
        "mark": result.found,
        "judged": result.judged,
        "presence": round(result.presence, 3),
        "parts": [[round(part.start, 2), round(part.end, 2), round(part.presence, 3)] for part in result.parts],
        "label": labels.synthetic,
        "aigc": dict(labels.aigc),
        "note": labels.note,
    }


def _in_words(found: dict[str, Any]) -> str:
    from sovits_lab.files import printable
    from sovits_lab.provenance.watermark import READABLE, wanted_presence

    wanted = wanted_presence(found["parts"][0][1] - found["parts"][0][0])
    mark = f"{'a' if found['mark'] else 'no'} mark (presence {found['presence']:.2f}, a mark from {wanted:g})"
    if not found["judged"]:
        mark = f"too short to tell a mark (presence {found['presence']:.2f}, no verdict below {READABLE:g} s)"
    aigc = found["aigc"]
    label = f"AIGC label of {aigc.get('ContentProducer')}, {aigc.get('ProduceID')}" if aigc else "no AIGC label"
    note = "a note for Article 50" if found["note"] else "no note for Article 50"
    return printable(f"{mark}; {label}; {note}")


def _embed(asked: WatermarkEmbed) -> int:
    import uuid

    from sovits_lab.audio.files import audio_info, load_audio, save_audio
    from sovits_lab.files import regular_file, write_whole
    from sovits_lab.provenance.labels import add_labels, first_label
    from sovits_lab.provenance.watermark import released_watermark

    rate = audio_info(asked.file).sample_rate
    wav = load_audio(asked.file, rate, max_seconds=LONGEST, mix_down=True)
    marked = released_watermark().mark(wav, rate)
    save_audio(asked.out, marked.wav, rate)
    label = first_label(asked.producer, uuid.uuid4().hex)
    write_whole(asked.out, add_labels(regular_file(asked.out, "recording").read_bytes(), label))
    read = f"presence {marked.presence:.2f} read back"
    if math.isnan(marked.presence):
        read = "marked, but too short or too soft for the mark to be read back"
    print(f"{asked.out}: {read}, number {label.produce_id}")
    return 0 if marked.reads_back else 1
