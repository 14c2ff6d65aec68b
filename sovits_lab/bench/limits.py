"""What bounds a fine-tuning step, for `bench --part train`: the machine's arithmetic, and what bfloat16 changes.

Both take the steps of `bench_steps`: released dimensions, random weights, the same batch and the same noise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode, conv_flop_count

Losses = Callable[[str], Sequence[tuple[str, Tensor, nn.Module]]]


def _rate(flops: float, work: Callable[[], Any], runs: int = 30) -> float:
    """The best of some runs, in FLOP/s."""
    best = float("inf")
    for _ in range(runs):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return flops / best


@torch.no_grad()
def peak_rates() -> dict[str, float]:
    """Measure FLOP/s in float32 of a large product and of the head's and the discriminators' heavy convolutions."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    x1, w1 = torch.randn(2, 256, 2560), torch.randn(256, 256, 7)
    x2, w2 = torch.randn(4, 512, 256, 5), torch.randn(1024, 512, 5, 1)
    return {
        "GEMM": _rate(2 * 2048**3, lambda: a @ b),
        "conv 1d": _rate(2 * 2 * 2560 * 256 * 256 * 7, lambda: F.conv1d(x1, w1, padding=3)),
        "conv 2d": _rate(2 * 4 * 256 * 5 * 1024 * 512 * 5, lambda: F.conv2d(x2, w2, padding=(2, 0))),
    }


def _conv_backward(
    gradient: Any, x: Any, weight: Any, *rest: Any, out_shape: Any = None, **more: Any
) -> int:  # torch's own count multiplies the weights of a grouped layer by its groups
    transposed, wanted = rest[4], rest[7]
    return sum(wanted[:2]) * conv_flop_count(x, weight, gradient, transposed)


def roofline(step: Callable[[], None]) -> dict[str, float]:
    """Estimate the seconds of a step that is nothing but its products, at the best rate that this machine reaches."""
    counter = FlopCounterMode(display=False, custom_mapping={torch.ops.aten.convolution_backward: _conv_backward})
    with counter:
        step()
    rates = peak_rates()
    flops = counter.get_total_flops()
    gigaflops = {f"{name} GFLOP/s": rate / 1e9 for name, rate in rates.items()}
    return {"step s": flops / max(rates.values()), "TFLOP": flops / 1e12, **gigaflops}


def _gradient(loss: Tensor, module: nn.Module) -> Tensor:
    parameters = [p for p in module.parameters() if p.requires_grad]
    found = torch.autograd.grad(loss, parameters, retain_graph=True, allow_unused=True)
    return torch.cat([g.float().flatten() for g in found if g is not None]).double()


def quality(losses: Losses) -> dict[str, float]:
    """Compare every loss under bfloat16 autocast with float32: its relative difference, that of the gradient's norm,
    and the cosine between the two gradients.
    """
    seen: dict[str, list[tuple[float, Tensor]]] = {}
    for variant in ("fp32", "bf16"):
        torch.manual_seed(1)
        for name, loss, module in losses(variant):
            seen.setdefault(name, []).append((float(loss.detach()), _gradient(loss, module)))
    figures = {}
    for name, ((exact, full), (rounded, half)) in seen.items():
        figures[f"{name} loss off"] = abs(rounded / exact - 1)
        figures[f"{name} gradient norm off"] = abs(float(half.norm() / full.norm()) - 1)
        figures[f"{name} gradient cosine"] = float(half @ full / (half.norm() * full.norm()))
    return figures
