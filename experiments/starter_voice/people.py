"""`python experiments/starter_voice/people.py root=DIR out=DIR [rates=0.9,1.1]`

Makes a corpus of many speakers out of short recordings: Whisper base writes down what is said, a recording ends after
its last whole word, and copies at other rates, which change pitch and timbre, count as further speakers (as in the
training of speaker recognition; Ko et al. 2015). DIR holds `manifest.tsv` with path and speaker. Writes WAV files and
`people.list`, a line `path|speaker|language|text` for each.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.measuring import RATE, run_script
from sovits_lab.audio.files import load_audio, resample, save_audio
from sovits_lab.files import write_whole
from sovits_lab.options import option, read_options
from sovits_lab.types import got
from sovits_lab.weights import locate

MARGIN = 0.25  # seconds before the end of a recording in which a word may have been cut off
AFTER = 0.1  # seconds that are kept after the last word
LEAST_SURE = -0.6  # mean log probability of a token below which a transcript is not believed


@dataclass(frozen=True)
class MakePeople:
    """Make a corpus of many speakers out of short recordings."""

    root: Path = option("folder of manifest.tsv and the recordings")
    out: Path = option("folder to write")
    rates: list[float] = option("of the copies that count as further speakers", [0.9, 1.1], least=0.5, most=2.0)


class Transcript(NamedTuple):
    """What was said up to the last whole word, and where it ends, in seconds."""

    text: str
    end: float


def transcript(model: Any, wav: np.ndarray) -> Transcript | None:
    """Return what a recogniser hears; None where it is not sure, or where there is no whole word."""
    segments = list(model.transcribe(wav, language="en", beam_size=5, word_timestamps=True,
                                     condition_on_previous_text=False, temperature=0.0)[0])  # fmt: skip
    if not segments or min(segment.avg_logprob for segment in segments) < LEAST_SURE:
        return None
    last = len(wav) / RATE - MARGIN
    words = [word for segment in segments for word in segment.words if word.end <= last]
    text = "".join(word.word for word in words).strip()
    return Transcript(text, min(words[-1].end + AFTER, len(wav) / RATE)) if len(words) > 2 else None


def recordings(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield each recording of a table and who speaks.

    Raises:
        InputError: no table, or one without these columns.
    """
    table = root / "manifest.tsv"
    if not table.is_file():
        raise got("root", root, "a folder with manifest.tsv")
    with table.open(encoding="utf-8", newline="") as lines:
        rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
        if not {"path", "speaker"} <= set(rows.fieldnames or ()):
            raise got(f"{table}: columns", rows.fieldnames, "path and speaker")
        for row in rows:
            yield root / row["path"], row["speaker"]


def main(argv: list[str]) -> None:
    """Write the corpus, and print how much of it there is."""
    from faster_whisper import WhisperModel

    asked = read_options(MakePeople, argv)
    found = list(recordings(asked.root))
    model = WhisperModel(str(locate("people", "whisper-base", ("model.bin", "config.json"))), device="cpu")
    asked.out.mkdir(parents=True, exist_ok=True)
    lines, seconds = [], 0.0
    for path, speaker in found:
        wav = load_audio(path, RATE, rate="any")
        said = transcript(model, wav)
        if said is None:
            print(f"left out: {path.name}: not sure what is said", flush=True)
            continue
        kept = wav[: round(said.end * RATE)]
        for rate in (1.0, *asked.rates):
            name = speaker if rate == 1.0 else f"{speaker}x{rate:g}"
            copy = kept if rate == 1.0 else resample(kept, round(RATE * rate), RATE)
            save_audio(asked.out / f"{name}-{path.stem}.wav", copy, RATE)
            lines.append(f"{name}-{path.stem}.wav|{name}|en|{said.text.replace('|', ' ')}\n")
            seconds += len(copy) / RATE
    write_whole(asked.out / "people.list", "".join(lines).encode())
    print(f"{len(lines)} recordings, {seconds / 60:.1f} minutes")


if __name__ == "__main__":
    run_script(main)
