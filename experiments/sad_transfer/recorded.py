"""`python experiments/sad_transfer/recorded.py CORPUS RUN LABEL_RUN ...`: what limits.md says of such a voice.

CORPUS is ravdess or natural, the runs are of experiment=sad_transfer_CORPUS, two of each seed, the second one with
stages.samples.style_as=label. Beside them stand the true recordings. Writes results/main.csv; then
`python experiments/pages.py`.
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
    "f0_share/sad": ("F0 shift of sad, share of the true one", "%", 100.0),
    "level_share/sad": ("level shift of sad, share of the true one", "%", 100.0),
    "duration_share/sad": ("length ratio of sad, share of the true one", "%", 100.0),
    "f0_share/happy": ("F0 shift of happy, share of the true one", "%", 100.0),
    "f0_range_share/angry": ("F0 range of angry, share of the true change", "%", 100.0),
    "level_share/angry": ("level shift of angry, share of the true one", "%", 100.0),
    "speaker_top1/all": ("nearest to the own voice by CAM++", "%", 100.0),
    "similarity_calibrated/sad": ("similarity in sad, 0 for strangers and 1 for own recordings", "", 1.0),
    f"{WORDS}/neutral": ("words misheard by Whisper base, neutral", "%", 100.0),
    f"{WORDS}/sad": ("words misheard by Whisper base, sad", "%", 100.0),
    "unreported_breakdown/all": ("broken and not reported", "%", 100.0),
    "style_emotion/all": ("emotion told from the style vector by a linear probe, speakers held out", "%", 100.0),
}
SAME = ("speaker_top1/all", "similarity_calibrated/sad", f"{WORDS}/neutral", f"{WORDS}/sad", "unreported_breakdown/all",
        "style_emotion/all")  # fmt: skip
SHIFTS = ("f0_shift/sad", "f0_shift/happy", "level_shift/sad", "level_shift/happy", "level_shift/angry",
          "duration_ratio/sad", "duration_ratio/happy")  # fmt: skip
SHARES = ("f0_share/sad", "level_share/sad", "duration_share/sad", "f0_share/happy", "f0_range_share/angry",
          "level_share/angry")  # fmt: skip
KEYS = {"ravdess": (*SHIFTS, *SAME), "natural": (*SHARES, *SAME)}


def rows_of(corpus: str, run: Path, column: str) -> list[Result]:
    """Return the rows of a run: what the voice says as `CORPUS_COLUMN/FIGURE`, the truth as `CORPUS_truth/...`."""
    figures: list[dict[str, Any]] = json.loads((run / "scores.json").read_text(encoding="utf-8"))["figures"]
    environment = json.loads((run / "environment.json").read_text(encoding="utf-8"))
    commit, seed = commit_of(environment), f"seed {environment['seed']}"
    made = []

    def row(column: str, key: str, value: dict[str, str]) -> None:
        name, unit, _ = FIGURES[key]
        plain = f"{corpus}_{column}/{key.replace(WORDS, 'wer')}"
        made.append(Result("sad_transfer", plain, name, unit, seed, **value, truth="", commit=commit))

    for key in KEYS[corpus]:
        scale, one = FIGURES[key][2], find(figures, key)
        if one is None or one["value"] is None:
            sys.exit(f"error: {run}: no figure {key}, expected a run of experiment=sad_transfer_{corpus}")
        row(column, key, bounded(*(scale * one[bound] for bound in ("value", "low", "high"))))
        if column == "clip" and one.get("truth") is not None:
            row("truth", key, bounded(scale * one["truth"]))
    return made


if __name__ == "__main__":
    corpus, *words = [*sys.argv[1:], ""]
    runs = [Path(word) for word in words[:-1]]
    finished = all((run / "scores.json").is_file() for run in runs)
    if corpus not in KEYS or not runs or len(runs) % 2 or not finished:
        sys.exit("error: expected ravdess or natural, and finished runs, of each seed two: by clips, by labels")
    columns = ("clip", "label") * (len(runs) // 2)
    rows = [row for run, column in zip(runs, columns, strict=True) for row in rows_of(corpus, run, column)]
    print(write_results("sad_transfer", rows, instead_of=[corpus]))
