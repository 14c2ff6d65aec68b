"""A trained model of the released family with another head: the same tensors, but those of the head."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sovits_lab.checkpoints.adapters import base_facts, base_nodes
from sovits_lab.checkpoints.bundle import build, read_facts, read_weights, write_bundle
from sovits_lab.models.heads.hifigan import HifiGan
from sovits_lab.provenance.origin import Origin
from sovits_lab.types import got

KIND = "head"
HEAD = "sovits/head."  # of its tensors in a bundle


class StoredPart:
    """Tensors of one part of a bundle, as they are stored."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.tensors = dict(tensors)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return self.tensors


def head_sizes(base: Path) -> dict[str, int]:
    """Return the arguments that a head in the place of a base's own must have.

    Raises:
        InputError: no bundle of a model of the released family, or one whose head is not the released one.
    """
    node = base_nodes(base)["sovits"]["head"]
    with torch.device("meta"):
        head = build(node)
    if not isinstance(head, HifiGan):
        raise got(f"base {base}: head", type(head).__name__, "HifiGan, from which another head learns")
    return {
        "in_channels": head.pre.in_channels,
        "condition_channels": 0 if head.condition is None else head.condition.in_channels,
        "samples_per_frame": head.samples_per_frame,
    }


def write_with_head(base: Path, head: Path, out: Path, changed: Mapping[str, Any], origin: Origin) -> None:
    """Write a base's bundle with another head; all else is as it was, but the cards name the head's recordings, too.

    Args:
        base: bundle of a trained model.
        head: bundle of kind "head".
        out: the new bundle.
        changed: facts of a native voice that are new; a converted one keeps all of its own.
        origin: of the head and the base.

    Raises:
        InputError: a bundle that cannot be read or written, or is of another kind.
    """
    node = read_facts(head, KIND, ("model",))["model"]
    for name, size in head_sizes(base).items():
        if node.get(name) != size:
            raise got(f"head {head}: {name}", node.get(name), f"{size}, as the base {base} has it")
    facts = {key: value for key, value in base_facts(base).items() if key != "format"}
    nodes = "parts" if facts["kind"] == "upstream" else "models"
    facts |= {"consents": origin.consents, **({} if facts["kind"] == "upstream" else changed)}
    facts[nodes] = {**facts[nodes], "sovits": {**facts[nodes]["sovits"], "head": node}}
    tensors = {key: value for key, value in read_weights(base).items() if not key.startswith(HEAD)}
    tensors |= {f"{HEAD}{key.removeprefix('head/')}": value for key, value in read_weights(head).items()}
    parts: dict[str, dict[str, Any]] = {}
    for key, value in tensors.items():
        part, _, name = key.partition("/")
        parts.setdefault(part, {})[name] = value
    sizes = {part: sum(value.numel() for value in each.values()) for part, each in parts.items()}
    cards = origin.data_card() | ({} if facts["kind"] == "upstream" else origin.model_card(sizes, facts))
    write_bundle(out, {part: StoredPart(each) for part, each in parts.items()}, facts, cards)
