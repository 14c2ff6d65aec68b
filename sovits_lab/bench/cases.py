"""What `bench` measures, one case a process: released dimensions, random weights, and where it applies the reference.

A case is `part:variant:batch`. Parts: `gpt` (variants reference, fp32, bf16, int8), `roofline` (variants fp32, bf16,
int8: the weights of one token are only read), `v2` and `v2proplus` (variants reference, folded), `agreement` (variants
fp32, bf16, int8), `latency-v2` and `latency-v2proplus` (variants of the GPT).
"""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from sovits_lab.bench.reference import reference_decode, reference_waveform
from sovits_lab.conditioning.conditions import given
from sovits_lab.conditioning.mel_style import MelStyleEncoder
from sovits_lab.inference.loading import prepare_head
from sovits_lab.models.gpt.decoder import AS_RELEASED, PrefixDecoder
from sovits_lab.models.gpt.generation import steps
from sovits_lab.models.gpt.packed import pack
from sovits_lab.models.gpt.prefix import PaddedPrefix
from sovits_lab.models.gpt.sampling import Sampler
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.models.heads.latent_vocos import LatentVocos
from sovits_lab.models.sovits.content import TokenRateProjection
from sovits_lab.models.sovits.posterior_wavenet import NoPosterior
from sovits_lab.models.sovits.prior_mrte import MrtePrior
from sovits_lab.models.sovits.reference import StyleReference, VerifiedStyleReference
from sovits_lab.models.sovits.synthesizer import VitsSynthesizer
from sovits_lab.nn.couplings import WaveNetFlow
from sovits_lab.pipeline.memory import keep_freed_memory, peak_megabytes, resident_megabytes
from sovits_lab.quantization.vector import VectorQuantizer

PHONES, PROMPT, TOKENS_PER_SECOND = 60, 100, 25
FOREVER = 10**6
Figures = dict[str, Any]


def _prefix(decoder: PrefixDecoder, batch: int) -> PaddedPrefix:
    torch.manual_seed(1)
    phones = [torch.randint(732, (PHONES,)) for _ in range(batch)]
    return decoder.embed_rows(phones, [torch.randint(1024, (PROMPT,)) for _ in range(batch)])


def decoder_of(variant: str, batch: int) -> PrefixDecoder:
    """Return the released decoder with random weights, packed unless it is the reference."""
    torch.manual_seed(0)
    decoder = PrefixDecoder().eval().requires_grad_(False)
    if variant not in ("reference", "eager"):
        keep_freed_memory()
        pack(decoder, variant, batch)  # type: ignore[arg-type]
    return decoder


def _tokens(decoder: PrefixDecoder, prefix: PaddedPrefix, variant: str, count: int) -> tuple[float, float, list[float]]:
    """Seconds in all, seconds to the first token, resident memory at every tenth."""
    memory: list[float] = []
    start, first = time.perf_counter(), 0.0
    if variant == "reference":
        reference_decode(decoder, prefix, count)
        return time.perf_counter() - start, first, memory
    sampler = Sampler(order="upstream")
    for i, _ in enumerate(
        steps(decoder, prefix, sampler, replace(AS_RELEASED, banned_steps=FOREVER, max_tokens=count))
    ):
        first = first or time.perf_counter() - start
        if i % max(count // 10, 1) == 0:
            memory.append(resident_megabytes())
    return time.perf_counter() - start, first, memory


def gpt_case(variant: str, batch: int, count: int) -> Figures:
    """Measure tokens a second over all rows and the prefix, first-token latency, and memory growth while generating."""
    decoder = decoder_of(variant, batch)
    prefix = _prefix(decoder, batch)
    _tokens(decoder, prefix, variant, 3)
    used = time.process_time()
    seconds, first, memory = _tokens(decoder, prefix, variant, count)
    used = time.process_time() - used
    grown = memory[-1] - memory[0] if memory else None
    figures = {"tokens/s": batch * count / seconds, "processor s": used, "first token s": first}
    return {**figures, "grown MB": grown, "peak MB": peak_megabytes()}


def roofline(variant: str, count: int) -> Figures:
    """Compute tokens a second if a token cost nothing but reading each weight of the layers and the projection once.

    The read is torch's sum of as many bytes, by all threads that the case was given; the fastest read counts.
    """
    weights = sum(p.numel() for name, p in PrefixDecoder().named_parameters() if name.startswith(("layers.", "out.")))
    size = weights * {"fp32": 4, "bf16": 2, "int8": 1}[variant]
    memory = torch.ones(size // 4)
    seconds = []
    for _ in range(max(count // 10, 10)):
        start = time.perf_counter()
        memory.sum()
        seconds.append(time.perf_counter() - start)
    return {"tokens/s": 1 / min(seconds), "GB/s": size / min(seconds) / 1e9, "MB read": size / 1e6}


def agreement(variant: str, count: int) -> Figures:
    """Compare a packed decoder's greedy tokens with float32: how many agree in place, and the first logits' error.

    Random weights have nearly flat logits, so agreement here is a lower bound for trained ones.
    """
    greedy, stopping = Sampler(top_k=1, order="upstream"), replace(AS_RELEASED, banned_steps=FOREVER, max_tokens=count)
    runs, logits = [], []
    for kind in ("eager", variant):
        decoder = decoder_of(kind, 1)
        run = list(steps(decoder, _prefix(decoder, 1), greedy, stopping))
        runs.append(torch.cat([s.tokens for s in run]))
        logits.append(run[0].logits)
    same = runs[0] == runs[1]
    prefix = int(same.long().cumprod(0).sum())
    error = float((logits[0] - logits[1]).abs().max() / logits[0].abs().max())
    return {"tokens agreeing": float(same.float().mean()), "until first difference": prefix, "logit error": error}


def synthesizer_of(version: str) -> VitsSynthesizer:
    """Build v2 or v2ProPlus as deployed, with random weights; the reference side is given as vectors."""
    torch.manual_seed(0)
    plus = version == "v2proplus"
    gin = 1024 if plus else 512
    style = MelStyleEncoder(704, out_channels=gin)
    head = {"channels": 768, "kernels": (20, 16, 8, 2, 2)} if plus else {}
    return VitsSynthesizer(
        TokenRateProjection(),
        VectorQuantizer(),
        VerifiedStyleReference(style) if plus else StyleReference(style),
        MrtePrior(),
        NoPosterior(),
        WaveNetFlow(condition_channels=gin),
        HifiGan(condition_channels=gin, **head),  # type: ignore[arg-type]
    ).eval()


def sovits_case(version: str, variant: str, count: int) -> Figures:
    """Measure the real-time factor of decoding `count` tokens; "light" has the head of `experiment=distil_head`."""
    model = synthesizer_of(version).requires_grad_(False)
    if variant == "reference":
        model.head.forward = partial(reference_waveform, model.head)  # type: ignore[arg-type]
    else:
        if variant == "light":
            model.head = LatentVocos(condition_channels=model.reference.channels).requires_grad_(False).eval()
        keep_freed_memory()
        prepare_head(model.head, torch.device("cpu"))
    conditions = given(speaker=torch.randn(1, model.reference.channels))
    tokens, phones = torch.randint(1024, (1, count)), torch.randint(732, (1, PHONES))

    def speak() -> None:
        model.stream(tokens, phones, conditions)

    speak()
    start, used = time.perf_counter(), time.process_time()
    speak()
    seconds, used = time.perf_counter() - start, time.process_time() - used
    audio = count / TOKENS_PER_SECOND
    return {"RTF": seconds / audio, "processor s": used, "peak MB": peak_megabytes()}


def latency_case(version: str, variant: str, chunk: int = 16) -> Figures:
    """Measure the seconds from phones to the first samples of a stream: prefix, `chunk` tokens, their waveform."""
    decoder, model = decoder_of(variant, 1), synthesizer_of(version).requires_grad_(False)
    keep_freed_memory()
    prepare_head(model.head, torch.device("cpu"))
    conditions, phones = given(speaker=torch.randn(1, model.reference.channels)), torch.randint(732, (1, PHONES))
    prefix, stopping = _prefix(decoder, 1), replace(AS_RELEASED, banned_steps=FOREVER, max_tokens=chunk)
    for _ in range(2):
        start = time.perf_counter()
        tokens = torch.cat([s.tokens for s in steps(decoder, prefix, Sampler(order="upstream"), stopping)])
        model.stream(tokens[None], phones, conditions)
        seconds = time.perf_counter() - start
    return {"first audio s": seconds, "peak MB": peak_megabytes()}


def run_case(name: str, count: int) -> Figures:
    """Run `part:variant:batch` in this process."""
    part, variant, batch = name.split(":")
    if part == "gpt":
        return gpt_case(variant, int(batch), count)
    if part.startswith("latency-"):
        return latency_case(part.removeprefix("latency-"), variant)
    if part == "roofline":
        return roofline(variant, count)
    if part == "agreement":
        return agreement(variant, count)
    return sovits_case(part, variant, count)
