"""Stages that are quick, can be killed at any moment and go on, and leave a trace of every step that they took."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar


@dataclass
class Steps:
    """Hashes on from its seed, one line a step.

    `trace.txt` gets a line for each step begun, so one that was done twice is seen; `score` is known beforehand.
    """

    resumable: ClassVar[bool] = True
    steps: int
    seed: int
    pause: float = 0.01
    x: float = 0.0
    y: float = 0.0
    kind: str = "plain"
    fail: bool = False

    def run(self, inputs: Mapping[str, Path], out: Path, report: Any) -> None:
        state, trace = out / "state.txt", out / "trace.txt"
        lines = state.read_text().splitlines() if state.exists() else []
        for path in inputs.values():
            (path / "result.txt").read_text()
        for step in range(len(lines), self.steps):
            with trace.open("a") as file:
                file.write(f"{step} {os.getpid()}\n")
            if self.fail and step == self.steps // 2:
                raise RuntimeError("it was told to fail")
            time.sleep(self.pause)
            report.metrics(step, {"loss": (self.x - 0.3) ** 2 + 1 / (step + 1)})
            previous = lines[-1] if lines else str(self.seed)
            lines.append(hashlib.sha256(f"{previous} {self.x} {self.kind}".encode()).hexdigest())
            (out / "state.new").write_text("\n".join(lines) + "\n")
            (out / "state.new").rename(state)
        (out / "result.txt").write_text(lines[-1])
        figures = {"near": (self.x - 0.3) ** 2 + (self.y - 0.6) ** 2 + (self.kind != "good"), "far": self.x}
        rows = [{"name": k, "value": v, "group": "all", "emotion": "all", "strength": None} for k, v in figures.items()]
        (out / "scores.json").write_text(json.dumps({"figures": rows}))
