"""Where networks run and in which precision, by name."""

from __future__ import annotations

import torch

from sovits_lab.types import got

CPU = torch.device("cpu")
PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def device_of(device: str | torch.device | None) -> torch.device:
    """Return the device of a name; None is the CPU.

    Raises:
        InputError: no such device, or none on this machine.
    """
    try:
        made = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        raise got("device", device, "cpu, cuda, cuda:1, mps or another of torch's names") from error
    if made.type == "cuda" and not (torch.cuda.is_available() and (made.index or 0) < torch.cuda.device_count()):
        raise got("device", str(device), f"one of this machine: cpu, and {torch.cuda.device_count()} of cuda")
    if made.type == "mps" and not torch.backends.mps.is_available():
        raise got("device", str(device), "one of this machine, which has no mps")
    return made


def dtype_of(dtype: str | torch.dtype | None) -> torch.dtype:
    """Return the precision of a name; None is float32, and an unknown name an InputError."""
    if dtype is None or dtype in PRECISIONS.values():
        return torch.float32 if dtype is None else dtype  # type: ignore[return-value]
    if dtype not in PRECISIONS:
        raise got("dtype", str(dtype), f"one of {', '.join(PRECISIONS)}")
    return PRECISIONS[dtype]
