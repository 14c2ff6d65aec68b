"""Every training task and callback on a second device, simulated: no transfer is forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import build
from sovits_lab.data.batches import Labels, SpeakerData, SpeechData, TokenizerData
from sovits_lab.data.folder_batches import speech_batch
from sovits_lab.data.references import References
from sovits_lab.data.store import FeatureStore
from sovits_lab.data.upstream_folder import FolderUtterance
from sovits_lab.data.voices import SpeakerClips
from sovits_lab.losses.spectral import MultiResolutionMelLoss
from sovits_lab.models.discriminators import SpectralPeriodDiscriminator
from sovits_lab.reporting import Silent
from sovits_lab.training.gpt import SemanticTask
from sovits_lab.training.held_out import HeldOut
from sovits_lab.training.keep_best import KeepBest
from sovits_lab.training.monitors.leaks import StyleLeaks, TokenLeaks
from sovits_lab.training.monitors.media import ValidationMedia
from sovits_lab.training.monitors.probe_set import ProbeSet
from sovits_lab.training.monitors.style_space import StyleSpace
from sovits_lab.training.monitors.swap import SwapTest
from sovits_lab.training.reference_encoder import StyleData, StyleTask
from sovits_lab.training.regularisers import DeclaredLosses
from sovits_lab.training.sovits import AcousticTask
from sovits_lab.training.speaker import SpeakerTask
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.tokenizer import TokenizerTask
from tests.checkpoints.upstream_models import small_gpt_node, small_sovits_node
from tests.data.stores import SPEC, SYMBOLS, write_store
from tests.models import small
from tests.training.losses import GPT_LOSSES, SOVITS_LOSSES, STYLE_LOSSES
from tests.training.second_device import DEVICE, Moved, move, second_device
from tests.training.test_tasks import TOKENIZER

PLAN = Optimisation(steps=10)
TRAINER = lightning.Trainer(accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False)
STYLED = {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": SPEC.n_mels, "channels": [8],
          "hidden": 8, "out_channels": small.STYLE}  # fmt: skip


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    """Half of the utterances to train on, the other half held out."""
    root = tmp_path_factory.mktemp("store")
    write_store(root)
    table = (root / "table.jsonl").read_text().splitlines()
    halves = [line.replace('"train"', '"valid"') if i % 2 else line for i, line in enumerate(table)]
    (root / "table.jsonl").write_text("\n".join(halves) + "\n")
    return FeatureStore(root)


def speech(store: FeatureStore, speaker: int = small.SPEAKER) -> SpeechData:
    rows = store.select(["train"], ["emotional"])
    rng = np.random.default_rng(0)
    tokens = {row.id: rng.integers(16, size=row.frames // 2) for row in store.rows}
    labels = Labels.of(store, rows)
    speakers = {name: rng.normal(size=speaker).astype(np.float32) for name in labels.speakers}
    references = References(store, rows, 0.8, (20, 30))
    return SpeechData(store, rows, tokens, speakers, labels, references, 4.0, 0, True, voices=SpeakerClips(store, rows))


def semantic(model: Any, data: SpeechData) -> SemanticTask:
    declared = DeclaredLosses.read(GPT_LOSSES)
    made = declared.build({"style": small.STYLE}, data.labels)
    return SemanticTask(model, declared.weights, PLAN, made, 0.1, 0.1, 0.05, 0)


def acoustic(model: Any, data: SpeechData) -> AcousticTask:
    judge = SpectralPeriodDiscriminator((2,), (4,), (256,), 4)
    distance = MultiResolutionMelLoss(16_000, (256, 512), (10, 20))
    declared = DeclaredLosses.read(SOVITS_LOSSES)
    made = declared.build({"style": small.STYLE}, data.labels)
    return AcousticTask(model, declared.weights, PLAN, made, distance, judge, 0, 12, 0.5, 0, 2, 0)


def released_gpt() -> Any:
    return build(small_gpt_node(len(SYMBOLS)) | {"style_encoder": STYLED, "speaker_channels": small.SPEAKER})


def step(task: Task, batch: Any) -> None:
    """Losses and gradients, as a trainer would compute them."""
    task.total({k: v for k, v in task.losses(batch).items() if k in task.weights}).backward()
    assert any(isinstance(p.grad, Moved) for p in task.parameters())


def on_device(task: Task, batch: Any) -> Any:
    return task.transfer_batch_to_device(batch, DEVICE, 0)


def test_a_forgotten_transfer_is_found() -> None:
    module = torch.nn.Linear(2, 2)
    move(module)
    with second_device():
        with pytest.raises(RuntimeError, match="two devices"):
            module(torch.zeros(1, 2))
        assert module(torch.zeros(1, 2).to(DEVICE)).device == DEVICE
        assert module(torch.zeros(1, 2, device=DEVICE)).cpu().device.type == "cpu"
        with pytest.raises(TypeError, match="numpy"):
            module(torch.zeros(1, 2, device=DEVICE)).detach().numpy()


@pytest.mark.parametrize("kind", ["own", "released"])
def test_semantic_models(store: FeatureStore, kind: str) -> None:
    data = speech(store)
    model = small.gpt(phones=len(SYMBOLS), mels=SPEC.n_mels) if kind == "own" else released_gpt()
    walk(semantic(model, data), data)


def test_our_acoustic_model(store: FeatureStore) -> None:
    data = speech(store)
    task = acoustic(small.sovits(len(SYMBOLS), SPEC.n_mels), data)
    walk(task, data)
    with second_device():
        batch = on_device(task, data.batch(0))
        _, real, fake = task._pass(batch)
        assert task.discriminator is not None
        assert len(task.discriminator.judge_both(real, fake.detach())) == 2  # type: ignore[operator]
        sum(task._adversarial(real, fake).values()).backward()  # type: ignore[union-attr]


@pytest.mark.parametrize("version", ["v2", "v2pro"])
def test_the_released_acoustic_model(version: str) -> None:
    model = build(small_sovits_node(version) | {"style_encoder": STYLED | {"mels": 128}})
    model.start_codebook()
    weights = {"mel": 45.0, "kl": 1.0, "adversarial": 1.0, "feature_matching": 1.0}
    task = AcousticTask(model, weights, PLAN, torch.nn.ModuleDict(), None, None, 0, 8, 0.5, 0, 2, 0)
    phones = torch.tensor([3, 4, 5])
    items = [
        FolderUtterance(
            name, phones, torch.randn(8, 40), 0.1 * torch.randn(40 * 640), None, torch.arange(20) % 16, torch.ones(20)
        )
        for name in "ab"
    ]
    move(task)
    batch = speech_batch(items, 0)
    with second_device():
        step(task, on_device(task, batch))
        step(task, on_device(task, batch._replace(content=None)))
        best = KeepBest(1, judged=batch, report=Silent())
        best.on_train_batch_end(TRAINER, task, None, None, 0)
        with torch.no_grad():
            assert task.synthesize(on_device(task, batch)).device == DEVICE


def walk(task: Any, data: SpeechData) -> None:
    """A step, and everything that looks on."""
    move(task)
    held = HeldOut(data, ["emotional"], 10)
    clips, report = ProbeSet(data.store, data.rows), Silent()
    with second_device():
        step(task, on_device(task, data.batch(0)))
        best = KeepBest(1, judged=held.batch(held.rows[:2]), report=report)
        best.on_train_batch_end(TRAINER, task, None, None, 0)
        assert best.weights
        media = ValidationMedia(1, 1, 2, held=held, report=report)
        media.on_train_batch_end(TRAINER, task, None, None, 0)
        if hasattr(task, "synthesize"):
            assert len(held.synthesize(task, held.rows[:2])) == 2
        with torch.no_grad():
            SwapTest(1, 2, held=held, clips=clips, report=report).look(task, 1)
            StyleSpace(1, clips=clips, report=report).look(task, 1)
            StyleLeaks(1, clips=clips, report=report).look(task, 1)


def test_the_tokenizer(store: FeatureStore) -> None:
    weights = {"ctc": 0.5, "frames_before": 0.7, "frames_after": 1.0, "distillation": 1.0}
    task = TokenizerTask(build(TOKENIZER | {"phones": len(SYMBOLS)}), weights, PLAN, 0.5, 0)
    move(task)
    rows = store.select(["train"], ["emotional"])
    with second_device():
        step(task, on_device(task, TokenizerData(store, rows, 4.0, 0).batch(0)))
        with torch.no_grad():
            TokenLeaks(1, clips=ProbeSet(store, rows), report=Silent()).look(task, 1)


def test_the_speaker_encoder(store: FeatureStore) -> None:
    node = {"_target_": "sovits_lab.conditioning.speaker.SpeakerEncoder", "mels": SPEC.n_mels, "channels": 16,
            "layers": 1, "out_channels": 6}  # fmt: skip
    data = SpeakerData(store, store.select(["train"], ["emotional"]), 4, (20, 30), 0)
    task = SpeakerTask(build(node), len(data.speakers), {"speaker": 1.0}, PLAN, torch.nn.ModuleDict())
    move(task)
    with second_device():
        step(task, on_device(task, data.batch(0)))


def test_the_style_encoder(store: FeatureStore, tmp_path: Path) -> None:
    rows = store.select(["train"], ["emotional"])
    labels = Labels.of(store, rows)
    data = StyleData(store, rows, References(store, rows, 0.8, (20, 30)), labels, 4, 0)
    declared = DeclaredLosses.read(STYLE_LOSSES)
    task = StyleTask(build(STYLED), declared.weights, PLAN, declared.build({"style": small.STYLE}, labels))
    move(task)
    with second_device():
        step(task, on_device(task, data.batch(0)))
