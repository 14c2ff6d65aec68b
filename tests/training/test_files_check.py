"""Weights and bundles that a configuration names and that are not there are refused before any compute."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import HfApi, constants

from sovits_lab.pipeline.validation import BuiltStage
from sovits_lab.training.doctor_command import experiment
from sovits_lab.training.files_check import check_files
from sovits_lab.types import InputError
from sovits_lab.weights.locate import _missing_on_hub
from tests.inference.voices import write_voice
from tests.pipeline.refusals import refusal


def refusal_of(*overrides: str) -> str:
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
    said = refusal_of(*overrides)
    assert key in said and "expected" in said and "\n" not in said


def test_what_is_there_or_may_be_on_a_hub_passes(tmp_path: Path) -> None:
    voice = write_voice(tmp_path)
    assert refusal_of(f"init={voice}") == ""
    assert refusal_of("content=hubert", f"content.encoder.source={tmp_path}") == ""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bool]]:
    """A hub that knows `facebook/hubert-base-ls960` where `known` is true, with an empty cache."""
    state = {"known": False}

    def repo_info(self: HfApi, name: str, **_: object) -> str:
        if not state["known"]:
            raise ConnectionError("no network")
        return name

    monkeypatch.setattr(HfApi, "repo_info", repo_info)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    _missing_on_hub.cache_clear()
    yield state
    _missing_on_hub.cache_clear()


def checked(tmp_path: Path, **arguments: Any) -> None:
    stage = SimpleNamespace(encoder={"_target_": "any.Thing", "source": "facebook/hubert-base-ls960"}, **arguments)
    check_files({"content": BuiltStage(stage, (), tmp_path / "stage")}, {})


def test_a_hub_id_is_asked_for_before_compute(tmp_path: Path, hub: dict[str, bool]) -> None:
    with pytest.raises(InputError, match=r"stages\.content\.encoder\.source: .*ConnectionError.*source=FOLDER"):
        checked(tmp_path)
    _missing_on_hub.cache_clear()
    hub["known"] = True
    checked(tmp_path)


def test_weights_in_the_cache_and_stages_that_are_done_need_no_hub(tmp_path: Path, hub: dict[str, bool]) -> None:
    checked_folder = tmp_path / "stage"
    checked_folder.mkdir()
    checked(tmp_path)
    checked_folder.rmdir()
    with pytest.raises(InputError):
        checked(tmp_path)
    _missing_on_hub.cache_clear()
    revision = tmp_path / "hub" / "models--facebook--hubert-base-ls960" / "refs" / "main"
    revision.parent.mkdir(parents=True)
    revision.write_text("a" * 40)
    checked(tmp_path)


def test_networks_beside_a_bundle_are_looked_for(tmp_path: Path, hub: dict[str, bool]) -> None:
    hub["known"] = True
    checked(tmp_path, networks={"content": "TencentGameMate/chinese-hubert-base", "speaker_network": None})
    for networks in ({"content": "/models/none"}, {"speaker_network": "none.ckpt"}):
        with pytest.raises(InputError, match=rf"stages\.content\.networks\.{next(iter(networks))}: got"):
            checked(tmp_path, networks=networks)


def test_the_doctor_looks_at_files_too(tmp_path: Path, hub: dict[str, bool]) -> None:
    listed = tmp_path / "my.list"
    listed.write_text("a.wav|me|en|A short text.\n")
    words = ["experiment=own_voice", f"corpus.root={listed}", f"paths.runs={tmp_path / 'runs'}"]
    assert "hubert-base-ls960" in experiment([*words, "content=hubert"]).files
    assert experiment(words).files == ""


def test_a_bundle_without_the_part_is_refused(tmp_path: Path) -> None:
    write_voice(tmp_path)
    said = refusal_of(f"stages.gpt.init={tmp_path / 'sovits' / 'bundle'}")
    assert "parts" in said and "expected a part 'gpt'" in said
