"""`python experiments/sad_transfer/reachable.py RUN`: what the mean change of the training voices would reach.

Every target says each emotion as the training voices do on average: F0 by as many semitones, F0 range (standard
deviation in semitones) by the same factor, level by as many dB, length by the same ratio. What that reaches of the
targets' true change is the share that a style which knows nothing of the target can hope for. Voices differ: braces
give the single targets.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from planned import cell

from sovits_lab.audio.baseline import FEWEST, voiced_frames
from sovits_lab.data.store import FeatureStore
from sovits_lab.types import InputError, got

NEUTRAL = "neutral"
NAMES = ("F0", "F0 range", "level", "length")
Voices = dict[str, dict[str, np.ndarray]]  # emotion -> speaker -> mean of: semitones, log spread, nats, log seconds


def voices(store: FeatureStore, rows: list[int]) -> Voices:
    """Means over each voice's utterances in each emotion."""
    found: dict[tuple[str, str], list[list[float]]] = defaultdict(list)
    for i in rows:
        row, heard = store.rows[i], voiced_frames(store.f0(i), store.mel(i).T)
        if len(heard.log_f0) < FEWEST:
            continue
        level = np.log(np.mean(np.exp(2 * heard.energy))) / 2
        spread = np.log(max(float(heard.log_f0.std()), 1e-3))
        tones = 12 / np.log(2) * float(np.median(heard.log_f0))
        found[row.emotion, row.speaker].append([tones, spread, level, np.log(row.frames)])
    made: Voices = defaultdict(dict)
    for (emotion, speaker), values in found.items():
        made[emotion][speaker] = np.mean(values, axis=0)
    return made


def main(run: Path) -> None:
    """Print the table."""
    if not (run / "stages.json").is_file():
        raise got("run", run, "the folder of one run, with stages.json")
    store = FeatureStore(run / json.loads((run / "stages.json").read_text("utf-8"))["features"])
    trained = voices(store, store.select(["train"], ["emotional"]))
    tested = voices(store, store.select(["test"], ["target"]))
    print("| share of the true change, % | " + " | ".join(NAMES) + " |")
    print("|---" * (len(NAMES) + 1) + "|")
    for emotion in sorted((set(trained) & set(tested)) - {NEUTRAL}):
        change = np.mean([trained[emotion][one] - trained[NEUTRAL][one] for one in trained[emotion]], axis=0)
        said, true = [], []
        for speaker, now in tested[emotion].items():
            before = tested[NEUTRAL][speaker]
            said.append(moved(before, before + change))
            true.append(moved(before, now))
        cells = [cell(a, b) for a, b in zip(np.array(said).T, np.array(true).T, strict=True)]
        print(f"| {emotion} | " + " | ".join(cells) + " |")


def moved(before: np.ndarray, after: np.ndarray) -> list[float]:
    """Semitones; semitones of range; nats; log ratio."""
    wider: Any = 12 / np.log(2) * (np.exp(after[1]) - np.exp(before[1]))
    return [after[0] - before[0], wider, after[2] - before[2], after[3] - before[3]]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python experiments/sad_transfer/reachable.py RUN")
    try:
        main(Path(sys.argv[1]))
    except InputError as error:
        sys.exit(f"error: {error}")
