"""`python -m evaluation style [vectors=FILE.npz ...] [corpus=FOLDER] [out=FOLDER] ...`: style vectors on trial.

vectors=FILE.npz  vectors [N, D] with unicode arrays speaker, emotion, text, ...; repeat for several encoders
corpus=FOLDER     manifest.tsv or cuts.jsonl.gz: baselines are computed from its audio, on the same items
out=FOLDER        tables, verdicts, pictures and cached vectors; default runs/style
ecapa=FOLDER      local weights of the ECAPA speaker judge, one more baseline
neutral=NAME      the emotion that anchors the neutral-anchored variant; default neutral
resamples=N permutations=N abx_permutations=N pictures=true|false
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from evaluation.arguments import parse
from evaluation.real_speech.clips import LabelledClip, read_corpus
from evaluation.style.extract import compute_baselines, load_clips
from evaluation.style.protocol import run_protocol, write_report
from evaluation.style.trial import ResamplingPlan
from evaluation.style.vectors import ClipLabels, StyleVectors, load_vectors
from sovits_lab.types import InputError, got


def main(argv: list[str]) -> int:
    """Run the protocol and print the tables' headlines and one verdict line per encoder."""
    given = parse(
        argv,
        __doc__ or "",
        {"vectors": [], "corpus": "", "out": "runs/style", "ecapa": "", "neutral": "neutral", "resamples": 1000,
         "permutations": 999, "abx_permutations": 199, "pictures": True},
    )  # fmt: skip
    if given is None:
        return 0
    if not given["vectors"] and not given["corpus"]:
        raise InputError("style: neither vectors=FILE.npz nor corpus=FOLDER is given, at least one is needed")
    plan = ResamplingPlan(
        given["resamples"], given["permutations"], given["abx_permutations"], neutral=given["neutral"]
    )
    out = Path(given["out"])
    candidates = [style for path in given["vectors"] for style in load_vectors(Path(path))]
    baselines: list[StyleVectors] = []
    left_out: list[str] = []
    absent = ["baselines that listen: no corpus=FOLDER with the audio was given"]
    if given["corpus"]:
        clips = read_corpus(Path(given["corpus"]))
        if candidates:
            clips = find_clips(candidates[0].labels, clips)
        heard = load_clips(clips)
        left_out = heard.left_out
        ecapa = Path(given["ecapa"]) if given["ecapa"] else None
        baselines, absent = compute_baselines(heard, out / "vectors", ecapa, print)
        candidates = [match_labels(style, heard.labels) for style in candidates]
    report = run_protocol(candidates, baselines, plan, print, left_out, absent)
    written = write_report(report, candidates or baselines[-2:-1], out, given["pictures"])
    for verdict in report.verdicts:
        print(verdict.line())
    print(f"written: {', '.join(path.as_posix() for path in written)}")
    return 0


def find_clips(labels: ClipLabels, clips: list[LabelledClip]) -> list[LabelledClip]:
    """Find the clips that vectors were made from, in the vectors' order: all of them, or by speaker, emotion and text.

    Raises InputError when a vector's clip is not in the corpus, or several fit.
    """
    pairs = list(zip(labels.speaker.tolist(), labels.emotion.tolist(), strict=True))
    if [(clip.speaker, clip.emotion) for clip in clips] == pairs:
        return clips
    found: dict[tuple[str, str, str], list[LabelledClip]] = {}
    for clip in clips:
        found.setdefault((clip.speaker, clip.emotion, clip.text), []).append(clip)
    chosen = []
    for row, key in enumerate(zip(labels.speaker.tolist(), labels.emotion.tolist(), labels.text.tolist(), strict=True)):
        if len(found.get(key, [])) != 1:
            fitting = len(found.get(key, []))
            raise got(f"clips of vector {row} {key}", fitting, "exactly one in the corpus, or as many clips as vectors")
        chosen.append(found[key][0])
    return chosen


def match_labels(style: StyleVectors, labels: ClipLabels) -> StyleVectors:
    """Give a candidate the corpus's labels and levels; refuse it unless both list the same items in one order."""
    same = len(style.labels) == len(labels)
    for factor in ("speaker", "emotion"):
        same = same and np.array_equal(getattr(style.labels, factor), getattr(labels, factor))
    if not same:
        expected = f"the {len(labels)} audible items of the corpus in its order (same speakers and emotions)"
        raise got(f"vectors of {style.name}", f"{len(style.labels)} items", expected)
    return replace(style, labels=labels)
