"""LoRA files against their fixture: merged weights, samples and features, before, beside and after."""

from __future__ import annotations

import torch

from sovits_lab.checkpoints.lora_file import adapt, check_lora, merged_state
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.solvers import EulerShortcut
from sovits_lab.nn.masks import length_mask
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.matched import matched_model, published_features
from sovits_lab.verification.stored import whole_weights
from sovits_lab.weights.tensors import read_safetensors

MERGED, SAMPLE, FEATURES = 1e-6, 5e-5, 3e-5
STEPS = 4  # of a sample, where the json does not say others


def verify_lora(fixture: Fixture) -> None:
    """Verify the base, the base with the file beside it, and the merged model."""
    base, path = whole_weights(fixture), fixture.folder / f"{fixture.name}.lora.safetensors"
    lora, alpha = read_safetensors(path, "fixture"), fixture.facts.get("lora_alpha")
    steps = int(fixture.facts.get("sample_steps", STEPS))
    check_lora(base, lora, path.name)
    merged = merged_state(base, lora, alpha)
    for key in merged:
        fixture.close(f"merged.out.{key}", merged[key], atol=MERGED)
    fixture.number("keys after merging", len(merged.keys() ^ base.keys()), 0, 0)
    plain, joined = matched_model(fixture, base), matched_model(fixture, merged)
    beside = adapt(matched_model(fixture, base), lora, path.name)
    assert isinstance(beside, MatchingSynthesizer)
    with torch.no_grad():
        for name, model in (("base_sample", plain), ("unmerged_sample", beside), ("merged_sample", joined)):
            condition = model.flow.condition(fixture["in.mu"], fixture["in.prompt"])
            noise, given = fixture["in.noise"], fixture["in.prompt"].shape[2]
            mask = length_mask(torch.tensor([noise.shape[2]]), noise.shape[2])
            made = model.flow.sample(noise, condition, given, EulerShortcut(steps), mask)
            fixture.close(f"out.{name}", made, atol=SAMPLE)
        for name, model in (("base_fea", plain), ("fea", joined)):
            voice = model.reference.average([fixture["in.refer_spec"]])
            codes = fixture["in.codes"][:, 0]
            made = published_features(model, fixture.facts["version"], codes, fixture["in.text"], voice)
            fixture.close(f"out.{name}", made, atol=FEATURES)
    fixture.leftovers("merged.out.")
