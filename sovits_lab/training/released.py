"""Weights to start from: a part of a converted or fine-tuned bundle, or of a native one."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import build, read_facts, read_weights, write_bundle
from sovits_lab.checkpoints.upstream_bundle import KIND, UpstreamBundle, fresh_facts, load_bundle
from sovits_lab.conditioning.reference import ReferenceEncoder
from sovits_lab.files import read_object
from sovits_lab.training.growth import Axes, Vocabularies, grow, with_style
from sovits_lab.types import got

# Parts of native bundles, by the kind of bundle that holds one alone.
PARTS = {"gpt": "gpt", "sovits": "sovits", "speaker": "speaker", "content": "content", "style": "reference"}
# Arguments of a released model that a bundle of upstream's weights does not fix.
SLOTS = ("style_encoder", "labels", "style_sites", "speaker_channels")


class Initial(NamedTuple):
    """Where a model starts.

    Attributes:
        node: of the model, where its architecture takes the place of the composed one; None where it must fit.
        weights: by name.
        source: what says so in messages.
        known: what its tables stand for; empty where nothing is to grow.
        emotions: mean style vectors of a native part.
        takes_clips: whether it has a reference encoder that hears a clip.
    """

    node: Mapping[str, Any] | None
    weights: Mapping[str, Tensor]
    source: str
    known: Vocabularies = Vocabularies()
    emotions: Mapping[str, Any] = {}
    takes_clips: bool = True

    def load(self, model: nn.Module, axes: Axes | None = None, new: Vocabularies | None = None) -> None:
        """Put the weights in place; what the model has besides them keeps its fresh ones.

        Args:
            model: which gets them.
            axes: see `axes_of`; None: no table is grown.
            new: what the model's tables stand for.

        Raises:
            InputError: a weight that the model lacks, or of another shape, by name.
        """
        own = model.state_dict()
        weights = grow(self.weights, own, axes, self.known, new) if axes and new else self.weights
        encoder, labels = getattr(model, "style_encoder", None), getattr(model, "labels", None)
        if not self.takes_clips and isinstance(encoder, ReferenceEncoder) and encoder.takes_clips:
            weights = with_style(weights, own, encoder.out_channels, getattr(labels, "out_channels", 0))
        for name, value in weights.items():
            if name not in own:
                raise got(f"{self.source}: {name}", "a weight that the composed model lacks", "the same architecture")
            if own[name].shape != value.shape:
                raise got(f"{self.source}: {name}", f"shape {tuple(value.shape)}", f"shape {tuple(own[name].shape)}")
        model.load_state_dict(dict(weights), strict=False)


def initial(folder: Path, part: str) -> Initial:
    """Return a part ("gpt", "sovits", "speaker", "content", "style") of a bundle of any kind that holds one.

    Raises:
        InputError: no such bundle, or without this part.
    """
    kind, facts, node = node_of(folder, part)
    tensors, name = read_weights(folder), PARTS[part]
    weights = {key.removeprefix(f"{name}/"): v.float() if v.is_floating_point() else v
               for key, v in tensors.items() if key.startswith(f"{name}/")}  # fmt: skip
    source = f"init {folder}: {part}"
    if kind == KIND:
        return Initial(node, weights, source)
    labels = (node.get("labels") or {}).get("labels") or ()
    known = Vocabularies(tuple(facts.get("symbols") or ()), tuple(labels))
    emotions = facts.get("emotions") or {}
    takes_clips = "reference" not in node or build(node["reference"]).takes_clips
    return Initial(None, weights, source, known, emotions.get(part, {}) if kind == "voice" else emotions, takes_clips)


def look_at_bundle(folder: str | None, part: str) -> None:
    """Refuse a bundle to start from that is not there or lacks a part; none is none to look at."""
    if folder is not None:
        node_of(Path(folder), part)


def node_of(folder: Path, part: str) -> tuple[str, Mapping[str, Any], Mapping[str, Any]]:
    """Return a bundle's kind, its facts, and the node of a part; weights are not read.

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
    return kind, facts, nodes[part]


def _kind(folder: Path) -> str:
    path = folder / "bundle.json"
    if not path.is_file():
        raise got("init", folder, "a bundle: a folder with bundle.json and model.safetensors")
    kind = read_object(path, "init").get("kind")
    if kind not in (KIND, "voice", *PARTS):
        raise got(f"init {folder}: kind", kind, f"{KIND}, voice, {', '.join(PARTS)}")
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


def built(
    node: Mapping[str, Any], start: Initial | None, axes: Axes | None = None, new: Vocabularies | None = None
) -> Any:
    """Return the model with its first weights; `axes` and `new` as in `Initial.load`."""
    model = build(node)
    if start is not None:
        start.load(model, axes, new)
    elif hasattr(model, "start_codebook"):
        model.start_codebook()
    return model
