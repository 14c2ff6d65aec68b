"""`hydra/launcher=slurm_array`: jobs as arrays of Slurm.

The keys are those of hydra-submitit-launcher where it has them, but nothing of it runs here: it would run the job in a
process of its own making, take its result from a pickle, and answer the signals that are the job's to answer. Here a
job is a line of a batch script, and Slurm's queue says whether it is under way; so a job that is preempted and put back
into the queue is waited for, and nothing depends on accounting.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sovits_lab.sweeps.launcher import SweepLauncher
from sovits_lab.sweeps.manifest import Manifest, State, SweepJob
from sovits_lab.sweeps.processes import ROOT
from sovits_lab.types import InputError


class Slurm(SweepLauncher):
    """Submits one array for all jobs that can start.

    Args:
        array_parallelism: jobs that may run at once.
        cpus_per_task: cores of a job; its stages share them.
        signal_delay_s: seconds before the end of its time at which a job is told to save and requeue.
        setup: lines of shell before the job, such as `module load cuda`.
        additional_parameters: further options of sbatch, by their long names.
        poll_seconds: between two questions to Slurm.
    The others are options of sbatch; null leaves them to the cluster.
    """

    def __init__(
        self,
        array_parallelism: int,
        cpus_per_task: int | None = None,
        gpus_per_node: int | str | None = None,
        mem_gb: float | None = None,
        timeout_min: int | None = None,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        constraint: str | None = None,
        signal_delay_s: int = 120,
        setup: Sequence[str] = (),
        additional_parameters: Mapping[str, Any] | None = None,
        poll_seconds: float = 5.0,
    ):
        self.slots, self.poll, self.cores, self.setup_lines = (
            array_parallelism,
            poll_seconds,
            cpus_per_task,
            list(setup),
        )
        self.options: dict[str, Any] = {
            "cpus-per-task": cpus_per_task,
            "gpus-per-node": gpus_per_node,
            "mem": None if mem_gb is None else f"{round(mem_gb * 1024)}M",
            "time": timeout_min,
            "partition": partition,
            "account": account,
            "qos": qos,
            "constraint": constraint,
            "signal": f"B:USR1@{signal_delay_s}",
            **dict(additional_parameters or {}),
        }
        self._queue: tuple[float, frozenset[str] | None] = (0.0, None)

    def start(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`."""
        keys = [job.arm.key for job in jobs]
        manifest.log("").parent.mkdir(parents=True, exist_ok=True)
        script = manifest.folder / "slurm" / f"{time.strftime('%Y%m%d-%H%M%S')}-{keys[0]}.sh"
        script.parent.mkdir(exist_ok=True)
        script.write_text(self.script(manifest, keys), encoding="utf-8")
        number = _slurm("sbatch", "--parsable", str(script)).partition(";")[0]
        for index, key in enumerate(keys):
            manifest.note(key, State.PENDING, slurm=f"{number}_{index}")
        self._queue = (0.0, None)

    def script(self, manifest: Manifest, keys: Sequence[str]) -> str:
        """Return the batch script of an array, a task for each key."""
        options = {
            "job-name": f"{manifest.folder.parent.name}-{manifest.folder.name}",
            "array": f"0-{len(keys) - 1}%{self.slots}",
            "output": str(manifest.folder / "slurm" / "%A_%a.out"),
            "open-mode": "append",
            "requeue": True,
            **self.options,
        }
        lines = [
            f"#SBATCH --{k}" + ("" if v is True else f"={v}") for k, v in options.items() if v not in (None, False)
        ]
        job = [sys.executable, "-m", "sovits_lab.sweeps.job", str(manifest.folder)]
        cores = [] if self.cores is None else [f"trainer.cores={self.cores}"]
        logs = shlex.quote(str(manifest.log("").parent))
        return "\n".join([
            "#!/bin/bash",
            *lines,
            f"keys=({' '.join(keys)})",
            "key=${keys[$SLURM_ARRAY_TASK_ID]}",
            f"cd {shlex.quote(str(ROOT))}",
            *self.setup_lines,
            f'exec {shlex.join(job)} "$key" {shlex.join([self.program.argument(), *cores])} >> {logs}/$key.log 2>&1',
            "",
        ])  # fmt: skip

    def alive(self, manifest: Manifest, job: SweepJob) -> bool:
        """See `SweepLauncher`; what Slurm has in its queue, running or waiting, also to begin once more."""
        if job.slurm is None:
            return False
        queue = self._in_queue()
        return queue is None or job.slurm in queue

    def stop(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`: those that run are told, those that wait leave the queue."""
        running = [job.slurm for job in jobs if job.slurm and job.state is State.RUNNING]
        waiting = [job.slurm for job in jobs if job.slurm and job.state is not State.RUNNING]
        if waiting:
            _slurm("scancel", *waiting)
        if running:
            _slurm("scancel", "--batch", "--signal=INT", *running)

    def kill(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`."""
        left = [job.slurm for job in jobs if job.slurm and self.alive(manifest, job)]
        if left:
            _slurm("scancel", *left)

    def _in_queue(self) -> frozenset[str] | None:
        """Ids of my jobs that are not over; None when Slurm does not answer, which says nothing about them."""
        when, queue = self._queue
        if time.monotonic() - when >= self.poll or queue is None:
            try:
                lines = _slurm("squeue", "--me", "--array", "--noheader", "--format=%i").splitlines()
            except InputError:
                return None
            queue = frozenset(lines)  # also those that are completing: one that is queued again is so first
            self._queue = (time.monotonic(), queue)
        return queue


def _slurm(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)  # noqa: S603
    except FileNotFoundError as error:
        raise InputError(f"{command[0]}: not found: is Slurm installed here?") from error
    except subprocess.TimeoutExpired as error:
        raise InputError(f"{command[0]}: no answer within 60 s") from error
    if done.returncode:
        raise InputError(f"{command[0]}: {done.stderr.strip()}")
    return done.stdout.strip()
