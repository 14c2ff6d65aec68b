"""`python -m sovits_lab bench flow_stream`: how soon v3 and v4 are heard, at released dimensions, random weights.

A clause whose tokens are all there goes through the flow piece by piece. The first piece waits for the clip that the
flow goes on from, for its own frames, and for those that the vocoder hears beyond them; the clip's own features are
computed once for a speaker and are not timed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hydra import compose, initialize_config_dir
from numpy.typing import NDArray
from omegaconf import OmegaConf

from sovits_lab.bench.spoken import SpokenText, time_pieces
from sovits_lab.checkpoints.bundle import build
from sovits_lab.conditioning.conditions import SPEAKER, given
from sovits_lab.models.gpt.packed import missing
from sovits_lab.models.sovits.matching import MatchingSynthesizer
from sovits_lab.models.sovits.mel_plan import SpokenClip
from sovits_lab.models.sovits.solvers import EulerShortcut
from sovits_lab.options import option, read_options
from sovits_lab.pipeline.conf import CONF
from sovits_lab.types import got

TOKENS_A_SECOND, SAMPLES_A_TOKEN, PHONES_A_SECOND = 25, 1280, 12


@dataclass(frozen=True)
class FlowStreamBench:
    """Time the stream of a clause by steps of the flow."""

    version: str = option("of the released family", "v4", choices=["v3", "v4"])
    seconds: float = option("of speech in the clause", 3.0, least=0.4)
    clip: float = option("seconds of the clip that the flow goes on from", 3.0, least=0.4)
    first: int = option("of the first piece", 10, unit="tokens, 25 a second", least=1)
    steps: list[int] = option("of the flow", [4, 8, 32])
    precision: str = option("of the flow's large products", "fp32", choices=["fp32", "bf16"])
    threads: int = option("of torch", 1, least=1)
    rounds: int = option("of which medians are printed, after one that does not count", 3, least=1)


def released_model(version: str) -> MatchingSynthesizer:
    """Return v3 or v4 with random weights, none of them zero."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose(overrides=[f"+sovits={version}"])
    node: dict[str, Any] = OmegaConf.to_container(config.sovits, resolve=True)  # type: ignore[assignment]
    torch.manual_seed(0)
    model: MatchingSynthesizer = build(node)
    for parameter in model.flow.parameters():
        torch.nn.init.normal_(parameter, 0.0, 0.02)
    return model.eval()


def stream_clause(model: MatchingSynthesizer, options: FlowStreamBench) -> Iterator[NDArray[np.float32]]:
    """Yield the pieces of a clause of random tokens; what is computed once for a speaker is there before the first."""
    draws = torch.Generator().manual_seed(1)

    def tokens_of(seconds: float) -> torch.Tensor:
        return torch.randint(model.quantizer.codes, (round(seconds * TOKENS_A_SECOND),), generator=draws)

    def phones_of(seconds: float) -> torch.Tensor:
        return torch.randint(
            model.prior.phones.num_embeddings, (max(1, round(seconds * PHONES_A_SECOND)),), generator=draws
        )

    known = tokens_of(options.clip)
    clip = SpokenClip(0.1 * torch.randn(len(known) * SAMPLES_A_TOKEN, generator=draws), known, phones_of(options.clip))
    voice = model.speaker(clip.wav[None], None, None)
    opening, conditions = model.opening(clip, voice[0]), given(**{SPEAKER: voice})
    tokens, phones = tokens_of(options.seconds)[None], phones_of(options.seconds)[None]
    mask = torch.ones(1, model.token_frames * tokens.shape[1], dtype=torch.bool)
    inputs = tokens, mask, phones, torch.ones_like(phones, dtype=torch.bool)
    first = round(options.first * model.token_frames * model.network.upsampling) + int(model.head.context_frames)  # type: ignore[arg-type]

    def pieces() -> Iterator[NDArray[np.float32]]:
        for piece in model.rendered_in_pieces(*inputs, conditions, first, generator=draws, opening=opening):
            yield piece.wav[0].numpy()

    return pieces()


def measure_stream(argv: list[str]) -> int:
    """Print one line for each number of steps.

    Raises:
        InputError: a precision that this machine lacks.
    """
    options = read_options(FlowStreamBench, argv)
    if lack := missing(options.precision):  # type: ignore[arg-type]
        raise got("precision", options.precision, f"fp32, or {lack}")
    torch.set_num_threads(options.threads)
    model = released_model(options.version)
    if options.precision == "bf16":
        model.flow.estimator.pack()
    with torch.no_grad():
        for steps in options.steps:
            model.solver = EulerShortcut(steps)
            rounds = range(options.rounds + 1)
            spoken = [time_pieces(stream_clause(model, options), model.spoken_rate) for _ in rounds][1:]
            print(line_of(f"{options.version}, {steps:>2} steps", spoken), flush=True)
    return 0


def line_of(name: str, spoken: list[SpokenText]) -> str:
    """Say in one line what the rounds took."""

    def median(figure: str) -> float:
        return float(np.median([getattr(one, figure) for one in spoken]))

    first = f"first sound {median('first'):.2f} s (processor {median('first_processor'):.2f} s)"
    whole = f"processor {median('processor'):.2f} s for {spoken[0].speech:.1f} s"
    return f"{name}: {first}, {whole}, waits {median('waits'):g}"
