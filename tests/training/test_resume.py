"""A training stage killed at any moment and continued leaves the same bits as one never interrupted."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch

from sovits_lab.pipeline.workers import StageError
from sovits_lab.types import InputError
from tests.checkpoints.upstream_models import small_gpt_node, small_sovits_node
from tests.data.stores import SPEC
from tests.models import small
from tests.pipeline.bench import TRAINER, Bench

from .kept import KEPT
from .kills import KEEP, Wish, compare_checkpoints, compare_stages, differences, draw_wishes
from .losses import GPT_LOSSES, RELEASED_LOSSES, SOVITS_LOSSES, STYLE_LOSSES, TOKENIZER_LOSSES

STEPS = 10
KEPT_STAGES = "tests.training.kept"
COMMON: dict[str, Any] = {"precision": "32-true", "seed": 3}
OPTIMISATION = {"steps": STEPS, "warmup": 3, "hold_fraction": 0.4, "lr": 0.01}
AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": SPEC.n_mels}
REFERENCES = {"other_speaker": 0.8, "frames": [20, 30], "spectral_jitter": 0.5, "mel_shift": 1}
PREPARED = {name: {"_target_": f"{KEPT_STAGES}.{kind}"} for name, kind in
            {"features": "Features", "tokens": "Tokens", "speaker": "Speakers", "voice": "Voice"}.items()}  # fmt: skip
REFERENCE = {
    "_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference",
    "mels": SPEC.n_mels,
    "channels": [8],
    "hidden": 8,
    "out_channels": 5,
}
MEDIA = {"_target_": "sovits_lab.training.monitors.media.ValidationMedia", "every": 4, "utterances": 0, "measured": 2}


def tokenizer() -> dict[str, Any]:
    """Dropout, rounding with a random bypass, shifts of the mel bins."""
    quantizer = {"_target_": "sovits_lab.quantization.finite_scalar.FiniteScalarQuantizer", "levels": [4, 3]}
    return {
        "_target_": f"{KEPT_STAGES}.Tokenizer", "inputs": ["features"], "audio": AUDIO, "optimisation": OPTIMISATION,
        "model": {"_target_": "sovits_lab.content.ctc.CtcTokenizer", "mels": SPEC.n_mels, "channels": 16,
                  "layers": [1, 1, 1], "quantizer": quantizer, "dropout": 0.1},
        "losses": TOKENIZER_LOSSES,
        "quantizer_bypass": 0.3, "roles": ["emotional"], "batch_seconds": 5.0, "mel_shift": 1, **COMMON,
    }  # fmt: skip


def gpt() -> dict[str, Any]:
    """Dropout, noise on tokens and tempo, losses of held-out utterances in between."""
    return {
        "_target_": f"{KEPT_STAGES}.Gpt", "inputs": ["features", "tokens", "speaker"], "optimisation": OPTIMISATION,
        "model": {"_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "channels": 16, "layers": 1, "heads": 2,
                  "phone_layers": 1, "dropout": 0.1, "reference": REFERENCE},
        "losses": GPT_LOSSES,
        "noise": 0.1, "tempo_noise": 0.1, "label_smoothing": 0.05, "roles": ["emotional"], "batch_seconds": 5.0,
        "references": REFERENCES, "callbacks": [MEDIA], **COMMON,
    }  # fmt: skip


def sovits() -> dict[str, Any]:
    """Two optimisers, the second from step 2 on; slices and shares of the prior drawn at random."""
    package = "sovits_lab.models.sovits"
    return {
        "_target_": f"{KEPT_STAGES}.Sovits", "inputs": ["features", "tokens", "speaker"], "optimisation": OPTIMISATION,
        "model": {
            "_target_": f"{package}.acoustic.SoVits",
            "prior": {"_target_": f"{package}.prior.TokenPhonePrior", "latent": 8, "channels": 16,
                      "layers": [1, 1, 1, 1], "heads": 2, "mels": SPEC.n_mels},
            "posterior": {"_target_": f"{package}.acoustic.MelPosterior", "latent": 8, "mels": SPEC.n_mels,
                          "channels": 16, "layers": 1},
            "flow": {"_target_": f"{package}.coupling.ConvCoupling", "channels": 8, "hidden": 8, "layers": 1,
                     "couplings": 2},
            "reference": REFERENCE,
            "head": {"_target_": "sovits_lab.models.heads.spectral.HarmonicHead", "in_channels": 8, "channels": 16,
                     "layers": 1, "n_fft": small.N_FFT, "hop": small.HOP, "sample_rate": small.RATE},
        },
        "reconstruction": {"_target_": "sovits_lab.losses.spectral.MultiResolutionMelLoss",
                           "sample_rate": small.RATE, "windows": [256, 512], "mels": [10, 20]},
        "discriminator": {"_target_": "sovits_lab.models.discriminators.SpectralPeriodDiscriminator",
                          "periods": [2, 3], "period_channels": [4, 8], "windows": [256], "spectrogram_channels": 4},
        "adversarial_start_step": 2,
        "losses": SOVITS_LOSSES,
        "slice_frames": 12, "prior_fraction": 0.5, "prior_start_step": 1, "kl_warmup": 4, "roles": ["emotional"],
        "batch_seconds": 5.0, "references": REFERENCES, **COMMON,
    }  # fmt: skip


def speaker() -> dict[str, Any]:
    model = {"_target_": "sovits_lab.conditioning.speaker.SpeakerEncoder", "mels": SPEC.n_mels, "channels": 16,
             "layers": 1, "out_channels": 6}  # fmt: skip
    return {"_target_": f"{KEPT_STAGES}.Speaker", "inputs": ["features"], "model": model, "audio": AUDIO,
            "optimisation": OPTIMISATION, "losses": {"speaker": 1.0}, "roles": ["emotional"], "batch_size": 4,
            "frames": [20, 30], **COMMON}  # fmt: skip


def style() -> dict[str, Any]:
    return {"_target_": f"{KEPT_STAGES}.Style", "inputs": ["features"], "model": REFERENCE,
            "optimisation": OPTIMISATION, "losses": STYLE_LOSSES,
            "references": {"frames": [20, 30], "spectral_jitter": 0.1, "mel_shift": 0},
            "roles": ["emotional"], "batch_size": 4, **COMMON}  # fmt: skip


FOLDER = {"path": "given by the stage", "batch_size": 2, "held_out": 1}
KEEP_BEST = [{"_target_": "sovits_lab.training.keep_best.KeepBest", "every": 2}]


def finetune_gpt() -> dict[str, Any]:
    """A released GPT from random weights, the best weights kept by a callback with a state."""
    return {"_target_": f"{KEPT_STAGES}.FinetunedGpt", "inputs": ["voice"], "model": small_gpt_node(), "folder": FOLDER,
            "optimisation": OPTIMISATION, "losses": {"token": 1.0}, "callbacks": KEEP_BEST, **COMMON}  # fmt: skip


def finetune_sovits() -> dict[str, Any]:
    """A released SoVITS in the same way."""
    against = {"_target_": "sovits_lab.models.discriminators.MultiPeriodDiscriminator", "periods": [2, 3],
               "scale_channels": [4] * 6, "scale_groups": [1] * 6, "period_channels": [4] * 5}  # fmt: skip
    return {"_target_": f"{KEPT_STAGES}.FinetunedSovits", "inputs": ["voice"], "model": small_sovits_node("v2pro"),
            "discriminator": against, "folder": FOLDER, "optimisation": OPTIMISATION, "slice_frames": 8,
            "losses": RELEASED_LOSSES, "callbacks": KEEP_BEST,
            **COMMON}  # fmt: skip


NODES = {"tokenizer": tokenizer, "gpt": gpt, "sovits": sovits, "speaker": speaker, "style": style,
         "finetune-gpt": finetune_gpt, "finetune-sovits": finetune_sovits}  # fmt: skip


def killed_and_continued(tmp_path: Path, node: dict[str, Any], wishes: list[Wish], trainer: dict[str, Any]) -> None:
    """Run a stage whole, and again killed at every wish; every checkpoint on the way, and the end, must be the same."""
    stages = {name: PREPARED[name] for name in node["inputs"]} | {"train": node}
    settings = {**TRAINER, "log_every": 1, **trainer}
    bench = Bench(tmp_path / "whole")
    (tmp_path / "whole" / "stages").mkdir(parents=True)
    (tmp_path / "whole" / "stages" / KEEP).touch()
    plan, _ = bench.run(stages, trainer=settings)
    whole = plan.stages["train"].folder
    assert len(list((whole / KEPT).iterdir())) == STEPS
    bench, runs = Bench(tmp_path / "parts"), tmp_path / "parts" / "stages"
    for wish in wishes:
        wish.leave(runs)
        chain, _ = bench.chain(stages, trainer=settings)
        with pytest.raises(StageError, match="SIGKILL"):
            chain.run()
        folder = chain.plan.stages["train"].partial / "checkpoints"
        assert (wish.how in ("half", "written")) <= bool(list(folder.glob("*.partial")))
        compared, other = compare_checkpoints(whole / KEPT, folder)
        assert not other, (wish, compared, other)
    plan, _ = bench.run(stages, trainer=settings)
    compared, other = compare_checkpoints(whole / KEPT, plan.stages["train"].folder / KEPT)
    assert compared == 2
    assert not other
    assert compare_stages(whole, plan.stages["train"].folder) == []


@pytest.mark.parametrize("name", ["tokenizer", "gpt", "sovits"])
def test_sigkill_changes_no_bit_of_weights_optimisers_and_records(tmp_path: Path, name: str) -> None:
    wishes = draw_wishes(3, STEPS, random.Random(name), 0.05)
    killed_and_continued(tmp_path, NODES[name](), wishes, {})


@pytest.mark.slow
@pytest.mark.parametrize("name", NODES)
@pytest.mark.parametrize("workers", [0, 2])
def test_sigkill_changes_no_bit_of_any_stage(tmp_path: Path, name: str, workers: int) -> None:
    wishes = draw_wishes(8, STEPS, random.Random(f"{name}{workers}"), 0.05)
    killed_and_continued(tmp_path, NODES[name](), wishes, {"workers": workers})


def test_an_end_after_the_training_does_not_repeat_it(bench: Bench) -> None:
    stages = {"train": {"_target_": "tests.training.trainers.Train", "steps": 5, "seed": 5}}
    chain, _ = bench.chain(stages)
    spec = chain.plan.stages["train"]
    (spec.partial / "stage.json").mkdir(parents=True)  # so its record cannot be written
    with pytest.raises(InputError, match=r"^train: .*Is a directory$"):
        chain.run()
    assert (spec.partial / "checkpoints" / "step-00000005.ckpt").is_file(), "kept until the stage is whole"
    (spec.partial / "stage.json").rmdir()
    bench.run(stages)
    assert '"resumed": true' in (spec.folder / "stage.json").read_text()
    assert not (spec.folder / "checkpoints").exists(), "they served their purpose"


def test_a_difference_of_one_bit_is_found() -> None:
    a = {"x": [torch.zeros(3), {"n": 1}]}
    assert differences(a, {"x": [torch.zeros(3), {"n": 1}]}) == []
    assert differences(a, {"x": [torch.tensor([0.0, -0.0, 0.0]), {"n": 1}]}) == ["/x/0"]
    assert differences(a, {"x": [torch.zeros(3), {"n": 2}]}) == ["/x/1/n: 1 and 2"]
