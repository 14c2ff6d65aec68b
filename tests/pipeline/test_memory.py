"""Memory of a process that meets ever new lengths."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from sovits_lab.pipeline.memory import return_freed_memory, set_objects_aside

SCRIPT = """
import torch
from sovits_lab.pipeline.memory import bound_prepared_kernels, resident_megabytes, share_freed_memory
share_freed_memory()
{bound}
torch.set_num_threads(1)
layer, held = torch.nn.Conv1d(64, 64, 7, padding=3), []
with torch.inference_mode():
    for size in range(1200):
        layer(torch.zeros(1, 64, 100 + size))
        if size in (100, 1199):
            held.append(resident_megabytes())
print(held[1] - held[0])
"""


def grown(bound: str) -> float:
    """Megabytes that a process of its own gains over eleven hundred new lengths."""
    return float(subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT.format(bound=bound)], check=True,
                                capture_output=True, text=True).stdout)  # fmt: skip


def test_new_lengths_cost_little_memory_where_kernels_are_bounded() -> None:
    bounded, free = grown("bound_prepared_kernels()"), grown("")
    assert bounded < free / 2  # 35 to 50 MB for 256 kernels and 145 MB for 1,024, more or less with the machine's state


HOLES = """
import numpy as np
from sovits_lab.pipeline.memory import resident_megabytes, return_freed_memory, share_freed_memory
share_freed_memory()
blocks = [np.ones(12_000) for _ in range(1200)]  # 96 kB each, below what glibc maps apart
del blocks[:-1:2]
del blocks[:-1]
before = resident_megabytes()
return_freed_memory()
print(before - resident_megabytes())
"""


def test_holes_between_blocks_in_use_are_handed_back() -> None:
    done = subprocess.run([sys.executable, "-c", HOLES], check=True, capture_output=True, text=True)
    assert float(done.stdout) > 50


def test_tuples_that_python_keeps_for_later_are_let_go_of() -> None:
    gc.collect()
    before = sys.getallocatedblocks()
    many = [tuple(range(first, first + 17)) for first in range(2000)]
    del many
    assert sys.getallocatedblocks() - before > 1500
    return_freed_memory()
    assert sys.getallocatedblocks() - before < 300


def test_objects_set_aside_are_not_searched() -> None:
    class Ring:
        def __init__(self) -> None:
            self.itself = self

    ring = Ring()
    known = weakref.ref(ring)
    set_objects_aside()
    try:
        del ring
        gc.collect()
        assert known() is not None
    finally:
        gc.unfreeze()
    gc.collect()
    assert known() is None
