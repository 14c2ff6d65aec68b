"""The velocity field, the sampling and the training loss of v3 and v4 against their fixtures."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.checkpoints.matched_names import estimator_names
from sovits_lab.checkpoints.upstream_state import estimator_from
from sovits_lab.models.sovits.flow_matching import FINEST, FlowDraws, FlowMatching, Guidance, flow_loss
from sovits_lab.models.sovits.flow_transformer import FlowTransformer, ModulatedBlock, normed, time_sinusoid
from sovits_lab.models.sovits.solvers import EulerShortcut, Keep, Velocity
from sovits_lab.nn.masks import length_mask
from sovits_lab.nn.rotary import rotated
from sovits_lab.verification.fixture import Fixture
from sovits_lab.verification.stored import named_gradients, whole_weights

FIELD, ENTERED, EPSILONS, LOSS, GRADIENT = 3e-4, 2e-5, 1e-5, 1e-5, 1e-3


def verify_field(fixture: Fixture) -> None:
    """Verify the velocity field alone, its inner outputs and its epsilons."""
    flow = estimator_from(whole_weights(fixture), fixture.name).eval()
    assert isinstance(flow, FlowMatching)
    estimator = flow.estimator
    with torch.no_grad():
        _outputs(fixture, estimator)
        _taps(fixture, estimator)
        if "eps.in.x" in fixture:
            _epsilons(fixture, estimator)
    fixture.leftovers("tap.", "eps.out.")


def _outputs(fixture: Fixture, field: FlowTransformer) -> None:
    x, prompt, condition = fixture["in.x"], fixture["in.prompt"], fixture["in.cond"].transpose(1, 2)
    mask = length_mask(fixture["in.x_lens"], x.shape[2])
    time, step = fixture["in.t"], fixture["in.dt"]
    entered = field.entered(prompt, field.context(condition))

    def check(name: str, condition: Tensor, modulation: Tensor, seen: Tensor = mask, noisy: Tensor = x) -> None:
        fixture.close(f"out.{name}", field(noisy, condition, modulation, seen).transpose(1, 2), atol=FIELD)

    check("v", entered, field.modulation(time, step))
    check("v_no_shortcut", entered, field.modulation(time, torch.zeros_like(step)))
    check("v_one_time_for_all", entered, field.modulation(time[1:2], step))
    withheld = field.entered(torch.zeros_like(prompt), field.context(torch.zeros_like(condition)))
    check("v_dropped", withheld, field.modulation(time, step))
    other = field.entered(prompt, field.context(fixture["in.other_cond"].transpose(1, 2)))
    check("v_given_caches", other, field.modulation(time, fixture["in.other_dt"]))
    size = int(fixture["in.x_lens"][1])
    alone = field.entered(prompt[1:, :, :size], field.context(condition[1:, :size]))
    check("v_row1_alone_cut", alone, field.modulation(time, step)[1:], mask[1:, :size], x[1:, :, :size])


def _taps(fixture: Fixture, field: FlowTransformer) -> None:
    x, condition = fixture["in.x"], fixture["in.cond"].transpose(1, 2)
    mask = length_mask(fixture["in.x_lens"], x.shape[2])
    time, step = field.time(fixture["in.t"]), field.step(fixture["in.dt"])
    fixture.close("tap.time_sinusoid", time_sinusoid(fixture["in.t"]), atol=FIELD)
    fixture.close("tap.time_embed", time, atol=FIELD)
    fixture.close("tap.d_embed", step, atol=FIELD)
    fixture.close("tap.text_sinusoid_rows", field.condition.positions(x.shape[2]), atol=ENTERED)
    first = field.condition.blocks[0](condition + field.condition.positions(x.shape[2]))
    fixture.close("tap.text_block0", first, atol=ENTERED)
    context = field.context(condition)
    fixture.close("tap.text_embed", context, atol=ENTERED)
    entered = field.entered(fixture["in.prompt"], context)
    projected = entered + F.linear(x.transpose(1, 2), field.enter.weight[:, : field.mels])
    fixture.close("tap.input_proj", projected, atol=ENTERED)
    h = field.opened(x, entered)
    fixture.close("tap.input_embed", h, atol=ENTERED)
    angles = field.rotary(x.shape[2])
    fixture.close("tap.rotary_freqs", angles, atol=FIELD)
    block = field.blocks[0]
    assert isinstance(block, ModulatedBlock)
    shift, scale = block.modulate(F.silu(time + step))[:, None].chunk(6, dim=-1)[:2]
    attended = normed(h) * (1 + scale) + shift
    fixture.close("tap.block0.attn_norm", attended, atol=FIELD)
    for letter, layer in (("q", block.attention.query), ("k", block.attention.key)):
        fixture.close(f"tap.block0.{letter}_before_rotary", layer(attended), atol=FIELD)
        fixture.close(f"tap.block0.{letter}_after_rotary", rotated(layer(attended), angles), atol=FIELD)
    fixture.close("tap.block0.attn", block.attention(attended, mask, angles), atol=FIELD)
    for i, each in enumerate(field.blocks):
        h = each(h, time + step, mask, angles)
        if i == 0:
            fixture.close("tap.block0", h, atol=FIELD)
    fixture.close("tap.block_last", h, atol=FIELD)
    scale, shift = field.modulate_out(F.silu(time + step))[:, None].chunk(2, dim=-1)
    fixture.close("tap.norm_out", normed(h) * (1 + scale) + shift, atol=FIELD)


def _epsilons(fixture: Fixture, field: FlowTransformer) -> None:
    """Norms of inputs so small that their epsilon shows."""
    for name in ("attn_norm", "ff_norm", "final_norm"):
        fixture.close(f"eps.out.{name}", normed(fixture["eps.in.x"]), rtol=EPSILONS)
    block = field.condition.blocks[0]
    fixture.close("eps.out.text_norm", block.norm(fixture["eps.in.text"]), rtol=EPSILONS)  # type: ignore[operator]
    response = block.response
    response.beta.data.zero_()  # type: ignore[union-attr, operator]
    fixture.close("eps.out.grn_beta0", response(fixture["eps.in.grn"]), rtol=EPSILONS)  # type: ignore[operator]


@dataclass(frozen=True)
class RecordedEuler:
    """Euler with shortcuts that keeps what it saw."""

    steps: int
    seen: list[tuple[Tensor, Tensor, float, float]] = field(default_factory=list)

    @property
    def evaluations(self) -> int:
        """How often the field is asked."""
        return self.steps

    def solve(self, velocity: Velocity, x: Tensor, keep: Keep) -> Tensor:
        """Take the steps from 0 to 1."""

        def recorded(x: Tensor, time: float, step: float) -> Tensor:
            v = velocity(x, time, step)
            self.seen.append((x, v, time, step))
            return v

        return EulerShortcut(self.steps).solve(recorded, x, keep)


def verify_sampling(fixture: Fixture) -> None:
    """Verify samples of every kind that the fixture holds, and the training loss with its gradients."""
    weights = whole_weights(fixture)
    flow = estimator_from(weights, fixture.name).eval()
    assert isinstance(flow, FlowMatching)
    lengths = fixture["in.x_lens"]
    for block in ("", "batch."):
        for key in [k for k in fixture.arrays if k.startswith(f"{block}out.steps")]:
            _sampled(fixture, flow, key, block, lengths)
    for block, base in (("plain", None), ("shortcut", "base"), ("shortcut_b", "base_b")):
        if f"train_grad_l2_{block}" in fixture.facts:
            _trained(fixture, flow, block, base)
    fixture.leftovers("traj.out.")


def _sampled(fixture: Fixture, flow: FlowMatching, key: str, block: str, lengths: Tensor) -> None:
    match = re.fullmatch(r".*out\.steps(\d+)_?(.*)", key)
    assert match is not None
    steps, kind = int(match[1]), match[2]
    noise, features = fixture[f"{block}in.noise"], fixture[f"{block}in.mu"]
    prompt = fixture["in.prompt"][..., :0] if kind == "no_prompt" else fixture["in.prompt"]
    prompt = prompt.expand(len(noise), -1, -1)
    if kind.startswith("temperature"):
        noise = noise * float(kind.removeprefix("temperature"))
    frames = noise.shape[2]
    lengths = lengths.expand(len(noise)) if len(lengths) == 1 else lengths
    if block:
        lengths = torch.full((len(noise),), frames)
    if kind == "unequal_lengths":
        lengths = torch.tensor([frames, frames - 5])
    condition = flow.condition(features, prompt)
    guidance = Guidance(float(kind.removeprefix("cfg")), flow.withheld(features)) if kind.startswith("cfg") else None
    solver = RecordedEuler(steps)
    made = flow.sample(noise, condition, prompt.shape[2], solver, length_mask(lengths, frames), guidance)
    fixture.close(key, made, atol=FIELD)
    if key == "out.steps4":
        for i, (x, v, time, step) in enumerate(solver.seen):
            fixture.close(f"traj.out.x_before.{i}", x, atol=FIELD)
            fixture.close(f"traj.out.v.{i}", v.transpose(1, 2), atol=FIELD)
            for letter, value in (("t", time), ("d", step)):
                if "steps4" in fixture.facts:
                    fixture.number(f"steps4 {letter} {i}", value, fixture.facts["steps4"][letter][i], 1e-6, 1.0)


def _trained(fixture: Fixture, flow: FlowMatching, block: str, base: str | None) -> None:
    mel, lengths, given = fixture["train.in.x1"], fixture["train.in.x_lens"], fixture["train.in.prompt_lens"]
    mask, prompt = (length_mask(counts, mel.shape[2]) for counts in (lengths, given))
    shortcut = None if base is None else fixture[f"train.in.{base}"]
    draws = FlowDraws(fixture["train.in.t"], fixture["train.in.x0"], shortcut)
    flow.zero_grad()
    made = flow.training_step(mel, fixture["train.in.mu"].transpose(1, 2), prompt, mask, draws)
    loss = flow_loss(made, mask & ~prompt)
    torch.autograd.backward(loss)
    block_name = f"train.{block}"
    fixture.close(f"{block_name}.out.loss", loss, rtol=LOSS)
    fixture.close(f"{block_name}.out.xt", made.noisy, atol=FIELD)
    fixture.close(f"{block_name}.out.v", made.velocity.transpose(1, 2), atol=FIELD)
    if made.halves is not None and made.middle is not None:
        for name, half in zip(("v_half1", "v_half2"), made.halves, strict=True):
            fixture.close(f"{block_name}.out.{name}", half.transpose(1, 2), atol=FIELD)
        fixture.close(f"{block_name}.out.x_mid", made.middle, atol=FIELD)
    _calls(fixture, block, draws)
    facts = f"train_grad_l2_{block}", f"train_no_grad_params_{block}"
    names = estimator_names(f"estimator.{k}" for k in flow.estimator.state_dict())
    named_gradients(fixture, facts, block_name, names, dict(flow.named_parameters()), GRADIENT)


def _calls(fixture: Fixture, block: str, draws: FlowDraws) -> None:
    """The times and step sizes at which the field is evaluated."""
    time, zero = draws.time, torch.zeros_like(draws.time)
    steps = [(time, zero)]
    if draws.base is not None:
        size = 0.5**draws.base
        half = torch.where(size < FINEST, 0.0, size)
        steps = [(time, half), (time + size, half), (time, 2 * size)]
    for i, call in enumerate(fixture.facts.get(f"train_calls_{block}", [])):
        for name, values in zip(("t", "d_input"), steps[i], strict=True):
            difference = (values.double() - torch.tensor(call[name]).double()).abs().max()
            fixture.number(f"train.{block} call {i} {name}", float(difference), 0.0, 1e-6, 1.0)
