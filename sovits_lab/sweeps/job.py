"""`python -m sovits_lab.sweeps.job FOLDER KEY PROGRAM [OVERRIDE ...]`: run one job of a sweep and record its end.

Every launcher starts this program, and it starts `train.py` in a fresh interpreter. It holds the job's lock, and hands
it to `train.py`, so that a job is never run twice at once; it passes signals on; and it knows the exit status also of a
process that was killed, whether or not the command of the sweep is still there to see it.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sovits_lab.pipeline.requeue import slurm_job
from sovits_lab.sweeps.launcher import Program
from sovits_lab.sweeps.locks import held
from sovits_lab.sweeps.manifest import Manifest, State

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class SignalRelay:
    """Passes signals on to a child, also those that come before there is one."""

    def __init__(self) -> None:
        self.received: list[int] = []
        self.child: subprocess.Popen[bytes] | None = None
        for number in PASSED_ON:
            signal.signal(number, self._take)

    def _take(self, number: int, frame: object) -> None:
        self.received.append(number)
        if self.child is not None:
            self.child.send_signal(number)

    def run(self, command: list[str], folder: str, lock: int) -> int:
        """Run the command and return its exit status, 128 + n when signal n ended it."""
        if self.received:
            return 128 + self.received[-1]
        child = subprocess.Popen(command, cwd=folder, pass_fds=[lock], stdin=subprocess.DEVNULL)  # noqa: S603
        early, self.child = list(self.received), child
        for number in early:
            child.send_signal(number)
        status = child.wait()
        return status if status >= 0 else 128 - status


def main(argv: list[str]) -> int:
    """Run the job, unless it is done by now."""
    relay = SignalRelay()
    manifest, key, program = Manifest(Path(argv[0])), argv[1], Program.of_argument(argv[2])
    with held(manifest.lock(key)) as lock:
        manifest.refresh()
        job = manifest.jobs[key]
        if job.state is State.DONE:
            return 0
        host, gpus = os.uname().nodename, os.environ.get("CUDA_VISIBLE_DEVICES")
        where = {"pid": os.getpid(), "host": host, "slurm": slurm_job(os.environ), "gpus": gpus}
        manifest.note(key, State.RUNNING, **where)
        overrides = [f"sweep.id={manifest.folder.name}", *argv[3:], *job.arm.overrides]
        command = [*program.command, *overrides]
        print(f"== attempt {job.attempts}, {time.strftime('%F %T')}, {host}: {' '.join(command)}", flush=True)
        status = relay.run(command, program.folder, lock)
        manifest.note(key, _state(status, relay.received), status=status, text=_reason(status, relay.received))
    return status


def _state(status: int, received: list[int]) -> State:
    """One that was asked to stop is not a failure: it goes on from where it is."""
    if status == 0:
        return State.DONE
    return State.PENDING if received else State.FAILED


def _reason(status: int, received: list[int]) -> str:
    if status == 0:
        return ""
    if received:
        return f"stopped by {signal.Signals(received[0]).name}"
    if status > 128 and status - 128 in signal.valid_signals():
        name = signal.Signals(status - 128).name
        return f"ended by {name}" + (" (out of memory?)" if name == "SIGKILL" else "")
    return f"exit status {status}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
