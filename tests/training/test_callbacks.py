"""Callbacks of the training stages: heard and measured on held-out speech, without a trace in the weights."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from sovits_lab.data.store import FeatureStore
from sovits_lab.reporting import Silent
from sovits_lab.training.callbacks import build_callbacks
from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.preserved_state import preserve_training_state
from sovits_lab.training.sovits import TrainSovits
from sovits_lab.types import InputError
from tests.data.stores import SPEC, write_store
from tests.models import small
from tests.training.losses import GPT_LOSSES, SOVITS_LOSSES
from tests.training.test_sovits_training import SCHEDULE

MEDIA = {"_target_": "sovits_lab.training.monitors.media.ValidationMedia", "every": 2, "utterances": 2, "measured": 3}
SCORED = {
    "_target_": "evaluation.metrics.fixed_set.ScoreFixedSet",
    "every": 1,
    "max_utterances": 2,
    "metrics": {"mcd": "mel_cepstral_distance"},
    "composite": {"mcd": 1.0},
}
REFERENCES = {"other_speaker": 0.8, "frames": [20, 30], "spectral_jitter": 0.5, "mel_shift": 1}
REFERENCE = {"_target_": "sovits_lab.conditioning.mel_style.MelStyleEncoder", "mels": SPEC.n_mels, "hidden": 16,
             "out_channels": 5}  # fmt: skip
SOVITS = {
    "_target_": "sovits_lab.models.sovits.acoustic.SoVits",
    "prior": {"_target_": "sovits_lab.models.sovits.prior.TokenPhonePrior", "latent": 8, "channels": 16,
              "layers": [1, 1, 1, 1], "heads": 2, "mels": SPEC.n_mels},
    "posterior": {"_target_": "sovits_lab.models.sovits.acoustic.MelPosterior", "latent": 8, "mels": SPEC.n_mels,
                  "channels": 16, "layers": 1},
    "flow": {"_target_": "sovits_lab.models.sovits.coupling.ConvCoupling", "channels": 8, "hidden": 8, "layers": 1},
    "reference": REFERENCE,
    "head": {"_target_": "sovits_lab.models.heads.spectral.HarmonicHead", "in_channels": 8, "channels": 16,
             "layers": 1},
}  # fmt: skip


class Recorder(Silent):
    """Remembers what the stage tells; raises at a step, as a kill would end it."""

    def __init__(self, killed_at: int | None = None) -> None:
        self.killed_at = killed_at
        self.values: dict[int, dict[str, float]] = {}
        self.heard: list[tuple[str, int, int, float]] = []
        self.seen: list[tuple[str, int, tuple[int, ...], str]] = []
        self.said: list[str] = []

    def progress(self, done: int, total: int, unit: str) -> None:
        if done == self.killed_at:
            raise KeyboardInterrupt

    def say(self, text: str) -> None:
        self.said.append(text)

    def metrics(self, step: int, values: Mapping[str, float]) -> None:
        self.values.setdefault(step, {}).update(values)

    def audio(self, name: str, step: int, wave: np.ndarray, sample_rate: int) -> None:
        self.heard.append((name, step, sample_rate, float(np.abs(wave).max())))

    def picture(self, name: str, step: int, image: np.ndarray, caption: str = "") -> None:
        self.seen.append((name, step, image.shape, caption))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stage folders whose third utterance of every speaker and emotion is held out."""
    root = tmp_path_factory.mktemp("stages")
    store = write_store(root / "features")
    table = root / "features" / "table.jsonl"
    lines = table.read_text().splitlines()
    held = [line.replace('"train"', '"valid"') if row.id.endswith("2") else line
            for line, row in zip(lines, store.rows, strict=True)]  # fmt: skip
    table.write_text("\n".join(held) + "\n")
    rng = np.random.default_rng(0)
    (root / "tokens").mkdir()
    np.save(root / "tokens" / "tokens.npy", rng.integers(small.CODES, size=sum(r.frames for r in store.rows) // 2))
    (root / "tokens" / "durations.json").write_text("{}")
    (root / "tokens" / "facts.json").write_text(f'{{"codes": {small.CODES}}}')
    (root / "speaker").mkdir()
    np.savez(root / "speaker" / "speakers.npz",
             **{name: rng.normal(size=small.SPEAKER).astype(np.float32) for name in ("ann", "bob")})  # fmt: skip
    return {name: root / name for name in ("features", "tokens", "speaker")}


def sovits(folders: dict[str, Path], out: Path, report: Silent, *callbacks: Any, steps: int = 5) -> dict[str, Any]:
    """Weights after the stage."""
    out.mkdir(exist_ok=True)
    loss = {"_target_": "sovits_lab.losses.spectral.MultiResolutionMelLoss", "sample_rate": 16_000}
    against = {"_target_": "sovits_lab.models.discriminators.SpectralPeriodDiscriminator", "periods": [],
               "period_channels": [], "windows": [256], "spectrogram_channels": 4}  # fmt: skip
    runtime = {"threads": 1, "accelerator": "cpu", "checkpoint_seconds": 0, "log_every": 2}
    TrainSovits(
        model=SOVITS, reconstruction=loss, optimisation={"steps": steps, "warmup": 1}, losses=SOVITS_LOSSES,
        roles=["emotional"], batch_seconds=5.0,
        references=REFERENCES, precision="32-true", seed=0, discriminator=against, runtime=runtime,
        callbacks=callbacks, **SCHEDULE,
    ).run(folders, out, report)  # fmt: skip
    return load_file(out / "bundle" / "model.safetensors")


def same(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def test_looking_leaves_no_trace_and_a_killed_run_goes_on_exactly(folders: dict[str, Path], tmp_path: Path) -> None:
    plain = sovits(folders, tmp_path / "plain", Silent())
    watched, killed, resumed = Recorder(), Recorder(killed_at=4), Recorder()
    assert same(plain, sovits(folders, tmp_path / "watched", watched, MEDIA))
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        sovits(folders, tmp_path / "killed", killed, MEDIA)
    assert same(plain, sovits(folders, tmp_path / "killed", resumed, MEDIA))
    keys = {key for key in watched.values[5] if key.startswith("valid/")}
    for step in (4, 5):
        assert [watched.values[step][key] for key in keys] == [resumed.values[step][key] for key in keys]
    assert 2 not in resumed.values or "valid/total" not in resumed.values[2], "only what was missing is done"


def test_held_out_speech_is_measured_heard_and_shown(folders: dict[str, Path], tmp_path: Path) -> None:
    report = Recorder()
    sovits(folders, tmp_path / "out", report, MEDIA)
    rounds = [step for step, values in report.values.items() if "valid/total" in values]
    assert rounds == [2, 4, 5], "every second step and the last"
    names = {f"valid/{name}" for name in SOVITS_LOSSES if name not in ("adversarial", "feature_matching")}
    assert names | {"valid/total", "time/valid"} <= report.values[5].keys()
    assert len({report.values[step]["valid/mel"] for step in rounds}) == 3, "the model changes, the set does not"
    truths = [(name, step) for name, step, _, _ in report.heard if "truth" in name]
    assert truths == [("valid-1-truth", 0), ("valid-2-truth", 0)]
    made = [(name, step, rate) for name, step, rate, _ in report.heard if "truth" not in name]
    assert made == [(f"valid-{n}", step, 16_000) for step in rounds for n in (1, 2)]
    assert all(peak > 0 for *_, peak in report.heard)
    assert {shape[0] for _, _, shape, _ in report.seen} == {2 * SPEC.n_mels + 1}
    assert any("sad" in caption for *_, caption in report.seen), "few utterances show many emotions"


def test_gpt_is_measured_on_held_out_speech(folders: dict[str, Path], tmp_path: Path) -> None:
    model = {"_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "channels": 16, "layers": 1, "heads": 2,
             "phone_layers": 1, "reference": REFERENCE}  # fmt: skip

    def run(out: Path, report: Silent, *callbacks: Any) -> dict[str, Any]:
        out.mkdir()
        TrainGpt(
            model=model, optimisation={"steps": 3, "warmup": 1}, losses=GPT_LOSSES, noise=0.1, tempo_noise=0.1,
            label_smoothing=0.05, roles=["emotional"], batch_seconds=5.0, references=REFERENCES, precision="32-true",
            seed=0, runtime={"threads": 1}, callbacks=list(callbacks),
        ).run(folders, out, report)  # fmt: skip
        return load_file(out / "bundle" / "model.safetensors")

    report = Recorder()
    assert same(run(tmp_path / "a", Silent()), run(tmp_path / "b", report, MEDIA))
    assert {f"valid/{name}" for name in GPT_LOSSES} <= report.values[2].keys()
    assert "valid/total" in report.values[3] and report.heard == []
    with pytest.raises(InputError, match="SemanticTask"):
        run(tmp_path / "c", Silent(), SCORED)


def test_the_stage_hands_on_the_weights_that_sounded_best(folders: dict[str, Path], tmp_path: Path) -> None:
    report = Recorder()
    last = sovits(folders, tmp_path / "last", Silent())
    chosen = sovits(folders, tmp_path / "scored", report, SCORED)
    scores = {step: values["score/composite"] for step, values in report.values.items()}
    assert list(scores) == [1, 2, 3, 4, 5] and set(report.values[5]) >= {"score/mcd", "score/failed"}
    best = load_file(tmp_path / "scored" / "best" / "best.safetensors")
    assert all(torch.equal(value, best[f"model.{key.partition('/')[2]}"]) for key, value in chosen.items())
    assert same(last, chosen) == (max(scores, key=lambda step: scores[step]) == 5)
    assert any("ScoreFixedSet" in line for line in report.said)
    # the other way round: a composite that likes what is far from the truth takes another step
    other = sovits(folders, tmp_path / "worst", Silent(), {**SCORED, "composite": {"mcd": -1.0}})
    assert not same(other, chosen)


def test_without_held_out_speech_it_says_so(folders: dict[str, Path], tmp_path: Path) -> None:
    store = FeatureStore(folders["features"])
    assert store.select(["valid"], ["emotional"])
    write_store(tmp_path / "features")
    report = Recorder()
    sovits({**folders, "features": tmp_path / "features"}, tmp_path / "out", report, MEDIA, steps=2)
    assert any("valid split" in line for line in report.said) and report.heard == []


@pytest.mark.parametrize(
    "target", ["os.system", "subprocess.Popen", "sovits_lab.models.x", "sovits_lab.training._x.Y", None]
)
def test_only_our_own_callbacks_may_be_named(target: str | None) -> None:
    with pytest.raises(InputError, match=r"callbacks\[0\]"):
        TrainGpt(model={}, optimisation={"steps": 1}, precision="32-true", seed=0, callbacks=[{"_target_": target}])


@pytest.mark.parametrize("name", ["checkpointing.os.mkdir", "callbacks.Path.touch", "callbacks.build_callbacks"])
def test_a_callback_is_a_class_that_is_defined_here(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"callbacks\[0\]\._target_: got .*a class that"):
        build_callbacks([{"_target_": f"sovits_lab.training.{name}", "path": str(tmp_path / "trace")}], {})
    assert not (tmp_path / "trace").exists()


def test_training_state_restores_modes_and_generators() -> None:
    module = torch.nn.Sequential(torch.nn.Dropout(0.5), torch.nn.BatchNorm1d(3))
    module[1].eval()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    with pytest.raises(ValueError, match="inside"), preserve_training_state(module):
        assert not module[0].training and not torch.is_grad_enabled()
        torch.rand(3), random.random(), np.random.rand()
        raise ValueError("inside")
    assert module.training and module[0].training and not module[1].training and torch.is_grad_enabled()
    assert torch.equal(states[0], torch.get_rng_state()) and states[1] == random.getstate()
    assert states[2] == np.random.get_state()[1].tolist()
