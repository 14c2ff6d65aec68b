"""Every reference encoder, fusion and site composes from the configuration, learns, and is kept whole by a bundle."""

from __future__ import annotations

from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from sovits_lab.checkpoints.bundle import build, load_parts, write_bundle
from sovits_lab.conditioning.conditions import PARTS, Conditions, given, without
from sovits_lab.models.gpt.semantic import SemanticGpt
from sovits_lab.models.heads.contract import Prosody
from sovits_lab.models.sovits.acoustic import PART_OF, SoVits
from sovits_lab.pipeline.settings import register
from tests.models import small

CONF = Path(__file__).parents[2] / "conf"
REFERENCES = sorted({path.stem.removesuffix("_small") for path in (CONF / "reference").glob("*.yaml")})
FUSIONS, SITES = (sorted(path.stem for path in (CONF / group).glob("*.yaml")) for group in ("fusion", "style_sites"))
SMALLER = {"channels": 16, "attention_channels": 4, "squeeze_channels": 4, "hidden": 8}
MELS, LABELS = 80, ["neutral", "sad"]
FRAMES, TEXT = 12, 5


@cache
def option(group: str, name: str) -> dict[str, Any]:
    """A resolved option of a group, with what it needs of others."""
    register()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("train", overrides=["experiment=sad_transfer", f"{group}={name}"])
    resolved = OmegaConf.to_container(config[group], resolve=True)
    assert isinstance(resolved, dict)
    return {str(key): value for key, value in resolved.items()}


def tiny(node: Any) -> Any:
    """Narrow all widths of a reference encoder; what must divide them still does."""
    if not isinstance(node, dict):
        return node
    node = {k: tiny(v) for k, v in node.items()}
    narrow = {k: [8, 8] if isinstance(node[k], list) else min(node[k], v) for k, v in SMALLER.items() if k in node}
    return {**node, **narrow}


def parts_of(site: str) -> list[str]:
    return [part for model in ("gpt", "sovits") for part in option("style_sites", site)[model]["parts"]]


def conditioning(reference: str, fusion: str, site: str, dropout: float = 0.0) -> dict[str, Any]:
    name = f"{reference}_small" if (CONF / "reference" / f"{reference}_small.yaml").is_file() else reference
    told = {"_target_": "sovits_lab.conditioning.conditions.StyleSites", "parts": parts_of(site),
            "dropout": {"style": dropout, "speaker": dropout}}  # fmt: skip
    return {"reference": tiny(option("reference", name)), "fusion": option("fusion", fusion), "style_sites": told}


def gpt(reference: str, fusion: str, site: str, **more: Any) -> SemanticGpt:
    torch.manual_seed(0)
    node = {"_target_": "sovits_lab.models.gpt.semantic.SemanticGpt", "codes": small.CODES, "phones": small.PHONES,
            "speaker_channels": small.SPEAKER, "channels": 8, "layers": 2, "heads": 2, "phone_layers": 1,
            "duration_layers": 1, "dropout": 0.0, "max_tokens": 20}  # fmt: skip
    return build({**node, **conditioning(reference, fusion, site, **more)})


def sovits_node(reference: str, fusion: str, site: str, **more: Any) -> dict[str, Any]:
    parts = conditioning(reference, fusion, site, **more)
    recipe = parts.pop("fusion")
    style = build(parts["reference"]).out_channels
    how = {part: style if part in parts["style_sites"]["parts"] else 0 for part in PARTS}
    both = {slot: small.SPEAKER + how[part] for slot, part in PART_OF.items()}
    of = "sovits_lab.models.sovits"
    return {
        "_target_": f"{of}.acoustic.SoVits",
        "prior": {"_target_": f"{of}.prior.TokenPhonePrior", "codes": small.CODES, "phones": small.PHONES,
                  "condition_channels": both["prior"], "prosody_channels": how["prosody"], "latent": 4,
                  "channels": 8, "layers": [1, 1, 1, 1], "heads": 2, "mels": MELS, "fusion": recipe},
        "posterior": {"_target_": f"{of}.acoustic.MelPosterior", "latent": 4, "condition_channels": both["posterior"],
                      "channels": 8, "layers": 1, "mels": MELS, "fusion": recipe},
        "flow": {"_target_": f"{of}.coupling.ConvCoupling", "channels": 4, "hidden": 8, "layers": 1, "couplings": 2,
                 "condition_channels": both["flow"], "fusion": recipe},
        "head": {"_target_": "sovits_lab.models.heads.spectral.HarmonicHead", "in_channels": 4, "channels": 8,
                 "layers": 1, "condition_channels": both["head"], "fusion": recipe, "n_fft": 256, "hop": 80},
        "speaker_channels": small.SPEAKER,
        **parts,
    }  # fmt: skip


def sovits(reference: str, fusion: str, site: str, **more: Any) -> SoVits:
    torch.manual_seed(0)
    return build(sovits_node(reference, fusion, site, **more))


class Batch:
    """Two utterances, the second shorter, and a reference of each."""

    def __init__(self) -> None:
        torch.manual_seed(1)
        self.mask = torch.arange(FRAMES) < torch.tensor([[FRAMES], [8]])
        self.phone_mask = torch.arange(TEXT) < torch.tensor([[TEXT], [3]])
        self.tokens = torch.randint(small.CODES, (2, FRAMES // 2))
        self.phones = torch.randint(small.PHONES, (2, TEXT))
        self.mel = torch.randn(2, MELS, FRAMES) - 4
        self.speaker, self.clip = torch.randn(2, small.SPEAKER), torch.randn(2, MELS, 24) - 4
        self.clip_mask = torch.arange(24) < torch.tensor([[24], [17]])
        self.prosody = Prosody(torch.full((2, FRAMES), 120.0), torch.full((2, FRAMES), -4.0))

    def gpt(self, model: SemanticGpt, told: Conditions) -> torch.Tensor:
        out = model(self.phones, self.phone_mask, self.tokens, told)
        return out.logits.logsumexp(-1).mean() - out.logits[..., 0].mean() + out.log_durations.square().mean()

    def sovits(self, model: SoVits, told: Conditions) -> torch.Tensor:
        torch.manual_seed(2)
        out = model(self.mel, self.mask, self.tokens, self.phones, self.phone_mask, told)
        wav = model.head(out.recognised.z, out.parts.head, self.prosody)
        prior = out.prior.mel.mean() + out.prior.pitch.square().mean() + out.prior.energy.mean()
        return wav.square().mean() + (out.recognised.z_prior - out.prior.mean).square().mean() + prior

    def told(self, model: SemanticGpt | SoVits) -> tuple[Conditions, torch.Tensor]:
        encoded = model.reference.encode(self.clip, self.clip_mask)
        return given(speaker=self.speaker, style=encoded.style), sum(encoded.losses.values(), torch.zeros(()))


def step(model: SemanticGpt | SoVits, steps: int = 3) -> list[torch.Tensor]:
    """Losses of a few steps; what starts at zero lets the style through from the second on."""
    batch, losses = Batch(), []
    optimiser = torch.optim.Adam(model.train().parameters(), lr=0.01)
    for _ in range(steps):
        told, own = batch.told(model)
        loss = (batch.gpt(model, told) if isinstance(model, SemanticGpt) else batch.sovits(model, told)) + own
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.detach())
    return losses


@pytest.mark.parametrize(("reference", "fusion", "site"), [*product(REFERENCES, FUSIONS, SITES)])
def test_all_compose_and_learn(reference: str, fusion: str, site: str) -> None:
    for model, parts in (
        (gpt(reference, fusion, site), {"gpt"}),
        (sovits(reference, fusion, site), {"prosody", *PART_OF.values()}),
    ):
        assert all(loss.isfinite() for loss in step(model)), "every step is finite"
        heard = [p.grad is not None and bool(p.grad.any()) for p in model.reference.parameters()]
        if reference not in ("none", "vae"):  # nothing to learn; something to learn wherever it is heard
            assert any(heard) == bool(parts & {*parts_of(site)})


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("site", SITES)
def test_a_style_moves_the_parts_of_its_site_alone(fusion: str, site: str) -> None:
    parts, batch = parts_of(site), Batch()
    models = gpt("mel_style", fusion, site), sovits("mel_style", fusion, site)
    for model in models:
        small.shaken(model, 0.1)
    width = models[0].reference.out_channels
    a, b = (given(speaker=batch.speaker, style=torch.randn(2, width)) for _ in range(2))
    moved = batch.gpt(models[0], a) != batch.gpt(models[0], b)
    assert bool(moved) == ("gpt" in parts)
    one, two = (models[1].part_conditions(told) for told in (a, b))
    assert (one.prosody.shape[1] > 0) == ("prosody" in parts)
    for part in ("latents", "flow", "head"):
        assert torch.equal(getattr(one, part), getattr(two, part)) == (part not in parts)
    prior = [models[1].prior(batch.tokens, batch.mask, batch.phones, batch.phone_mask, h.latents, h.prosody)
             for h in (one, two)]  # fmt: skip
    for name, part in (("mean", "latents"), ("pitch", "prosody"), ("voiced", "prosody"), ("energy", "prosody")):
        assert torch.equal(getattr(prior[0], name), getattr(prior[1], name)) == (part not in parts)
    other = models[1].prior(batch.tokens, batch.mask, batch.phones, batch.phone_mask, one.latents + 1, one.prosody)
    assert torch.equal(other.pitch, prior[0].pitch) and not torch.equal(other.mean, prior[0].mean)


@pytest.mark.parametrize("fusion", FUSIONS)
def test_cached_steps_equal_the_full_pass_with_every_fusion(fusion: str) -> None:
    model, batch = gpt("mel_style", fusion, "all"), Batch()
    small.shaken(model)
    told = given(speaker=batch.speaker, style=torch.randn(2, model.reference.out_channels))
    whole = model(batch.phones, batch.phone_mask, batch.tokens, told)
    prefix = model.prefix(batch.phones, batch.phone_mask, told)
    entered = torch.cat([torch.full((2, 1), model.start), batch.tokens], dim=1)
    caches = model.caches(prefix, entered.shape[1])
    for index in range(entered.shape[1]):
        got = model.step(entered[:, index], index, prefix, caches)
        torch.testing.assert_close(got, whole.logits[:, index], atol=1e-5, rtol=1e-4)
    assert whole.attention.shape == (2, entered.shape[1], TEXT)
    assert not whole.attention[1, :, 3:].any(), "no look at padding"


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_dropped_style_is_an_absent_one_in_every_fusion(fusion: str) -> None:
    batch = Batch()
    for model in (gpt("mel_style", fusion, "all", dropout=0.2), sovits("mel_style", fusion, "all", dropout=0.2)):
        small.shaken(model)
        told = given(speaker=batch.speaker, style=torch.randn(2, model.reference.out_channels))
        loss = batch.gpt if isinstance(model, SemanticGpt) else batch.sovits
        masked, absent = loss(model, without(told, "style")), loss(model, {"speaker": told["speaker"]})
        assert torch.equal(masked, absent) and not torch.equal(masked, loss(model, told))


@pytest.mark.parametrize("reference", REFERENCES)
@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_bundle_gives_the_model_back(reference: str, fusion: str, tmp_path: Path) -> None:
    node, batch = sovits_node(reference, fusion, "acoustic", dropout=0.1), Batch()
    model = build(node)
    small.shaken(model)
    write_bundle(tmp_path / "bundle", {"sovits": model}, {"kind": "sovits", "model": node})
    again = build(node)
    load_parts(tmp_path / "bundle", {"sovits": again})
    again.eval()
    told, _ = batch.told(model)
    assert torch.equal(batch.told(again)[0]["style"].value, told["style"].value)
    assert torch.equal(batch.sovits(model, told), batch.sovits(again, told))


def test_labels_are_a_condition_like_style() -> None:
    node = {**sovits_node("none", "film", "all"),
            "labels": {"_target_": "sovits_lab.conditioning.labels.LabelEmbedding", "labels": LABELS,
                       "out_channels": 3}}  # fmt: skip
    told = [(slot, "condition_channels") for slot in PART_OF]
    for slot, name in (("prior", "prosody_channels"), *told):
        node[slot] = {**node[slot], name: node[slot][name] + 3}
    model, batch = build(node), Batch()
    small.shaken(model, 0.1)
    losses = [batch.sovits(model, given(speaker=batch.speaker, style=torch.zeros(2, 1),
                                        emotion=model.labels(torch.full((2,), i)))) for i in (0, 1)]  # fmt: skip
    assert losses[0] != losses[1]
