"""What a run ran on: packages, code version, machines, seeds, processes. Recorded with each run, part of no hash."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from sovits_lab.pipeline.plan import Plan, cores

# What a batch system says of the job that a start belongs to.
SCHEDULER = ("SLURM_JOB_ID", "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID", "SLURM_RESTART_COUNT", "SLURM_JOB_PARTITION",
             "SLURM_JOB_NODELIST")  # fmt: skip


def environment(plan: Plan) -> dict[str, Any]:
    """Collect packages, git commit and hash of the uncommitted difference, Python, CPU, memory, and each stage's seed,
    number of processes and threads.
    """
    stages = {
        name: {"seed": spec.node.get("seed"), "world": spec.world, "threads": spec.runtime["threads"]}
        for name, spec in plan.stages.items()
    }
    return {
        "seed": plan.config["seed"],
        "stages": stages,
        "sovits_lab": metadata.version("sovits-lab"),
        "git": git_state(Path(__file__).parent),
        "python": platform.python_version(),
        "system": platform.platform(),
        "cpu": {"model": _cpu_model(), "cores": cores(), "memory_gib": _memory_gib()},
        "packages": packages(),
    }


def start(found: Mapping[str, Any]) -> dict[str, Any]:
    """Describe one start of the run among several: what may be another one the next time, and then costs the last
    bit.
    """
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "host": platform.node(),
        "arguments": sys.argv[1:],
        "git": found["git"],
        "cpu": found["cpu"]["model"],
        "devices": found.get("devices"),
        "scheduler": {name: os.environ[name] for name in SCHEDULER if name in os.environ},
    }


def devices() -> dict[str, Any]:
    """Describe accelerators and arithmetic as torch sees them; imports torch, so it is asked in a stage's process."""
    import torch

    gpus = [
        {"name": p.name, "memory_gib": round(p.total_memory / 2**30, 1), "capability": f"{p.major}.{p.minor}"}
        for p in (torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count()))
    ]
    return {
        "torch": torch.__version__,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "cuda": torch.version.cuda,
        "cudnn": torch.backends.cudnn.version() if gpus else None,  # type: ignore[no-untyped-call]
        "driver": _driver() if gpus else None,
        "gpus": gpus,
    }


def packages() -> dict[str, str]:
    """Return installed distributions and their versions."""
    found = {d.metadata["Name"]: d.version for d in metadata.distributions() if d.metadata["Name"]}
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def git_state(folder: Path) -> dict[str, str | None]:
    """Return the commit, and the hash of `git diff HEAD` (None when clean); both None for files of no repository.

    An installed package may lie in an ignored folder of somebody else's repository, whose commit says nothing of it.
    """
    commit = _git(folder, "rev-parse", "HEAD") if _git(folder, "ls-files") else None
    difference = _git(folder, "diff", "HEAD") if commit else None
    hashed = hashlib.sha256(difference.encode()).hexdigest()[:12] if difference else None
    return {"commit": commit, "diff": hashed}


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  fixed words, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607
            capture_output=True,
            text=True,
            errors="replace",
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _driver() -> str | None:
    path = Path("/proc/driver/nvidia/version")
    return path.read_text().splitlines()[0] if path.is_file() else None


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_gib() -> float | None:
    info = Path("/proc/meminfo")
    if not info.is_file():
        return None
    return round(int(info.read_text().split()[1]) / 2**20, 1)
