"""Reference numbers on real emotional speech; needs a folder of RAVDESS with a manifest, which is not shipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evaluation.real_speech.clips import read_corpus
from evaluation.style.baselines import Absent, encoders, random_vectors
from evaluation.style.distance import compress_vectors, distances_of
from evaluation.style.extract import AudibleClips, load_clips
from evaluation.style.probes import leave_one_out, run_probe
from evaluation.style.trial import ResamplingPlan, emotion_abx_cells, emotion_result

SHARED = Path(os.environ.get("SOVITS_LAB_SHARED", Path(__file__).parents[4] / "shared"))
FOLDER = SHARED / "data" / "ravdess"
# Leave-one-speaker-out recall, 95 % intervals of a reference run with 24 actors; these are 18 of them
REFERENCE = {"mel statistics": (37.6, 45.2), "prosody": (36.2, 42.8), "Resemblyzer": (46.7, 57.1)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (FOLDER / "manifest.tsv").is_file(), reason=f"needs RAVDESS with a manifest in {FOLDER}"),
]


@pytest.fixture(scope="module")
def heard() -> AudibleClips:
    return load_clips(read_corpus(FOLDER))


def test_random_vectors_are_at_chance(heard: AudibleClips) -> None:
    cells = emotion_abx_cells(distances_of(compress_vectors(random_vectors(len(heard.labels)))), heard.labels)
    assert emotion_result(cells, heard.labels, ResamplingPlan()).interval.estimate == pytest.approx(50, abs=1.5)


def test_baselines_lie_in_the_reference_intervals(heard: AudibleClips) -> None:
    import numpy as np

    tried = 0
    for encoder in encoders():
        if isinstance(encoder, Absent) or encoder.name not in REFERENCE:
            continue
        vectors = np.stack([encoder.encode(sound.normalised) for sound in heard.sounds])
        who = heard.labels.speaker
        low, high = REFERENCE[encoder.name]
        assert (
            low
            <= run_probe("emotion", vectors, heard.labels.emotion, leave_one_out(who), who).interval.estimate
            <= high
        )
        tried += 1
    assert tried >= 2
