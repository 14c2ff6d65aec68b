"""Sweeps of tiny jobs, run as a user runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sovits_lab.sweeps.manifest import Manifest, State, SweepJob, sweeps

ROOT = Path(__file__).parents[2]


class Sweeping:
    """A folder of runs, and commands that sweep into it."""

    def __init__(self, runs: Path, environment: dict[str, str] | None = None):
        self.runs, self.environment = runs, environment or dict(os.environ)

    def command(self, *words: str) -> list[str]:
        start = [sys.executable, "tests/sweeps/program.py", "--config-dir", "tests/sweeps/conf", "-m"]
        return [*start, f"paths.runs={self.runs}", *words]

    def start(self, *words: str) -> subprocess.Popen[str]:
        """A command that the test does not wait for."""
        pipe = subprocess.PIPE
        return subprocess.Popen(
            self.command(*words), cwd=ROOT, stdout=pipe, stderr=pipe, text=True, env=self.environment
        )

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        process = self.start(*words)
        output, errors = process.communicate(timeout=250)
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def manifest(self) -> Manifest:
        """Of the only sweep, or the one that changed last."""
        return sweeps(self.runs)[-1]

    def jobs(self) -> list[SweepJob]:
        return list(self.manifest().jobs.values())

    def states(self) -> dict[str, State]:
        return {job.arm.label: job.state for job in self.jobs()}

    def results(self) -> dict[str, str]:
        """Label -> what the arm computed."""
        return {job.arm.label: (self.runs / job.arm.run / "result").read_text() for job in self.jobs()}

    def traces(self) -> dict[str, list[str]]:
        """Stage folder -> the steps that were begun there."""
        paths = (self.runs / "stages").glob("*/trace.txt")
        return {path.parent.name: [line.split()[0] for line in path.read_text().splitlines()] for path in paths}

    def told(self, job: SweepJob) -> dict[str, Any]:
        """What the job's process wrote of its own configuration."""
        return json.loads((self.runs / job.arm.run / "sweep.json").read_text())


@pytest.fixture
def sweeping(tmp_path: Path) -> Sweeping:
    """A place to sweep in."""
    return Sweeping(tmp_path / "runs")
