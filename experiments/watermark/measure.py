"""How often is the mark found after which treatment, how often where there is none, and what does it cost?

    python experiments/watermark/measure.py FOLDER [marked=100] [real=500] [rated=40]

FOLDER holds recordings of people, at any depth. Writes results/main.csv; then `python experiments/pages.py`.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from treatments import TREATMENTS, Wave

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.campplus import CampplusSpeaker
from evaluation.judges.distillmos import DistillMos
from experiments.results import Result, bounded, commit_here, share, write_results
from sovits_lab.audio.files import load_audio, resample
from sovits_lab.options import option, read_options
from sovits_lab.provenance.watermark import released_watermark

RATE = 24_000
ON_REAL = (
    "none",
    "MP3 64 kbit/s",
    "Opus 24 kbit/s",
    "noise 20 dB",
    "1.5 s cut out",
    "2 s cut out",
    "3 s cut out",
    "5 s cut out",
)
LEAST = 2.0  # seconds


@dataclass(frozen=True)
class MeasureMarks:
    """Measure detection and false alarms."""

    folder: Path = option("recordings of people", bare=True)
    marked: int = option("recordings that are marked and treated", 100, least=1)
    real: int = option("recordings in which there is no mark", 500, least=1)
    skip: int = option("recordings of the draw that are passed over", 0, least=0)
    only: list[str] = option("treatments, by their names", list(TREATMENTS), shown="all")
    rated: int = option("recordings that judges of quality and speaker hear with and without the mark", 40, least=0)


def recordings(folder: Path, count: int, seed: int) -> list[tuple[Path, Wave]]:
    """Choose recordings by chance, of at least two seconds."""
    paths = sorted(path for kind in ("wav", "flac", "ogg", "mp3") for path in folder.rglob(f"*.{kind}"))
    random.Random(seed).shuffle(paths)
    found = []
    for path in paths:
        wav = load_audio(path, RATE, mix_down=True, rate="any")
        if len(wav) >= LEAST * RATE:
            found.append((path, wav))
        if len(found) == count:
            break
    return found


def row(column: str, name: str, figure: str, unit: str, told: dict[str, str], n: int) -> Result:
    """Make a row of the results, and print it."""
    print(f"{name}: {figure} {told['value']} {unit} (95 % {told['low']} to {told['high']}, n {n})", flush=True)
    return Result("watermark", f"{column}/{name}", f"{figure}, {name}", unit, "1 run", **told, truth="",
                  commit=commit_here(), n=str(n))  # fmt: skip


def main() -> None:
    """Measure, and write the rows in place of those of the same treatments."""
    asked = read_options(MeasureMarks, sys.argv[1:])
    mark, rng = released_watermark(), np.random.default_rng(0)
    chosen = recordings(asked.folder, asked.skip + max(asked.marked, asked.real), 0)[asked.skip :]
    marked = [mark.mark(wav, RATE).wav for _, wav in chosen[: asked.marked]]
    first = [mark.detect(mark.embed(wav, RATE), RATE).found for _, wav in chosen[: asked.marked]]
    rows = [
        row(
            "found",
            "read back at the first strength",
            "found of the marked",
            "%",
            share(first),
            len(first),
        )
    ]
    for name in asked.only:
        treat = TREATMENTS[name]
        found = [mark.detect(treat(wav, RATE, rng), RATE) for wav in marked]
        presence = bounded(float(np.mean([one.presence for one in found])))
        rows.append(row("found", name, "found of the marked", "%", share([one.found for one in found]), len(found)))
        rows.append(row("presence", name, "mean presence", "", presence, len(found)))
        if name in ON_REAL:
            real = [mark.detect(treat(wav, RATE, rng), RATE) for _, wav in chosen[: asked.real]]
            largest = bounded(max(one.presence for one in real))
            rows.append(row("unmarked", name, "taken for marked", "%", share([one.found for one in real]), len(real)))
            rows.append(row("largest", name, "largest presence of the unmarked", "", largest, len(real)))
    rows += costs([wav for _, wav in chosen[: asked.rated]], marked)
    print(write_results("watermark", rows, instead_of=[one.key for one in rows]))


def costs(plain: list[Wave], marked: list[Wave]) -> list[Result]:
    """Return what the mark does to quality and to the speaker."""
    if not plain:
        return []
    pairs = list(zip(plain, marked, strict=False))
    levels = [10 * np.log10(np.mean(a**2) / np.mean((b - a) ** 2)) for a, b in pairs]
    narrow = [[resample(wav, RATE, 16_000) for wav in side] for side in zip(*pairs, strict=True)]
    quality, speaker = DistillMos(), CampplusSpeaker()
    before, after = (np.array([one["distillmos"] for one in quality.rate(side)]) for side in narrow)
    first, second = (speaker.embed(side) for side in narrow)
    told = {
        ("mark below the speech", "dB"): np.mean(levels),
        ("DistillMOS without", ""): before.mean(),
        ("DistillMOS with", ""): after.mean(),
        ("CAM++ likeness to its marked self", ""): np.mean(np.sum(first * second, axis=1)),
    }
    return [row("cost", name, "cost", unit, bounded(float(value)), len(pairs)) for (name, unit), value in told.items()]


if __name__ == "__main__":
    main()
