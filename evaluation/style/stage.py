"""The stage that puts a run's style vectors on trial: tables, verdicts and pictures into its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from evaluation.real_speech.clips import read_corpus
from evaluation.style.command import find_clips, match_labels
from evaluation.style.extract import compute_baselines, load_clips
from evaluation.style.protocol import run_protocol, write_report
from evaluation.style.trial import ResamplingPlan
from evaluation.style.vectors import StyleVectors, load_vectors
from sovits_lab.reporting import Reporter
from sovits_lab.types import Count, NonNegativeInt, got

VECTORS = "style_vectors.npz"


class StyleTrial:
    """Read `style_vectors.npz` from whichever input holds it and, with a `corpus` input, baselines of the same clips.

    Args:
        baselines: compute the vectors to be beaten from the corpus's audio; minutes on a large corpus.
        pictures: draw the maps and the disentanglement plane.
        resamples, permutations, abx_permutations: how much to resample, see `ResamplingPlan`.
        corpus: name of the input with `cuts.jsonl.gz`.
    """

    def __init__(
        self,
        baselines: bool = True,
        pictures: bool = True,
        resamples: Count = 1000,
        permutations: NonNegativeInt = 999,
        abx_permutations: NonNegativeInt = 199,
        corpus: str = "corpus",
    ) -> None:
        self.baselines, self.pictures, self.corpus = baselines, pictures, corpus
        self.plan = ResamplingPlan(resamples, permutations, abx_permutations)

    def run(self, inputs: Mapping[str, Path], out: Path, report: Reporter) -> None:
        """Write style.json, style.md, verdicts.jsonl and pictures; say one verdict line per encoder."""
        held = [folder / VECTORS for folder in inputs.values() if (folder / VECTORS).is_file()]
        if not held:
            raise got("inputs of the style trial", ", ".join(inputs), f"one that holds {VECTORS}")
        candidates, baselines = load_vectors(held[0]), list[StyleVectors]()
        left_out, absent = list[str](), ["baselines that listen: not asked for"]
        if self.baselines and self.corpus in inputs:
            clips = load_clips(find_clips(candidates[0].labels, read_corpus(inputs[self.corpus])))
            baselines, absent = compute_baselines(clips, None, None, report.say)
            candidates, left_out = [match_labels(one, clips.labels) for one in candidates], clips.left_out
        found = run_protocol(candidates, baselines, self.plan, report.say, left_out, absent)
        write_report(found, candidates, out, self.pictures)
        for verdict in found.verdicts:
            report.say(verdict.line())
        headline = found.trials[0]
        report.metrics(
            0,
            {
                "style/abx_emotion": headline.abx["emotion"].interval.estimate,
                "style/abx_speaker": headline.abx["speaker"].interval.estimate,
                "style/recall_speaker_held_out": headline.probe("emotion, speaker held out").interval.estimate,
            },
        )
