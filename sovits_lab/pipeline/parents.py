"""A process that ends when the one that started it is gone, however that ended."""

from __future__ import annotations

import os
import threading
import time

LOOKS = 1.0  # seconds between two looks


def end_with_parent(parent: int) -> None:
    """Let this process end when `parent`, which started it, is gone: one that was killed leaves no work behind."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOKS)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
