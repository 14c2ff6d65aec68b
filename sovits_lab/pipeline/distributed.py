"""The processes that train one stage together: how many, which one this is, and which tasks of a job they belong to.

The runner starts every process itself and says to each where it stands; nothing is read from the environment of a
stage's process, and no library starts the user's command a second time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sovits_lab.types import InputError, got

# Ports of leaders: 10000 of them from here on, chosen by the job's number.
FIRST_PORT = 20000


class OtherRank(BaseException):
    """The training is over, and this process is not rank 0, so that there is nothing more for it to do."""


@dataclass(frozen=True)
class RankInfo:
    """Where a process stands among those that train one stage together. The default is a process alone.

    Attributes:
        rank: 0 holds the stage's lock, reports and writes; the others write only `log-rank<rank>.txt`.
        size: processes in all.
        local: number of this process among those of its machine; it picks the device.
        address, port: where rank 0's store listens.
        listener: rank 0's open socket (a file descriptor of its process).
    """

    rank: int = 0
    size: int = 1
    local: int = 0
    address: str = "127.0.0.1"
    port: int = 0
    listener: int | None = None

    @property
    def alone(self) -> bool:
        """Whether there is nobody to talk to: then there is no process group."""
        return self.size == 1


@dataclass(frozen=True)
class Tasks:
    """The tasks (often one a node) in which the same command was started together.

    Attributes:
        index: 0 is the leader, which runs the stages; the others, followers, lend it their devices.
        size: how many.
        local: number of this task among those of its machine.
        address, port: where the leader listens.
    """

    index: int = 0
    size: int = 1
    local: int = 0
    address: str = "127.0.0.1"
    port: int = 0


def world_size(trainer: Mapping[str, Any]) -> int:
    """Count the processes of one training stage: `trainer.nodes` x `trainer.devices`.

    Raises:
        InputError: not a number of one or more.
    """
    return _count("trainer.nodes", trainer["nodes"]) * local_size(trainer)


def local_size(trainer: Mapping[str, Any]) -> int:
    """Count the processes of one task; "auto" is one for each GPU that is visible, and one on a machine without."""
    devices = trainer["devices"]
    if devices != "auto":
        return _count("trainer.devices", devices)
    if trainer["accelerator"] == "cpu":
        return 1
    import torch

    return max(1, torch.cuda.device_count())


def tasks(nodes: int, environment: Mapping[str, str] = os.environ) -> Tasks:
    """Find which task this is: from Slurm's `srun`, or SOVITS_LAB_TASK (0, 1, ...) and SOVITS_LAB_LEADER (host:port).

    With `trainer.nodes=1` the environment is not asked, except to refuse a command started several times by `srun`.

    Raises:
        InputError: started in another number of tasks than `trainer.nodes`, or a variable that is malformed.
    """
    own = environment.get("SOVITS_LAB_TASK")
    started = _slurm(environment, "SLURM_STEP_NUM_TASKS", "1") if own is None else nodes
    if started != nodes:
        how = "start one task a node: srun --ntasks=N, or SOVITS_LAB_TASK and SOVITS_LAB_LEADER (docs/cluster.md)"
        raise got("trainer.nodes", nodes, f"{started}, the number of tasks in which this command was started; {how}")
    if nodes == 1:
        return Tasks()
    if own is None:
        index, local = _slurm(environment, "SLURM_PROCID"), _slurm(environment, "SLURM_LOCALID", "0")
        address, port = _first_host(environment), _job_port(environment)
    else:
        index, local = _number("SOVITS_LAB_TASK", own, nodes), 0
        address, port = _leader(environment.get("SOVITS_LAB_LEADER", ""))
    return Tasks(index, nodes, local, address, port)


def _first_host(environment: Mapping[str, str]) -> str:
    from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

    hosts = environment.get("SLURM_STEP_NODELIST") or environment.get("SLURM_JOB_NODELIST", "127.0.0.1")
    return environment.get("MASTER_ADDR") or SLURMEnvironment.resolve_root_node_address(hosts)


def _job_port(environment: Mapping[str, str]) -> int:
    """Known to all tasks without asking: from the job's and the step's number."""
    if "MASTER_PORT" in environment:
        return _number("MASTER_PORT", environment["MASTER_PORT"], 65536)
    job, step = _slurm(environment, "SLURM_JOB_ID", "0"), environment.get("SLURM_STEP_ID", "0")
    return FIRST_PORT + (job * 31 + (int(step) if step.isdigit() else 0)) % 10000


def _leader(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdigit():
        raise got("SOVITS_LAB_LEADER", text or None, "host:port of task 0, the same in every task")
    return host, int(port)


def _slurm(environment: Mapping[str, str], name: str, default: str = "") -> int:
    return _number(name, environment.get(name, default), 2**63)


def _number(name: str, text: str, below: int) -> int:
    if not text.isdigit() or int(text) >= below:
        raise got(name, text, f"a number from 0 to {below - 1}")
    return int(text)


def _count(name: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{name}: got {value!r}, expected a number of 1 or more{' or auto' if 'dev' in name else ''}")
    return value
