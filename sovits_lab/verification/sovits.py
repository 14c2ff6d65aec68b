"""Stage 2 against its fixtures: every slot alone, whole decoding, streaming, training losses and gradient norms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.audio.upstream import log_mel_32k
from sovits_lab.checkpoints.names import sovits_names
from sovits_lab.checkpoints.upstream_state import sovits_from
from sovits_lab.conditioning.conditions import given
from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.losses.divergence import flow_kl
from sovits_lab.models.sovits.latent_plan import slice_frames
from sovits_lab.models.sovits.prior_mrte import Gaussian, stretch
from sovits_lab.models.sovits.synthesizer import VitsSynthesizer
from sovits_lab.nn.masks import length_mask
from sovits_lab.verification.fixture import Fixture, apply_slice

LATENT = 2e-6  # relative: z = m + eps exp(log s) magnifies the rounding of log s by |z|, which reaches 30 at full size
WAVE, MEAN, LOSS, GRADIENT = 2e-5, 1e-5, 1e-5, 1e-3
ROUNDING = 2**-24  # float32's, times the largest norm: the biases of attention keys have no gradient but rounding
MEL_WEIGHT = 45.0


def model_config(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fixture's model section with what its swapped submodules say and shapes do not."""
    swapped = facts.get("swapped_submodules", {})
    cross, style = swapped.get("enc_p.mrte", {}), swapped.get("ref_enc", {})
    return {**facts["model_config"], "mrte_heads": cross.get("n_heads", 4), "style_heads": style.get("style_head", 2)}


def verify_sovits(fixture: Fixture) -> None:
    """Verify all blocks that the fixture holds."""
    weights = fixture.weights()
    model = sovits_from(weights, model_config(fixture.facts), fixture.name)
    assert isinstance(model, VitsSynthesizer)
    model.eval()
    style = model.reference.style
    assert isinstance(style, MelStyleEncoder)
    style.mask_padding = False  # as published, for the padded row of the training block
    with torch.no_grad():
        voice = _references(fixture, model)
        _prior(fixture, model, voice)
        _flow_and_head(fixture, model, voice)
        _whole(fixture, model, voice)
        _streaming(fixture, model, voice)
    if "train.in.spec" in fixture:
        _training(fixture, model, weights)
    fixture.leftovers("tap.")


def _all_real(x: Tensor) -> Tensor:
    return torch.ones(x.shape[0], x.shape[-1], dtype=torch.bool)


def _references(fixture: Fixture, model: VitsSynthesizer) -> Tensor:
    """Content side and reference side."""
    content = fixture["in.ssl_content"]
    fixture.close("out.ssl_proj", model.content(content), atol=WAVE)
    fixture.exact("out.codes_from_ssl", model.tokens(content)[:, None])
    codes = fixture["in.codes"][:, 0]
    fixture.close("out.quantized_from_codes", model.quantizer.vectors(codes).transpose(1, 2), atol=WAVE)
    speakers = [fixture[k] for k in ("in.sv_emb", "in.sv_emb2") if k in fixture]
    one = model.reference.average([fixture["in.refer_spec"]], speakers[:1] or None)
    fixture.close("out.ge", one[..., None], atol=WAVE)
    fixture.close("out.ge_text", model.reference.text(one)[..., None], atol=WAVE)
    if "in.refer_spec2" in fixture:
        two = _two_references(fixture, model)
        fixture.close("out.ge_mean_of_two_refs", two[..., None], atol=WAVE)
    return one


def _two_references(fixture: Fixture, model: VitsSynthesizer) -> Tensor:
    speakers = [fixture[k] for k in ("in.sv_emb", "in.sv_emb2") if k in fixture]
    return model.reference.average([fixture["in.refer_spec"], fixture["in.refer_spec2"]], speakers or None)


def _prior(fixture: Fixture, model: VitsSynthesizer, voice: Tensor) -> None:
    phones = fixture["in.text"]
    frames = model.quantized(fixture["in.codes"][:, 0])
    mask, phone_mask = _all_real(frames), _all_real(phones)
    prior = model.prior
    encoded = prior.encode(frames, mask, phones, phone_mask, model.reference.text(voice))
    fixture.close("out.enc_p.x", encoded, atol=WAVE)
    gaussian = prior.gaussian(encoded, mask)
    fixture.close("out.m_p", gaussian.mean, atol=MEAN)
    fixture.close("out.logs_p", gaussian.log_std, atol=MEAN)
    for key in [k for k in fixture.arrays if k.startswith("out.m_p_speed")]:
        speed = key.removeprefix("out.m_p_speed")
        fast = prior.gaussian(*stretch(encoded, mask, float(speed)))
        fixture.close(key, fast.mean, atol=MEAN)
        fixture.close(f"out.logs_p_speed{speed}", fast.log_std, atol=MEAN)
    entered = prior.enter(frames)
    content = prior.content_encoder(entered, mask)
    text = prior.phone_encoder(prior.phones(phones).transpose(1, 2), phone_mask)
    fixture.close("tap.enc_p.ssl_proj", entered, atol=WAVE)
    fixture.close("tap.enc_p.encoder_ssl", content, atol=WAVE)
    fixture.close("tap.enc_p.encoder_text", text, atol=WAVE)
    fixture.close(
        "tap.enc_p.mrte", prior.cross(content, mask, text, phone_mask, model.reference.text(voice)), atol=WAVE
    )
    fixture.close("tap.enc_p.encoder2", encoded, atol=WAVE)
    sampled = gaussian.sample(0.5, noise=fixture["in.noise_p"])
    fixture.close("out.z_p_noise0.5", sampled, atol=WAVE)


def _flow_and_head(fixture: Fixture, model: VitsSynthesizer, voice: Tensor) -> None:
    mask = _all_real(fixture["in.noise_p"])
    z_prior = fixture["out.z_p_noise0.5"]
    z = model.flow(z_prior, mask, voice, reverse=True)
    fixture.close("out.flow_reverse_z", z, atol=WAVE)
    fixture.close("out.flow_forward_of_z", model.flow(fixture["out.flow_reverse_z"], mask, voice), atol=WAVE)
    fixed = model.head(fixture["in.z_fixed"], voice)
    fixture.close("out.dec_wave_from_z_fixed", fixed[:, None], atol=WAVE)
    fixture.close("out.dec_wave_from_z_noise0.5", model.head(z, voice)[:, None], atol=WAVE)


def _whole(fixture: Fixture, model: VitsSynthesizer, voice: Tensor) -> None:
    tokens, phones = fixture["in.codes"][:, 0], fixture["in.text"]
    for key in [k for k in fixture.arrays if k.startswith("out.decode_wave_noise0")]:
        variant = key.removeprefix("out.decode_wave_noise0").lstrip("_")
        speed = float(variant.removeprefix("speed")) if variant.startswith("speed") else 1.0
        conditions = given(speaker=_two_references(fixture, model) if variant == "two_refs" else voice)
        mask, phone_mask = _all_real(model.quantized(tokens)), _all_real(phones)
        planned = model.plan(tokens, mask, phones, phone_mask, conditions, noise=0.0, rate=speed)
        fixture.close(key, model.render(planned).wav[:, None], atol=WAVE)


def _streaming(fixture: Fixture, model: VitsSynthesizer, voice: Tensor) -> None:
    for i, name in enumerate(("chunk1", "chunk2"), start=1):
        facts = fixture.facts.get("stream", {}).get(name)
        if facts is None:
            continue
        codes = fixture["in.codes"]
        codes = codes if facts["codes"] == "all" else apply_slice(codes, facts["codes"])
        overlap = fixture["stream.in.overlap_frames"] if "overlap_frames" in facts else None
        chunk = model.stream(
            codes[:, 0],
            fixture["in.text"],
            given(speaker=voice),
            drop_last=facts.get("padding_length") or 0,
            keep_last=facts.get("result_length"),
            overlap=overlap,
            noise=facts["noise_scale"],
            rate=facts.get("speed", 1.0),
        )
        fixture.close(f"stream.out.wave{i}", chunk.wav[:, None], atol=WAVE)
        fixture.close(f"stream.out.enc2_frames{i}", chunk.frames, atol=WAVE)


class TrainingPass(NamedTuple):
    """What the losses need of a pass as published. `starts` are the first frames of the decoded slices."""

    wav: Tensor
    starts: Tensor
    prior: Gaussian
    posterior: Gaussian
    z: Tensor
    z_prior: Tensor


def _training_pass(fixture: Fixture, model: VitsSynthesizer) -> TrainingPass:
    """The utterance is its own reference, and a slice of it is decoded."""
    spec, phones = fixture["train.in.spec"], fixture["train.in.text"]
    mask = length_mask(fixture["train.in.spec_lengths"], spec.shape[2])
    phone_mask = length_mask(fixture["train.in.text_lengths"], phones.shape[1])
    voice = model.reference.voice(spec * mask[:, None], mask, fixture.arrays.get("train.in.sv_emb"))
    vectors = model.part_conditions(given(speaker=voice))
    prior = model.predict_prior(model.frames(fixture["train.in.ssl"], None, mask), mask, phones, phone_mask, vectors)
    posterior = model.posterior(spec, mask, vectors.flow)
    z, starts = posterior.sample(noise=fixture["train.in.noise_q"]), fixture["train.in.ids_slice"]
    wav = model.head(slice_frames(z, starts, fixture.facts["segment_frames"]), vectors.head)
    return TrainingPass(wav, starts, prior, posterior, z, model.flow(z, mask, vectors.flow))


def _losses(fixture: Fixture, passed: TrainingPass) -> tuple[Tensor, Tensor]:
    """45 L1 between log-mels of the slices, and the divergence: summed over channels, averaged over frames."""
    to_mel = log_mel_32k()
    segment = fixture.facts["segment_frames"]
    target = slice_frames(to_mel.from_linear(fixture["train.in.spec"]), passed.starts, segment)
    generated = to_mel(passed.wav)
    fixture.close("train.out.y_hat_mel", generated, atol=1e-4)
    prior, posterior = passed.prior, passed.posterior
    kl = flow_kl(passed.z_prior, posterior.log_std, prior.mean, prior.log_std, prior.mask) * passed.z.shape[1]
    return MEL_WEIGHT * F.l1_loss(target, generated), kl


def _training(fixture: Fixture, model: VitsSynthesizer, weights: Mapping[str, Tensor]) -> None:
    passed = _training_pass(fixture, model)
    fixture.close("train.out.y_hat", passed.wav[:, None], atol=WAVE)
    for suffix, gaussian in (("p", passed.prior), ("q", passed.posterior)):
        assert isinstance(gaussian, Gaussian)
        fixture.close(f"train.out.m_{suffix}", gaussian.mean, atol=WAVE)
        fixture.close(f"train.out.logs_{suffix}", gaussian.log_std, atol=WAVE)
    for key, latents in (("train.out.z", passed.z), ("train.out.z_p", passed.z_prior)):
        fixture.close(key, latents, atol=max(WAVE, LATENT * float(latents.detach().abs().max())))
    mel, kl = _losses(fixture, passed)
    fixture.close("train.out.loss_mel", mel, rtol=LOSS)
    fixture.close("train.out.loss_kl", kl, rtol=LOSS)
    fixture.close("train.out.kl_ssl", torch.zeros(()), atol=1e-12)  # a frozen codebook commits to nothing
    _gradients(fixture, model, weights, mel + kl)


def _gradients(fixture: Fixture, model: VitsSynthesizer, weights: Mapping[str, Tensor], loss: Tensor) -> None:
    expected = fixture.facts.get("train_grad_l2_of_mel_plus_kl")
    if not expected:
        return
    model.zero_grad()
    torch.autograd.backward(loss)
    table, ours = sovits_names(weights), dict(model.named_parameters())
    floor = ROUNDING * max(expected.values()) / GRADIENT
    for key, norm in expected.items():
        grad = ours[table[key]].grad
        value = float("nan") if grad is None else float(grad.double().norm())
        fixture.number(f"train |grad| {key}", value, norm, GRADIENT, floor)
    silent = [k for k in fixture.facts.get("train_no_grad_params", []) if ours[table[k]].grad is not None]
    fixture.number("train parameters without gradient", float(len(silent)), 0.0, 1e-3)
