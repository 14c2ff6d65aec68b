"""Stage 2 of v3 and v4 against its fixtures: features of the condition, their training loss and gradients."""

from __future__ import annotations

import torch
from torch import Tensor

from sovits_lab.checkpoints.matched_names import matched_names
from sovits_lab.checkpoints.upstream_state import matched_from
from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.models.sovits.flow_matching import FlowDraws, flow_loss
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.prior_mrte import stretch
from sovits_lab.nn.masks import length_mask
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.sovits import model_config
from sovits_lab.verification.stored import named_gradients, whole_weights

FEATURES, WAVE, LOSS, GRADIENT = 3e-5, 2e-5, 1e-5, 1e-3
MASKED = {"v3": 3.875, "v4": 4.0}  # frames a token of the published mask, which are not those of the features


def matched_model(fixture: Fixture, weights: dict[str, Tensor] | None = None) -> MatchingSynthesizer:
    """Build the fixture's model, as published where padding is heard."""
    state = whole_weights(fixture) if weights is None else weights
    facts = fixture.facts
    vocoder = facts.get("vocoder_config", {})
    model = matched_from(state, model_config(facts), fixture.name, facts["version"], vocoder).eval()
    assert isinstance(model, MatchingSynthesizer)
    style = model.reference.style
    assert isinstance(style, MelStyleEncoder)
    style.mask_padding = False
    return model


def verify_matched(fixture: Fixture) -> None:
    """Verify everything that the fixture holds."""
    weights = whole_weights(fixture)
    model = matched_model(fixture, weights)
    with torch.no_grad():
        content = fixture["in.ssl_content"]
        fixture.close("out.ssl_proj", model.content(content), atol=WAVE)
        fixture.exact("out.codes_from_ssl", model.tokens(content)[:, None])
        tokens = fixture["in.codes"][:, 0]
        fixture.close("out.quantized_from_codes", model.quantizer.vectors(tokens).transpose(1, 2), atol=WAVE)
        voice, other = (model.reference.average([fixture[key]]) for key in ("in.refer_spec", "in.refer_spec2"))
        fixture.close("out.ge", voice[..., None], atol=WAVE)
        fixture.close("out.ge2", other[..., None], atol=WAVE)
        _features(fixture, model, voice, other)
    if "train.in.spec" in fixture:
        _training(fixture, model, list(weights))
    fixture.leftovers("tap.")


def published_features(
    model: MatchingSynthesizer, version: str, tokens: Tensor, phones: Tensor, voice: Tensor, speed: float = 1.0
) -> Tensor:
    """Return condition features under upstream's mask, which at v4 and another speed can be one frame short."""
    mask = torch.ones(1, 2 * tokens.shape[1], dtype=torch.bool)
    frames = model.prior.encode(model.quantized(tokens), mask, phones, torch.ones_like(phones).bool(), voice)
    frames, _ = stretch(frames, mask, speed)
    masked = tokens.shape[1] * MASKED[version]
    count = int(masked) if speed == 1 else int(masked / speed) + 1
    size = int(frames.shape[2] * model.network.upsampling)
    made: Tensor = model.network(frames, length_mask(torch.tensor([count]), size), voice)
    return made


def _features(fixture: Fixture, model: MatchingSynthesizer, voice: Tensor, other: Tensor) -> None:
    version, tokens, phones = fixture.facts["version"], fixture["in.codes"][:, 0], fixture["in.text"]
    for key in [k for k in fixture.arrays if k.startswith("out.fea")]:
        kind = key.removeprefix("out.fea").lstrip("_")
        speed = float(kind.removeprefix("speed")) if kind.startswith("speed") else 1.0
        who = other if kind == "given_ge2" else voice
        made = published_features(model, version, tokens, phones, who, speed)
        fixture.close(key, made, atol=FEATURES)
        stated = fixture.facts.get("feature_frames", {}).get(f"{speed:g}")
        if stated and kind != "given_ge2":
            silent = int((made.abs().amax((0, 1)) == 0).flip(0).cumprod(0).sum())
            fixture.number(f"frames at speed {speed:g}", made.shape[2], stated["frames"], 0)
            fixture.number(f"silent last frames at speed {speed:g}", silent, stated["last_frames_all_zero"], 0)
    mask = torch.ones(1, 2 * tokens.shape[1], dtype=torch.bool)
    frames = model.prior.encode(model.quantized(tokens), mask, phones, torch.ones_like(phones).bool(), voice)
    fixture.close("out.enc_p.x", frames, atol=WAVE)
    network = model.network
    bridged = network.bridged(frames)
    fixture.close("tap.bridge", bridged, atol=WAVE)
    up = network.pre(network.upsampled(bridged))
    every = torch.ones(1, up.shape[2], dtype=torch.bool)
    fixture.close("tap.wns1.pre", up, atol=FEATURES)
    fixture.close("tap.wns1.wn", network.wavenet(up, every, voice), atol=FEATURES)
    if "nearest_source_frame" in fixture.facts:
        stored = torch.tensor(fixture.facts["nearest_source_frame"])
        places = network.upsampled(torch.arange(len(stored))[None, None].float())[0, 0].long()
        wrong = float((places[: len(stored)] != stored).sum())
        fixture.number("nearest source frames", wrong, 0.0, 0)


def _training(fixture: Fixture, model: MatchingSynthesizer, keys: list[str]) -> None:
    spec, mel, phones = fixture["train.in.spec"], fixture["train.in.mel"], fixture["train.in.text"]
    mask = length_mask(fixture["train.in.spec_lengths"], spec.shape[2])
    phone_mask = length_mask(fixture["train.in.text_lengths"], phones.shape[1])
    lengths = fixture["train.in.mel_lengths"]
    with torch.no_grad():  # as published: the prior is frozen, and the WaveNet detaches the voice
        voice = model.reference.voice(spec * mask[:, None], mask)
        frames = model.frames(fixture["train.in.ssl"], None, mask)
        frames = model.prior.encode(frames, mask, phones, phone_mask, voice)
    size = int(frames.shape[2] * model.network.upsampling)
    prompts = (fixture["train.in.u_prompt"] * (lengths * 2 / 3)).floor().long()
    fixture.exact("train.out.prompt_lens", prompts)
    for block, base in (("plain", None), ("shortcut", fixture["train.in.base"])):
        if f"train.{block}.out.loss" not in fixture:
            continue
        features = model.network(frames, length_mask(lengths, size), voice)
        size = min(size, mel.shape[2])
        features, target = features[..., :size], mel[..., :size]
        fixture.close("train.out.fea", features, atol=FEATURES)
        kept, given = length_mask(lengths, size), length_mask(prompts, size)
        draws = FlowDraws(fixture["train.in.t"], fixture["train.in.x0"], base)
        model.zero_grad()
        loss = flow_loss(model.flow.training_step(target, features.transpose(1, 2), given, kept, draws), kept & ~given)
        torch.autograd.backward(loss)
        fixture.close(f"train.{block}.out.loss", loss, rtol=LOSS)
        names, own = matched_names(keys), dict(model.named_parameters())
        facts = f"train_grad_l2_{block}", "train_no_grad_params"
        named_gradients(fixture, facts, f"train.{block}", names, own, GRADIENT)
