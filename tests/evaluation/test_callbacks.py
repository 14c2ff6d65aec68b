"""Scores during training: the best weights are chosen by the declared composite, not by the loss."""

from __future__ import annotations

import json

import lightning
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from evaluation.metrics.fixed_set import ScoreFixedSet
from evaluation.scoring.recording import read_recording
from evaluation.scoring.samples import read_samples
from sovits_lab.types import InputError
from tests.evaluation.voices import run_folder


class Noisy(lightning.LightningModule):
    """Speaks the truth plus noise: least noise at step 4, although its loss falls all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.place = torch.nn.Parameter(torch.tensor(0.0))
        self.silent = False

    def training_step(self, batch, batch_idx):
        return -self.place

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=1.0)

    def speak(self, sample):
        assert not self.training
        if self.silent:
            return np.zeros(0)
        wav = read_recording(sample.truth, 16000).wav
        return wav + 0.02 * abs(float(self.place) - 4) * np.random.default_rng(0).standard_normal(len(wav))


NODES = {
    "mcd": "mel_cepstral_distance",
    "voiced": "voicing_f1",
}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    return run_folder(tmp_path_factory.mktemp("fixed")) / "samples.jsonl"


def trained(items, keep, steps=8):
    callback = ScoreFixedSet(items, NODES, {"mcd": 0.2, "voiced": 1.0}, every=2, keep=keep, max_utterances=3)
    module = Noisy()
    trainer = lightning.Trainer(
        max_steps=steps, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, callbacks=[callback],
    )  # fmt: skip
    trainer.fit(module, torch.utils.data.DataLoader(torch.zeros(steps, 1)))
    return callback, module, trainer


def test_the_best_weights_are_those_that_sound_best(items, tmp_path):
    callback, module, trainer = trained(items, tmp_path)
    assert callback.best["step"] == 4
    assert load_file(tmp_path / "best.safetensors")["place"].item() == pytest.approx(4.0)
    assert module.place.item() == pytest.approx(8.0)
    assert json.loads((tmp_path / "best.json").read_text())["step"] == 4
    assert {"score/mcd", "score/voiced", "score/composite", "score/failed"} <= set(trainer.callback_metrics)
    again = ScoreFixedSet(items, NODES, {"mcd": 1.0}, every=2)
    again.load_state_dict(callback.state_dict())
    assert again.best == callback.best


def test_a_model_that_says_nothing_is_never_the_best(items):
    callback = ScoreFixedSet(items, NODES, {"mcd": 0.2}, every=1, max_utterances=2)
    module = Noisy()
    spoken = callback.score(module)
    module.silent = True
    silent = callback.score(module)
    assert silent["failed"] == 2
    assert silent["composite"] < spoken["composite"]


def test_mistakes_are_named(items, tmp_path):
    with pytest.raises(InputError, match="composite, metric"):
        ScoreFixedSet(items, NODES, {"beauty": 1.0})
    with pytest.raises(InputError, match="at least 1 step"):
        ScoreFixedSet(items, NODES, {}, every=0)
    with pytest.raises(InputError, match="speak"):
        ScoreFixedSet(items, NODES, {}).score(lightning.LightningModule())
    broken = tmp_path / "samples.jsonl"
    first = json.loads(items.read_text(encoding="utf-8").splitlines()[0])
    broken.write_text(json.dumps({**first, "truth": None}) + "\n", encoding="utf-8")
    assert read_samples(broken)
    with pytest.raises(InputError, match="truth"):
        ScoreFixedSet(broken, NODES, {})
