"""Mouth shapes against true phone times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sovits_lab.data.store import Utterance
from sovits_lab.dialogue import viseme_bench
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import PhoneTime, Timings
from sovits_lab.types import InputError
from tests.inference.voices import write_voice


def test_changes_of_the_mouth_are_compared_and_like_neighbours_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesizer = Synthesizer.load(write_voice(tmp_path / "voice"))
    row = Utterance("a", "ann", "sad", "target", "valid", "Map.", "en", 0, 25, ("P", "M", "AE1", "SP"))
    edges = (0.0, 0.1, 0.2, 0.4, 0.5)
    truth = [PhoneTime(name, edges[i], edges[i + 1]) for i, name in enumerate(row.phones)]
    late = Timings(tuple(one._replace(start=one.start + 0.03) for one in truth))
    monkeypatch.setattr(viseme_bench, "timings_of", lambda *_: late)
    found = list(viseme_bench._changes(synthesizer, row, np.zeros(12), truth))
    assert [round(one.truth) for one in found] == [200, 400]  # P and M are one shape
    assert [one.late for one in found] == pytest.approx([30, 30])


def test_a_run_without_the_stages_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text('{"corpus": "../x"}')
    with pytest.raises(InputError, match="it lacks features"):
        list(viseme_bench.bench_visemes(tmp_path, 5, 0))
