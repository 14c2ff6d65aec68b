"""A Slurm of one node on the loopback interface: own keys, ports and folder, nothing in /etc, gone with `stop`."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from pathlib import Path

from sovits_lab.bench.service_stack import free_port
from tests.debian import Unavailable, require

PACKAGES = ("slurmctld", "slurmd", "slurm-client", "munge")
PROGRAMS = ("slurmctld", "slurmd", "sbatch", "scontrol", "munged")

CONFIG = """
ClusterName=loop
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
MailProg=/bin/true
ReturnToService=2
SchedulerType=sched/backfill
SchedulerParameters=bf_interval=1,sched_interval=1,sched_min_interval=0
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdParameters=config_overrides
KillWait=30
NodeName=localhost NodeAddr=127.0.0.1 NodeHostname={host} CPUs=2 State=UNKNOWN
PartitionName=low Nodes=localhost Default=YES State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=60
PartitionName=high Nodes=localhost State=UP PriorityTier=10 PreemptMode=OFF
"""


class Slurm:
    """The cluster: two CPUs, partition `high` preempts `low`, which gets 60 s of grace and is requeued.

    Args:
        folder: for everything that it writes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "SBATCH"))}
        self.environment["SLURM_CONF"] = str(folder / "slurm.conf")
        self._daemons: list[subprocess.Popen] = []

    def start(self) -> None:
        """Start the daemons and wait until the node takes jobs.

        Raises:
            Unavailable: what is missing, or what the daemons say.
        """
        _available()
        for name in ("state", "spool"):
            (self.folder / name).mkdir(parents=True)
        self.folder.chmod(0o755)
        host = socket.gethostname().partition(".")[0]
        config = CONFIG.format(folder=self.folder, ports=_free_ports(2), host=host)
        (self.folder / "slurm.conf").write_text(config)
        key = self.folder / "munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o600)
        options = {"key-file": key.name, "socket": "munge.sock", "pid-file": "munged.pid", "log-file": "munged.log",
                   "seed-file": "munge.seed"}  # fmt: skip
        self._daemon("munged", "--foreground", "--force", *(f"--{k}={self.folder / v}" for k, v in options.items()))
        self._wait((self.folder / "munge.sock").exists, "munged.log")
        self._daemon("slurmctld", "-D")
        self._daemon("slurmd", "-D", "-N", "localhost")
        self._wait(self._idle, "slurmctld.log")

    def stop(self) -> None:
        """Cancel what runs, end the daemons."""
        if len(self._daemons) == 3:
            self.call("scancel", "--user=root", check=False)
            _until(lambda: not self.call("squeue", "--noheader", check=False).strip(), 10)
        for daemon in reversed(self._daemons):
            daemon.terminate()
            try:
                daemon.wait(10)
            except subprocess.TimeoutExpired:
                daemon.kill()
                daemon.wait()

    def call(self, *command: str, check: bool = True) -> str:
        """Run one of Slurm's commands; its output."""
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def submit(self, script: str, *options: str) -> str:
        """`sbatch` a shell script; the job's number."""
        command = ["sbatch", "--parsable", *options]
        done = subprocess.run(command, env=self.environment, input=f"#!/bin/bash\n{script}\n", capture_output=True,
                              text=True, timeout=60, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def facts(self, job: str) -> dict[str, str]:
        """What `scontrol show job` says of a job, by its names."""
        line = self.call("scontrol", "--oneliner", "show", "job", job).splitlines()[0]
        return dict(word.split("=", 1) for word in line.split() if "=" in word)

    def state(self, job: str) -> str:
        """RUNNING, PENDING, COMPLETED, ..."""
        return self.facts(job)["JobState"]

    def hasten(self, job: str) -> None:
        """Let a requeued job start now: Slurm holds it for two minutes."""
        self.wait_for(job, "PENDING", "RUNNING")
        self.call("scontrol", "update", f"jobid={job}", "starttime=now", check=False)

    def wait_for(self, job: str, *states: str, seconds: float = 240) -> str:
        """Wait until the job is in one of the states; which one."""
        state = ""

        def there() -> bool:
            nonlocal state
            state = self.state(job)
            return state in states

        assert _until(there, seconds), f"job {job} is {state}, not {' or '.join(states)}: {json.dumps(self.facts(job))}"
        return state

    def _daemon(self, *command: str) -> None:
        log = (self.folder / f"{command[0]}.out").open("wb")
        self._daemons.append(subprocess.Popen(command, env=self.environment, stdout=log, stderr=log))

    def _idle(self) -> bool:
        return "idle" in self.call("sinfo", "--noheader", "--format=%T", "--nodes=localhost", check=False)

    def _wait(self, ready: object, log: str) -> None:
        if not _until(ready, 20):
            self.stop()
            path = self.folder / log
            tail = path.read_text(errors="replace").splitlines()[-3:] if path.exists() else []
            raise Unavailable(f"Slurm does not start here: {' / '.join(tail) or log + ' is empty'}")


def _available() -> None:
    """Install the packages where that is wished.

    Raises:
        Unavailable: they are not there.
    """
    if os.geteuid() != 0:
        raise Unavailable("a Slurm of our own needs root")
    require(PROGRAMS, PACKAGES)


def _free_ports(count: int) -> list[int]:
    ports: set[int] = set()
    while len(ports) < count:
        ports.add(free_port())
    return sorted(ports)


def _until(ready: object, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
