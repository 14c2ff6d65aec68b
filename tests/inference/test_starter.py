"""The voice that is spoken with where none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab import Synthesizer
from sovits_lab.inference import starter
from sovits_lab.inference.command import main
from sovits_lab.inference.starter import only_speaker
from sovits_lab.types import InputError


def test_without_a_starter_voice_one_line_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(starter, "STARTER", tmp_path)
    with pytest.raises(InputError, match=r"lacks the starter voice.*experiment=starter_voice"):
        main(["text=Hello there.", f"out={tmp_path / 'x.wav'}"])
    with pytest.raises(InputError, match="lacks the starter voice"):
        Synthesizer.load()


def test_a_voice_with_several_speakers_wants_a_name(voice_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="speaker: got None, expected one of ann, bob, or a clip"):
        main([f"bundle={voice_folder}", "text=Hello there.", f"out={tmp_path / 'x.wav'}"])
    assert not (tmp_path / "x.wav").exists()


def test_the_only_speaker_is_taken() -> None:
    assert only_speaker(["ann"]) == "ann"
    with pytest.raises(InputError, match="a clip of somebody"):
        only_speaker([])
