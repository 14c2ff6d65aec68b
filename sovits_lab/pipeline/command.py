"""One job of `train.py`, from the composed configuration to the exit status."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console

from sovits_lab.options import refusal
from sovits_lab.pipeline.files import disk_full
from sovits_lab.pipeline.multi_node import follow
from sovits_lab.pipeline.plan import Plan, make_plan
from sovits_lab.pipeline.progress import make_display
from sovits_lab.pipeline.requeue import after_stop
from sovits_lab.pipeline.runner import PipelineRunner
from sovits_lab.pipeline.signals import Stopped
from sovits_lab.pipeline.validation import PlanCheck, check_node
from sovits_lab.pipeline.workers import StageError
from sovits_lab.tracking import RunLogger
from sovits_lab.types import InputError, got


def run(config: DictConfig, checks: Sequence[PlanCheck] = ()) -> int:
    """Run the stages of a configuration, after the checks of the runner and those that are given.

    Returns:
        Exit status: 0 done, 1 a stage failed, 2 the input is wrong, 128 + n stopped by signal n.
    """
    console, errors = Console(), Console(stderr=True)
    plan: Plan | None = None
    try:
        plan = make_plan(config)
        make_runs(plan.runs)
        if plan.tasks.index:
            follow(plan)
            return 0
        PipelineRunner(plan, make_display(console), loggers(plan.config["logger"]), checks).run()
    except InputError as error:
        return _complain(errors, str(error), 2)
    except StageError as error:
        return _complain(errors, str(error), 1)
    except Stopped as stop:
        return _complain(errors, f"stopped by {stop}; {after_stop(stop.number)}", 128 + stop.number)
    except (OSError, ModuleNotFoundError) as error:
        full = disk_full(error, plan.runs) if plan is not None else None
        if full is not None:
            return _complain(errors, full, 1)
        if (refused := refusal(error)) is None:
            raise
        return _complain(errors, str(refused), 2)
    for line in results(plan.folder, plan.config["in_full"]):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    return 0


# What a voice is asked to say first, by the one language that its front end reads.
SENTENCES = {"en": "The river is cold.", "de": "Der Fluss ist kalt.", "pl": "Rzeka jest zimna."}


def make_runs(runs: Path) -> None:
    """Make the folder of the runs, before anything else is done.

    Raises:
        InputError: it cannot be made, or nothing can be written in it.
    """
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise got("paths.runs", runs, f"a folder that can be made ({error.strerror})") from error
    if not os.access(runs, os.W_OK | os.X_OK):
        raise got("paths.runs", runs, "a folder that can be written in")


def results(folder: Path, in_full: str | None = None) -> list[str]:
    """Return the lines that end a run: where its results are, and commands to go on with.

    Args:
        folder: of the run.
        in_full: the experiment that answers the same question with more compute.
    """
    page, bundle = folder / "report" / "index.html", folder / "bundle" / "bundle.json"
    lines = [f"report: {page}" if page.is_file() else f"run: {folder}"]
    facts = json.loads(bundle.read_text(encoding="utf-8")) if bundle.is_file() else {}
    if facts.get("kind") == "voice":
        where = os.path.relpath(folder) if folder.is_relative_to(Path.cwd()) else str(folder)
        text = SENTENCES.get((facts.get("frontend") or {}).get("language", ""), SENTENCES["en"])
        words = ["python", "-m", "sovits_lab", "synthesize", f"bundle={where}", f"text={text}", "out=x.wav"]
        lines.append(f"speak: {shlex.join([*words, *_who_and_how(facts)])}")
    if in_full is not None:
        lines.append(f"in full: python -m sovits_lab train experiment={in_full}")
    return lines


def _who_and_how(facts: Mapping[str, Any]) -> list[str]:
    """Words of a command that name a speaker and an emotion of a voice; a clip where it has none by name."""
    speakers = sorted(facts.get("speakers", ()))
    who = [] if len(speakers) == 1 else [f"speaker={speakers[0] if speakers else 'CLIP'}"]
    labels = sorted({label for part in facts.get("emotions", {}).values() for label in part})
    if "emotion" in facts["accepts"] and labels:
        moved = [label for label in labels if label != "neutral"]
        return [*who, f"emotion={'sad' if 'sad' in moved else (moved or labels)[0]}"]
    return [*who, "style=CLIP"] if "style" in facts["accepts"] else who


def loggers(nodes: Mapping[str, Any]) -> list[RunLogger]:
    """Return the loggers of `logger=`, by name.

    Raises:
        InputError: no node, or a key that a logger does not take.
    """
    chosen = {name: node for name, node in nodes.items() if node is not None}
    for name, node in chosen.items():
        if not isinstance(node, Mapping) or "_target_" not in node:
            raise got(f"logger.{name}", node, "a node with _target_, as in conf/logger")
        check_node(node, f"logger.{name}")
    try:
        return [instantiate(node, _convert_="all") for node in chosen.values()]
    except InstantiationException as error:
        cause = error.__cause__
        raise (
            cause if isinstance(cause, InputError) else InputError(f"logger: {' '.join(str(error).split())}")
        ) from error


def _complain(console: Console, text: str, status: int) -> int:
    console.print(f"error: {text}", markup=False, highlight=False, soft_wrap=True)
    return status
