"""Mouth shapes against true phone times."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.corpora.manifest import Phone
from sovits_lab.data.store import Utterance
from sovits_lab.dialogue import viseme_bench
from sovits_lab.dialogue.lip_sync import RATE, SpokenPhones, lateness
from sovits_lab.inference.synthesizer import Synthesizer
from sovits_lab.inference.timings import PhoneTime
from sovits_lab.types import InputError
from tests.inference.voices import write_voice

PHONES, EDGES = ("P", "M", "AE1", "SP"), (0.0, 0.1, 0.2, 0.4, 0.5)  # P and M are one shape


def truth() -> list[Phone]:
    return [Phone(name, EDGES[i], EDGES[i + 1] - EDGES[i]) for i, name in enumerate(PHONES)]


def test_changes_of_the_mouth_are_compared_and_like_neighbours_are_none() -> None:
    told = tuple(
        PhoneTime(one.symbol, one.start + late, 1.0) for one, late in zip(truth(), (0, 0, 0.03, 0.05), strict=True)
    )
    assert list(viseme_bench._differences(truth(), told)) == pytest.approx([30, 50])


def drawn(lengths: Sequence[float]) -> np.ndarray:
    """A sound of one noise a phone, each in a band of its own."""
    draw, parts = np.random.default_rng(0), []
    for place, seconds in enumerate(lengths):
        noise = draw.normal(size=round(seconds * RATE))
        tone = np.sin(2 * np.pi * (400 + 900 * place) * np.arange(len(noise)) / RATE)
        parts.append(0.2 * tone + 0.01 * noise)
    return np.concatenate(parts).astype(np.float32)


@pytest.mark.parametrize("late", [0.0, 0.05])
def test_what_a_voice_tells_is_compared_with_what_it_sounds_like(late: float) -> None:
    slow = (0.2, 0.1, 0.3, 0.15)
    known = SpokenPhones(drawn(np.diff(EDGES)), PHONES, EDGES[:-1])
    own = SpokenPhones(drawn(slow), PHONES, (0.0, 0.2, 0.3 + late, 0.6 + late))
    assert lateness(known, own) == pytest.approx([1000 * late] * 2, abs=12)
    with pytest.raises(InputError, match="phones"):
        lateness(known, own._replace(phones=PHONES[:2]))


def test_a_voice_that_settles_durations_is_held_against_its_own_sound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synthesizer = Synthesizer.load(write_voice(tmp_path / "voice"))
    row = Utterance("a", "ann", "sad", "target", "valid", "Map.", "en", 0, 25, PHONES)
    said = SpokenPhones(drawn(np.diff(EDGES)), PHONES, [start + 0.02 for start in EDGES[:-1]])
    monkeypatch.setattr(viseme_bench, "time_phones", lambda *_: said)
    monkeypatch.setattr(viseme_bench, "audio_of", lambda *_: drawn(np.diff(EDGES)))
    monkeypatch.setattr(viseme_bench, "phones_of", lambda _: truth())
    assert viseme_bench._own_lateness(synthesizer, row, None) == pytest.approx([20, 20], abs=6)
    monkeypatch.setattr(viseme_bench, "phones_of", lambda _: truth()[:2])  # the recording was read otherwise
    assert viseme_bench._own_lateness(synthesizer, row, None) is None


def test_a_run_without_the_stages_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "stages.json").write_text('{"corpus": "../x"}')
    with pytest.raises(InputError, match="it lacks features"):
        list(viseme_bench.bench_visemes(tmp_path, 5, 0))
