"""What the server process of `training.chain` imports once, so that each stage's process starts from a fork of it.

Importing this module is the work; a stage that is forked afterwards finds the heavy libraries in memory.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import warnings

from sovits_lab.pipeline.signals import STOPPING, ignore

ignore(*STOPPING)  # without the server nobody would hear how its stages ended
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name in ("numpy", "torch", "lightning", "hydra.utils", *os.environ.get("SOVITS_LAB_PRELOAD", "").split(":")):
        # Whatever is wrong here is met again, and told, when the stage itself imports the module.
        with contextlib.suppress(Exception):
            importlib.import_module(_name)
