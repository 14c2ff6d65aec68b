"""The loop of a sweep's command: start what is missing, see what ends, tell it at once."""

from __future__ import annotations

import time
from typing import Protocol

from rich.console import Console

from sovits_lab.pipeline.progress import duration
from sovits_lab.pipeline.signals import Interrupts
from sovits_lab.sweeps.launcher import SweepLauncher
from sovits_lab.sweeps.manifest import Manifest, State, SweepArm, SweepJob

GRACE_SECONDS = 60.0  # the runner gives its stages 30 to save
LOG_LINES = 10


class JobSource(Protocol):
    """Where the arms come from: a list, or a search that learns from those that are over."""

    def next(self) -> SweepArm | None:
        """Return an arm to run now; None when there is none now. The job may be done, or under way, already."""

    def hopeless(self, job: SweepJob) -> bool:
        """Return whether a running job should be ended early."""

    def over(self, job: SweepJob) -> None:
        """Note that a job has ended, well or not."""

    def remaining(self) -> int:
        """Count the arms that are still to come, as far as is known."""


class Conductor:
    """Runs a sweep.

    Args:
        manifest: of the sweep's folder.
        source: gives the arms.
        launcher: runs them.
        fail_fast: stop everything when a job has failed.
    """

    def __init__(
        self, manifest: Manifest, source: JobSource, launcher: SweepLauncher, console: Console, fail_fast: bool = False
    ):
        self.manifest, self.source, self.launcher = manifest, source, launcher
        self.console, self.fail_fast = console, fail_fast
        self.live: dict[str, int] = {}  # key -> attempts before this command started it; -1: another command has
        self.again: list[SweepArm] = []
        self.ended: dict[str, State] = {}
        self._hopeless: set[str] = set()

    def run(self) -> bool:
        """Run all arms; gives whether all are well.

        Raises:
            Stopped: a signal came; the jobs have been stopped.
        """
        with Interrupts():
            try:
                while self._fill() or self.live:
                    time.sleep(self.launcher.poll)
                    self._look()
                    if self.fail_fast and State.FAILED in self.ended.values():
                        break
            finally:
                self._stop_all()
        return all(state in (State.DONE, State.PRUNED) for state in self.ended.values())

    def _fill(self) -> bool:
        """Start arms while there is room; gives whether any was there to be started."""
        jobs: list[SweepJob] = []
        while len(self.live) < self.launcher.slots:
            arm = self.again.pop() if self.again else self.source.next()
            if arm is None:
                break
            job = self.manifest.jobs[arm.key]
            if arm.key in self.live:
                continue
            if job.state in (State.DONE, State.PRUNED):
                self.ended[arm.key] = job.state
                self._say(job, f"{job.state} already")
                self.source.over(job)
            elif self.launcher.alive(self.manifest, job):
                self.live[arm.key] = -1
                self._say(job, f"under way already ({job.slurm or job.pid} on {job.host or 'the queue'})")
            else:
                self.live[arm.key] = job.attempts
                jobs.append(job)
        if jobs:
            self.launcher.start(self.manifest, jobs)
        for job in jobs:
            self._say(job, f"{'goes on' if job.attempts else 'started'}, log {self.manifest.log(job.arm.key)}")
        return bool(jobs)

    def _look(self) -> None:
        self.manifest.refresh()
        for key in list(self.live):
            job = self.manifest.jobs[key]
            if job.state is not State.DONE and self.launcher.alive(self.manifest, job):
                if key not in self._hopeless and self.source.hopeless(job):
                    self._hopeless.add(key)
                    self.launcher.stop(self.manifest, [job])
                continue
            self.manifest.refresh()  # it may have written its last word after the first look
            self._finish(job)

    def _finish(self, job: SweepJob) -> None:
        """A process is gone: settle the state of its job."""
        key = job.arm.key
        before = self.live.pop(key)
        waiting = job.state is State.PENDING and not job.text
        silent = job.state is State.RUNNING or (waiting and (before < 0 or job.attempts == before))
        if key in self._hopeless and job.state is not State.DONE:
            self.manifest.note(key, State.PRUNED, status=job.status, text="no better than others")
        elif silent and before < 0:  # another command or sweep started it: run again, it finds the result
            self.again.append(job.arm)
            return
        elif silent:
            self.manifest.note(key, State.FAILED, status=None, text="its process ended without a word")
        self.ended[key] = job.state
        self.source.over(job)
        self._report(job)

    def _report(self, job: SweepJob) -> None:
        took = f" in {duration(job.seconds() or 0)}"
        if job.state is State.FAILED:
            log = self.manifest.log(job.arm.key)
            self._say(job, f"FAILED{took}: {job.text}, log {log}")
            for line in _tail(log.read_text(errors="replace") if log.is_file() else ""):
                self.console.print(f"    {line}", markup=False, highlight=False, soft_wrap=True)
        else:
            word = {State.DONE: "done", State.PRUNED: "pruned"}.get(job.state, job.text or "stopped")
            self._say(job, word + took)

    def _say(self, job: SweepJob, text: str) -> None:
        settled = len(self.ended)
        total = settled + len(self.live) + len(self.again) + self.source.remaining()
        self.console.print(
            f"[{settled}/{total}] {job.arm.label}: {text}", markup=False, highlight=False, soft_wrap=True
        )

    def _stop_all(self) -> None:
        """End what still runs: politely, so that training stages save, then not."""
        jobs = [self.manifest.jobs[key] for key in self.live]
        if not jobs:
            return
        self.launcher.stop(self.manifest, jobs)
        deadline = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < deadline and any(self.launcher.alive(self.manifest, job) for job in jobs):
            time.sleep(self.launcher.poll)
        self.launcher.kill(self.manifest, jobs)
        self.manifest.refresh()
        for job in jobs:
            del self.live[job.arm.key]
            if job.state is State.RUNNING:
                self.manifest.note(job.arm.key, State.PENDING, status=None, text="stopped")
            self.ended[job.arm.key] = job.state
            self._report(job)


def _tail(log: str) -> list[str]:
    """The end of the log, of the last attempt only."""
    lines = log.rpartition("\n== attempt")[2].splitlines()[1:] if "== attempt" in log else log.splitlines()
    return [line for line in lines if line.strip()][-LOG_LINES:]
