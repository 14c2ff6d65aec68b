"""Fine-tuning steps for `bench --part train`: one case in one process, released dimensions, random weights.

`reference` is upstream's step in upstream's way: freed memory goes back to the system, the generator's backward pass
also computes gradients of the discriminators, which are thrown away, every waveform is judged by itself, attention
weights are dropped by torch's own noise. `fp32` is the same update without the waste, `bf16` under autocast, `quality`
what that changes, `roofline-fp32` the step's products at the machine's best rate.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from sovits_lab.bench.child import end_with_bench
from sovits_lab.bench.limits import Losses, quality, roofline
from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.models.discriminators import MultiPeriodDiscriminator, judged_together
from sovits_lab.models.gpt.cache import LayerView
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.objective import TokenBatch
from sovits_lab.models.gpt.post_norm import PostNormLayer
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.options import option, read_options
from sovits_lab.pipeline.memory import keep_freed_memory, peak_megabytes
from sovits_lab.training.scaled_adam import ScaledAdam

PHONES, TOKENS, SEGMENT = 200, 250, 32


class UpstreamLayer(PostNormLayer):
    """The layer with torch's own noise, and attention over the whole square."""

    def forward(self, x: Tensor, mask: Tensor, cache: LayerView | None = None, front: int = 0) -> Tensor:
        q, k, v = self._split(x)
        h = F.scaled_dot_product_attention(q, k, v, mask.expand(-1, self.heads, -1, -1), self.attention_dropout)
        x = self.attention_norm(x + F.dropout(self.out(h.transpose(1, 2).flatten(2)), self.dropout))
        h = self.contract(F.dropout(F.relu(self.expand(x)), self.dropout))
        return self.feedforward_norm(x + F.dropout(h, self.dropout))


class BenchStage(NamedTuple):
    """An update, and its losses alone: (name, loss, module that learns from it) in a given precision."""

    step: Callable[[], None]
    losses: Losses


def gpt_step(variant: str, batch: int) -> BenchStage:
    """Build the step of stage 1: forward, backward and update."""
    model = PrefixDecoder()
    if variant == "reference":
        model.layers = nn.ModuleList(UpstreamLayer(512, 16, 2048, attention_dropout=0.1) for _ in model.layers)
    model.train()
    optimizer = ScaledAdam(model.parameters(), lr=0.002)
    phones, tokens = torch.randint(732, (batch, PHONES)), torch.randint(1024, (batch, TOKENS))
    sizes = [torch.full((batch,), n) for n in (PHONES, TOKENS)]
    pairs = TokenBatch(phones, sizes[0], tokens, sizes[1])

    def losses(variant: str) -> list[tuple[str, Tensor, nn.Module]]:
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            return [("GPT", model.score(pairs).cross_entropy(), model)]

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses(variant)[0][1])
        optimizer.step()

    return BenchStage(step, losses)


def _upstream_losses(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    return discriminator_loss(judge(real).logits, judge(fake.detach()).logits)


def _losses(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    true, made = judged_together(judge, real, fake.detach())
    return discriminator_loss(true.logits, made.logits)


def _adversarial(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    made = judge(fake)
    with torch.no_grad():
        true = judge(real)
    return generator_loss(made.logits) + feature_matching_loss(true.maps, made.maps)


def sovits_step(variant: str, batch: int) -> BenchStage:
    """Build the step of stage 2's head and discriminators, which take nine tenths of its time."""
    head, judge = HifiGan(condition_channels=512), MultiPeriodDiscriminator()
    wasteful = variant == "reference"
    optimizers = [torch.optim.AdamW(m.parameters(), 1e-4, fused=not wasteful) for m in (head, judge)]
    z, voice = torch.randn(batch, 192, SEGMENT), torch.randn(batch, 512)
    real = torch.randn(batch, SEGMENT * 640) * 0.1
    judged = _upstream_losses if wasteful else _losses

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            fake = head(z, voice)
            loss = judged(judge, real, fake)
        optimizers[1].zero_grad()
        torch.autograd.backward(loss)
        optimizers[1].step()
        judge.requires_grad_(wasteful)
        once = nullcontext() if wasteful else parametrize.cached()
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"), once:
            total = _adversarial(judge, real, fake)
        optimizers[0].zero_grad()
        torch.autograd.backward(total)
        optimizers[0].step()
        judge.requires_grad_(True)

    def losses(variant: str) -> list[tuple[str, Tensor, nn.Module]]:
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            fake = head(z, voice)
            judging = _losses(judge, real, fake)
            return [("discriminator", judging, judge), ("generator", _adversarial(judge, real, fake), head)]

    return BenchStage(step, losses)


@dataclass(frozen=True)
class CaseOptions:
    """One case of `bench part=train`, in this process."""

    case: str = option("gpt:VARIANT:BATCH or v2:VARIANT:BATCH")
    tokens: int = option("not used", 0)
    threads: int = option("of the case", 1, least=1)


def main(argv: list[str]) -> int:
    """Print the figures of one case, `gpt:VARIANT:BATCH` or `v2:VARIANT:BATCH`, as JSON."""
    options = read_options(CaseOptions, argv)
    end_with_bench()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    part, variant, batch = options.case.split(":")
    if variant != "reference":
        keep_freed_memory()
    stage = (gpt_step if part == "gpt" else sovits_step)(variant, int(batch))
    if variant == "quality":
        print(json.dumps(quality(stage.losses)))
        return 0
    stage.step()
    if variant == "roofline-fp32":
        print(json.dumps(roofline(stage.step)))
        return 0
    start = time.perf_counter()
    stage.step()
    print(json.dumps({"step s": time.perf_counter() - start, "peak MB": peak_megabytes()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
