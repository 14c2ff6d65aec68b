"""A fixture: arrays, facts and weights of one upstream module, and the checks made against it."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sovits_lab.types import InputError, got
from sovits_lab.weights.tensors import read_safetensors


@dataclass(frozen=True)
class Check:
    """One output compared: the largest error, what was allowed, and in which unit ("abs", "rel", "exact")."""

    output: str
    kind: str
    allowed: float
    error: float

    @property
    def passed(self) -> bool:
        return self.error <= self.allowed  # also False for NaN


def drawn_weights(recipe: list[dict[str, Any]], seed: int) -> dict[str, Tensor]:
    """Draw the weights of the fixtures' recipe: numpy's legacy generator seeded by crc32(key) XOR seed."""
    tensors = {}
    for entry in recipe:
        state = np.random.RandomState((zlib.crc32(entry["key"].encode()) ^ seed) & 0xFFFFFFFF)
        size = int(np.prod(entry["shape"], dtype=np.int64))
        values = state.standard_normal(size) * entry["std"] + entry["mean"]
        tensors[entry["key"]] = torch.from_numpy(values.astype(np.float32).reshape(entry["shape"]))
    return tensors


def apply_slice(x: Tensor, expression: str) -> Tensor:
    """Apply a recorded slice such as `[:, ::6]`; words around the brackets are ignored."""
    match = re.search(r"\[([^\]]*)\]", expression)
    if match is None:
        return x
    parts = []
    for part in match[1].split(","):
        numbers = [int(n) if n.strip() else None for n in part.split(":")]
        parts.append(slice(*numbers) if len(numbers) > 1 else numbers[0])
    return x[tuple(parts)]


@dataclass
class Fixture:
    """One NAME.json with its NAME.safetensors, and NAME.weights.safetensors where there is one.

    Args:
        folder, name: where it lies.
    """

    folder: Path
    name: str
    checks: list[Check] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    @cached_property
    def facts(self) -> dict[str, Any]:
        path = self.folder / f"{self.name}.json"
        try:
            facts = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(f"fixture {path}: cannot be read ({error})") from error
        if not isinstance(facts, dict):
            raise got(f"fixture {path}", type(facts).__name__, "a JSON object")
        return facts

    @cached_property
    def arrays(self) -> dict[str, Tensor]:
        return self._load(self.folder / f"{self.name}.safetensors")

    def weights(self) -> dict[str, Tensor]:
        """Return a state dict under upstream's names, stored or drawn."""
        stored = self.folder / f"{self.name}.weights.safetensors"
        if stored.is_file():
            return self._load(stored)
        return drawn_weights(self.facts["recipe"], int(self.facts["weight_seed"]))

    @staticmethod
    def _load(path: Path) -> dict[str, Tensor]:
        return read_safetensors(path, "fixture")

    def __contains__(self, key: str) -> bool:
        return key in self.arrays

    def __getitem__(self, key: str) -> Tensor:
        if key not in self.arrays:
            raise got(f"fixture {self.name}", f"no array {key!r}", "one")
        return self.arrays[key]

    def indexed(self, prefix: str) -> list[Tensor]:
        """Return `prefix.0`, `prefix.1`, ... as far as they go."""
        found: list[Tensor] = []
        while (key := f"{prefix}.{len(found)}") in self.arrays:
            found.append(self.arrays[key])
        return found

    def close(self, key: str, value: Tensor, atol: float = 0.0, rtol: float = 0.0, floor: float = 1e-30) -> None:
        """Compare with a stored array: largest error where `atol` is given, else |error| / |array|.

        Args:
            floor: the error is relative to this where the array's norm is smaller.
        """
        want = sliced_pair(self, key, value)
        if want is None:
            return
        expected, value = want
        difference = (value.double() - expected.double()).abs()
        error = float(difference.max()) if difference.numel() else 0.0
        if atol:
            self.checks.append(Check(key, "abs", atol, error))
        else:
            scale = max(float(expected.double().norm()), floor)
            self.checks.append(Check(key, "rel", rtol, float(difference.norm()) / scale))

    def exact(self, key: str, value: Tensor) -> None:
        """Compare integers and masks: the error is the number of entries that differ."""
        want = sliced_pair(self, key, value)
        if want is not None:
            expected, value = want
            self.checks.append(Check(key, "exact", 0, float((expected.long() != value.long()).sum())))

    def number(self, name: str, value: float, expected: float, rtol: float, floor: float = 1e-30) -> None:
        """Compare with a number of the json; the error is relative to `floor` where the number is smaller."""
        self.checks.append(Check(name, "rel", rtol, abs(value - expected) / max(abs(expected), floor)))

    def leftovers(self, *prefixes: str) -> None:
        """Count every stored output that nothing was compared with as failed."""
        for key in self.arrays:
            is_output = (
                key.startswith(("out.", *prefixes)) or ".out." in key or (".grad." in key and not key.startswith("in."))
            )
            if is_output and key not in self.seen:
                self.checks.append(Check(f"{key} (nothing to compare it with)", "exact", 0, float("nan")))


def sliced_pair(fixture: Fixture, key: str, value: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return the stored and the computed array, the latter thinned as the json says; another shape fails the check."""
    if key not in fixture:
        return None
    fixture.seen.add(key)
    thinned = fixture.facts.get("subsampled", {}).get(key)
    value = apply_slice(value, thinned) if thinned else value
    expected = fixture[key]
    if expected.shape != value.shape:
        shapes = f"{key} shape {tuple(value.shape)} instead of {tuple(expected.shape)}"
        fixture.checks.append(Check(shapes, "exact", 0, float("nan")))
        return None
    return expected, value.detach()
