"""Discriminators against their fixtures: logits, maps, losses and the gradient that reaches the waveform."""

from __future__ import annotations

import torch
from torch import Tensor

from sovits_lab.checkpoints.upstream_state import discriminator_from
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.verification.fixture import Fixture

LOGITS, LOSS = 1e-5, 1e-6
STATISTIC = 1e-5  # relative: l2 norms of maps with 10^5 values are sums of many roundings


def verify_discriminators(fixture: Fixture) -> None:
    """Verify all outputs of one ensemble."""
    ensemble = discriminator_from(fixture.weights(), fixture.name).eval()
    wav, fake = fixture["in.y"][:, 0], fixture["in.y_hat"][:, 0].clone().requires_grad_()
    with torch.no_grad():
        real = ensemble(wav)
    made = ensemble(fake)
    for i, (a, b) in enumerate(zip(real.logits, made.logits, strict=True)):
        fixture.close(f"out.d{i}.real_logits", a, atol=LOGITS)
        fixture.close(f"out.d{i}.fake_logits", b, atol=LOGITS)
        for j, (x, y) in enumerate(zip(real.maps[i], made.maps[i], strict=True)):
            _map(fixture, f"d{i}.f{j}", x, y)
    generator = generator_loss(made.logits)
    matching = feature_matching_loss(real.maps, made.maps)
    fixture.close("out.loss_disc", discriminator_loss(real.logits, made.logits), rtol=LOSS)
    fixture.close("out.loss_gen", generator, rtol=LOSS)
    fixture.close("out.loss_fm", matching, rtol=LOSS)
    (gradient,) = torch.autograd.grad(generator + matching, fake)
    fixture.close("out.grad_of_gen_plus_fm_wrt_y_hat", gradient[:, None], atol=LOGITS)
    _parts(fixture, "losses_real_per_disc", [(1 - x).square().mean() for x in real.logits])
    _parts(fixture, "losses_fake_per_disc", [x.square().mean() for x in made.logits])
    fixture.leftovers()


def _parts(fixture: Fixture, name: str, values: list[Tensor]) -> None:
    for i, (value, expected) in enumerate(zip(values, fixture.facts.get(name, []), strict=False)):
        fixture.number(f"{name}.{i}", float(value.detach()), expected, STATISTIC)


def _map(fixture: Fixture, name: str, real: Tensor, fake: Tensor) -> None:
    """Its first values, and its statistics in the json."""
    facts = fixture.facts.get("fmap_stats", {}).get(name, {})
    for kind, x in (("real", real[0]), ("fake", fake[1])):
        fixture.close(f"out.{name}.{kind}_first64", x.flatten()[:64], atol=LOGITS)
    for kind, x in (("real", real), ("fake", fake)):
        if kind not in facts:
            continue
        y = x.detach().double()
        values = {
            "mean": y.mean(),
            "std": y.std(correction=0),
            "absmean": y.abs().mean(),
            "min": y.min(),
            "max": y.max(),
            "l2": y.norm(),
        }
        scale = float(y.abs().max())
        for statistic, value in values.items():
            expected = facts[kind][statistic]
            fixture.number(f"{name} {kind} {statistic}", float(value), expected, STATISTIC, floor=scale)
