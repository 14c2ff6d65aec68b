"""Every metric: identity gives the ideal value, more noise never improves it, a wrong rate is an error."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from evaluation.metrics import (
    ErrorRate,
    RealTimeFactor,
    RecordingMetric,
    SpeakerSimilarity,
)
from sovits_lab.types import InputError
from tests.evaluation.test_scores import Pitchfork
from tests.evaluation.voices import voice

PAIRED = {
    "voicing": (lambda: RecordingMetric("voicing_f1"), 1.0),
    "f0": (lambda: RecordingMetric("f0_rmse"), 0.0),
    "mcd": (lambda: RecordingMetric("mel_cepstral_distance"), 0.0),
    "stft": (lambda: RecordingMetric("spectral_distance"), 0.0),
    "similarity": (lambda: SpeakerSimilarity(Pitchfork()), 1.0),
}


def silence() -> RecordingMetric:
    return RecordingMetric("silence")


def clipping() -> RecordingMetric:
    return RecordingMetric("clipping")


LEVELS = (0.0, 0.01, 0.05, 0.3)


def noisy(wav: np.ndarray, level: float) -> np.ndarray:
    return (wav + level * np.random.default_rng(0).standard_normal(len(wav))).astype(np.float32)


@pytest.mark.parametrize("name", PAIRED)
def test_identity_is_ideal(name):
    make, ideal = PAIRED[name]
    metric = make()
    for speaker in ("ann", "bob"):
        metric.update(voice(speaker), voice(speaker))
    assert metric.compute().item() == pytest.approx(ideal, abs=1e-5)
    assert metric.skipped == 0


@pytest.mark.parametrize("name", PAIRED)
def test_more_noise_never_improves(name):
    make, _ = PAIRED[name]
    values = []
    for level in LEVELS:
        metric = make()
        for speaker in ("ann", "bob", "cat"):
            metric.update(noisy(voice(speaker), level), voice(speaker))
        if metric.measured:
            values.append(metric.compute().item() * (1 if metric.higher_is_better else -1))
        else:
            assert name == "f0", "only the gated metric may refuse noise"
    assert len(values) >= 2
    assert all(later <= earlier + 1e-3 for earlier, later in pairwise(values))


@pytest.mark.parametrize("make", [*(make for make, _ in PAIRED.values()), silence, clipping])
def test_wrong_rate_and_bad_samples_are_errors(make):
    metric = make()
    with pytest.raises(InputError, match="16000"):
        metric.update(voice("ann"), voice("ann"), rate=22050)
    with pytest.raises(InputError, match="finite"):
        metric.update(np.full(16000, np.nan, dtype=np.float32), voice("ann"))
    with pytest.raises(InputError, match="mono"):
        metric.update(np.zeros((2, 16000), dtype=np.float32), voice("ann"))


def test_paired_metrics_need_the_truth():
    with pytest.raises(InputError, match="true recording"):
        RecordingMetric("voicing_f1").update(voice("ann"))


def test_too_short_items_are_counted_not_measured():
    metric = RecordingMetric("mel_cepstral_distance")
    metric.update(voice("ann")[:100], voice("ann"))
    assert metric.skipped == 1
    assert torch.isnan(metric.compute())


def test_f0_error_knows_semitones_and_survives_a_change_of_tempo():
    metric = RecordingMetric("f0_rmse")
    metric.update(voice("ann", seconds=1.6, semitones=3), voice("ann"))
    assert metric.compute().item() == pytest.approx(3, abs=0.4)


def test_f0_error_refuses_noise():
    metric = RecordingMetric("f0_rmse")
    metric.update(np.random.default_rng(0).standard_normal(19200).astype(np.float32) * 0.1, voice("ann"))
    assert metric.skipped == 1


def test_error_rate_is_micro_and_counts_empty_references():
    metric = ErrorRate()
    metric.update(["a", "b"], ["a", "b"])
    metric.update([], ["c", "d"])
    metric.update(["x"], [])
    assert metric.compute().item() == 0.5
    assert metric.skipped == 1


def test_silence_and_clipping():
    quiet, loud = silence(), clipping()
    quiet.update(np.concatenate([voice("ann"), np.zeros(19200, dtype=np.float32)]))
    assert quiet.compute().item() == pytest.approx(0.5, abs=0.05)
    loud.update(np.clip(voice("ann") * 20, -1, 1))
    assert loud.compute() > 0.2


def test_real_time_factor_is_total_over_total():
    metric = RealTimeFactor()
    metric.update(1.0, 1.0)
    metric.update(1.0, 9.0)
    metric.update(1.0, 0.0)
    assert metric.compute().item() == pytest.approx(0.2)
    assert metric.skipped == 1


def test_metrics_reset_and_merge():
    metric = clipping()
    metric.update(np.clip(voice("ann") * 20, -1, 1))
    metric.reset()
    metric.update(voice("ann"))
    assert metric.compute().item() == 0


@pytest.mark.parametrize("name", ["similarity_calibrated", "beauty"])
def test_only_what_is_computed_from_recordings_is_a_metric(name):
    with pytest.raises(InputError, match=r"one of .*voicing_f1.*silence"):
        RecordingMetric(name)


def test_direction_is_that_of_the_record():
    assert RecordingMetric("voicing_f1").higher_is_better is True
    assert RecordingMetric("clipping").higher_is_better is False
