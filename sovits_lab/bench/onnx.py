"""`python -m sovits_lab bench onnx bundle=RUN`: a voice in torch and its exported graphs in onnxruntime, by turns."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sovits_lab.bench.spoken import text_of
from sovits_lab.options import option, read_options

if TYPE_CHECKING:
    from sovits_lab.inference.synthesizer import Synthesizer


@dataclass(frozen=True)
class OnnxBench:
    """Time a voice of ours in torch beside its graphs in onnxruntime: processor seconds, agreement, size."""

    bundle: Path | None = option("a run folder or a voice bundle", None, shown="the starter voice")
    words: list[int] = option("of the texts", [5, 20, 60])
    rounds: int = option("of every text, after one that does not count", 5, least=1)
    threads: int = option("of each", 1, least=1)


class TimedSynthesis(NamedTuple):
    """One synthesis: processor seconds, seconds of sound."""

    processor: float
    speech: float


def measure_onnx(argv: list[str]) -> int:
    """Print the sizes of the files, and one line for each text."""
    import torch

    from sovits_lab.inference.onnx_voice import OnnxVoice
    from sovits_lab.inference.starter import starter_folder
    from sovits_lab.inference.synthesizer import Synthesizer

    options = read_options(OnnxBench, argv)
    torch.set_num_threads(options.threads)
    bundle = options.bundle or starter_folder()
    with Synthesizer.load(bundle) as ours, export_twice(bundle) as folders:
        graphs = {name: OnnxVoice(folder, options.threads) for name, folder in folders.items()}
        speaker = min(ours.voice.speakers)
        for words in options.words:
            text = text_of(words)
            ways: dict[str, Callable[[], NDArray[np.float32]]] = {"torch": partial(_spoken, ours, text, speaker)}
            ways |= {name: partial(one.speak, text, speaker) for name, one in graphs.items()}
            times = measure_by_turns(ways, options.rounds, ours.voice.sample_rate)
            rtf = {name: statistics.median(t.processor / t.speech for t in each) for name, each in times.items()}
            rates = ", ".join(f"{name} {value:.4f}" for name, value in rtf.items())
            ratio = ", ".join(f"{rtf['torch'] / rtf[name]:.2f}x with {name}" for name in graphs)
            print(f"{words:>4} words, processor RTF: {rates}; as fast as torch: {ratio}", flush=True)
    return 0


def _spoken(voice: Synthesizer, text: str, speaker: str) -> NDArray[np.float32]:
    return voice.speak(text, speaker).wav


@contextmanager
def export_twice(bundle: Path) -> Iterator[dict[str, Path]]:
    """Export a voice twice, as float32 and in 8 bits, to folders that last as long as the context; print their size."""
    from sovits_lab.inference.onnx_export import export_onnx

    with tempfile.TemporaryDirectory() as place:
        folders = {"float32": Path(place) / "float32", "8 bits": Path(place) / "small"}
        for name, folder in folders.items():
            files = export_onnx(bundle, folder, small=name == "8 bits")
            print(f"onnx, {name}: {sum(path.stat().st_size for path in files) / 1e6:.2f} MB in {len(files)} files")
        yield folders


def measure_by_turns(
    ways: dict[str, Callable[[], NDArray[np.float32]]], rounds: int, rate: int
) -> dict[str, list[TimedSynthesis]]:
    """Measure ways to say a text, one after the other in every round; the first round does not count."""
    made: dict[str, list[TimedSynthesis]] = {name: [] for name in ways}
    for turn in range(rounds + 1):
        for name, way in ways.items():
            began = time.process_time()
            wav = way()
            used = time.process_time() - began
            if turn:
                made[name].append(TimedSynthesis(used, len(wav) / rate))
    return made
