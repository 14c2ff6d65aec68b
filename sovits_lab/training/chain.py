"""Run a plan: each stage in a fresh process, independent stages side by side, one writer to the terminal."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from multiprocessing import connection, forkserver
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Any

from sovits_lab.nn.threads import spin_briefly
from sovits_lab.training import child
from sovits_lab.training.environment import devices, environment
from sovits_lab.training.fingerprint import targets
from sovits_lab.training.plan import Plan, StageSpec
from sovits_lab.training.progress import Display, duration
from sovits_lab.training.run_folder import RunFolder, stage_media, stage_metrics
from sovits_lab.training.sinks import SWEEP_VARIABLE, Relay, RunInfo, Sink
from sovits_lab.training.validation import check_stage
from sovits_lab.types import InputError

LOG_LINES = 15
GRACE_SECONDS = 30.0
PRELOAD_VARIABLE = "SOVITS_LAB_PRELOAD"


class StageError(RuntimeError):
    """A stage ended without its result; the message is what the user needs to see."""


class Stopped(BaseException):
    """The command was asked to end by a signal."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


class Running:
    """A stage's process and the runner's end of its pipe."""

    def __init__(self, spec: StageSpec, plan: Plan, context: ForkServerContext):
        self.spec, self.begun = spec, time.monotonic()
        self.pipe, theirs = context.Pipe()
        self.result: dict[str, Any] | None = None
        self.process: ForkServerProcess = context.Process(target=child.work, args=(_job(spec, plan), theirs))
        self.process.start()
        theirs.close()

    def messages(self) -> Iterator[dict[str, Any]]:
        """What has come in; the last one is the result."""
        try:
            while self.pipe.poll():
                yield json.loads(self.pipe.recv_bytes())
        except (EOFError, OSError):
            return

    @property
    def log(self) -> Path:
        """Where the process's own output lies now."""
        finished = self.spec.folder / child.LOG
        return finished if finished.exists() else self.spec.partial / child.LOG


class Chain:
    """Runs the stages of a plan that are not there yet.

    Args:
        plan: what to run.
        display: the terminal.
        sinks: the loggers.
    """

    def __init__(self, plan: Plan, display: Display, sinks: Iterable[Sink] = ()):
        self.plan, self.display = plan, display
        self.relay = Relay(sinks, lambda text: display.say("logger", text))
        self.run_folder = RunFolder(plan)
        # What most others wait for goes first.
        self.order = sorted(plan.stages, key=lambda name: -plan.followers(name))
        self.running: dict[str, Running] = {}
        self.done = {name for name, spec in plan.stages.items() if spec.folder.exists()}

    def run(self) -> None:
        """Bring every stage of the plan into being and publish the run folder.

        Raises:
            InputError: the configuration or a stage's input is wrong.
            StageError: a stage failed.
            Stopped: a signal came; what is half done stays, to be continued.
        """
        status = 1
        with _signals():
            try:
                self._run()
                status = 0
            except Stopped as stop:
                status = 128 + stop.number
                raise
            finally:
                self._stop_all()
                self.relay.close(status)

    def _run(self) -> None:
        context = self._context()
        found = environment() | {"seed": self.plan.config["seed"]}
        if len(self.done) < len(self.plan.stages):
            found["devices"] = preflight(self.plan, context)
        self.run_folder.begin(found)
        self.relay.open(self._info(found))
        self._replay()
        try:
            while len(self.done) < len(self.plan.stages):
                self._start_ready(context)
                self._listen()
        finally:
            self.run_folder.publish()

    def _context(self) -> ForkServerContext:
        context = multiprocessing.get_context("forkserver")
        modules = {t.rpartition(".")[0] for spec in self.plan.stages.values() for t in targets(spec.node)}
        spin_briefly()
        os.environ[PRELOAD_VARIABLE] = ":".join(sorted(modules))
        context.set_forkserver_preload(["sovits_lab.training.preload"])
        if len(self.done) < len(self.plan.stages):
            forkserver.ensure_running()  # imports while the runner goes on
        return context

    def _info(self, found: Mapping[str, Any]) -> RunInfo:
        digests = {name: spec.digest for name, spec in self.plan.stages.items()}
        sweep = os.environ.get(SWEEP_VARIABLE, "")
        plan = self.plan
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
                self.running[name] = Running(spec, self.plan, context)

    def _listen(self) -> None:
        waiting: list[Any] = [each.pipe for each in self.running.values()]
        waiting += [each.process.sentinel for each in self.running.values()]
        connection.wait(waiting, timeout=1.0)
        for name, each in list(self.running.items()):
            ended = not each.process.is_alive()  # asked before reading, so that no last message is lost
            for message in each.messages():
                self._take(name, each, message)
            if ended:
                self._finish(name, each)
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
        else:
            each.result = message

    def _finish(self, name: str, each: Running) -> None:
        del self.running[name]
        each.pipe.close()
        status = (each.result or {}).get("status")
        seconds = duration(time.monotonic() - each.begun)
        if status not in ("done", "reused"):
            self.display.end(name, f"failed after {seconds}")
            raise _failure(name, each)
        self._send_recorded(each.spec)  # of a stage that another run has built; of our own it has heard all
        self.display.end(name, f"{'done' if status == 'done' else 'built by another run'} in {seconds}")
        self.done.add(name)
        self.run_folder.gather()

    def _stop_all(self) -> None:
        """End what still runs: politely, so that a training stage can save, then not."""
        for each in self.running.values():
            each.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for name, each in self.running.items():
            each.process.join(max(0.1, deadline - time.monotonic()))
            if each.process.is_alive():
                each.process.kill()
                each.process.join()
            self.display.end(name, "stopped; the same command goes on from here")
        self.running.clear()
        self.display.close()


def preflight(plan: Plan, context: ForkServerContext) -> Mapping[str, Any]:
    """Check all targets in a process of their own (they import everything) and ask torch for the devices.

    Raises:
        InputError: the first wrong key.
    """
    ours, theirs = context.Pipe()
    stages = [(name, dict(spec.node), dict(spec.runtime)) for name, spec in plan.stages.items()]
    process = context.Process(target=_check, args=(stages, dict(plan.raw), theirs))
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
    stages: list[tuple[str, dict[str, Any], dict[str, Any]]], raw: dict[str, Any], pipe: connection.Connection
) -> None:
    try:
        for name, node, runtime in stages:
            check_stage(name, node, raw, runtime)
    except InputError as error:
        pipe.send_bytes(json.dumps({"error": str(error)}).encode())
    else:
        pipe.send_bytes(json.dumps({"devices": devices()}).encode())


def _job(spec: StageSpec, plan: Plan) -> child.Job:
    job = child.Job(
        name=spec.name,
        node=dict(spec.node),
        inputs={name: str(plan.stages[name].folder) for name in spec.inputs},
        input_digests={name: plan.stages[name].digest for name in spec.inputs},
        runtime=dict(spec.runtime),
        digest=spec.digest,
        folder=str(spec.folder),
        lock=str(plan.runs / "stages" / ".locks" / spec.folder.name),
    )
    json.dumps(asdict(job))  # only plain types cross to another process
    return job


def _failure(name: str, each: Running) -> Exception:
    result = each.result or {}
    if result.get("status") == "input":
        return InputError(f"{name}: {result['text']}")
    if result.get("status") == "disk":
        return StageError(f"{name}: {result['text']}")
    code = each.process.exitcode or 0
    if code < 0:
        reason = f"ended by {signal.Signals(-code).name}"
        reason += " (out of memory?)" if -code == signal.SIGKILL else ""
    else:
        reason = result.get("text") or f"ended with exit status {code} and no word"
    tail = each.log.read_text(errors="replace").splitlines()[-LOG_LINES:] if each.log.is_file() else []
    return StageError("\n".join([f"{name}: {reason}", *(f"    {line}" for line in tail), f"log: {each.log}"]))


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into `Stopped`, once; a second one while stopping changes nothing."""

    def stop(number: int, frame: object) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    with ExitStack() as stack:
        for number in (signal.SIGINT, signal.SIGTERM):
            stack.callback(signal.signal, number, signal.signal(number, stop))
        yield


def _short(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
