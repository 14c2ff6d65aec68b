"""`hydra/launcher=local` and `parallel`: jobs as fresh processes of this machine."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import sovits_lab
from sovits_lab.pipeline.plan import cores
from sovits_lab.sweeps.launcher import SweepLauncher
from sovits_lab.sweeps.locks import is_held
from sovits_lab.sweeps.manifest import Manifest, SweepJob

ROOT = Path(sovits_lab.__file__).parents[1]


class Processes(SweepLauncher):
    """Starts up to `jobs` processes at a time and shares the CPU cores among them.

    A job has a session of its own: what happens to the terminal does not reach it, and it goes on when the command of
    the sweep is killed. The next command finds it and waits for it.

    Args:
        jobs: jobs at a time.
        gpus: what each of these jobs may see, as CUDA_VISIBLE_DEVICES writes it; empty leaves that to the machine.
    """

    poll = 0.1

    def __init__(self, jobs: int, gpus: Sequence[str | int] = ()):
        self.slots = jobs
        self.gpus = [str(each) for each in gpus]
        self._started: dict[str, subprocess.Popen[bytes]] = {}
        self._places: dict[str, str] = {}

    def start(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`."""
        for job in jobs:
            key = job.arm.key
            log = manifest.log(key)
            log.parent.mkdir(parents=True, exist_ok=True)
            command = [
                sys.executable,
                "-m",
                "sovits_lab.sweeps.job",
                str(manifest.folder),
                key,
                self.program.argument(),
            ]
            command += [f"trainer.cores={max(1, cores() // self.slots)}"] if self.slots > 1 else []
            with log.open("ab") as output:
                self._started[key] = subprocess.Popen(  # noqa: S603
                    command,
                    cwd=ROOT,
                    env={**os.environ, **self._place(manifest, key)},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def alive(self, manifest: Manifest, job: SweepJob) -> bool:
        """See `SweepLauncher`."""
        process = self._started.get(job.arm.key)
        return (process is not None and process.poll() is None) or is_held(manifest.lock(job.arm.key))

    def stop(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`."""
        for job in jobs:
            pid = self._pid(job)
            with contextlib.suppress(ProcessLookupError):
                if pid is not None and self.alive(manifest, job):
                    os.kill(pid, signal.SIGTERM)

    def kill(self, manifest: Manifest, jobs: Sequence[SweepJob]) -> None:
        """See `SweepLauncher`; ends the whole session, so also what the job has started."""
        for job in jobs:
            pid = self._pid(job)
            with contextlib.suppress(ProcessLookupError):
                if pid is not None and self.alive(manifest, job):
                    os.killpg(pid, signal.SIGKILL)

    def _pid(self, job: SweepJob) -> int | None:
        process = self._started.get(job.arm.key)
        if process is not None:
            return process.pid
        return job.pid if job.host == os.uname().nodename else None

    def _place(self, manifest: Manifest, key: str) -> dict[str, str]:
        """The GPUs that no other job under way has."""
        if not self.gpus:
            return {}
        others = [job for other, job in manifest.jobs.items() if other != key and self.alive(manifest, job)]
        taken = {self._places.get(job.arm.key, job.gpus) for job in others}
        self._places[key] = next((each for each in self.gpus if each not in taken), self.gpus[0])
        return {"CUDA_VISIBLE_DEVICES": self._places[key]}
