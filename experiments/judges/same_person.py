"""How often does the service take two recordings of one person for two, and two people for one?

    python experiments/judges/same_person.py FOLDER ...

Each folder holds recordings of people and `manifest.tsv` with the columns path, speaker and emotion, of which neutral
and empty ones are taken; where a person has one recording, it is cut into halves. A voice's clip is compared with
another recording of the same person, as `voices/acceptance.py` compares a sentence that was drawn. Writes
results/main.csv; then `python experiments/pages.py`.
"""

from __future__ import annotations

import csv
import random
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product
from pathlib import Path

import numpy as np
from jaxtyping import Float32

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from evaluation.judges.campplus import CampplusSpeaker
from experiments.measuring import RATE, run_script
from experiments.results import Result, bounded, commit_here, share, write_results
from sovits_lab.audio.files import load_audio
from sovits_lab.options import option, read_options
from sovits_lab.serving.voices.acceptance import SAME_PERSON
from sovits_lab.types import got

Wave = Float32[np.ndarray, " T"]
SECONDS, LEAST = 6.0, 2.0  # of a recording that are heard


@dataclass(frozen=True)
class TryPeople:
    """Compare recordings of people with each other."""

    folders: list[Path] = option("recordings of people", bare=True)
    recordings: int = option("of each person at most", 8, least=2)
    people: int = option("of each folder at most", 120, least=2)
    seed: int = option("of who and which are drawn", 0, least=0)


def main(argv: list[str]) -> None:
    """Measure each folder, and write the rows in place of those before."""
    asked, judge = read_options(TryPeople, argv), CampplusSpeaker()
    for folder in asked.folders:
        rows = tried(folder, asked, judge)
        for row in rows:
            print(f"{row.key}: {row.value} {row.unit} [{row.low}, {row.high}], n {row.n}")
        print(write_results("judges", rows, instead_of=[row.key for row in rows]), flush=True)


def tried(folder: Path, asked: TryPeople, judge: CampplusSpeaker) -> list[Result]:
    """Return how often people are mistaken at the service's border, and where their likenesses lie."""
    draw = random.Random(asked.seed)
    found = dict(recordings(folder, draw, asked.recordings))
    who = sorted(found)
    vectors = {name: judge.embed(found[name]) for name in draw.sample(who, min(asked.people, len(who)))}
    if len(vectors) < 2:
        raise got(str(folder), "recordings of fewer than two people", "two recordings each of several")
    own = [float(a @ b) for own in vectors.values() for a, b in combinations(own, 2)]
    pairs = combinations(vectors.values(), 2)
    others = [float(a @ b) for one, other in pairs for a, b in product(one, other)]
    refused, taken = [one < SAME_PERSON for one in own], [one >= SAME_PERSON for one in others]
    name, run = folder.name, f"{len(vectors)} people"

    def row(column: str, figure: str, unit: str, told: dict[str, str], n: int) -> Result:
        return Result("judges", f"{column}/{name}", figure, unit, run, **told, truth="", commit=commit_here(), n=str(n))

    return [
        row("people", "people", "", bounded(float(len(vectors))), len(vectors)),
        row("refused", "the same person refused", "%", share(refused), len(own)),
        row("taken", "another person taken", "%", share(taken), len(others)),
        row("least", "likeness of the same person, lowest twentieth", "", bounded(quantile(own, 5)), len(own)),
        row("most", "likeness of another person, highest thousandth", "", bounded(quantile(others, 99.9)), len(others)),
    ]


def recordings(folder: Path, draw: random.Random, most: int) -> Iterator[tuple[str, list[Wave]]]:
    """Yield people with two or more recordings each; of whom there is one, its halves."""
    files = defaultdict[str, list[Path]](list)
    with (folder / "manifest.tsv").open(encoding="utf-8", newline="") as lines:
        for one in csv.DictReader(lines, delimiter="\t"):
            if one["emotion"] in ("", "neutral"):
                files[one["speaker"]].append(folder / one["path"])
    for name, paths in files.items():
        chosen = [load_clip(path) for path in draw.sample(paths, min(most, len(paths)))]
        wavs = [wav for wav in (chosen if len(chosen) > 1 else np.array_split(*chosen, 2)) if len(wav) >= LEAST * RATE]
        if len(wavs) > 1:
            yield name, wavs


def load_clip(path: Path) -> Wave:
    """Return the beginning of a recording."""
    return load_audio(path, RATE, mix_down=True, rate="any")[: round(SECONDS * RATE)]


def quantile(values: list[float], percent: float) -> float:
    """Return a percentile as a plain number."""
    return float(np.percentile(values, percent))


if __name__ == "__main__":
    run_script(main)
