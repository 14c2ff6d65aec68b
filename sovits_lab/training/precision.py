"""Which arithmetic `precision: auto` means on this machine."""

from __future__ import annotations

import torch

from sovits_lab.nn.processor import multiplies_bf16


def resolve(precision: str, accelerator: str) -> str:
    """Return Lightning's name of the arithmetic; "auto" is bf16 where the hardware multiplies it, else float32.

    A CPU without bf16 instructions emulates them at a fraction of float32's speed.
    """
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    return "bf16-mixed" if multiplies_bf16() else "32-true"
