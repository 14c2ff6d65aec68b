"""How threads of one operation wait for each other."""

from __future__ import annotations

import os


def spin_briefly() -> None:
    """Let OpenMP's waiting threads spin for about 0.1 ms, then sleep; to be called before torch is imported.

    Sleeping at once doubles the time of a small training step (0.38 against 0.20 s for SoVITS on two threads); spinning
    for long, the library's default, takes the cores of the processes beside it. What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "30000")
