"""Real training stages that keep their last checkpoints and die when told to, and inputs small enough for a test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sovits_lab.pipeline.stage_process import CHECKPOINTS
from sovits_lab.training.gpt import TrainGpt
from sovits_lab.training.reference_encoder import TrainStyle
from sovits_lab.training.sovits import TrainSovits
from sovits_lab.training.speaker import TrainSpeaker
from sovits_lab.training.tokenizer import TrainTokenizer
from tests.data.stores import write_store
from tests.data.upstream_folders import write_utterance
from tests.models import small

from .kills import obey

KEPT = "kept"


class _Kept:
    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        obey(out)
        super().run(inputs, out, report)
        shutil.copytree(out / CHECKPOINTS, out / KEPT)


class Tokenizer(_Kept, TrainTokenizer): ...


class Speaker(_Kept, TrainSpeaker): ...


class Style(_Kept, TrainStyle): ...


class Gpt(_Kept, TrainGpt): ...


class Sovits(_Kept, TrainSovits): ...


class _OfFolder:
    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        self.source = replace(self.source, path=str(inputs["voice"]))  # type: ignore[has-type]
        super().run({}, out, report)  # type: ignore[misc]


class FinetunedGpt(_Kept, _OfFolder, TrainGpt): ...


class FinetunedSovits(_Kept, _OfFolder, TrainSovits): ...


class Features:
    """Stage: a few noisy tones."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        write_store(out)


class Tokens:
    """Stage: tokens of those."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        store = write_store(out / "store")
        np.save(out / "tokens.npy", np.arange(sum(r.frames for r in store.rows) // 2) % small.CODES)
        (out / "durations.json").write_text("{}")
        (out / "facts.json").write_text(json.dumps({"codes": small.CODES}))


class Speakers:
    """Stage: two voices."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        np.savez(out / "speakers.npz", ann=np.ones(6, np.float32), bob=np.zeros(6, np.float32))


class Voice:
    """Stage: a folder in upstream's prepared layout."""

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        rng = np.random.default_rng(0)
        for i in range(4):
            frames = 40 + 2 * i
            tone = 0.3 * np.sin(np.arange(frames * 640) * (0.05 + 0.01 * i)) + 0.01 * rng.standard_normal(frames * 640)
            content = torch.from_numpy(rng.standard_normal((8, frames)).astype("float32"))
            write_utterance(out, f"{i}.wav", ["AA1", "B", "."], tone, content, torch.ones(20))
            with (out / "6-name2semantic.tsv").open("a", encoding="utf-8") as file:
                file.write(f"{i}.wav\t{' '.join(str(7 * token % 16) for token in range(frames // 2))}\n")
