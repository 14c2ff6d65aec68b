"""A light head that learns from the head of a released model: nothing else of the model changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab.checkpoints.bundle import read_facts, read_weights, write_bundle
from sovits_lab.checkpoints.exchanged_head import HEAD, head_sizes
from sovits_lab.checkpoints.upstream_bundle import export, load_bundle
from sovits_lab.inference.samples import SpeakTestSet
from sovits_lab.models.heads.latent_vocos import LatentVocos
from sovits_lab.preparation.released import PrepareReleased
from sovits_lab.reporting import Silent
from sovits_lab.training.exchange_head import ExchangeHead
from sovits_lab.training.head_distillation import HeadTask, TeachHead
from sovits_lab.types import InputError
from tests.inference.voices import write_voice
from tests.provenance.manifests import LICENCE, MINE, write_manifest
from tests.training.test_adapters import write_base as write_native_base
from tests.training.test_released_adapters import (
    AUDIO,
    COMMON,
    FRONTEND,
    NETWORKS,
    SAMPLING,
    write_base,
    write_corpus,
)

SETTINGS: dict[str, Any] = {
    **{key: value for key, value in COMMON.items() if key != "replay"},
    "model": {"_target_": "sovits_lab.models.heads.latent_vocos.LatentVocos", "channels": 16, "layers": 1},
    "reconstruction": {"_target_": "sovits_lab.losses.spectral.MultiResolutionMelLoss", "sample_rate": 32000,
                       "windows": [512], "mels": [20]},
    "losses": {"mel": 1.0}, "slice_frames": 8, "audio": AUDIO,
}  # fmt: skip


@pytest.fixture(scope="module", params=["v2", "v2Pro"])
def folders(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A base, what a training reads, and a head that learned two steps from it."""
    root = tmp_path_factory.mktemp(request.param)
    made = {name: root / name for name in ("base", "features", "tokens", "head", "bundle", "samples")}
    write_base(made["base"], request.param)
    write_corpus(made["features"])
    for name in list(made)[2:]:
        made[name].mkdir()
    prepare = PrepareReleased(str(made["base"]), NETWORKS, request.param, FRONTEND, ["emotional"])
    prepare.run(made, made["tokens"], Silent())
    TeachHead(base=str(made["base"]), **SETTINGS).run(made, made["head"], Silent())
    made["corpus"] = write_manifest(root / "corpus")
    ExchangeHead(str(made["base"]), AUDIO, FRONTEND, SAMPLING, "light").run(made, made["bundle"], Silent())
    return made


def test_only_the_head_is_another(folders: dict[str, Path]) -> None:
    before, after = read_weights(folders["base"]), read_weights(folders["bundle"] / "voice")
    kept = {name for name in before if not name.startswith(HEAD)}
    assert kept == {name for name in after if not name.startswith(HEAD)}
    assert all(torch.equal(before[name], after[name]) and before[name].dtype == after[name].dtype for name in kept)
    learned = read_weights(folders["head"] / "bundle")
    head = load_bundle(folders["bundle"] / "voice").parts["sovits"].head
    assert isinstance(head, LatentVocos)
    assert all(torch.equal(learned[f"head/{name}"], value) for name, value in head.state_dict().items())


def test_the_card_names_the_heads_recordings_and_the_base(folders: dict[str, Path]) -> None:
    voice = folders["bundle"] / "voice"
    card = (voice / "DATA_CARD.md").read_text()
    assert LICENCE in card and "began with: v2" in card and "What it was taught with is not stated" in card
    assert read_facts(voice, "upstream")["consents"] == [MINE]


def test_the_voice_speaks_with_it(folders: dict[str, Path]) -> None:
    spoken = SpeakTestSet(["emotional"], ["neutral"], 0, 0, ["emotional"], "sad", [], 0, ["emotional"], 1,
                          networks=NETWORKS)  # fmt: skip
    spoken.run({name: folders[name] for name in ("features", "bundle")}, folders["samples"], Silent())
    assert len((folders["samples"] / "samples.jsonl").read_text().splitlines()) == 2


def test_it_is_not_exported_as_upstreams(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"export: got .*head\.\w+.*upstream's files have no place"):
        export(folders["bundle"] / "voice", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_targets_are_the_trained_heads_and_no_recording(folders: dict[str, Path]) -> None:
    """With the trained head in the light one's place the distance is nothing."""
    stage = TeachHead(base=str(folders["base"]), **SETTINGS)
    job = stage.begin({k: folders[k] for k in ("features", "tokens")}, folders["head"], Silent())
    task, batch = job.task, job.data.batch(0)
    assert isinstance(task, HeadTask)
    task.train()
    assert not task.teacher.training and not task.model.prior.training and task.model.head.training
    assert task.losses(batch)["mel"].item() > 0.1
    learning = [name for name, p in task.named_parameters() if p.requires_grad]
    assert learning and all(name.startswith("model.head.") for name in learning)
    task.model.head = task.teacher
    assert task.losses(batch)["mel"].item() == 0


def test_what_has_no_such_head_is_refused_before_any_compute(folders: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"stages\.head\.base: got None, expected the bundle of a trained model"):
        TeachHead(base=None, **SETTINGS).lacks([])
    with pytest.raises(InputError, match="expected a model of the released family"):
        TeachHead(base=str(write_voice(tmp_path)), **SETTINGS).lacks([])
    with pytest.raises(InputError, match="head: got 'LatentVocos', expected HifiGan"):
        head_sizes(folders["bundle"] / "voice")
    with pytest.raises(InputError, match="reconstruction: got None"):
        TeachHead(base=str(folders["base"]), **{**SETTINGS, "reconstruction": None})
    with pytest.raises(InputError, match=r"stages\.head\.init: got 'x', expected null: all but the head"):
        TeachHead(base=str(folders["base"]), **SETTINGS, init="x")
    with pytest.raises(InputError, match="head steps: got 7, expected a divisor of 640"):
        TeachHead(base=str(folders["base"]), **{**SETTINGS, "model": {**SETTINGS["model"], "steps": 7}})


def test_another_rate_or_front_end_than_the_bases_is_refused_before_any_compute(folders: dict[str, Path]) -> None:
    base, other = str(folders["base"]), {**FRONTEND, "_target_": "sovits_lab.text.frontend.EnglishFrontend"}
    assert ExchangeHead(base, AUDIO, FRONTEND, SAMPLING, "light").lacks([]) == []
    with pytest.raises(InputError, match=r"audio: got .*16000.*as the base hears"):
        ExchangeHead(base, {**AUDIO, "sample_rate": 16000, "hop": 320}, FRONTEND, SAMPLING, "light").lacks([])
    with pytest.raises(InputError, match=r"frontend: got .*as the base reads"):
        ExchangeHead(base, AUDIO, other, SAMPLING, "light").lacks([])


def test_a_voice_trained_here_gets_both_cards_with_another_head(folders: dict[str, Path], tmp_path: Path) -> None:
    base = write_native_base(tmp_path / "base")
    node = {**SETTINGS["model"], **head_sizes(base)}
    head = LatentVocos(**{k: v for k, v in node.items() if k != "_target_"})
    write_bundle(tmp_path / "head" / "bundle", {"head": head}, {"kind": "head", "model": node})
    (tmp_path / "made").mkdir()
    facts = read_facts(base, "voice")
    exchange = ExchangeHead(str(base), facts["audio"], facts["frontend"], SAMPLING, "light")
    exchange.run({"head": tmp_path / "head", "corpus": folders["corpus"]}, tmp_path / "made", Silent())
    voice = tmp_path / "made" / "voice"
    assert read_facts(voice, "voice")["consents"] == [MINE]
    card = (voice / "MODEL_CARD.md").read_text()
    assert card.startswith("# light\n") and f"{LICENCE} (1)" in card and "| began with the weights of | base," in card


def test_a_head_of_another_base_is_refused_where_its_widths_differ(folders: dict[str, Path], tmp_path: Path) -> None:
    other = tmp_path / "head"
    node = {**SETTINGS["model"], **head_sizes(folders["base"]), "in_channels": 7}
    kind = {"kind": "head", "model": node}
    write_bundle(other / "bundle", {"head": LatentVocos(**{k: v for k, v in node.items() if k != "_target_"})}, kind)
    exchange = ExchangeHead(str(folders["base"]), AUDIO, FRONTEND, SAMPLING, "light")
    with pytest.raises(InputError, match="in_channels: got 7"):
        exchange.run({"head": other, "corpus": folders["corpus"]}, tmp_path, Silent())
    assert not (tmp_path / "voice").exists()
