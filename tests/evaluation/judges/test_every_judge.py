"""Judges, found by their options: each answers for every recording alone, whatever stands beside it."""

from __future__ import annotations

import pytest

from evaluation.scoring.samples import Sample, read_samples
from sovits_lab.types import InputError
from tests.evaluation.judges.contract import build, check_judge, options
from tests.evaluation.voices import run_folder

HEAVY = {"dnsmos", "whisper", "whisper_base", "whisper_tiny_en", "faster_whisper"}  # seconds a recording
FOUND = [pytest.param(name, marks=pytest.mark.slow) if name in HEAVY else name for name in options()]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return read_samples(run_folder(tmp_path_factory.mktemp("voices")) / "samples.jsonl")


@pytest.mark.parametrize("name", FOUND)
def test_a_judge_keeps_the_contract(name: str, samples: list[Sample]) -> None:
    try:
        scorer = build(name)
    except InputError as error:
        pytest.skip(str(error))
    check_judge(scorer, samples)


def test_judges_are_found() -> None:
    assert {"resemblyzer", "whisper_base", "distillmos", "emotion_probe", "pocketsphinx_alignment"} <= set(options())
    assert not {"none", "prosody", "speed"} & set(options())


def test_a_judge_that_looks_at_its_neighbours_is_found(samples: list[Sample]) -> None:
    scorer = build("emotion_probe")
    judge = scorer.judge
    honest = judge.probabilities
    judge.probabilities = lambda wavs, *rest: honest([*wavs[1:], wavs[0]], *rest)
    with pytest.raises(AssertionError, match="depends on what stands beside it"):
        check_judge(scorer, samples)
