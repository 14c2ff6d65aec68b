"""What becomes of a run that was asked to stop: on a Slurm cluster it is queued again, elsewhere it ends.

Slurm counts a job whose processes end in time as finished, preempted or not, so the job itself must ask to be queued
again. It asks once everything is saved, and only while Slurm still counts it as running: once the user has cancelled
it, its time is over, or Slurm has queued it again already, its state is another.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping

from sovits_lab.pipeline.signals import PREEMPTING, ignore

GO_ON = "the same command goes on from here"
# Slurm ends a job within seconds of queueing it again; `KillWait` (30 s) later it kills.
END_SECONDS = 120.0
CALL_SECONDS = 60.0


def after_stop(number: int) -> str:
    """Queue the job again where that is right, and then wait for Slurm to end it; else say how the run goes on."""
    ignore(*PREEMPTING)
    job = slurm_job(os.environ)
    if job is None or number not in PREEMPTING:
        return GO_ON
    state = _state(job)
    if state != "RUNNING":
        return f"Slurm says {state or 'nothing'} of job {job}, so it is not queued again; {GO_ON}"
    ending: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: ending.append(number))
    trouble = _scontrol("requeue", job)
    if isinstance(trouble, Exception):
        return f"job {job} could not be queued again ({trouble}); {GO_ON}"
    deadline = time.monotonic() + END_SECONDS
    while not ending and time.monotonic() < deadline:
        time.sleep(0.05)
    return f"everything is saved, and job {job} is queued again"


def slurm_job(environment: Mapping[str, str]) -> str | None:
    """Name this batch job, for an array's task `<array>_<task>`: the array's own number would mean all tasks."""
    if "SLURM_ARRAY_JOB_ID" in environment and "SLURM_ARRAY_TASK_ID" in environment:
        return f"{environment['SLURM_ARRAY_JOB_ID']}_{environment['SLURM_ARRAY_TASK_ID']}"
    return environment.get("SLURM_JOB_ID")


def _state(job: str) -> str | None:
    shown = _scontrol("show", "job", job, "--oneliner")
    if isinstance(shown, Exception):
        return None
    fields = dict(word.split("=", 1) for word in shown.split() if "=" in word)
    return fields.get("JobState") if fields.get("BatchFlag") == "1" else "no batch job"


def _scontrol(*arguments: str) -> str | Exception:
    try:
        done = subprocess.run(  # noqa: S603  fixed words and a job's number, no shell
            ["scontrol", *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            timeout=CALL_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return error
    return done.stdout if done.returncode == 0 else RuntimeError(done.stderr.strip())
