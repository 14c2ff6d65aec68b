"""State dicts of fixtures of v3, v4 and the speaker network, with the buffers that their recipe does not draw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from sovits_lab.nn.alias_free import kaiser_sinc
from sovits_lab.verification.fixture import Fixture

NEGLIGIBLE = 1e-5  # norms below this share of the largest are compared with it
HEAD_WIDTH = 64


def whole_weights(fixture: Fixture) -> dict[str, Tensor]:
    """Return the weights of a fixture with rotation frequencies, low-passes and counters, where they are not stored."""
    state = fixture.weights()
    width = head_width(fixture.facts)
    for key in list(state):
        if key.endswith("time_embed.time_mlp.0.weight"):
            name = key.removesuffix("time_embed.time_mlp.0.weight") + "rotary_embed.inv_freq"
            state.setdefault(name, 10000.0 ** (-torch.arange(0, width, 2).float() / width))
        if key.endswith(".act.alpha"):
            activation = key.removesuffix(".act.alpha")
            for leaf in ("upsample.filter", "downsample.lowpass.filter"):
                state.setdefault(f"{activation}.{leaf}", kaiser_sinc()[None, None].clone())
        if key.endswith("running_mean"):
            state.setdefault(
                key.removesuffix("running_mean") + "num_batches_tracked", torch.zeros((), dtype=torch.long)
            )
    return state


def head_width(facts: Mapping[str, Any]) -> int:
    """Return the width of an attention head: the json says it of small models."""
    swapped = facts.get("swapped_submodules", {}).get("cfm.estimator", {})
    return int(swapped.get("dim_head", facts.get("config", {}).get("dim_head", HEAD_WIDTH)))


def under(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the entries under a prefix, without it."""
    return {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}


def named_gradients(
    fixture: Fixture,
    facts: tuple[str, str],
    block: str,
    table: Mapping[str, str],
    parameters: Mapping[str, Tensor],
    rtol: float,
) -> None:
    """Compare gradient norms with the json, and stored gradients in full.

    Args:
        facts: keys of the json with norms, and with parameters that must have no gradient.
        block: prefix of stored gradients.
        table, parameters: upstream's names -> ours -> parameters.
    """
    expected = fixture.facts.get(facts[0], {})
    floor = NEGLIGIBLE * max(expected.values(), default=0.0)
    for key, norm in expected.items():
        grad = parameters[table[key]].grad
        value = float("nan") if grad is None else float(grad.double().norm())
        fixture.number(f"{block} |grad| {key}", value, norm, rtol, floor)
        if f"{block}.grad.{key}" in fixture and grad is not None:
            fixture.close(f"{block}.grad.{key}", grad, rtol=rtol, floor=floor)
    silent = [
        k for k in find_frozen_keys(fixture.facts.get(facts[1], []), table) if parameters[table[k]].grad is not None
    ]
    fixture.number(f"{block} parameters without gradient", float(len(silent)), 0.0, 1e-3)


def find_frozen_keys(names: Iterable[str], table: Mapping[str, str]) -> list[str]:
    """Return the keys that a list of parameters names; `enc_p.* (all, frozen)` stands for all under `enc_p.`."""
    found: list[str] = []
    for name in names:
        prefix, star, _ = name.partition("*")
        found += [key for key in table if key.startswith(prefix)] if star else [name]
    return [key for key in found if key in table and "quantizer" not in key]
