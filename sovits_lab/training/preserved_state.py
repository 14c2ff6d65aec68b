"""Measuring a model in mid-training without changing what it learns."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def preserve_training_state(module: Any, seed: int = 0) -> Iterator[None]:
    """Switch to evaluation mode without gradients and with seeded generators; afterwards restore all as it was.

    A `LightningModule` that is being trained computes in the training's precision.
    """
    modes = [(part, part.training) for part in module.modules()]
    python, numbers = random.getstate(), np.random.get_state()
    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    trainer = getattr(module, "_trainer", None)
    precision = trainer.precision_plugin if trainer is not None else None
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []), torch.no_grad():
            torch.manual_seed(seed)
            module.eval()
            if precision is None:
                yield
            else:
                with precision.forward_context():
                    yield
    finally:
        random.setstate(python)
        np.random.set_state(numbers)
        for part, training in modes:
            part.training = training
