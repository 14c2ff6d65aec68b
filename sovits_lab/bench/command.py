"""`python -m sovits_lab bench`: speed and memory of generation at released dimensions, random weights.

Every case runs in a process of its own; the reference and ours take turns, so that both meet the same machine. The
reference is our plain re-statement of what upstream computes (`bench_reference`), not upstream's program.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sovits_lab.bench.child import end_with_bench, measure_apart
from sovits_lab.options import describe, option, read_options, wants_help

PLANS: dict[str, list[str]] = {
    "gpt": [
        *("gpt:reference:1", "gpt:fp32:1", "gpt:bf16:1", "gpt:int8:1"),
        *("roofline:fp32:1", "roofline:bf16:1", "roofline:int8:1"),
    ],
    "gpt8": ["gpt:reference:8", "gpt:fp32:8", "gpt:bf16:8"],
    "v2": ["v2:reference:1", "v2:folded:1", "v2:light:1"],
    "v2proplus": ["v2proplus:reference:1", "v2proplus:folded:1", "v2proplus:light:1"],
    "latency": ["latency-v2:fp32:1", "latency-v2:int8:1", "latency-v2proplus:int8:1"],
    "agreement": ["agreement:fp32:1", "agreement:bf16:1", "agreement:int8:1"],
    "train": [
        *("gpt:reference:2", "gpt:fp32:2", "gpt:bf16:2", "gpt:roofline-fp32:2", "gpt:quality:2"),
        *("v2:reference:2", "v2:fp32:2", "v2:bf16:2", "v2:roofline-fp32:2", "v2:quality:2"),
    ],
}
# Another benchmark: its module, what runs it, its options, what it measures.
OTHERS = {
    "corpus": ("sovits_lab.bench.corpus", "measure_corpus", "CorpusBench", "a corpus of many rows, to the first batch"),
    "first_audio": ("sovits_lab.bench.first_audio", "measure_first_audio", "FirstAudioBench", "streams of a voice"),
    "flow": ("sovits_lab.bench.flow", "measure_flow", "FlowBenchOptions", "the flow of v3 against upstream's way"),
    "flow_stream": (
        "sovits_lab.bench.flow_stream",
        "measure_stream",
        "FlowStreamBench",
        "the first sound of v3 and v4",
    ),
    "onnx": ("sovits_lab.bench.onnx", "measure_onnx", "OnnxBench", "a voice in torch and in onnxruntime"),
    "peers": ("sovits_lab.bench.peers", "measure_peers", "PeersBench", "a voice beside other systems on a CPU"),
    "serve": ("sovits_lab.bench.service", "measure_service", "ServiceBench", "a service under load"),
}
CASES = [case for plan, cases in PLANS.items() if plan != "train" for case in cases]
PROCESSOR = "processor s"  # less disturbed by other work than seconds by the clock
TRAINING = "sovits_lab.bench.training_steps"


def measure(plan: str, case: str, tokens: int, threads: int) -> dict[str, Any]:
    """Measure one case in a fresh process."""
    module = TRAINING if plan == "train" else "sovits_lab.bench.command"
    words = ["-m", module, "--case", case, "--tokens", str(tokens), "--threads", str(threads)]
    return measure_apart(f"bench {case}", words, OMP_NUM_THREADS=str(threads), OMP_WAIT_POLICY="passive")


def _gain(figures: Mapping[str, float], other: Mapping[str, float], headline: str) -> float:
    """How many times as fast as the other: tokens a second grow, seconds shrink."""
    faster = figures[headline] / other[headline]
    return faster if headline == "tokens/s" else 1 / faster


def report(plan: str, rounds: dict[str, list[dict[str, Any]]]) -> None:
    """Report medians over rounds, and each case against the reference of the same part and the limit of its
    precision.
    """
    medians = {
        case: {k: statistics.median(r[k] for r in runs) for k in runs[0] if runs[0][k] is not None}
        for case, runs in rounds.items()
    }
    for case, figures in medians.items():
        part, variant, batch = case.split(":")
        ratio, headline = "", next(iter(figures))
        reference = medians.get(f"{part}:reference:{batch}", {})
        limit = medians.get(f"roofline:{variant}:{batch}", medians.get(f"{part}:roofline-{variant}:{batch}", {}))
        if headline in reference and reference is not figures:
            ratio = f"  {_gain(figures, reference, headline):.2f}x the reference's speed"
            if PROCESSOR in figures:
                ratio += f", {_gain(figures, reference, PROCESSOR):.2f}x by processor time"
        if headline in limit and limit is not figures:
            ratio += f"  {_gain(figures, limit, headline):.0%} of the roofline"
        numbers = "  ".join(f"{k} {v:.4g}" for k, v in figures.items())
        print(f"{plan:<10} {case:<24} {numbers}{ratio}")


def possible_cases(plan: str) -> Iterator[str]:
    """Yield the cases that this machine can run; of the others a line says what is lacking."""
    from sovits_lab.models.gpt.packed import PRECISIONS, missing

    for case in PLANS[plan]:
        part, variant, _ = case.split(":")
        packs = part in ("gpt", "agreement") or part.startswith("latency")
        lack = missing(variant) if plan != "train" and packs and variant in PRECISIONS else ""
        if lack:
            print(f"{plan:<10} {case:<24} skipped: {variant} needs {lack}")
        else:
            yield case


@dataclass(frozen=True)
class BenchOptions:
    """Speed and memory of generation and of fine-tuning steps at released dimensions, with random weights."""

    part: list[str] = option("what is measured", ["gpt", "v2", "latency", "agreement"], choices=[*PLANS])
    tokens: int = option("to generate or decode", 250, unit="25 are a second", least=1)
    threads: int = option("of each case", max(1, (os.cpu_count() or 2) // 2), least=1)
    rounds: int = option("of which medians are printed", 3, least=1)
    case: str | None = option("one case of a part, in this process, as JSON", None, choices=CASES)


def main(argv: list[str]) -> int:
    """Print one line a case."""
    if argv and argv[0] in OTHERS:
        module, measures, options_of, _ = OTHERS[argv[0]]
        other = importlib.import_module(module)
        if wants_help(argv):
            print(describe(getattr(other, options_of), f"bench {argv[0]}"))
            return 0
        return int(getattr(other, measures)(argv[1:]))
    if wants_help(argv):
        more = "\n".join(f"  bench {name:<12} {about}" for name, (*_, about) in OTHERS.items())
        print(describe(BenchOptions, "bench", f"Other benchmarks, each with a --help:\n{more}"))
        return 0
    options = read_options(BenchOptions, argv)
    if options.case:
        end_with_bench()
        import torch

        from sovits_lab.bench.cases import run_case

        torch.set_num_threads(options.threads)
        print(json.dumps(run_case(options.case, options.tokens)))
        return 0
    for plan in options.part:
        rounds: dict[str, list[dict[str, Any]]] = {case: [] for case in possible_cases(plan)}
        for _ in range(options.rounds):
            for case, runs in rounds.items():
                runs.append(measure(plan, case, options.tokens, options.threads))
        report(plan, rounds)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
