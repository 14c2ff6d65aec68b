"""What the configuration accepts also trains: one real step of the training stages of a composition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.training.task import Optimisation
from tests.compositions import Options, Parts, Row
from tests.test_compositions import groups
from tests.test_configs import EXPERIMENTS, composed
from tests.training_steps import Laboratory, setups, walk


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Laboratory:
    return Laboratory(tmp_path_factory.mktemp("steps"))


# Each family and each kind of training once, and what was found to fail at its first step.
SAMPLED = [
    ("experiment=sad_transfer emotion=none", ("gpt",)),
    ("experiment=sad_transfer emotion=both fusion=adaln disentangle=vclub gpt=parallel", ("gpt",)),
    ("experiment=sad_transfer audio=32k sovits=v2pro gpt=s1_v2 discriminator=mpd7", ("sovits",)),
    ("experiment=released_emotion", ("sovits",)),
    ("experiment=released_emotion_steering", ("steer_sovits",)),
    ("experiment=finetune_v3_lora", ("sovits", "gpt")),
    ("experiment=distil_head", ("head",)),
    ("experiment=style_vectors_folds", ("style",)),
]


@pytest.mark.parametrize(("command", "stages"), SAMPLED)
def test_stages_of_a_composition_make_a_step(command: str, stages: tuple[str, ...], laboratory: Laboratory) -> None:
    found = {setup.name: setup for setup in setups(composed(*command.split()))}
    assert {name: laboratory.step(found[name]) for name in stages} == dict.fromkeys(stages, "")


class Composed(Options):
    """Compositions as Hydra makes them, each of which is taken to fit."""

    def __init__(self, experiment: str) -> None:
        self.experiment = experiment

    def parts(self, row: Row) -> Parts:
        return self.composed(row)

    def verdicts(self, row: Row) -> dict[str, list[str]]:
        return {}


def test_an_option_whose_step_fails_is_found(laboratory: Laboratory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is planted that preflight cannot see: an encoder that is built, and fails when it hears something."""

    def fail(*given: Any) -> None:
        raise KeyError("planted")

    monkeypatch.setattr(MelStyleEncoder, "forward", fail)
    rows = [{"reference": "conv_gru_small"}, {"reference": "mel_style"}, {"reference": "none"}]
    stages, faults = walk(Composed("style_vectors"), rows, laboratory)
    assert stages == 2
    assert [(row, stage) for row, stage, _ in faults] == [({"reference": "mel_style"}, "style")]
    assert "planted" in faults[0][2]


def test_a_step_that_changes_nothing_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Optimisation, "update", lambda *given: torch.zeros(()))
    (setup,) = setups(composed("experiment=style_vectors"))
    assert "no weight has changed" in Laboratory(tmp_path).step(setup)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_every_option_of_every_experiment_makes_a_step(laboratory: Laboratory) -> None:
    """`-s` shows how many different stages there were."""
    seen: dict[Any, list[str]] = {}
    rows = [{}, *({group: name} for group, names in groups().items() for name in names)]
    for experiment in EXPERIMENTS:
        stages, faults = walk(Options(experiment, seen), rows, laboratory)
        print(f"{experiment}: {stages} stages, {len(faults)} faults", flush=True)
        assert faults == [], experiment
