"""Training tasks: schedules, losses against their definitions, and stages that write what the next one reads."""

from __future__ import annotations

import itertools
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.checkpoints.content import load_recogniser
from sovits_lab.content.ctc import collapse
from sovits_lab.data.batches import Labels, SpeechData, TokenizerData
from sovits_lab.data.references import References
from sovits_lab.data.store import FeatureStore
from sovits_lab.models.gpt.aligned_losses import current_loss, guide_loss, phone_durations, with_noise
from sovits_lab.reporting import Silent
from sovits_lab.training import tokenizer
from sovits_lab.training.gpt import SemanticTask, TrainGpt
from sovits_lab.training.regularisers import DeclaredLosses
from sovits_lab.training.speaker import TrainSpeaker
from sovits_lab.training.task import Optimisation, Task
from sovits_lab.training.tokenizer import TokenizerTask, TrainTokenizer, ctc_loss, frame_loss
from sovits_lab.types import InputError
from tests.data.stores import SPEC, SYMBOLS, write_store
from tests.models import small
from tests.training.losses import GPT_LOSSES, TOKENIZER_LOSSES

AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}
RUNTIME = {"threads": 1, "accelerator": "cpu"}
QUICK = {"steps": 3, "warmup": 1}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> FeatureStore:
    return write_store(tmp_path_factory.mktemp("features"))


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Optimisation(steps=100, lr=1.0, warmup=10, hold_fraction=0.4, min_lr_ratio=0.1)
    rates = [plan.rate(step) for step in range(100)]
    assert rates[:10] == pytest.approx(np.linspace(0.1, 1, 10).tolist())
    assert rates[10:40] == [1.0] * 30
    assert all(a > b for a, b in itertools.pairwise(rates[40:])) and plan.rate(100) == pytest.approx(0.1)
    assert plan.rate(70) == pytest.approx((1 + 0.1) / 2, abs=0.01)
    assert plan.rate(10**6) == pytest.approx(0.1), "it never rises again"


def test_a_slow_part_learns_at_its_share_of_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.ModuleDict(
        {"heard": torch.nn.Linear(1, 1, bias=False), "rest": torch.nn.Linear(1, 1, bias=False)}
    )
    torch.nn.init.zeros_(module["heard"].weight)
    torch.nn.init.zeros_(module["rest"].weight)
    plan = Optimisation(
        steps=100,
        lr=0.5,
        warmup=0,
        hold_fraction=1.0,
        weight_decay=0.0,
        lr_multipliers={r"^heard\.": 0.1, "heard": 3.0},
    )
    optimizer = plan.build(module.named_parameters())
    assert len([p for group in optimizer.param_groups for p in group["params"]]) == 2
    task = Task({}, plan)
    loss = module["heard"].weight.sum() + module["rest"].weight.sum()
    monkeypatch.setattr(task, "manual_backward", lambda loss: loss.backward())
    plan.update(optimizer, task, loss, list(module.parameters()), 50)
    assert module["rest"].weight.item() == pytest.approx(-0.5), "Adam's first step is the rate"
    assert module["heard"].weight.item() == pytest.approx(-0.05)


@pytest.mark.parametrize(
    ("slow", "said"),
    [
        ({"(": 0.1}, r"'\('.*regular expression"),
        ({"heard": -1.0}, "lr_multipliers.heard.*-1"),
    ],
)
def test_what_cannot_be_slow_is_named(slow: dict[str, float], said: str) -> None:
    with pytest.raises(InputError, match=said):
        Optimisation(steps=1, lr_multipliers=slow)


def test_ctc_is_the_sum_over_all_paths() -> None:
    torch.manual_seed(0)
    logits, phones = torch.randn(1, 4, 4), [2, 0]
    p = logits[0].softmax(-1)
    paths = [path for path in itertools.product(range(4), repeat=4) if collapse(list(path)) == phones]
    whole = sum(torch.stack([p[t, label] for t, label in enumerate(path)]).prod() for path in paths)
    loss = ctc_loss(logits, torch.ones(1, 4, dtype=torch.bool), torch.tensor([phones]), torch.ones(1, 2).bool())
    torch.testing.assert_close(loss, -whole.log() / 2)


def test_a_text_that_cannot_fit_costs_nothing() -> None:
    loss = ctc_loss(torch.randn(1, 2, 4), torch.ones(1, 2).bool(), torch.tensor([[0, 1, 2]]), torch.ones(1, 3).bool())
    assert loss == 0


def test_unknown_frames_cost_nothing_and_still_have_a_gradient() -> None:
    logits = torch.randn(1, 3, 5, requires_grad=True)
    loss = frame_loss(logits, torch.full((1, 3), -1))
    loss.backward()
    assert loss == 0 and logits.grad is not None
    right = torch.nn.functional.one_hot(torch.tensor([[1, 4, 0]]), 5) * 50.0
    assert frame_loss(right, torch.tensor([[1, -1, 0]])) < 1e-6


def test_guide_and_current_reward_the_phone_that_is_spoken() -> None:
    place, phones = torch.tensor([[0, 0, 1, -1]]), torch.tensor([[3, 2]])
    looking = torch.nn.functional.one_hot(place.clamp(min=0), 2).float()
    assert guide_loss(looking, place) < 1e-5 < 1 < guide_loss(1 - looking, place)
    saying = torch.nn.functional.one_hot(torch.tensor([[3, 3, 2, 0]]), 5) * 50.0
    assert current_loss(saying, place, phones) < 1e-5 < 1 < current_loss(saying.roll(1, -1), place, phones)
    nowhere = torch.full((1, 4), -1)
    assert guide_loss(looking, nowhere) == 0 == current_loss(saying, nowhere, phones)


def test_durations_are_those_of_the_alignment_or_even() -> None:
    place = torch.tensor([[0, 0, 0, 0, 2, 2], [-1] * 6, [0, 0, 0, 1, -1, -1]])
    phones = torch.tensor([[True, True, True], [True, True, False], [True, True, False]])
    durations = phone_durations(place, phones, torch.ones(3, 3, dtype=torch.bool))
    assert durations[0].tolist() == [2, 0.25, 1], "a phone without a frame still takes its place"
    assert durations[1, :2].tolist() == [1.5, 1.5] and durations[2, :2].tolist() == [1.5, 0.5]


def gpt_task(store: FeatureStore, **more: Any) -> tuple[SemanticTask, SpeechData]:
    rows = list(range(len(store.rows)))
    labels = Labels.of(store, rows)
    rng = np.random.default_rng(0)
    tokens = {r.id: rng.integers(small.CODES, size=r.frames // 2) for r in store.rows}
    speakers = {name: rng.normal(size=small.SPEAKER).astype(np.float32) for name in labels.speakers}
    data = SpeechData(store, rows, tokens, speakers, labels, References(store, rows, 0.8, (20, 30)), 4.0, 0)
    settings = {"noise": 0.0, "tempo_noise": 0.1, "label_smoothing": 0.0, "seed": 0, **more}
    model = small.gpt(phones=len(SYMBOLS), mels=SPEC.n_mels)
    declared = DeclaredLosses.read(GPT_LOSSES)
    regularisers = declared.build({"style": model.reference.out_channels}, labels)
    return SemanticTask(model, declared.weights, Optimisation(**QUICK), regularisers, **settings), data


def test_the_targets_are_the_tokens_and_then_the_end(store: FeatureStore, monkeypatch: pytest.MonkeyPatch) -> None:
    task, data = gpt_task(store)
    batch = data.batch(0)
    assert not batch.token_mask.all(), "rows of unequal length"
    right = torch.nn.functional.pad(batch.tokens, (0, 1))
    for row, length in enumerate(batch.token_mask.sum(1).tolist()):
        right[row, length] = task.model.end
    logits = torch.nn.functional.one_hot(right, small.CODES + 1) * 50.0
    forward = task.model.forward
    monkeypatch.setattr(task.model, "forward", lambda *given: forward(*given)._replace(logits=logits))
    assert task.losses(batch)["token"] < 1e-6


def test_noise_is_a_share_of_the_tokens_and_a_pure_function_of_the_step(store: FeatureStore) -> None:
    task, data = gpt_task(store, noise=0.3)
    batch = data.batch(0)

    def noisy(step: int) -> torch.Tensor:
        return with_noise(batch.tokens, task.model.codes, step, task.corruption)

    assert 0.15 < (noisy(0) != batch.tokens).float().mean() < 0.4
    assert torch.equal(noisy(0), noisy(0))
    assert not torch.equal(noisy(0), noisy(1))


def test_every_loss_has_a_weight_and_a_gradient(store: FeatureStore) -> None:
    task, data = gpt_task(store)
    losses = task.losses(data.batch(0))
    assert losses.keys() == task.weights.keys()
    for name, value in losses.items():
        assert any(g is not None and g.any() for g in torch.autograd.grad(
            value, list(task.parameters()), retain_graph=True, allow_unused=True)), name  # fmt: skip


def test_the_bottleneck_is_bypassed_less_and_less(store: FeatureStore) -> None:
    batch = TokenizerData(store, [0], 5.0, seed=0).batch(0)._replace(mel=torch.zeros(4000, 1, 1))
    task = TokenizerTask(build(TOKENIZER | {"phones": 5}), {}, Optimisation(steps=100), quantizer_bypass=0.5, seed=0)

    def share(step: int) -> float:
        return float(task._skipped(batch._replace(step=step)).float().mean())

    assert [share(0), share(50), share(99)] == [1.0, 0.0, 0.0] and share(25) == pytest.approx(0.5, abs=0.05)


def test_recordings_without_phone_times_are_told_even_ones_and_then_those_that_are_found(
    store: FeatureStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[torch.Tensor] = []
    monkeypatch.setattr(tokenizer, "frame_loss", lambda logits, targets: told.append(targets) or logits.sum())
    weights, plan = dict.fromkeys(TOKENIZER_LOSSES, 1.0), Optimisation(steps=100)
    model = build(TOKENIZER | {"phones": len(SYMBOLS)}).eval()
    untimed = write_store(tmp_path / "untimed", aligned=False)
    batch = TokenizerData(untimed, untimed.select(["train"], ["emotional"]), 5.0, seed=0).batch(0)
    assert batch.guessed is not None
    spoken = batch.guessed >= 0
    for start, step in ((30, 29), (30, 30), (0, 0)):
        TokenizerTask(model, weights, plan, 0.0, 0, flat_start=start).losses(batch._replace(step=step))
    even, found, nothing = told[::2]
    assert torch.equal(even, batch.guessed) and int(nothing.max()) == -1
    assert torch.equal(found >= 0, spoken) and not torch.equal(found, even)
    for row, phones, real in zip(found, batch.phones, batch.phone_mask, strict=True):
        order = [int(phone) for phone in row[row >= 0]]
        assert [phone for phone, _ in groupby(order)] == [int(phone) for phone, _ in groupby(phones[real].tolist())]
    timed = TokenizerData(store, [0, 1], 9.0, seed=0).batch(0)
    assert timed.guessed is None, "who knows the times guesses nothing"
    TokenizerTask(model, weights, plan, 0.0, 0, flat_start=30).losses(timed)
    assert torch.equal(told[-1], timed.targets)


TOKENIZER: dict[str, Any] = {
    "_target_": "sovits_lab.content.ctc.CtcTokenizer", "mels": SPEC.n_mels, "channels": 16, "layers": [1, 1, 1],
    "quantizer": {"_target_": "sovits_lab.quantization.finite_scalar.FiniteScalarQuantizer", "levels": [4, 3]},
}  # fmt: skip


def test_the_tokenizer_stage_writes_a_recogniser(store: FeatureStore, tmp_path: Path) -> None:
    stage = TrainTokenizer(
        model=TOKENIZER, audio=AUDIO, optimisation=QUICK, losses=TOKENIZER_LOSSES, quantizer_bypass=0.3,
        roles=["emotional"], batch_seconds=5.0, mel_shift=1, precision="32-true", seed=0, runtime=RUNTIME,
    )  # fmt: skip
    stage.run({"features": store.folder}, tmp_path, Silent())
    heard = load_recogniser(tmp_path).transcribe([store.wav(0), np.zeros(100, np.float32)], 16_000)
    assert set(heard[0]) <= set(SYMBOLS) and heard[1] == []


def test_the_speaker_stage_describes_everybody_by_neutral_speech(store: FeatureStore, tmp_path: Path) -> None:
    node = {"_target_": "sovits_lab.conditioning.speaker.SpeakerEncoder", "mels": SPEC.n_mels, "channels": 16,
            "layers": 1, "out_channels": 6}  # fmt: skip
    stage = TrainSpeaker(
        model=node, audio=AUDIO, optimisation=QUICK, losses={"speaker": 1.0}, roles=["emotional"], batch_size=4,
        frames=[20, 30], precision="32-true", seed=0, runtime=RUNTIME,
    )  # fmt: skip
    stage.run({"features": store.folder}, tmp_path, Silent())
    facts = read_facts(tmp_path / "bundle", "speaker", ("model", "audio"))
    encoder = build(facts["model"])
    load_parts(tmp_path / "bundle", {"speaker": encoder})
    neutral = [i for i, r in enumerate(store.rows) if r.speaker == "ann" and r.emotion == "neutral"]
    mels = [torch.from_numpy(store.mel(i).T)[None] for i in neutral]
    with torch.no_grad():
        each = [encoder.eval()(mel, torch.ones(1, mel.shape[2], dtype=torch.bool))[0] for mel in mels]
    with np.load(tmp_path / "speakers.npz") as vectors:
        assert sorted(vectors.files) == ["ann", "bob"]
        mean = torch.stack(each).mean(0)
        np.testing.assert_allclose(vectors["ann"], (mean / mean.norm()).numpy(), atol=1e-5)


def test_the_gpt_stage_writes_its_bundle_without_any_alignment(tmp_path: Path) -> None:
    bare = write_store(tmp_path / "features", aligned=False)
    for name in ("tokens", "speaker", "out"):
        (tmp_path / name).mkdir()
    np.save(tmp_path / "tokens" / "tokens.npy", np.arange(sum(r.frames for r in bare.rows) // 2) % small.CODES)
    (tmp_path / "tokens" / "durations.json").write_text("{}")
    (tmp_path / "tokens" / "facts.json").write_text(f'{{"codes": {small.CODES}}}')
    np.savez(tmp_path / "speaker" / "speakers.npz", ann=np.ones(6, np.float32), bob=np.zeros(6, np.float32))
    node = {
        "_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "channels": 16, "layers": 1, "heads": 2,
        "phone_layers": 1, "reference": {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference",
                                         "mels": SPEC.n_mels, "channels": [8], "hidden": 8, "out_channels": 5},
    }  # fmt: skip
    references = {"other_speaker": 0.8, "frames": [20, 30], "spectral_jitter": 0.5, "mel_shift": 1}
    stage = TrainGpt(
        model=node, optimisation=QUICK, losses=GPT_LOSSES, noise=0.1, tempo_noise=0.1, label_smoothing=0.05,
        roles=["emotional"], batch_seconds=5.0, references=references, precision="32-true", seed=0, runtime=RUNTIME,
    )  # fmt: skip
    stage.run({name: tmp_path / name for name in ("features", "tokens", "speaker")}, tmp_path / "out", Silent())
    facts = read_facts(tmp_path / "out" / "bundle", "gpt", ("model", "symbols", "emotions"))
    load_parts(tmp_path / "out" / "bundle", {"gpt": build(facts["model"])})
    assert facts["model"]["codes"] == small.CODES and set(facts["emotions"]) == {"neutral", "sad"}
