"""Reading weights as tensors and nothing else: a file that holds code is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_lab.types import got


def read_tensors(path: Path, inside: str = "") -> dict[str, Tensor]:
    """Read the tensors by name, on the CPU.

    Args:
        path: a safetensors file, or one that torch saved.
        inside: key of the tensors, where a file holds a mapping around them.

    Raises:
        InputError: the file cannot be read, or holds anything but tensors.
    """
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            found: Any = load_file(path)
        else:
            found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise whatever a foreign file leads them to
        why = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise got(f"weights {path}", why, "a file with tensors only") from error
    if inside:
        if not isinstance(found, dict) or inside not in found:
            raise got(f"weights {path}", "no " + inside, f"tensors below {inside}")
        found = found[inside]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise got(f"weights {path}", type(found).__name__, "tensors by name")
    return found


def load_by_name(network: torch.nn.Module, tensors: dict[str, Tensor], what: str, path: Path) -> None:
    """Put tensors into a network of the same names and shapes.

    Raises:
        InputError: they belong to another network, or to one of another size.
    """
    own = network.state_dict()
    missing, foreign = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    if missing or foreign:
        odd = f"no {missing[0]}" if missing else f"also {foreign[0]}"
        raise got(f"weights {path}", odd, f"the tensors of {what}")
    for name, value in own.items():
        if value.shape != tensors[name].shape:
            raise got(f"weights {path}, {name}", list(tensors[name].shape), f"{list(value.shape)} as in {what}")
    network.load_state_dict(tensors)
