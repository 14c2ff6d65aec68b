"""A bundle offers by name only whom it should."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from sovits_lab.audio.files import save_audio
from sovits_lab.checkpoints.bundle import read_facts
from sovits_lab.corpora.manifest import Header, Record, cut, write_cuts
from sovits_lab.corpora.needs import Lack, RowFacts
from sovits_lab.inference.loading import load_voice
from sovits_lab.reporting import Silent
from sovits_lab.training.assemble import PARTS, AssembleBundle
from sovits_lab.types import InputError
from tests.inference.voices import AUDIO, FRONTEND, SAMPLING, write_voice


def stage(offered: dict[str, str] | None) -> AssembleBundle:
    return AssembleBundle(AUDIO, FRONTEND, SAMPLING, "tiny", offered)


def test_whoever_is_not_offered_is_not_in_the_bundle(tmp_path: Path) -> None:
    everybody = read_facts(write_voice(tmp_path), "voice")
    assert (list(everybody["speakers"]), everybody["taught"]) == (["ann", "bob"], 2)
    (tmp_path / "out").mkdir()
    stage({"robert": "bob"}).run({part: tmp_path / part for part in PARTS}, tmp_path / "out", Silent())
    facts = read_facts(tmp_path / "out" / "voice", "voice")
    assert facts["speakers"] == {"robert": everybody["speakers"]["bob"]}
    assert facts["taught"] == 2
    assert list(load_voice(tmp_path / "out" / "voice").speakers) == ["robert"]


def test_a_speaker_who_was_not_trained_is_named_before_and_after(tmp_path: Path) -> None:
    rows = [RowFacts(name, "emotional", "train", "neutral", "en", "Hi.") for name in ("ann", "bob")]
    assert stage({"ann": "ann"}).lacks(rows) == stage(None).lacks(rows) == []
    assert stage({"carl": "carl"}).lacks(rows) == [Lack("no speaker carl to offer by name", "{key}=null", "offered")]
    write_voice(tmp_path)
    with pytest.raises(
        InputError, match=r"bundle\.offered: got \['carl'\], expected speakers of the training: ann, bob"
    ):
        stage({"carl": "carl"}).run({part: tmp_path / part for part in PARTS}, tmp_path, Silent())


def test_whom_a_base_rehearsed_is_not_offered_and_who_taught_the_encoder_is_kept(tmp_path: Path) -> None:
    write_voice(tmp_path)
    audio = tmp_path / "a.flac"
    save_audio(audio, np.zeros(16_000, np.float32), 16_000)
    record = Record("a", audio, "Hello.", "bob", "en", custom={"licence": "CC0"})
    (tmp_path / "corpus").mkdir()
    write_cuts([cut(record, Header(16_000, 16_000), "train", "emotional")], tmp_path / "corpus")
    told = tmp_path / "speaker" / "bundle" / "bundle.json"
    told.write_text(json.dumps({**json.loads(told.read_text()), "taught": 40}))
    (tmp_path / "out").mkdir()
    inputs = {part: tmp_path / part for part in (*PARTS, "corpus")}
    stage(None).run(inputs, tmp_path / "out", Silent())
    facts = read_facts(tmp_path / "out" / "voice", "voice")
    assert (list(facts["speakers"]), facts["taught"]) == (["bob"], 40)
