"""`python experiments/sad_transfer/recorded.py RUN LABEL_RUN`: what limits.md says of experiment=sad_transfer_ravdess.

The second run is that with stages.samples.style_as=label. Beside them stand the true recordings. Writes
results/main.csv; then `python experiments/pages.py`.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from experiments.collect import commit_of, find
from experiments.results import Result, bounded, write_results

WORDS = "wer.lab.faster-whisper whisper-base"
FIGURES = {  # name/emotion -> what it is, unit, scale
    "f0_shift/sad": ("F0 of sad against neutral", "semitones", 1.0),
    "f0_shift/happy": ("F0 of happy against neutral", "semitones", 1.0),
    "level_shift/sad": ("level of sad against neutral", "dB", 1.0),
    "level_shift/happy": ("level of happy against neutral", "dB", 1.0),
    "level_shift/angry": ("level of angry against neutral", "dB", 1.0),
    "duration_ratio/sad": ("length of sad against neutral", "", 1.0),
    "duration_ratio/happy": ("length of happy against neutral", "", 1.0),
    "speaker_top1/all": ("nearest to the own voice by CAM++", "%", 100.0),
    "similarity_calibrated/sad": ("similarity in sad, 0 for strangers and 1 for own recordings", "", 1.0),
    f"{WORDS}/neutral": ("words misheard by Whisper base, neutral", "%", 100.0),
    f"{WORDS}/sad": ("words misheard by Whisper base, sad", "%", 100.0),
    "unreported_breakdown/all": ("broken and not reported", "%", 100.0),
    "style_emotion/all": ("emotion told from the style vector by a linear probe, actors held out", "%", 100.0),
}


def rows_of(run: Path, column: str) -> list[Result]:
    """Return the rows of a run: what the voice says under `COLUMN/FIGURE`, and the truth under `truth/FIGURE`."""
    figures: list[dict[str, Any]] = json.loads((run / "scores.json").read_text(encoding="utf-8"))["figures"]
    commit = commit_of(json.loads((run / "environment.json").read_text(encoding="utf-8")))
    made = []

    def row(column: str, key: str, value: dict[str, str]) -> None:
        name, unit, _ = FIGURES[key]
        plain = f"ravdess_{column}/{key.replace(WORDS, 'wer')}"
        made.append(Result("sad_transfer", plain, name, unit, "seed 1", **value, truth="", commit=commit))

    for key, (_, _, scale) in FIGURES.items():
        one = find(figures, key)
        if one is None or one["value"] is None:
            sys.exit(f"error: {run}: no figure {key}, expected a run of experiment=sad_transfer_ravdess")
        row(column, key, bounded(*(scale * one[bound] for bound in ("value", "low", "high"))))
        if column == "clip" and one.get("truth") is not None:
            row("truth", key, bounded(scale * one["truth"]))
    return made


if __name__ == "__main__":
    runs = [Path(word) for word in sys.argv[1:]]
    if len(runs) != 2 or not all((run / "scores.json").is_file() for run in runs):
        sys.exit("error: expected two words, the folders of finished runs: spoken by clips, and by labels")
    rows = [row for run, column in zip(runs, ("clip", "label"), strict=True) for row in rows_of(run, column)]
    print(write_results("sad_transfer", rows, instead_of=["ravdess"]))
