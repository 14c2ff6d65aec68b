"""Training of SoVITS on tiny data: generator and discriminator both move, and steps count batches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest
import torch

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts
from sovits_lab.data.batches import Labels, SpeechData
from sovits_lab.data.references import References
from sovits_lab.data.store import FeatureStore
from sovits_lab.losses.spectral import MultiResolutionMelLoss
from sovits_lab.models.discriminators import SpectralPeriodDiscriminator
from sovits_lab.models.heads.prosodic_hifigan import ProsodicHifiGan
from sovits_lab.models.sovits.acoustic import SoVits
from sovits_lab.pipeline.settings import Runtime
from sovits_lab.reporting import Silent
from sovits_lab.training.loop import fit
from sovits_lab.training.regularisers import DeclaredLosses
from sovits_lab.training.sovits import AcousticTask, TrainSovits
from sovits_lab.training.task import Optimisation
from tests.data.stores import SPEC, SYMBOLS, write_store
from tests.models import small
from tests.training.losses import SOVITS_LOSSES

SCHEDULE = {"slice_frames": 12, "prior_fraction": 0.5, "prior_start_step": 1, "kl_warmup": 2}
CPU = Runtime(threads=1, log_every=1, checkpoint_seconds=1e9)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The stage folders that SoVITS' training reads."""
    root = tmp_path_factory.mktemp("stages")
    store = write_store(root / "features")
    rng = np.random.default_rng(0)
    (root / "tokens").mkdir()
    np.save(root / "tokens" / "tokens.npy", rng.integers(small.CODES, size=sum(r.frames for r in store.rows) // 2))
    (root / "tokens" / "durations.json").write_text("{}")
    (root / "tokens" / "facts.json").write_text(f'{{"codes": {small.CODES}}}')
    (root / "speaker").mkdir()
    vectors = {name: rng.normal(size=small.SPEAKER).astype(np.float32) for name in ("ann", "bob")}
    np.savez(root / "speaker" / "speakers.npz", **vectors)
    return {name: root / name for name in ("features", "tokens", "speaker")}


def hifigan() -> ProsodicHifiGan:
    condition = small.SPEAKER + small.STYLE
    return ProsodicHifiGan(small.LATENT, condition, small.HOP, 32, resblock_kernels=(3,), resblock_dilations=((1,),))


def discriminator() -> SpectralPeriodDiscriminator:
    torch.manual_seed(1)
    return SpectralPeriodDiscriminator((2, 3), (4, 8), (256,), 4)


class Watched(AcousticTask):
    """Keeps the rate and the weights of both sides after every batch."""

    def __init__(self, *arguments: Any, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self.seen: list[dict[str, Any]] = []

    def training_step(self, batch: Any, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        assert batch.step == batch_idx
        optimizers: Any = self.optimizers()
        optimizers = optimizers if isinstance(optimizers, list) else [optimizers]
        self.seen.append({
            "rates": [o.param_groups[0]["lr"] for o in optimizers],
            "generator": torch.cat([p.detach().flatten().clone() for _, p in self._generator_parameters()]),
            "discriminator": flat(self.discriminator),
            "logged": {name: float(value) for name, value in self.trainer.callback_metrics.items()},
        })  # fmt: skip


def flat(module: torch.nn.Module | None) -> torch.Tensor:
    return (
        torch.cat([p.detach().flatten().clone() for p in module.parameters()]) if module is not None else torch.ones(1)
    )


class Killed(Exception):  # noqa: N818  what stops the loop here is no error
    """Stands for a kill."""


def train(
    folders: dict[str, Path],
    out: Path,
    steps: int,
    against: torch.nn.Module | None,
    begin: int,
    model: SoVits,
    killed_at: int | None = None,
    runtime: Runtime = CPU,
    schedule: Mapping[str, Any] = MappingProxyType(SCHEDULE),
) -> Watched:
    store = FeatureStore(folders["features"])
    rows, tokens = store.select(["train"], ["emotional"]), np.load(folders["tokens"] / "tokens.npy")
    spoken = {r.id: tokens[r.start // 2 : (r.start + r.frames) // 2] for r in store.rows}
    with np.load(folders["speaker"] / "speakers.npz") as vectors:
        speakers = {name: vectors[name] for name in vectors.files}
    labels = Labels.of(store, rows)
    references = References(store, rows, 0.8, (20, 30))
    data = SpeechData(store, rows, spoken, speakers, labels, references, 5.0, 0, waveforms=True)
    optimisation = Optimisation(steps=10, lr=1e-3, warmup=4, max_grad_norm=5.0)
    loss = MultiResolutionMelLoss(16_000, (256, 512), (10, 20))
    declared = DeclaredLosses.read(SOVITS_LOSSES)
    regularisers = declared.build({"style": model.reference.out_channels}, labels)
    task = Watched(model, declared.weights, optimisation, regularisers, loss, against, begin, seed=0, **schedule)
    out.mkdir(exist_ok=True)
    batch = data.batch

    def until_killed(step: int, rank: int = 0) -> Any:
        if step == killed_at:
            raise Killed
        return batch(step, rank)

    data.batch = until_killed  # type: ignore[method-assign]
    fit(task, data, steps, out, Silent(), runtime)
    return task


def model(head: torch.nn.Module | None = None) -> SoVits:
    return small.sovits(len(SYMBOLS), SPEC.n_mels, head)


def test_both_sides_move_and_the_schedule_counts_batches(folders: dict[str, Path], tmp_path: Path) -> None:
    task = train(folders, tmp_path / "out", 4, discriminator(), 1, model(hifigan()))
    first, *rest = task.seen
    assert len(task.seen) == 4
    assert torch.equal(first["discriminator"], flat(discriminator())), "it rests until its first step"
    assert "train/adversarial" not in first["logged"]
    for before, after in zip(task.seen, rest, strict=False):
        assert not torch.equal(before["generator"], after["generator"])
        assert not torch.equal(before["discriminator"], after["discriminator"])
        assert {"train/discriminator", "train/adversarial", "train/feature_matching"} <= after["logged"].keys()
    rate = task.optimisation.rate
    assert [seen["rates"][0] for seen in task.seen] == pytest.approx([rate(step) for step in range(4)])
    assert [seen["rates"][1] for seen in rest] == pytest.approx([rate(step) for step in (1, 2, 3)])


def test_the_discriminator_learns_to_tell(folders: dict[str, Path], tmp_path: Path) -> None:
    task = train(folders, tmp_path / "out", 10, discriminator(), 0, model())
    told = [seen["logged"]["train/discriminator"] for seen in task.seen]
    assert told[-1] < told[0]


def test_a_killed_training_goes_on_as_if_nothing_had_happened(folders: dict[str, Path], tmp_path: Path) -> None:
    each_step = Runtime(threads=1, log_every=1, checkpoint_seconds=0)

    def run(out: str, killed_at: int | None = None) -> Watched:
        return train(folders, tmp_path / out, 5, discriminator(), 1, model(), killed_at, each_step)

    straight = run("straight")
    with pytest.raises(Killed):
        run("killed", killed_at=3)
    resumed = run("killed")
    assert len(resumed.seen) == 2, "only what was missing is done"
    for side in ("generator", "discriminator"):
        assert torch.equal(straight.seen[-1][side], resumed.seen[-1][side])


def test_without_a_discriminator_there_is_one_optimiser(folders: dict[str, Path], tmp_path: Path) -> None:
    task = train(folders, tmp_path / "out", 2, None, 0, model())
    assert [len(seen["rates"]) for seen in task.seen] == [1, 1]
    assert not torch.equal(task.seen[0]["generator"], task.seen[1]["generator"])
    assert not any("adversarial" in name.replace("speaker_adversary", "") for name in task.seen[1]["logged"])


def test_every_part_of_the_generator_gets_a_gradient(folders: dict[str, Path], tmp_path: Path) -> None:
    before = {name: p.detach().clone() for name, p in model(hifigan()).named_parameters()}
    after = train(folders, tmp_path / "out", 3, discriminator(), 0, model(hifigan())).model
    still = [name for name, p in after.named_parameters() if torch.equal(p, before[name])]
    assert still == []


@pytest.mark.parametrize("head", ["HarmonicHead", "VocosHead", "ProsodicHifiGan"])
def test_the_stage_trains_any_head_and_writes_its_bundle(folders: dict[str, Path], tmp_path: Path, head: str) -> None:
    module = "prosodic_hifigan" if head == "ProsodicHifiGan" else "spectral"
    wide = {"channels": 32, "resblock_kernels": [3], "resblock_dilations": [[1]]}
    node = {
        "_target_": "sovits_lab.models.sovits.acoustic.SoVits",
        "prior": {"_target_": "sovits_lab.models.sovits.prior.TokenPhonePrior", "latent": 8, "channels": 16,
                  "layers": [1, 1, 1, 1], "heads": 2, "mels": SPEC.n_mels},
        "posterior": {"_target_": "sovits_lab.models.sovits.acoustic.MelPosterior", "latent": 8, "mels": SPEC.n_mels,
                      "channels": 16, "layers": 1},
        "flow": {"_target_": "sovits_lab.models.sovits.coupling.ConvCoupling", "channels": 8, "hidden": 8, "layers": 1},
        "reference": {"_target_": "sovits_lab.conditioning.mel_style.MelStyleEncoder", "mels": SPEC.n_mels,
                      "hidden": 16, "out_channels": 5},
        "head": {"_target_": f"sovits_lab.models.heads.{module}.{head}", "in_channels": 8,
                 **(wide if head == "ProsodicHifiGan" else {"channels": 16, "layers": 1})},
    }  # fmt: skip
    against = {"_target_": "sovits_lab.models.discriminators.SpectralPeriodDiscriminator", "periods": [],
               "period_channels": [], "windows": [256], "spectrogram_channels": 4}  # fmt: skip
    loss = {"_target_": "sovits_lab.losses.spectral.MultiResolutionMelLoss", "sample_rate": 16_000}
    stage = TrainSovits(
        model=node, reconstruction=loss, optimisation={"steps": 2, "warmup": 1}, losses=SOVITS_LOSSES,
        roles=["emotional"], batch_seconds=5.0,
        references={"other_speaker": 0.8, "frames": [20, 30], "spectral_jitter": 0.5, "mel_shift": 1},
        precision="32-true", seed=0, discriminator=against,
        runtime={"threads": 1, "accelerator": "cpu"}, **SCHEDULE,
    )  # fmt: skip
    stage.run(folders, tmp_path, Silent())
    facts = read_facts(tmp_path / "bundle", "sovits", ("model", "emotions", "baselines"))
    load_parts(tmp_path / "bundle", {"sovits": build(facts["model"])})
    assert set(facts["emotions"]) == {"neutral", "sad"} and len(facts["emotions"]["sad"]) == 5


def test_where_all_is_decoded_from_the_prior_the_recording_is_not_encoded(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    schedule = {**SCHEDULE, "prior_fraction": 1.0}
    task = train(folders, tmp_path / "out", 3, None, 0, model(), schedule=schedule)
    first, *rest = (seen["logged"]["train/kl"] for seen in task.seen)
    assert rest == [first, first], "what was logged last: there is none from step 1 on"
    assert all(torch.isfinite(torch.tensor(seen["logged"]["train/mel"])) for seen in task.seen)
