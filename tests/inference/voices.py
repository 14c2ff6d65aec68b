"""A voice bundle of random weights, put together by the same stage as a trained one; and clips to speak like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.checkpoints.bundle import build, write_bundle
from sovits_lab.reporting import Silent
from sovits_lab.text.symbols import load_symbols
from sovits_lab.training.assemble import AssembleBundle
from tests.models import small

AUDIO = {"_target_": "sovits_lab.audio.spec.AudioSpec", "n_mels": 20}
FRONTEND = {"_target_": "sovits_lab.text.frontend.EnglishFrontend"}
SAMPLING = {"_target_": "sovits_lab.models.gpt.sampling.Sampler", "temperature": 1.0, "top_k": 10,
            "repetition_penalty": 1.0}  # fmt: skip
PARALLEL = "sovits_lab.models.gpt.parallel.ParallelGpt"
EMOTIONS = ("neutral", "sad")
SPEAKERS = ("ann", "bob")


def nodes(
    reference: Mapping[str, Any] | None = None, style: int = small.STYLE, labels: int = 0, dropout: float = 0.0
) -> dict[str, dict[str, Any]]:
    """The three models, as their training stages would describe them; `style` is the reference encoder's width,
    `labels` that of the labels' vectors, `dropout` of all that says how."""
    phones = len(load_symbols("english").names)
    how = style + labels
    condition = small.SPEAKER + how
    told = {
        "style_sites": {"_target_": "sovits_lab.conditioning.conditions.StyleSites",
                 "dropout": {"style": dropout, "emotion": dropout}},
        "labels": {"_target_": "sovits_lab.conditioning.labels.LabelEmbedding", "labels": EMOTIONS,
                   "out_channels": labels} if labels else None,
    }  # fmt: skip
    reference = reference or {"_target_": "sovits_lab.conditioning.conv_gru.ConvGruReference", "mels": 20,
                              "channels": [8, 12], "stride": 2, "hidden": 12, "out_channels": style}  # fmt: skip
    return {
        "gpt": {"_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "codes": small.CODES, "phones": phones,
                "reference": reference, "speaker_channels": small.SPEAKER, "channels": 16, "layers": 2, "heads": 2,
                "phone_layers": 1, "max_tokens": 60, **told},
        "sovits": {
            "_target_": "sovits_lab.models.sovits.acoustic.SoVits",
            "prior": {"_target_": "sovits_lab.models.sovits.prior.TokenPhonePrior", "codes": small.CODES,
                      "phones": phones, "condition_channels": condition, "prosody_channels": how, "latent": 8,
                      "channels": 16, "layers": [1, 1, 1, 1], "heads": 2, "mels": 20},
            "posterior": {"_target_": "sovits_lab.models.sovits.acoustic.MelPosterior", "latent": 8,
                          "condition_channels": condition, "mels": 20, "channels": 16, "layers": 1},
            "flow": {"_target_": "sovits_lab.models.sovits.coupling.ConvCoupling", "channels": 8, "hidden": 8,
                     "layers": 1, "condition_channels": condition, "couplings": 2},
            "reference": reference,
            "speaker_channels": small.SPEAKER,
            **told,
            "head": {"_target_": "sovits_lab.models.heads.spectral.HarmonicHead", "in_channels": 8,
                     "condition_channels": condition, "channels": 16, "layers": 1},
        },
        "speaker": {"_target_": "sovits_lab.conditioning.speaker.SpeakerEncoder", "mels": 20, "channels": 16,
                    "layers": 1, "out_channels": small.SPEAKER},
    }  # fmt: skip


def write_voice(
    folder: Path,
    reference: Mapping[str, Any] | None = None,
    style: int = small.STYLE,
    labels: int = 0,
    dropout: float = 0.0,
    parallel: bool = False,
) -> Path:
    """Bundles of the parts in their stage folders, then the bundle stage; returns the voice's folder."""
    symbols = list(load_symbols("english").names)
    styles = {label: [float(i)] * style for i, label in enumerate(EMOTIONS)}
    facts: dict[str, dict[str, Any]] = {
        "gpt": {"symbols": symbols, "emotions": styles},
        "sovits": {
            "symbols": symbols,
            "emotions": styles,
            "baselines": {"ann": (200.0, -5.0, 0.1, -4.8), "bob": (110.0, -6.0, 0.1, -5.8)},
        },
        "speaker": {},
    }
    models = nodes(reference, style, labels, dropout)
    if parallel:
        models["gpt"] = {**{k: v for k, v in models["gpt"].items() if k != "heads"}, "_target_": PARALLEL, "passes": 1}
    for part, node in models.items():
        torch.manual_seed(0)
        model = build(node)
        small.shaken(model, 0.05)
        if part == "gpt" and not parallel:
            model.predict.bias.data[small.CODES] += 0.3  # so that it ends now and then
        (folder / part).mkdir(parents=True)
        write_bundle(folder / part / "bundle", {part: model}, {"kind": part, "model": node, **facts[part]})
    vectors = {name: np.eye(small.SPEAKER, dtype=np.float32)[i] for i, name in enumerate(SPEAKERS)}
    np.savez(folder / "speaker" / "speakers.npz", **vectors)
    (folder / "run").mkdir()
    stage = AssembleBundle(AUDIO, FRONTEND, SAMPLING, "tiny")
    stage.run({part: folder / part for part in nodes()}, folder / "run", Silent())
    return folder / "run" / "voice"


def clip(seconds: float = 1.0, hertz: float = 150.0, rate: int = 16_000) -> np.ndarray:
    """Something voiced."""
    t = np.arange(int(seconds * rate)) / rate
    wav = sum(np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 8)) * 0.1
    return (wav * (1 + 0.3 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)
