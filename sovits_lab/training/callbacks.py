"""Callbacks of a training stage, named in YAML: what the stage knows and they ask for is given to them here.

Training imports nothing from the evaluation; a node may name a class of it, which is located when the stage runs.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import lightning
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from sovits_lab.data.batches import SpeechData
from sovits_lab.data.store import FeatureStore
from sovits_lab.plugins import class_below, is_below, packages_of, trusted_prefixes
from sovits_lab.reporting import Reporter
from sovits_lab.training.held_out import HeldOut
from sovits_lab.training.monitors.probe_set import ProbeSet
from sovits_lab.types import InputError, got

# Packages whose classes a node may name.
ALLOWED = ("sovits_lab.training.", "evaluation.")
# What a stage gives to a callback that has a parameter of this name and no value for it.
GIVEN = frozenset({"held", "clips", "report", "items", "speak", "keep", "judged"})
JUDGED = 8  # held-out utterances that choose weights
Given = Mapping[str, Callable[[], Any]]


@runtime_checkable
class Chooses(Protocol):
    """A callback that prefers other weights to the last ones."""

    def best_weights(self) -> Path | Mapping[str, Tensor] | None:
        """Return the task's state, or a part of it, also as safetensors; None where it has no preference."""


def refuse_foreign(nodes: Sequence[Mapping[str, Any]]) -> None:
    """Check where the callbacks come from.

    Raises:
        InputError: a node without target, or one outside the allow-list.
    """
    for number, node in enumerate(nodes):
        target = node.get("_target_")
        if not isinstance(target, str) or not is_below(target, (*ALLOWED, *trusted_prefixes())):
            raise got(f"callbacks[{number}]._target_", target, f"a class below {packages_of(ALLOWED)}")


def of_store(store: FeatureStore, trained: Sequence[int], report: Reporter) -> Given:
    """Return what every stage that trains on utterances of a store gives: `clips`, those that it does not train on (a
    `ProbeSet`), and `report`.
    """
    return {"clips": lambda: ProbeSet(store, trained), "report": lambda: report}


def of_speech(data: SpeechData, roles: Sequence[str], steps: int, out: Path, report: Reporter) -> Given:
    """Return what GPT and SoVITS give besides: `held` (a `HeldOut`), `items` (a manifest of the held-out recordings),
    `speak` (task and id to a waveform), `keep` (a folder for the best weights), `judged` (a batch that chooses
    weights).
    """
    held = HeldOut(data, roles, steps)
    return {
        **of_store(data.store, data.rows, report),
        "held": lambda: held,
        "items": lambda: held.manifest(out / "held_out"),
        "speak": lambda: held.synthesize_id,
        "keep": lambda: out / "best",
        "judged": lambda: held.batch(held.rows[:JUDGED]),
    }


def build_callbacks(nodes: Sequence[Mapping[str, Any]], given: Given) -> list[Callback]:
    """Return the callbacks, each with what it asks for.

    Raises:
        InputError: as `refuse_foreign`; arguments that do not fit; a callback that asks for what this stage has not.
    """
    refuse_foreign(nodes)
    assert given.keys() <= GIVEN
    made = []
    for number, node in enumerate(nodes):
        try:
            kind = class_below(node["_target_"], (*ALLOWED, *trusted_prefixes()))
        except InputError as error:
            raise InputError(f"callbacks[{number}].{error}") from error
        arguments = {key: value for key, value in node.items() if key != "_target_" and value is not None}
        for name, parameter in inspect.signature(kind).parameters.items():
            if name in arguments or name not in GIVEN or parameter.default not in (parameter.empty, None):
                continue
            if name in given:
                arguments[name] = given[name]()
            elif parameter.default is parameter.empty:
                expected = f"one for this stage, which has no {name!r}"
                raise got(f"callbacks[{number}]._target_", node["_target_"], expected)
        callback = kind(**arguments)
        if not isinstance(callback, Callback):
            raise got(f"callbacks[{number}]._target_", node["_target_"], "a callback of Lightning")
        made.append(callback)
    return made


def take_best(task: lightning.LightningModule, callbacks: Sequence[Callback], report: Reporter) -> None:
    """Put the weights in place that a callback has chosen, if one has."""
    from safetensors.torch import load_file

    for callback in callbacks:
        if not isinstance(callback, Chooses):
            continue
        path = callback.best_weights()
        if path is None:
            report.say(f"{type(callback).__name__} could choose no weights: those of the last step are handed on")
        else:
            task.load_state_dict(load_file(path) if isinstance(path, Path) else path, strict=isinstance(path, Path))
            report.say(f"the weights handed on are those chosen by {type(callback).__name__}")
