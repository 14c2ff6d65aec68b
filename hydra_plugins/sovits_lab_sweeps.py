"""Hydra takes sweepers and launchers only from below `hydra_plugins`: these are the names of ours for it.

This folder is a namespace that packages share, so it has no `__init__.py`.
"""

from __future__ import annotations

from sovits_lab.sweeps.grid import GridSweeper
from sovits_lab.sweeps.processes import Processes
from sovits_lab.sweeps.search import OptunaSweeper
from sovits_lab.sweeps.slurm import Slurm


class Grid(GridSweeper):
    """`hydra/sweeper=grid`."""


class LocalProcesses(Processes):
    """`hydra/launcher=local`, `hydra/launcher=parallel`."""


class Optuna(OptunaSweeper):
    """`hydra/sweeper=optuna`."""


class SubmitSlurm(Slurm):
    """`hydra/launcher=slurm_array`."""
