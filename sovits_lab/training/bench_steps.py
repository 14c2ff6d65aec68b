"""Fine-tuning steps for `bench --part train`: one case in one process, released dimensions, random weights.

`reference` is upstream's step in upstream's way: freed memory goes back to the system, and the generator's backward
pass also computes gradients of the discriminators, which are thrown away; the GPT drops attention weights. `fp32`
computes the update without the waste and that dropout, `bf16` does under autocast.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from sovits_lab.losses.adversarial import discriminator_loss, feature_matching_loss, generator_loss
from sovits_lab.models.discriminators import MultiPeriodDiscriminator
from sovits_lab.models.gpt.decoder import PrefixDecoder
from sovits_lab.models.gpt.objective import TokenBatch, score
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.nn.memory import keep_freed_memory, peak_megabytes
from sovits_lab.training.scaled_adam import ScaledAdam

PHONES, TOKENS, SEGMENT = 200, 250, 32


def gpt_step(variant: str, batch: int) -> Any:
    """Forward, backward and update of stage 1; returns a function of no arguments."""
    model = PrefixDecoder(attention_dropout=0.1 if variant == "reference" else 0.0).train()
    optimizer = ScaledAdam(model.parameters(), lr=0.002)
    phones, tokens = torch.randint(732, (batch, PHONES)), torch.randint(1024, (batch, TOKENS))
    sizes = [torch.full((batch,), n) for n in (PHONES, TOKENS)]
    pairs = TokenBatch(phones, sizes[0], tokens, sizes[1])

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            loss = score(model, pairs).cross_entropy()
        torch.autograd.backward(loss)
        optimizer.step()

    return step


def _adversarial(judge: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    made = judge(fake)
    with torch.no_grad():
        heard = judge(real)
    return generator_loss(made.logits) + feature_matching_loss(heard.maps, made.maps)


def sovits_step(variant: str, batch: int) -> Any:
    """Head and discriminators of stage 2, which take nine tenths of its step; returns a function of no arguments."""
    head, judge = HifiGan(condition_channels=512), MultiPeriodDiscriminator()
    optimizers = [torch.optim.AdamW(m.parameters(), 1e-4) for m in (head, judge)]
    z, voice = torch.randn(batch, 192, SEGMENT), torch.randn(batch, 512)
    real = torch.randn(batch, SEGMENT * 640) * 0.1
    wasteful = variant == "reference"

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            fake = head(z, voice)
            loss = discriminator_loss(judge(real).logits, judge(fake.detach()).logits)
        optimizers[1].zero_grad()
        torch.autograd.backward(loss)
        optimizers[1].step()
        judge.requires_grad_(wasteful)
        with torch.autocast("cpu", torch.bfloat16, enabled=variant == "bf16"):
            total = _adversarial(judge, real, fake)
        optimizers[0].zero_grad()
        torch.autograd.backward(total)
        optimizers[0].step()
        judge.requires_grad_(True)

    return step


def main(argv: list[str]) -> int:
    """Print the figures of one case, `gpt:VARIANT:BATCH` or `v2:VARIANT:BATCH`, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--case", required=True)
    parser.add_argument("--tokens", type=int, default=0, help="not used")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    part, variant, batch = options.case.split(":")
    if variant != "reference":
        keep_freed_memory()
    step = (gpt_step if part == "gpt" else sovits_step)(variant, int(batch))
    step()
    start = time.perf_counter()
    step()
    print(json.dumps({"step s": time.perf_counter() - start, "peak MB": peak_megabytes()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
