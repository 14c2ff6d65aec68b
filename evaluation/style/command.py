"""`python -m evaluation style`: style vectors on trial."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from evaluation.real_speech.clips import LabelledClip, read_corpus
from evaluation.style.extract import compute_baselines, load_clips
from evaluation.style.protocol import run_protocol, write_report
from evaluation.style.trial import ResamplingPlan
from evaluation.style.vectors import ClipLabels, StyleVectors, load_vectors
from sovits_lab.options import describe, option, read_options, wants_help
from sovits_lab.types import InputError, got


@dataclass(frozen=True)
class StyleOptions:
    """Put style vectors on trial: is the emotion in them, and is the speaker not?"""

    vectors: list[Path] = option("files of vectors [N, D] with unicode arrays speaker, emotion, text", [])
    corpus: Path | None = option("folder with audio (manifest.tsv or cuts.jsonl.gz): adds baselines, same items", None)
    out: Path = option("folder of tables, verdicts, pictures and cached vectors", Path("runs/style"))
    ecapa: Path | None = option("folder with weights of the ECAPA speaker judge, one more baseline", None)
    neutral: str = option("emotion that anchors the neutral-anchored variant", "neutral")
    resamples: int = option("bootstrap resamples", 1000, least=1)
    permutations: int = option("permutations of the probes' labels", 999, least=0)
    abx_permutations: int = option("permutations of ABX", 199, least=0)
    pictures: bool = option("draw maps of the vectors", True)


def main(argv: list[str]) -> int:
    """Run the protocol and print the tables' headlines and one verdict line per encoder."""
    if wants_help(argv):
        print(describe(StyleOptions, "style", program="python -m evaluation"))
        return 0
    given = read_options(StyleOptions, argv)
    if not given.vectors and not given.corpus:
        raise InputError("style: neither vectors=FILE.npz nor corpus=FOLDER is given, at least one is needed")
    plan = ResamplingPlan(given.resamples, given.permutations, given.abx_permutations, neutral=given.neutral)
    candidates = [style for path in given.vectors for style in load_vectors(path)]
    baselines: list[StyleVectors] = []
    left_out: list[str] = []
    absent = ["baselines that listen: no corpus=FOLDER with the audio was given"]
    if given.corpus:
        clips = read_corpus(given.corpus)
        if candidates:
            clips = find_clips(candidates[0].labels, clips)
        loaded = load_clips(clips)
        left_out = loaded.left_out
        baselines, absent = compute_baselines(loaded, given.out / "vectors", given.ecapa, print)
        candidates = [match_labels(style, loaded.labels) for style in candidates]
    report = run_protocol(candidates, baselines, plan, print, left_out, absent)
    written = write_report(report, candidates or baselines[-2:-1], given.out, given.pictures)
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
