"""Reading weights as tensors and nothing else: a file that holds code is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_lab.files import MIB, MOST_WEIGHTS, printable, reason_of, regular_file
from sovits_lab.types import InputError, got

MOST_HEADER = 100 * MIB
FLOATS = (torch.float32, torch.float64, torch.float16, torch.bfloat16)


def read_safetensors(path: Path, what: str, most: int = MOST_WEIGHTS) -> dict[str, Tensor]:
    """Read the tensors of a safetensors file by name, on the CPU.

    Args:
        path: the file.
        what: it is, for messages.
        most: its largest size in bytes.

    Raises:
        InputError: no ordinary file, too large, cut short, or a header that lies: sizes that do not add up, a tensor
            named twice, a type that torch does not know.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    regular_file(path, what, most)
    where = f"{what} {printable(path)}"
    try:
        _refuse_names_twice(path, where)
        return load_file(path)
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{where}: cannot be read ({reason_of(error)})") from error


def _refuse_names_twice(path: Path, where: str) -> None:
    """Refuse a name that stands twice in the header: the library takes one of them and says nothing."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        header = file.read(size) if size <= MOST_HEADER else b""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs):
            raise got(where, "a header that names a tensor twice", "each once")
        return made

    try:
        json.loads(header, object_pairs_hook=once)
    except InputError:
        raise
    except (ValueError, RecursionError):
        return  # no JSON: the library's own words are better


def read_tensors(path: Path, inside: str = "") -> dict[str, Tensor]:
    """Read the tensors by name, on the CPU.

    Args:
        path: a safetensors file, or one that torch saved.
        inside: key of the tensors, where a file holds a mapping around them.

    Raises:
        InputError: the file cannot be read, or holds anything but tensors.
    """
    regular_file(path, "weights", MOST_WEIGHTS)
    try:
        found: Any = (
            read_safetensors(path, "weights")
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except InputError:
        raise
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
        require_like(tensors[name], value, f"weights {path}, {name}")
    network.load_state_dict(tensors)


def require_like(value: Tensor, expected: Tensor, where: str) -> None:
    """Refuse a tensor that cannot take the place of another: torch would turn any kind of number into any other.

    Raises:
        InputError: another shape, another kind of number (floats may be of another width), NaN or infinity.
    """
    if value.shape != expected.shape:
        raise got(where, tuple(value.shape), f"shape {tuple(expected.shape)}")
    if expected.dtype in FLOATS:
        require_weights(value, where)
    elif value.dtype != expected.dtype:
        raise got(where, _kind(value.dtype), f"numbers of type {_kind(expected.dtype)}")


def require_weights(value: Tensor, where: str) -> None:
    """Refuse a tensor that holds no weights.

    Raises:
        InputError: integers, complex numbers or floats of 8 bits, NaN or infinity.
    """
    if value.dtype not in FLOATS:
        raise got(where, _kind(value.dtype), f"one of {', '.join(map(_kind, FLOATS))}")
    if not torch.isfinite(value).all():
        raise got(where, "NaN or infinity", "finite weights")


def _kind(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
