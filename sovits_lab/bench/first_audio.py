"""`python -m sovits_lab bench first_audio bundle=RUN`: from a text to the first sound, by length of text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sovits_lab.bench.spoken import SpokenText, text_of, time_pieces
from sovits_lab.options import option, read_options


@dataclass(frozen=True)
class FirstAudioBench:
    """Time a voice's streams: first sound, real-time factor, waits of a listener."""

    bundle: str | None = option("a run folder or a voice bundle", None, shown="the starter voice")
    words: list[int] = option("of the texts", [5, 12, 40, 120])
    chunk: int = option("of the streams that do not wait for a clause", 8, unit="tokens, 25 a second", least=1)
    emotion: str | None = option("a label of the bundle", None, shown="neutral")
    threads: int = option("of torch", 1, least=1)
    rounds: int = option("of every text, after one that does not count", 20, least=2)


def report_line(name: str, spoken: list[SpokenText]) -> str:
    """Say in one line what the rounds of one text took."""
    p50, p95 = np.percentile([one.first * 1000 for one in spoken], [50, 95])
    audio = sum(one.speech for one in spoken)
    wall, used = (sum(getattr(one, of) for one in spoken) / audio for of in ("whole", "processor"))
    pieces = f"waits {sum(one.waits for one in spoken)} in {len(spoken)} streams"
    return (f"{name}: first sound p50 {p50:.0f} ms, p95 {p95:.0f} ms; RTF {wall:.4f}, of the processor {used:.4f}; "
            f"{pieces}; {audio / len(spoken):.1f} s each")  # fmt: skip


def measure_first_audio(argv: list[str]) -> int:
    """Print one line for each length of text and each way to stream."""
    import torch

    from sovits_lab.inference.request import Request
    from sovits_lab.inference.synthesizer import Synthesizer

    options = read_options(FirstAudioBench, argv)
    torch.set_num_threads(options.threads)
    with Synthesizer.load(options.bundle) as voice:
        speaker = min(voice.voice.speakers)

        def pieces(text: str, seed: int, chunk: int | None) -> Iterator[NDArray[np.float32]]:
            yield from voice.stream(Request(text, speaker, emotion=options.emotion, seed=seed), chunk)

        for words in options.words:
            text = text_of(words)
            for name, chunk in (("clauses", None), (f"chunks of {options.chunk}", options.chunk)):
                rounds = range(options.rounds + 1)
                spoken = [time_pieces(pieces(text, seed, chunk), voice.voice.sample_rate) for seed in rounds]
                print(report_line(f"{words:>4} words, {name}", spoken[1:]), flush=True)
    return 0
