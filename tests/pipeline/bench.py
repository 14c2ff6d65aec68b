"""Run small plans through the real runner, in this process; the stages have processes of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from sovits_lab.pipeline.plan import Plan, StageSpec, make_plan
from sovits_lab.pipeline.runner import PipelineRunner
from sovits_lab.pipeline.settings import TrainConfig
from sovits_lab.pipeline.workers import server

TRAINER = {
    "accelerator": "cpu",
    "nodes": 1,
    "devices": 1,
    "strategy": "ddp",
    "timeout": 60.0,
    "threads": 1,  # small layers: more threads only wait for each other
    "workers": 0,
    "checkpoint_seconds": 0,
    "log_every": 10,
    "precision": "32-true",
    "parallel": 2,
}


# Modules of the stages that tests train with.
TRAINING = ("tests.training.kept", "tests.training.graded", "tests.training.ranks")


@cache
def start_server() -> None:
    """Start the server of the stages' processes with all that tests train with.

    All tests of a process share one, which has what it imported at its start: after a plan of dummies each training
    would import Lightning and the models anew.
    """
    nodes = [{"_target_": f"{module}.Stage"} for module in TRAINING]
    server([StageSpec("train", {"all": nodes}, (), {}, digest="", folder=Path())])


class RecordingDisplay:
    """A display that remembers."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []
        self.counts: dict[str, tuple[int, int, str]] = {}
        self.on_start: Callable[[str], None] = lambda stage: None
        self.on_tick: Callable[[], None] = lambda: None

    def start(self, stage: str, text: str) -> None:
        self.lines.append((stage, text))
        self.on_start(stage)

    def progress(self, stage: str, done: int, total: int, unit: str) -> None:
        self.counts[stage] = (done, total, unit)

    def say(self, stage: str, text: str) -> None:
        self.lines.append((stage, text))

    def end(self, stage: str, text: str) -> None:
        self.lines.append((stage, text))

    def tick(self) -> None:
        self.on_tick()

    def close(self) -> None:
        pass

    def of(self, stage: str) -> list[str]:
        return [text for name, text in self.lines if name == stage]


class Bench:
    """Makes and runs plans below one folder."""

    def __init__(self, runs: Path):
        self.runs = runs

    def plan(self, stages: Mapping[str, Any], **more: Any) -> Plan:
        schema = OmegaConf.structured(TrainConfig)
        values = {
            "name": "trial",
            "seed": 1,
            "stages": stages,
            "paths": {"runs": str(self.runs)},
            "trainer": TRAINER,
            "logger": {},
            **more,
        }
        return make_plan(OmegaConf.merge(schema, values))

    def chain(
        self, stages: Mapping[str, Any], sink: Any = None, **more: Any
    ) -> tuple[PipelineRunner, RecordingDisplay]:
        start_server()
        heard = RecordingDisplay()
        return PipelineRunner(self.plan(stages, **more), heard, [sink] if sink else []), heard

    def run(self, stages: Mapping[str, Any], **more: Any) -> tuple[Plan, RecordingDisplay]:
        chain, heard = self.chain(stages, **more)
        chain.run()
        return chain.plan, heard
