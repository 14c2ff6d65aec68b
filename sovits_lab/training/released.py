"""Weights to start from: a part of a converted or fine-tuned bundle, or of a native one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build, read_facts, read_weights, write_bundle
from sovits_lab.checkpoints.upstream_bundle import KIND, UpstreamBundle, fresh_facts, load_bundle
from sovits_lab.types import InputError, got

# Arguments of a released model that a bundle of upstream's weights does not fix.
SLOTS = ("style_encoder", "labels", "style_sites", "speaker_channels")


class Initial(NamedTuple):
    """Where a model starts: its node, weights by name, and what says so in messages."""

    node: Mapping[str, Any] | None
    weights: Mapping[str, Tensor]
    source: str

    def load(self, model: nn.Module) -> None:
        """Put the weights in place; what the model has besides them keeps its fresh ones.

        Raises:
            InputError: a weight that the model lacks, or of another shape, by name.
        """
        own = model.state_dict()
        for name, value in self.weights.items():
            if name not in own:
                raise got(f"{self.source}: {name}", "a weight that the composed model lacks", "the same architecture")
            if own[name].shape != value.shape:
                raise got(f"{self.source}: {name}", f"shape {tuple(value.shape)}", f"shape {tuple(own[name].shape)}")
        model.load_state_dict(dict(self.weights), strict=False)


def initial(folder: Path, part: str) -> Initial:
    """Return a part ("gpt", "sovits") of a bundle of any kind that holds one.

    Raises:
        InputError: no such bundle, or without this part.
    """
    kind = _kind(folder)
    facts = read_facts(folder, kind)
    if kind == KIND:
        nodes = facts.get("parts", {})
    else:
        nodes = facts["models"] if kind == "voice" else {kind: facts.get("model")}
    if nodes.get(part) is None:
        raise got(f"init {folder}: parts", sorted(nodes), f"a part {part!r}")
    tensors = read_weights(folder)
    weights = {key.removeprefix(f"{part}/"): v.float() if v.is_floating_point() else v
               for key, v in tensors.items() if key.startswith(f"{part}/")}  # fmt: skip
    return Initial(nodes[part] if kind == KIND else None, weights, f"init {folder}: {part}")


def _kind(folder: Path) -> str:
    path = folder / "bundle.json"
    if not path.is_file():
        raise got("init", folder, "a bundle: a folder with bundle.json and model.safetensors")
    try:
        kind = json.loads(path.read_text(encoding="utf-8")).get("kind")
    except (ValueError, AttributeError) as error:
        raise InputError(f"init {path}: is not readable JSON ({error})") from error
    if kind not in (KIND, "voice", "gpt", "sovits"):
        raise got(f"init {folder}: kind", kind, f"{KIND}, voice, gpt or sovits")
    return str(kind)


def merged(node: Mapping[str, Any], start: Initial | None) -> dict[str, Any]:
    """Return the composed node, its architecture from the bundle where that says it; slots for speaker and style stay.

    Raises:
        InputError: the bundle's model is another class.
    """
    if start is None or start.node is None:
        return dict(node)
    if start.node.get("_target_") != node.get("_target_"):
        raise got(f"{start.source}: class", start.node.get("_target_"), f"{node.get('_target_')}, which is composed")
    return {**node, **{key: value for key, value in start.node.items() if key not in SLOTS}}


class Carried(NamedTuple):
    """The whole bundle of a released family that a stage trains one part of, and hands on."""

    bundle: UpstreamBundle
    fresh: bool

    @classmethod
    def of(cls, folder: Path | None) -> Carried:
        """Read the parts of a bundle; without one, a family has none yet."""
        if folder is None:
            return cls(UpstreamBundle({}, fresh_facts({})), True)
        bundle = load_bundle(folder)
        return cls(bundle, not bundle.facts["upstream"])

    def write(self, out: Path, parts: Mapping[str, nn.Module], nodes: Mapping[str, Any]) -> None:
        """Write the bundle with these parts in the place of its own."""
        facts = dict(self.bundle.facts)
        if self.fresh:
            facts = fresh_facts({**facts["parts"], **nodes})
        facts["parts"] = {**facts["parts"], **nodes}
        write_bundle(out, {**self.bundle.parts, **parts}, facts)


def built(node: Mapping[str, Any], start: Initial | None) -> Any:
    """Return the model with its first weights."""
    model = build(node)
    if start is not None:
        start.load(model)
    elif hasattr(model, "start_codebook"):
        model.start_codebook()
    return model
