"""`python -m evaluation planted`: does the style protocol find what was planted, and nothing else?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from evaluation.statistics.linear_probe import leave_one_out
from evaluation.style.probes import permute_labels, run_probe
from evaluation.style.trial import ResamplingPlan, Trial, shuffled_inside, try_vectors
from evaluation.style.variance import variance_share
from evaluation.style.vectors import StyleVectors
from evaluation.style.verdict import Verdict, judge
from evaluation.validity import planted_vectors as plants
from evaluation.validity.planted_audio import planted_audio
from evaluation.validity.planted_vectors import PlantedDesign
from sovits_lab.options import describe, option, read_options, wants_help

PLAN = ResamplingPlan(resamples=500, permutations=199, abx_permutations=0, cluster_seeds=2, cluster_starts=5)


@dataclass(frozen=True)
class Control:
    """One planted control: what was planted, what must come out, what came out, and whether it did."""

    name: str
    expected: str
    found: str
    passed: bool


def vector_controls(design: PlantedDesign, seed: int = 0, plan: ResamplingPlan = PLAN) -> Iterator[Control]:
    """Run the planted vectors through the protocol."""

    def tried(plant: Callable[[PlantedDesign, int], StyleVectors]) -> tuple[Trial, Verdict]:
        trial = try_vectors(plant(design, seed), plan)
        return trial, judge(trial)

    trial, verdict = tried(plants.speaker_code)
    emotion, speaker = _abx(trial)
    passed = abs(emotion - 50) <= 1 and speaker >= 99.9 and verdict.speaker_leaks and not verdict.emotion_carries
    yield _control("one-hot speaker", "ABX emotion 50 +- 1, speaker 100, leak", trial, verdict, passed)

    trial, verdict = tried(plants.random_code)
    emotion, speaker = _abx(trial)
    passed = abs(emotion - 50) <= 1.5 and abs(speaker - 50) <= 1.5 and not verdict.speaker_leaks
    yield _control("random", "both ABX 50 +- 1.5", trial, verdict, passed)

    trial, verdict = tried(plants.emotion_code)
    emotion, speaker = _abx(trial)
    carried = verdict.emotion_carries and not verdict.speaker_leaks and verdict.only_loudness is False
    passed = emotion >= 97 and abs(speaker - 50) <= 1.5 and carried and verdict.only_emotion is None
    yield _control("one-hot emotion + noise", "ABX emotion ~100, speaker ~50, carries", trial, verdict, passed)

    trial, verdict = tried(plants.product_code)
    inside = trial.clusters.silhouette["emotion in speaker"]
    interval = trial.abx["emotion"].interval
    passed = inside > 0.5 and interval.low <= 50 <= interval.high and not verdict.emotion_carries
    yield _control("emotion x speaker product", "ABX emotion ~50 though silhouette in speaker > 0.5", trial, verdict,
                   passed, f", silhouette in speaker {inside:.2f}")  # fmt: skip

    style = plants.loudness_code(design, seed)
    level = np.zeros(len(style.labels)) if style.labels.level is None else style.labels.level
    trial = try_vectors(style, plan)
    bar = try_vectors(replace(style, name="level", vectors=level[:, None]), plan)
    verdict = judge(trial, bars=[bar])
    passed = verdict.only_loudness is True and not verdict.emotion_carries
    yield _control("loudness only", "only_loudness, emotion does not carry", trial, verdict, passed)
    trial, verdict = tried(plants.anger_code)
    yield _control("anger only", "only_anger", trial, verdict, verdict.only_anger)
    trial, verdict = tried(plants.text_code)
    passed = verdict.text_leaks is True and not verdict.emotion_carries
    yield _control("one-hot text + noise", "text_leaks, emotion does not carry", trial, verdict, passed)


def audio_controls(design: PlantedDesign, seed: int = 0, plan: ResamplingPlan = PLAN) -> Iterator[Control]:
    """Run planted recordings through the protocol: loudness must be seen through, pitch must be found."""
    loud = {name: try_vectors(style, plan) for name, style in planted_audio(design, "loudness", seed).items()}
    verdict = judge(loud["mel statistics normalised"], loud["mel statistics raw"], [loud["level raw"]])
    passed = verdict.only_loudness is True and not verdict.emotion_carries
    yield _control("audio: loudness only", "mel statistics: only_loudness", loud["mel statistics raw"], verdict, passed)
    pitch = {name: try_vectors(style, plan) for name, style in planted_audio(design, "pitch", seed).items()}
    verdict = judge(pitch["prosody normalised"], pitch["prosody raw"], [pitch["level raw"]])
    passed = verdict.emotion_carries and verdict.only_loudness is False
    yield _control("audio: pitch only", "prosody: carries, not loudness", pitch["prosody normalised"], verdict, passed)


def shuffled_control(design: PlantedDesign, seeds: int = 100, permutations: int = 199) -> Iterator[Control]:
    """Shuffle labels inside speakers: p <= 0.05 in 5 % of seeds, up to the chance of that many seeds (99.9 %)."""
    style = plants.emotion_code(design)
    vectors = style.vectors + plants.speaker_code(design).vectors @ np.random.default_rng(0).normal(
        size=(design.speaker.max() + 1, style.vectors.shape[1])
    )
    low: dict[str, int] = {"R2": 0, "UAR": 0}
    for seed in range(seeds):
        rng = np.random.default_rng(1000 + seed)
        labels = replace(style.labels, emotion=shuffled_inside(style.labels.emotion, style.labels.speaker, rng))
        share = variance_share("emotion", vectors, labels.emotion, labels.speaker, permutations, seed)
        found = run_probe("uar", vectors, labels.emotion, leave_one_out(labels.speaker), labels.speaker, n=1)
        low["R2"] += share.p <= 0.05
        low["UAR"] += permute_labels(found, labels.speaker, permutations, seed) <= 0.05
    from scipy.stats import binom

    most = int(binom.ppf(0.999, seeds, 0.05))
    for name, count in low.items():
        seen = f"p <= 0.05 in {count} of {seeds} seeds"
        yield Control(f"shuffled labels, {name}", f"p <= 0.05 in at most {most} of {seeds} seeds", seen, count <= most)


def _abx(trial: Trial) -> tuple[float, float]:
    return trial.abx["emotion"].interval.estimate, trial.abx["speaker"].interval.estimate


def _control(name: str, expected: str, trial: Trial, verdict: Verdict, passed: bool, more: str = "") -> Control:
    emotion, speaker = _abx(trial)
    flags = ("emotion_carries", "speaker_leaks", "text_leaks", "only_loudness", "only_anger")
    flagged = ", ".join(flag for flag in flags if getattr(verdict, flag)) or "no flag"
    return Control(name, expected, f"ABX emotion {emotion:.1f}, speaker {speaker:.1f}: {flagged}{more}", bool(passed))


@dataclass(frozen=True)
class PlantedOptions:
    """Run the style protocol on vectors and audio with a known truth: does it find what was planted, and nothing else?

    Every control states what must come out; the exit status is 1 when one does not.
    """

    seeds: int = option("shufflings of the labels", 100, least=1)
    seed: int = option("random seed of what is planted", 0, least=0)


def main(argv: list[str]) -> int:
    """Run all controls and print one line each."""
    if wants_help(argv):
        print(describe(PlantedOptions, "planted", program="python -m evaluation"))
        return 0
    given = read_options(PlantedOptions, argv)
    design = plants.make_design(speakers=10, emotions=6, texts=4, seed=given.seed)
    small = plants.make_design(speakers=6, emotions=4, texts=3)
    failed = 0
    for source in (
        vector_controls(design, given.seed),
        audio_controls(plants.make_design(speakers=8, emotions=4, texts=3), given.seed),
        shuffled_control(small, given.seeds),
    ):
        for control in source:
            failed += not control.passed
            print(f"{'ok  ' if control.passed else 'FAIL'} {control.name:<28} {control.expected:<52} {control.found}")
    print(f"{failed} controls failed" if failed else "all controls came out as planted")
    return 1 if failed else 0
