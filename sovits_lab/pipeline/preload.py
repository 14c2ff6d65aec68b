"""What the server of `sovits_lab.pipeline.workers` imports once, so that each stage's process starts from a fork of it.

Importing this module is the work; a stage that is forked afterwards finds the heavy libraries in memory. Half a million
objects of theirs stay to the end: the garbage collector looks at them neither while they come, which was a quarter of
the time, nor in any stage.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import warnings

from sovits_lab.pipeline.signals import STOPPING, ignore

ignore(*STOPPING)  # without the server nobody would hear how its stages ended
gc.disable()
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for _name in ("numpy", "torch", "hydra.utils", *os.environ.get("SOVITS_LAB_PRELOAD", "").split(":")):
        # Whatever is wrong here is met again, and told, when the stage itself imports the module.
        with contextlib.suppress(Exception):
            importlib.import_module(_name)
gc.freeze()
gc.enable()
