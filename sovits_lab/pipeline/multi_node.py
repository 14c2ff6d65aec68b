"""One run over several tasks: task 0 leads, the others lend their devices to each stage that is trained together.

The leader runs the chain as if it were alone. A follower runs no stage of its own, no logger and no display: it waits
at the leader's store for orders, starts its ranks of a stage, and ends when the leader says so or is gone. The store is
torch's `TCPStore`, which asks nobody who he is: the tasks' network must be one of trust.
"""

from __future__ import annotations

import json
import signal
import socket
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from sovits_lab.pipeline.distributed import Tasks
from sovits_lab.pipeline.plan import Plan
from sovits_lab.pipeline.progress import Display
from sovits_lab.pipeline.signals import STOPPING
from sovits_lab.pipeline.stage_process import StageJob
from sovits_lab.pipeline.workers import Failure, StageError, Team, server

POLL_SECONDS = 0.2
LOOK_SECONDS = 0.02
# A follower that has given no sign of life for so long is taken for lost.
SILENCE_SECONDS = 30.0
GRACE_SECONDS = 30.0


class NodeGroup:
    """The tasks beside the leader. Here: none."""

    def start(self, job: StageJob) -> None:
        """Have every follower start its ranks of a stage."""

    def stop(self, stage: str) -> None:
        """Have the ranks of a stage end; those that train save first."""

    def failures(self, stage: str) -> list[Failure]:
        """Return the failures of followers' ranks of a stage, or of followers themselves."""
        return []

    def asked(self) -> int:
        """Return the signal that has come to a follower, 0 for none."""
        return 0

    def dismiss(self) -> None:
        """Say that the run is over."""


def gather_nodes(plan: Plan, display: Display) -> NodeGroup:
    """Wait for the followers of a run that has some.

    Raises:
        StageError: the port is taken, a task is missing after `trainer.timeout` seconds, or runs something else.
    """
    if plan.tasks.size == 1:
        return NodeGroup()
    return Leader(plan.tasks, card(plan), plan.config["trainer"]["timeout"], display)


def card(plan: Plan) -> dict[str, str]:
    """Return what must be the same in all tasks."""
    import torch

    return {"run": plan.digest[:12], "torch": torch.__version__, "runs": str(plan.runs)}


class Leader(NodeGroup):
    """Task 0's side of the store.

    Args:
        tasks: this one is the first.
        expected: what the followers' cards must say.
        timeout: seconds to wait for them.
        display: is told who has come.
    """

    def __init__(self, tasks: Tasks, expected: dict[str, str], timeout: float, display: Display):
        from torch.distributed import TCPStore  # type: ignore[attr-defined]  # as documented

        self.tasks, self.orders, self.failures_read = tasks, 0, 0
        self.found: dict[str, list[Failure]] = {}
        self.signs = {index: (0, time.monotonic()) for index in range(1, tasks.size)}
        listener = _listen(tasks.port)
        self.store = TCPStore(
            "127.0.0.1",
            tasks.port,
            is_master=True,
            wait_for_workers=False,
            timeout=timedelta(seconds=timeout),
            master_listen_fd=listener.detach(),
        )
        hosts = self._welcome(expected, timeout)
        display.say("tasks", f"{tasks.size} tasks: this one and {', '.join(hosts)}")

    def _welcome(self, expected: dict[str, str], timeout: float) -> list[str]:
        deadline, hosts = time.monotonic() + timeout, []
        for index in range(1, self.tasks.size):
            if not _wait(self.store, f"card/{index}", max(0.1, deadline - time.monotonic())):
                missing = [k for k in range(1, self.tasks.size) if not self.store.check([f"card/{k}"])]
                raise StageError(
                    f"tasks {missing} of {self.tasks.size} have not come to {socket.gethostname()}:{self.tasks.port} "
                    f"within {timeout:g} s: were they started, and can they reach this host and port?"
                )
            theirs = json.loads(self.store.get(f"card/{index}"))
            host = theirs.pop("host")
            wrong = [
                f"{key} is {theirs[key]}, here {expected[key]}" for key in expected if theirs[key] != expected[key]
            ]
            if wrong:
                self.dismiss()
                raise StageError(f"task {index} on {host} runs something else: {'; '.join(wrong)}")
            hosts.append(f"{index} on {host}")
        return hosts

    def start(self, job: StageJob) -> None:
        """See `NodeGroup`."""
        self.found.pop(job.name, None)
        self._order("start", job=asdict(job))

    def stop(self, stage: str) -> None:
        """See `NodeGroup`."""
        self._order("stop", stage=stage)

    def failures(self, stage: str) -> list[Failure]:
        """See `NodeGroup`."""
        for number in range(self.failures_read, self.store.add("failures", 0)):
            if _wait(self.store, f"failure/{number}", 5.0):
                failure = json.loads(self.store.get(f"failure/{number}"))
                self.found.setdefault(failure["stage"], []).append(Failure(failure["status"], failure["text"]))
            self.failures_read = number + 1
        return self.found.get(stage, []) + self._silent()

    def _silent(self) -> list[Failure]:
        gone = []
        for index, (last, since) in self.signs.items():
            beats = self.store.add(f"beats/{index}", 0)
            if beats != last:
                self.signs[index] = (beats, time.monotonic())
            elif time.monotonic() - since > SILENCE_SECONDS:
                gone.append(Failure(None, f"task {index} has given no sign of life for {SILENCE_SECONDS:g} s"))
        return gone

    def asked(self) -> int:
        """See `NodeGroup`."""
        return int(self.store.get("signal")) if self.store.check(["signal"]) else 0

    def dismiss(self) -> None:
        """See `NodeGroup`; the store lives until everybody has heard it, for a while."""
        self._order("end")
        deadline = time.monotonic() + GRACE_SECONDS
        for index in range(1, self.tasks.size):
            if self.store.check([f"card/{index}"]) and time.monotonic() - self.signs[index][1] < SILENCE_SECONDS:
                _wait(self.store, f"left/{index}", max(0.1, deadline - time.monotonic()))

    def _order(self, kind: str, **content: Any) -> None:
        self.store.set(f"order/{self.orders}", json.dumps({"kind": kind, **content}))
        self.orders += 1


class Follower:
    """A task that is not the first.

    Args:
        plan: the run's, made from the same command.
    """

    def __init__(self, plan: Plan):
        self.plan, self.tasks, self.context = plan, plan.tasks, server(plan.stages.values())  # quietens torch, too

        from torch.distributed import TCPStore  # type: ignore[attr-defined]  # as documented

        self.teams: dict[str, Team] = {}
        self.asked = 0
        timeout = plan.config["trainer"]["timeout"]
        where = f"{self.tasks.address}:{self.tasks.port}"
        try:
            self.store = TCPStore(
                self.tasks.address, self.tasks.port, is_master=False, timeout=timedelta(seconds=timeout)
            )
        except RuntimeError as error:
            raise StageError(
                f"task {self.tasks.index} on {socket.gethostname()}: no leader at {where} within {timeout:g} s: does "
                f"task 0 run there, and is the port open to this host? ({_first(error)})"
            ) from error
        self.store.set(f"card/{self.tasks.index}", json.dumps(card(plan) | {"host": socket.gethostname()}))

    def run(self) -> None:
        """Serve until the leader ends the run.

        Raises:
            StageError: the leader is gone.
        """
        for number in STOPPING:
            signal.signal(number, self._pass_on)
        done = 0
        try:
            while True:
                self.store.add(f"beats/{self.tasks.index}", 1)
                if _wait(self.store, f"order/{done}", POLL_SECONDS):
                    order = json.loads(self.store.get(f"order/{done}"))
                    done += 1
                    if order["kind"] == "end":
                        break
                    self._obey(order)
                self._watch()
                if self.asked:
                    self.store.set("signal", str(self.asked))
            _kill(self.teams.values())
            self.store.set(f"left/{self.tasks.index}", "1")
        except RuntimeError as error:
            raise StageError(f"task {self.tasks.index}: the leader is gone ({_first(error)})") from error
        finally:
            _kill(self.teams.values())

    def _obey(self, order: dict[str, Any]) -> None:
        if order["kind"] == "stop":
            team = self.teams.get(order["stage"], Team())
            team.terminate()
            return
        job = StageJob(**order["job"])
        self.teams[job.name] = Team()
        self.teams[job.name].start(job, range(self.plan.devices), self.tasks, self.context)

    def _watch(self) -> None:
        """Tell the leader of ranks that failed, and forget stages that are over."""
        for stage, team in list(self.teams.items()):
            over = not team.alive
            for _ in team.messages():
                pass  # other ranks have nothing to say but how they ended
            failures = team.failures()
            for failure in failures:
                number = self.store.add("failures", 1) - 1
                self.store.set(f"failure/{number}", json.dumps({"stage": stage, **failure._asdict()}))
            if failures or over:
                team.kill()
                del self.teams[stage]

    def _pass_on(self, number: int, frame: object) -> None:
        """Ranks agree with those of other tasks on saving; this task stays until the leader ends the run.

        A signal may come to this task alone, and at a time when nothing is trained: the leader is told.
        """
        self.asked = self.asked or number
        for team in self.teams.values():
            team.terminate()


def follow(plan: Plan) -> None:
    """Be a follower, to the end of the run. See `Follower`."""
    sys.stdout.flush()
    Follower(plan).run()


def _kill(teams: Iterable[Team]) -> None:
    for team in teams:
        team.kill()


def _listen(port: int) -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("", port))
    except OSError as error:
        raise StageError(
            f"port {port} of {socket.gethostname()}, where the tasks meet, cannot be opened ({error.strerror}): "
            f"another run's leader? Give another by MASTER_PORT, or in SOVITS_LAB_LEADER"
        ) from error
    listener.listen()
    return listener


def _wait(store: Any, key: str, seconds: float) -> bool:
    """Whether the key is there, now or within so long."""
    deadline = time.monotonic() + seconds
    while not store.check([key]):  # its own `wait` complains of every timeout in the log
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True


def _first(error: BaseException) -> str:
    return str(error).splitlines()[0]
