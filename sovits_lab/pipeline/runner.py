"""Run a plan: each stage in a fresh process, independent stages side by side, one writer to the terminal."""

from __future__ import annotations

import json
import re
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from multiprocessing import connection
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from sovits_lab.options import refusal
from sovits_lab.pipeline import stage_process as child
from sovits_lab.pipeline.distributed import RankInfo
from sovits_lab.pipeline.environment import devices, environment
from sovits_lab.pipeline.integrity import damage
from sovits_lab.pipeline.multi_node import NodeGroup, gather_nodes
from sovits_lab.pipeline.plan import Plan, StageSpec
from sovits_lab.pipeline.progress import Display, duration
from sovits_lab.pipeline.run_folder import RunFolder, stage_media, stage_metrics
from sovits_lab.pipeline.run_page import RunPage
from sovits_lab.pipeline.signals import Interrupts, Stopped
from sovits_lab.pipeline.validation import BuiltStage, PlanCheck, check_stage, origin
from sovits_lab.pipeline.workers import Failure, StageError, Team, Worker, server
from sovits_lab.tracking import LoggerRelay, RunInfo, RunLogger
from sovits_lab.types import InputError

GRACE_SECONDS = 30.0


class Running(Team):
    """A stage that runs: its processes here, and those of the other tasks.

    Rank 0 comes first. Once it has the stage's lock it asks for the others and says where it listens.
    """

    def __init__(self, spec: StageSpec, plan: Plan, context: ForkServerContext, crew: NodeGroup):
        super().__init__()
        self.spec, self.plan, self.context, self.crew = spec, plan, context, crew
        self.begun = time.monotonic()
        self.job = _job(spec, plan)
        self.workers.append(Worker(self.job, context))

    @property
    def process(self) -> ForkServerProcess:
        """The process of rank 0, which talks to the runner."""
        return self.workers[0].process

    def complete(self, port: int) -> None:
        """Start the other ranks, here and in the other tasks."""
        job = replace(self.job, world=self.job.world | {"port": port})
        self.start(job, range(1, self.plan.devices), self.plan.tasks, self.context)
        self.crew.start(job)


class PipelineRunner:
    """Runs the stages of a plan that are not there yet.

    Args:
        plan: what to run.
        display: the terminal.
        loggers: the loggers.
        checks: further checks of the whole plan before any compute; functions of modules, as they cross to a process.
    """

    def __init__(
        self, plan: Plan, display: Display, loggers: Iterable[RunLogger] = (), checks: Sequence[PlanCheck] = ()
    ):
        self.plan, self.display, self.crew = plan, display, NodeGroup()
        self.checks = checks
        self.relay = LoggerRelay(loggers, lambda text: display.say("logger", text))
        self.run_folder, self.page, self.interrupts = RunFolder(plan), RunPage(plan), Interrupts()
        self.order = sorted(plan.stages, key=plan.urgency, reverse=True)
        self.running: dict[str, Running] = {}
        self.done = {name for name, spec in plan.stages.items() if spec.folder.exists() and damage(spec.folder) is None}

    def run(self) -> None:
        """Bring every stage of the plan into being and publish the run folder.

        Raises:
            InputError: the configuration or a stage's input is wrong.
            StageError: a stage failed.
            Stopped: a signal came, here or to a stage; what is half done stays, to be continued.
        """
        status = 1
        with self.interrupts:
            try:
                self._run()
                status = 0
            except Stopped as stop:
                status = 128 + stop.number
                raise
            finally:
                with self.interrupts.held():
                    self._stop_all()
                    self.crew.dismiss()
                    self.relay.close(status)

    def _run(self) -> None:
        context = server(spec for name, spec in self.plan.stages.items() if name not in self.done)
        found = environment(self.plan)
        if len(self.done) < len(self.plan.stages):
            found["devices"] = preflight(self.plan, context, self.checks)
        self.crew = gather_nodes(self.plan, self.display)
        self.run_folder.begin(found)
        with self.interrupts.held():
            self.relay.open(self._info(found))
        self._replay()
        if len(self.done) < len(self.plan.stages):
            self.display.say("run", f"sounds and pictures as they come: {_short(self.page.path)}")
        try:
            while len(self.done) < len(self.plan.stages):
                with self.interrupts.held():
                    self._start_ready(context)
                connection.wait([item for each in self.running.values() for item in each.waitables()], timeout=1.0)
                with self.interrupts.held():
                    self._listen()
        finally:
            self.run_folder.publish()
            self.page.write(self.done, ())

    def _info(self, found: Mapping[str, Any]) -> RunInfo:
        digests = {name: spec.digest for name, spec in self.plan.stages.items()}
        plan = self.plan
        sweep = (plan.raw.get("sweep") or {}).get("id") or ""
        return RunInfo(plan.name, plan.digest, self.run_folder.path, plan.config, found, digests, sweep)

    def _replay(self) -> None:
        """Give the loggers what stages have recorded before, finished or half done, by this run or another."""
        for name, spec in self.plan.stages.items():
            if name in self.done:
                self.display.say(name, f"found in {_short(spec.folder)}")
            self._send_recorded(spec)

    def _send_recorded(self, spec: StageSpec) -> None:
        for record in stage_metrics(spec.folder, spec.partial):
            self.relay.metrics(record)
        for message in stage_media(spec.folder, spec.partial):
            self.relay.media(spec.name, message, (spec.folder, spec.partial))
        if spec.folder.exists():
            self.relay.finished(spec.name, spec.folder)

    def _start_ready(self, context: ForkServerContext) -> None:
        for name in self.order:
            spec = self.plan.stages[name]
            ready = name not in self.done and name not in self.running and self.done.issuperset(spec.inputs)
            if ready and len(self.running) < self.plan.parallel:
                self.display.start(name, f"started in {_short(spec.partial)}")
                self.running[name] = Running(spec, self.plan, context, self.crew)

    def _listen(self) -> None:
        for name, each in list(self.running.items()):
            ended = not each.alive  # asked before reading, so that no last message is lost
            for message in each.messages():
                self._take(name, each, message)
            failures = [*each.failures(), *self.crew.failures(name)]
            if failures:
                self._fail(name, each, min(failures, key=lambda failure: failure.innocent))
            if ended:
                self._finish(name, each)
        if asked := self.crew.asked():
            self.interrupts.stop(asked)
        self.display.tick()

    def _take(self, name: str, each: Running, message: dict[str, Any]) -> None:
        kind = message.pop("kind")
        if kind == "progress":
            self.display.progress(name, **message)
        elif kind == "say":
            self.display.say(name, message["text"])
        elif kind == "metrics":
            self.run_folder.append(message["record"])
            self.relay.metrics(message["record"])
        elif kind == "media":
            self.relay.media(name, message, (each.spec.partial, each.spec.folder))
            self.page.write(self.done, self.running)
        elif kind == "ranks":
            each.complete(message["port"])

    def _fail(self, name: str, each: Running, failure: Failure) -> None:
        """End the stage's other processes and say what was wrong with this one."""
        del self.running[name]
        each.kill()
        self.crew.stop(name)
        if failure.status == "stopped":
            self.display.end(name, "stopped; the same command goes on from here")
            self.interrupts.stop(signal.SIGTERM)
        self.display.end(name, f"failed after {duration(time.monotonic() - each.begun)}")
        raise (InputError if failure.status == "input" else StageError)(f"{name}: {failure.text}")

    def _finish(self, name: str, each: Running) -> None:
        del self.running[name]
        each.kill()
        status, seconds = each.workers[0].status, duration(time.monotonic() - each.begun)
        self._send_recorded(each.spec)  # of a stage that another run has built; of our own it has heard all
        self.display.end(name, f"{'done' if status == 'done' else 'built by another run'} in {seconds}")
        self.done.add(name)
        self.run_folder.gather()
        self.page.write(self.done, self.running)

    def _stop_all(self) -> None:
        """End what still runs: politely, so that a training stage can save, then not."""
        for name, each in self.running.items():
            each.terminate()
            self.crew.stop(name)
        deadline = time.monotonic() + GRACE_SECONDS
        for name, each in self.running.items():
            each.end(deadline - time.monotonic())
            self.display.end(name, "stopped; the same command goes on from here")
        self.running.clear()
        self.display.close()


def preflight(plan: Plan, context: ForkServerContext, checks: Sequence[PlanCheck] = ()) -> Mapping[str, Any]:
    """Check all targets in a process of their own (they import everything) and ask torch for the devices.

    Raises:
        InputError: the first wrong key, or all that the corpus lacks.
    """
    ours, theirs = context.Pipe()
    stages = [(name, dict(spec.node), dict(spec.runtime)) for name, spec in plan.stages.items()]
    places = {name: (spec.inputs, spec.folder) for name, spec in plan.stages.items()}
    process = context.Process(target=_check, args=(stages, dict(plan.raw), theirs, places, tuple(checks)))
    process.start()
    theirs.close()
    try:
        answer = json.loads(ours.recv_bytes())
    except EOFError:
        raise StageError("the configuration's check died: see the traceback above") from None
    finally:
        process.join()
    if "error" in answer:
        raise InputError(answer["error"])
    return answer["devices"]


def _check(
    stages: list[tuple[str, dict[str, Any], dict[str, Any]]],
    raw: dict[str, Any],
    pipe: connection.Connection,
    places: Mapping[str, tuple[tuple[str, ...], Path]] | None = None,
    checks: Sequence[PlanCheck] = (),
) -> None:
    try:
        built = {name: check_stage(name, node, raw, runtime) for name, node, runtime in stages}
        for check in checks:
            check({name: BuiltStage(built[name], *place) for name, place in (places or {}).items()}, raw)
    except (InputError, OSError, ModuleNotFoundError) as error:
        if (refused := refusal(error)) is None:
            raise
        pipe.send_bytes(json.dumps({"error": place_refusal(str(refused), raw)}).encode())
    else:
        pipe.send_bytes(json.dumps({"devices": devices()}).encode())


def place_refusal(text: str, raw: Mapping[str, Any]) -> str:
    """Return a stage's refusal, with the key that its constructors name in the place where the user wrote it."""
    return re.sub(r"^(stages\.\w+: )([\w.]+)(?=: )", lambda found: found[1] + origin(_deeper(found[2], raw), raw), text)


def _deeper(key: str, raw: Mapping[str, Any]) -> str:
    """The key within the one node below its own that has it: encoders say `reference.heads`, also inside another."""
    *above, last = key.split(".")
    node: Any = raw
    for part in above:
        node = node.get(part) if isinstance(node, Mapping) else None
    if not above or not isinstance(node, Mapping) or last in node:
        return key
    inside = [name for name, inner in node.items() if isinstance(inner, Mapping) and last in inner]
    return ".".join([*above, inside[0], last]) if len(inside) == 1 else key


def _job(spec: StageSpec, plan: Plan) -> child.StageJob:
    job = child.StageJob(
        name=spec.name,
        node=dict(spec.node),
        inputs={name: str(plan.stages[name].folder) for name in spec.inputs},
        input_digests={name: plan.stages[name].digest for name in spec.inputs},
        runtime=dict(spec.runtime),
        digest=spec.digest,
        folder=str(spec.folder),
        world=asdict(RankInfo(size=spec.world, local=plan.tasks.local * plan.devices, address=plan.tasks.address)),
        lock=str(plan.runs / "stages" / ".locks" / spec.folder.name),
    )
    json.dumps(asdict(job))  # only plain types cross to another process
    return job


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
