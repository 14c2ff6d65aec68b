"""pocketsphinx as a judge: alignment tells right from wrong sentences on real speech."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from evaluation.judges.sphinx import NOT_ALIGNED, Dictionary, SphinxAligner, SphinxLoop
from evaluation.scoring.measurements import MeasurementTable
from evaluation.scoring.recording import Recording, read_recording
from evaluation.scoring.samples import Sample
from evaluation.scoring.scorer import AudioFiles
from sovits_lab.types import InputError

pytest.importorskip("pocketsphinx")
RATE = 16000


def real_speech() -> list[tuple[str, str, Path]]:
    """(speaker, text, path) of the recordings to measure on, when they are there."""
    beside = Path(__file__).resolve().parents[4] / "shared"
    root = Path(os.environ.get("SOVITS_LAB_SHARED", beside)) / "data" / "librispeech_other"
    if not (root / "manifest.tsv").is_file():
        pytest.skip("real recordings are not here (SOVITS_LAB_SHARED)")
    with (root / "manifest.tsv").open(encoding="utf-8") as stream:
        return [(row["speaker"], row["text"], root / row["path"]) for row in csv.DictReader(stream, delimiter="\t")]


@pytest.fixture(scope="module")
def aligner() -> SphinxAligner:
    return SphinxAligner()


def test_noise_and_silence_fit_no_sentence(aligner):
    noise = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE).astype(np.float32)
    assert aligner.align(noise, "the old clock stopped before midnight").mean < -8
    assert aligner.align(np.zeros(100, dtype=np.float32), "hello").mean == NOT_ALIGNED


def test_unknown_words_get_a_pronunciation(aligner):
    words = Dictionary(aligner._decoder)
    assert words.words("The zorbuntle!") == ["the", "zorbuntle"]
    assert words.added == ["zorbuntle"]
    assert aligner._decoder.lookup_word("zorbuntle")


def test_a_text_without_words_is_refused(aligner):
    with pytest.raises(InputError, match="at least one English word"):
        aligner.align(np.zeros(RATE, dtype=np.float32), "!!!")


def test_loop_setting_is_its_vocabulary():
    loop = SphinxLoop()
    loop.prepare(["one two"])
    first = loop.setting
    loop.prepare(["two one", "one"])
    assert loop.setting == first
    loop.prepare(["three"])
    assert loop.setting != first


def test_other_languages_and_failures_are_rows_with_reasons(tmp_path):
    from evaluation.intelligibility.alignment import AlignmentScorer

    class Never:
        card = SphinxAligner().card

        def release(self):
            """Nothing."""

    table = MeasurementTable()
    samples = [Sample("a", None, "hello", "s", language="en"), Sample("b", None, "hallo", "s", language="de")]
    AlignmentScorer(Never()).score(samples, AudioFiles(), table)
    name = SphinxAligner().card.name
    assert table.value("a", "alignment", name) == NOT_ALIGNED
    assert table.value("a", "aligned", name) == 0
    assert "language de" in table.rows["b", "alignment", name, "output"].reason


def test_right_and_wrong_sentences_on_real_speech(aligner):
    """A quick form of the validity bar: 8 short recordings, own sentence against the next one's."""
    chosen = sorted(real_speech(), key=lambda row: row[2].stat().st_size)[:8]
    clips = [read_recording(path, RATE) for *_, path in chosen]
    right = [aligner.align(clip.wav, text).mean for clip, (_, text, _) in zip(clips, chosen, strict=True)]
    wrong = [aligner.align(clip.wav, chosen[i - 1][1]).mean for i, clip in enumerate(clips)]
    assert min(right) > max(wrong)


@pytest.mark.slow
def test_alignment_and_resemblyzer_reach_their_validity_bars(aligner):
    """AUC of right against wrong sentences at least 0.98; equal error rate of the speaker judge at most 2 %."""
    from sklearn.metrics import roc_auc_score, roc_curve

    from evaluation.judges.resemblyzer import Resemblyzer

    rows = real_speech()
    clips = [read_recording(path, RATE) for *_, path in rows]
    assert all(isinstance(clip, Recording) for clip in clips)
    right = [aligner.align(clip.wav, text).mean for clip, (_, text, _) in zip(clips, rows, strict=True)]
    wrong = [aligner.align(clip.wav, rows[(i + 13) % len(rows)][1]).mean for i, clip in enumerate(clips)]
    assert roc_auc_score([1] * len(right) + [0] * len(wrong), right + wrong) >= 0.98
    vectors = Resemblyzer().embed([clip.wav for clip in clips])
    speakers = np.array([speaker for speaker, *_ in rows])
    i, j = np.triu_indices(len(rows), 1)
    false, true, _ = roc_curve(speakers[i] == speakers[j], (vectors @ vectors.T)[i, j])
    middle = np.argmin(np.abs(false - (1 - true)))
    assert (false[middle] + 1 - true[middle]) / 2 <= 0.02
