"""Speakers between speakers: weighted means, on a line or on a sphere, kept under a name with their recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from sovits_lab.checkpoints.bundle import build, load_parts, read_facts, write_bundle
from sovits_lab.checkpoints.cards import cards_of
from sovits_lab.provenance.cards import DATA_CARD
from sovits_lab.types import got

WAYS = ("line", "sphere")
Recipe = dict[str, Any]


def shares_of(weights: Mapping[str, float]) -> dict[str, float]:
    """Return weights that sum to 1.

    Raises:
        InputError: no weights, a negative or infinite one, none above 0.
    """
    for name, weight in weights.items():
        if not 0 <= weight < math.inf:
            raise got(f"weight of {name}", weight, "0 or more")
    total = sum(weights.values())
    if not 0 < total < math.inf:
        raise got("weights", dict(weights), "at least one above 0")
    return {name: weight / total for name, weight in weights.items()}


def slerp(a: Float[Tensor, " G"], b: Float[Tensor, " G"], share: float) -> Float[Tensor, " G"]:
    """Go from a to b by a share of the angle between them (Shoemake 1985); lengths change evenly.

    Opposite or parallel vectors have no one way: they are joined by a line.
    """
    length_a, length_b = a.norm(), b.norm()
    cosine = (a @ b / (length_a * length_b).clamp(min=1e-12)).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if angle < 1e-4 or math.pi - float(angle) < 1e-4:
        return torch.lerp(a, b, share)
    direction = (torch.sin((1 - share) * angle) * a / length_a + torch.sin(share * angle) * b / length_b) / angle.sin()
    return direction * torch.lerp(length_a, length_b, share)


def mix_vectors(
    vectors: Mapping[str, Float[Tensor, " G"]], weights: Mapping[str, float], way: str
) -> Float[Tensor, " G"]:
    """Return the mixture of vectors by their shares.

    Args:
        way: "line", the weighted mean; "sphere", slerp from one to the next in the order of the weights, each by its
            share of what came so far.

    Raises:
        InputError: an unknown way, or weights that make none.
    """
    if way not in WAYS:
        raise got("way", way, f"one of {', '.join(WAYS)}")
    shares = shares_of(weights)
    if way == "line":
        return torch.stack([share * vectors[name] for name, share in shares.items()]).sum(0)
    made, so_far = torch.zeros(0), 0.0
    for name, share in shares.items():
        if share:
            so_far += share
            made = vectors[name] if not len(made) else slerp(made, vectors[name], share / so_far)
    return made


def mixed_speaker(speakers: Mapping[str, Mapping[str, Any]], weights: Mapping[str, float], way: str) -> Recipe:
    """Return a speaker's entry for a bundle, with its recipe; how they speak when neutral is mixed on a line.

    Raises:
        InputError: an unknown speaker, or as `mix_vectors`.
    """
    for name in weights:
        if name not in speakers:
            raise got("weights: speaker", name, f"some of {', '.join(sorted(speakers))}")

    def of(part: str, way: str) -> list[float]:
        vectors = {name: torch.tensor(speakers[name][part], dtype=torch.float64) for name in weights}
        return list(mix_vectors(vectors, weights, way).tolist())

    parts = {part: of(part, way) for part in ("vector", "voice") if all(part in speakers[name] for name in weights)}
    return {**parts, "baseline": of("baseline", "line"), "recipe": {"weights": shares_of(weights), "way": way}}


def add_mixed_voice(folder: Path, out: Path, name: str, weights: Mapping[str, float], way: str = "line") -> Recipe:
    """Write a copy of a native voice bundle with one more speaker.

    Raises:
        InputError: no voice bundle, a name that is taken, a folder that exists, or as `mixed_speaker`.
    """
    facts = read_facts(folder, "voice", ("models", "speakers"))
    if name in facts["speakers"]:
        raise got("name", name, "one that no speaker of the bundle has")
    if out.exists():
        raise got("out", out, "a path that does not exist yet")
    made = mixed_speaker(facts["speakers"], weights, way)
    modules = {part: build(node) for part, node in facts["models"].items()}
    load_parts(folder, modules)
    record = {key: value for key, value in facts.items() if key != "format"}
    cards = {kind: text for kind, text in cards_of(folder).items() if kind == DATA_CARD}  # licences and consents
    write_bundle(out, modules, {**record, "speakers": {**facts["speakers"], name: made}}, cards)
    return made
