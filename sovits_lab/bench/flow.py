"""Decoding of v3's flow: ours against a plain re-statement of upstream's way, at released dimensions, random weights.

    python -m sovits_lab bench flow threads=1 frames=300 rounds=3

The re-statement caches what upstream caches (the condition's and the step size's embedding), joins mel, prompt and
condition anew at every step, masks every pair of frames and computes in float32. Cases take turns in one process, and
processor time is compared, so that other work on the machine weighs less.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from sovits_lab.models.sovits.flow_matching import FlowMatching
from sovits_lab.models.sovits.flow_transformer import FlowTransformer, ModulatedBlock, normed
from sovits_lab.models.sovits.solvers import EulerShortcut
from sovits_lab.nn.rotary import rotated
from sovits_lab.options import option, read_options

PROMPT = 0.5  # share of a call that is prompt, as in full windows


def published_sample(flow: FlowMatching, noise: Tensor, features: Tensor, prompt: Tensor, steps: int) -> Tensor:
    """Sample as upstream does, operation by operation."""
    field, given = flow.estimator, prompt.shape[2]
    padded = F.pad(prompt, (0, noise.shape[2] - given))
    context, size = field.context(features), 1 / steps
    embedded = field.step(torch.tensor([size]))
    seen = torch.ones(1, 1, noise.shape[2], noise.shape[2], dtype=torch.bool)
    x = noise.clone()
    x[..., :given] = 0
    for i in range(steps):
        condition = field.time(torch.tensor([i * size])) + embedded
        h = field.enter(torch.cat([x.transpose(1, 2), padded.transpose(1, 2), context], dim=-1))
        h = field.positions(h) + h
        angles = field.rotary(noise.shape[2])
        for block in field.blocks:
            assert isinstance(block, ModulatedBlock)
            h = _published_block(block, h, condition, seen, angles)
        scale, shift = field.modulate_out(F.silu(condition))[:, None].chunk(2, dim=-1)
        x = x + size * field.out(normed(h) * (1 + scale) + shift).transpose(1, 2)
        x[..., :given] = 0
    return x


def _published_block(block: ModulatedBlock, x: Tensor, condition: Tensor, seen: Tensor, angles: Tensor) -> Tensor:
    shift, scale, gate, shift2, scale2, gate2 = block.modulate(F.silu(condition))[:, None].chunk(6, dim=-1)
    attention = block.attention
    h = normed(x) * (1 + scale) + shift
    q, k, v = rotated(attention.query(h), angles), rotated(attention.key(h), angles), attention.value(h)
    q, k, v = (t.unflatten(-1, (attention.heads, -1)).transpose(1, 2) for t in (q, k, v))
    mask = seen.expand(len(x), attention.heads, -1, -1)
    h = attention.out(F.scaled_dot_product_attention(q, k, v, attn_mask=mask).transpose(1, 2).flatten(2))
    x = x + gate * h.masked_fill(~seen[:, 0, 0, :, None], 0.0)
    h = F.gelu(block.expand(normed(x) * (1 + scale2) + shift2), approximate="tanh")
    return x + gate2 * block.contract(h)


@dataclass(frozen=True)
class FlowBenchOptions:
    """Processor seconds a thread of one call of v3's flow."""

    frames: int = option("of the call, half of them prompt; full windows have 934", 300, least=2)
    steps: int = option("of the published sampler", 8, least=1)
    few: int = option("steps that are chosen instead", 4, least=1)
    threads: int = option("of every case", 1, least=1)
    rounds: int = option("of which medians are printed", 3, least=1)
    width: int = option("of the transformer; 1024 is released", 1024, least=64)
    layers: int = option("of the transformer; 22 are released", 22, least=1)


def measure_flow(argv: list[str]) -> int:
    """Print seconds of each case, and how far its mel is from the reference's."""
    options = read_options(FlowBenchOptions, argv)
    torch.set_num_threads(options.threads)
    with torch.no_grad():
        _compare(options)
    return 0


def _compare(options: FlowBenchOptions) -> None:
    torch.manual_seed(0)
    heads = options.width // 64
    flow = FlowMatching(FlowTransformer(width=options.width, layers=options.layers, heads=heads)).eval()
    for parameter in flow.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    packed = FlowMatching(FlowTransformer(width=options.width, layers=options.layers, heads=heads)).eval()
    packed.load_state_dict(flow.state_dict())
    packed.estimator.pack()
    noise, features = torch.randn(1, 100, options.frames), torch.randn(1, options.frames, 512)
    prompt = torch.randn(1, 100, int(options.frames * PROMPT))

    def ours(model: FlowMatching, steps: int) -> Tensor:
        condition = model.condition(features, prompt)
        return model.sample(noise, condition, prompt.shape[2], EulerShortcut(steps))

    cases: dict[str, Callable[[], Tensor]] = {
        f"published, {options.steps} steps": lambda: published_sample(flow, noise, features, prompt, options.steps),
        f"ours fp32, {options.steps} steps": lambda: ours(flow, options.steps),
        f"ours bf16, {options.steps} steps": lambda: ours(packed, options.steps),
        f"ours bf16, {options.few} steps": lambda: ours(packed, options.few),
    }
    made = {name: case() for name, case in cases.items()}
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(options.rounds):
        for name, case in cases.items():
            began = time.process_time()
            case()
            seconds[name].append((time.process_time() - began) / options.threads)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    first = next(iter(cases))
    for name, value in medians.items():
        far = float((made[name] - made[first]).norm() / made[first].norm())
        print(f"{name:<24} {value:7.2f} s  {medians[first] / value:5.2f}x the published  mel {far:.1e} off")
