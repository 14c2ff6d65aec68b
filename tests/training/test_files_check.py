"""Weights and bundles that a configuration names and that are not there are refused before any compute."""

from __future__ import annotations

from pathlib import Path

import pytest

from sovits_lab.training.files_check import check_files
from tests.inference.voices import write_voice
from tests.pipeline.refusals import refusal


def said_of(*overrides: str) -> str:
    return refusal("experiment=sad_transfer", *overrides, checks=[check_files])


@pytest.mark.parametrize(
    ("overrides", "key"),
    [
        (("content=hubert", "content.encoder.source=/models/hubert-base"), "content.encoder.source"),
        (("content=wavlm", "content.encoder.source=./wavlm"), "content.encoder.source"),
        (("content=whisper", "content.encoder.source=whisper_base"), "content.encoder.source"),
        (("content=hubert", "content.encoder.source=docs/hubert"), "content.encoder.source"),
        (("stages.gpt.init=/voices/none",), "stages.gpt: init: got"),
        (("init=/voices/none",), "init: got"),
        (("content.init=/voices/none",), "stages.content: init: got"),
        (("stages.style.init=docs",), "stages.style: init: got"),
    ],
)
def test_what_is_not_there_is_named(overrides: tuple[str, ...], key: str) -> None:
    said = said_of(*overrides)
    assert key in said and "expected" in said and "\n" not in said


def test_what_is_there_or_may_be_on_a_hub_passes(tmp_path: Path) -> None:
    voice = write_voice(tmp_path)
    assert said_of(f"init={voice}") == ""
    assert said_of("content=hubert") == "", "a hub id is asked for when it is read"
    assert said_of("content=hubert", f"content.encoder.source={tmp_path}") == ""


def test_a_bundle_without_the_part_is_refused(tmp_path: Path) -> None:
    write_voice(tmp_path)
    said = said_of(f"stages.gpt.init={tmp_path / 'sovits' / 'bundle'}")
    assert "parts" in said and "expected a part 'gpt'" in said
