"""`train.py` with a runner that needs no torch: the same configuration, plan and folders, stages in this process.

What a sweep has to do with (command lines, exit statuses, signals, folders) is the same; a job takes half a second.
"""

from __future__ import annotations

import fcntl
import json
import signal
import sys
from pathlib import Path
from typing import Any

import hydra
from hydra.utils import instantiate
from omegaconf import DictConfig

sys.path.insert(0, str(Path(__file__).parents[2]))

from sovits_lab.pipeline.plan import Plan, StageSpec, make_plan
from sovits_lab.pipeline.run_folder import RunFolder
from sovits_lab.pipeline.settings import register
from sovits_lab.types import InputError

register()


class Recorder:
    """Writes metrics where a run has them."""

    def __init__(self, plan: Plan, stage: str):
        self.folder, self.stage = RunFolder(plan), stage

    def metrics(self, step: int, values: dict[str, Any]) -> None:
        self.folder.append({"stage": self.stage, "step": step, **values})


def build(plan: Plan, spec: StageSpec) -> None:
    lock = plan.runs / "stages" / ".locks" / spec.folder.name
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        if spec.folder.exists():
            return
        spec.partial.mkdir(parents=True, exist_ok=True)
        inputs = {name: plan.stages[name].folder for name in spec.inputs}
        instantiate(dict(spec.node)).run(inputs, spec.partial, Recorder(plan, spec.name))
        spec.partial.rename(spec.folder)


@hydra.main(version_base="1.3", config_path="../../conf", config_name="tiny")
def main(config: DictConfig) -> None:
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        plan = make_plan(config)
    except InputError as error:
        sys.exit(f"error: {error}")
    plan.folder.mkdir(parents=True, exist_ok=True)
    (plan.folder / "sweep.json").write_text(json.dumps({"id": config.sweep.id, "cores": config.trainer.cores}))
    for spec in plan.stages.values():
        build(plan, spec)
    RunFolder(plan).publish()


if __name__ == "__main__":
    main()
