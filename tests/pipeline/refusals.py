"""What `train.py` answers to a command line that does not fit, without a process of its own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jaxtyping
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from sovits_lab.pipeline.command import loggers
from sovits_lab.pipeline.composition import explain
from sovits_lab.pipeline.plan import make_plan
from sovits_lab.pipeline.runner import _check
from sovits_lab.pipeline.settings import register
from sovits_lab.pipeline.validation import PlanCheck
from sovits_lab.types import InputError

CONF = Path(__file__).parents[2] / "conf"


class Answer:
    """A pipe's end that remembers."""

    def __init__(self) -> None:
        self.said: dict[str, Any] = {}

    def send_bytes(self, message: bytes) -> None:
        self.said = json.loads(message)


def refusal(*overrides: str, checks: Sequence[PlanCheck] = ()) -> str:
    """Return what the user reads after `error:`, nothing where all is well. Types are checked as outside of pytest."""
    register()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            plan = make_plan(compose("train", overrides=list(overrides)))
        loggers(plan.config["logger"])
    except HydraException as error:
        return explain(error, list(overrides), CONF, "train")
    except InputError as error:
        return str(error)
    pipe: Any = Answer()
    stages = [(name, dict(spec.node), dict(spec.runtime)) for name, spec in plan.stages.items()]
    built = {name: (spec.inputs, spec.folder) for name, spec in plan.stages.items()}
    typed = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    try:
        _check(stages, dict(plan.raw), pipe, built, list(checks))
    finally:
        jaxtyping.config.update("jaxtyping_disable", typed)
    return str(pipe.said.get("error", ""))
