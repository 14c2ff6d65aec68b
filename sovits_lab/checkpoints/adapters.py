"""Adapters as a small bundle of their own, which names the trained model that it belongs to by a hash of its tensors.

The base stays the file that it was. A bundle of kind "adapters" holds the weights of one or both models' adapters under
`gpt/` and `sovits/`, low-rank weights among them, their nodes, and the mean styles of the emotions. A reference encoder
that both hear by is kept once, under `style_encoder/`.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from sovits_lab.checkpoints.bundle import WEIGHTS, build, load_parts, read_facts, write_bundle
from sovits_lab.files import MOST_WEIGHTS, regular_file
from sovits_lab.models.adapters.lora import OWN, own_names, own_state
from sovits_lab.nn.lora import add_lora, merge_lora
from sovits_lab.types import InputError, got
from sovits_lab.weights.tensors import read_safetensors

KIND = "adapters"
PARTS = ("gpt", "sovits")
BASES = ("upstream", "voice")  # kinds of bundles that adapters can belong to
FOLDER = "adapters"  # beside the base's own files, where a bundle brings its adapters
SHOWN = 12  # digits of a hash in messages
ENCODER = "style_encoder"  # the reference encoder that both models' adapters share
_MOST_RANK = 1024
_LONGEST_PATTERN = 200
_REPEATED_GROUP = re.compile(r"\)(?:[*+]|\{[0-9]*,)")
ENCODER_NAMES = f"{OWN}{ENCODER}."  # of its tensors in a model's state


class OwnWeights:
    """The adapters' tensors of a model as bundles read and write them: the rest of the model is not touched.

    Args:
        model: with adapters attached.
        shared: the reference encoder is kept elsewhere.
    """

    def __init__(self, model: nn.Module, shared: bool = False) -> None:
        self.model, self.shared = model, shared

    def state_dict(self) -> dict[str, Tensor]:
        """Return the adapters' tensors by name."""
        state = own_state(self.model)
        return without_encoder(state) if self.shared else state

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Put these tensors in place. Every name is the adapters' own: `load_parts` has compared them."""
        assert set(state) <= set(own_names(self.model)), "only the adapters' own tensors are loaded"
        self.model.load_state_dict(dict(state), strict=False)


def base_facts(folder: Path) -> dict[str, Any]:
    """Read the facts of a bundle that adapters can belong to.

    Raises:
        InputError: no such bundle.
    """
    if not (folder / "bundle.json").is_file():
        raise got("base", folder, "a bundle of a trained model: `sovits_lab convert` makes one of released files")
    for kind in BASES:
        try:
            return read_facts(folder, kind)
        except InputError as error:
            refused = error
    raise InputError(f"base: {refused}") from refused


def base_nodes(folder: Path) -> dict[str, Any]:
    """Return the nodes of the base's GPT and SoVITS.

    Raises:
        InputError: as `base_facts`; a part is missing, or takes no adapters.
    """
    facts = base_facts(folder)
    nodes = facts["parts"] if facts["kind"] == "upstream" else facts["models"]
    for part in PARTS:
        if part not in nodes:
            raise got(f"base {folder}: parts", ", ".join(sorted(nodes)), f"also {part}")
        if not str(nodes[part].get("_target_")).endswith((".PrefixDecoder", ".VitsSynthesizer")):
            name = str(nodes[part].get("_target_")).rpartition(".")[2]
            raise got(f"base {folder}: {part}", name, "a model of the released family: ours hears styles itself")
    return dict(nodes)


def load_base(folder: Path) -> dict[str, nn.Module]:
    """Load the models of a base by part, in eval mode and float32. Errors as `base_nodes` and `load_parts`."""
    nodes = base_nodes(folder)
    modules: dict[str, nn.Module] = {part: build(node) for part, node in nodes.items()}
    load_parts(folder, modules)
    return {part: module.float().eval() for part, module in modules.items()}


def base_digest(folder: Path, part: str) -> str:
    """Return the SHA-256 of a part's tensors in a bundle: names, types, shapes and bytes, whatever else it holds.

    Raises:
        InputError: the file cannot be read, or holds no such part.
    """
    from safetensors import SafetensorError, safe_open

    path, digest, found = folder / WEIGHTS, hashlib.sha256(), False
    regular_file(path, "base", MOST_WEIGHTS)
    try:
        with safe_open(path, framework="numpy") as tensors:
            for name in sorted(tensors.keys()):
                if name.startswith(f"{part}/"):
                    value, found = tensors.get_tensor(name), True
                    digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
                    digest.update(value.tobytes())
    except (OSError, SafetensorError, TypeError) as error:
        raise InputError(f"base {path}: cannot be read ({error})") from error
    if not found:
        raise got(f"base {path}", f"no tensor of {part}", "the model that the adapters belong to")
    return digest.hexdigest()


def write_adapters(folder: Path, models: Mapping[str, nn.Module], base: Path, facts: Mapping[str, Any]) -> None:
    """Write adapters (part -> a model that has them) as a bundle.

    Args:
        folder: of the bundle.
        models: by part.
        base: the bundle that they belong to.
        facts: `parts` (nodes), `emotions` (mean styles of each part) and `lora` (patterns and rank of each part).
    """
    digests = {part: base_digest(base, part) for part in models}
    write_bundle(folder, {p: OwnWeights(m) for p, m in models.items()}, {"kind": KIND, "base": digests, **facts})


def without_encoder(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the adapters' tensors but those of the reference encoder."""
    return {name: value for name, value in state.items() if not name.startswith(ENCODER_NAMES)}


def encoder_of(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of the reference encoder alone, by its own names."""
    return {k.removeprefix(ENCODER_NAMES): v for k, v in state.items() if k.startswith(ENCODER_NAMES)}


class StoredWeights(NamedTuple):
    """The tensors of one part of a bundle, as `write_bundle` takes them."""

    tensors: Mapping[str, Tensor]

    def state_dict(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return dict(self.tensors)


def join_adapters(folders: Sequence[Path], base: Path, out: Path, more: Mapping[str, Any]) -> None:
    """Write the adapters of several bundles, each of another part of one base, as one bundle with `more` facts.

    Where both parts have the same reference encoder, it is written once, and the fact `shared` says so. The fact
    `share` is then also known of `all`: values of the adapters as a share of the base's two models.

    Raises:
        InputError: adapters of another base, or two of one part.
    """
    joined: dict[str, Any] = {**more, "base": {}, "parts": {}, "emotions": {}, "lora": {}, "share": {}}
    weights: dict[str, dict[str, Tensor]] = {}
    for folder in folders:
        facts, tensors = refuse_other_base(folder, base), read_safetensors(folder / WEIGHTS, "adapters")
        for part in facts["parts"]:
            if part in weights:
                raise got(f"adapters {folder}", f"a second set for {part}", "one for each part")
            weights[part] = {k.removeprefix(f"{part}/"): v for k, v in tensors.items() if k.startswith(f"{part}/")}
        for key in ("base", "parts", "emotions", "lora", "share"):
            joined[key] |= facts.get(key, {})
    joined["shared"] = _share_one_encoder(weights)
    joined["share"]["all"] = sum(v.numel() for own in weights.values() for v in own.values()) / _values_of(base)
    write_bundle(out, {part: StoredWeights(own) for part, own in weights.items()}, {"kind": KIND, **joined})


def _share_one_encoder(weights: dict[str, dict[str, Tensor]]) -> bool:
    """Move the reference encoder out of two parts that have the same one; returns whether they had."""
    encoders = [encoder_of(own) for own in weights.values()]
    first, last = encoders[0], encoders[-1]
    same = first.keys() == last.keys() and all(torch.equal(first[name], last[name]) for name in first)
    if len(encoders) < 2 or not first or not same:
        return False
    for part, own in weights.items():
        weights[part] = without_encoder(own)
    weights[ENCODER] = first
    return True


def _values_of(base: Path) -> int:
    """How many values the two models of a base have."""
    from safetensors import safe_open

    with safe_open(base / WEIGHTS, framework="numpy") as tensors:
        names = [name for name in tensors.keys() if name.partition("/")[0] in PARTS]  # noqa: SIM118 - no mapping
        return sum(math.prod(tensors.get_slice(name).get_shape()) for name in names)


def adapter_facts(folder: Path) -> dict[str, Any]:
    """Read the facts of an adapters' bundle. Errors as `read_facts`, and facts that say nothing of a part."""
    facts = read_facts(folder, KIND, ("base", "parts", "emotions", "lora"))
    for key in ("base", "parts", "emotions"):
        value = facts[key]
        if not isinstance(value, dict) or not value or set(value) - set(PARTS):
            raise got(f"adapters {folder}: {key}", value, f"an object for {' or '.join(PARTS)}")
    nodes = [node.get(ENCODER) for node in facts["parts"].values()]
    agree = not facts.get("shared") or (len(nodes) == len(PARTS) and nodes[0] == nodes[1])
    if not isinstance(facts["lora"], dict) or set(facts["parts"]) != set(facts["base"]) or not agree:
        raise got(f"adapters {folder}", "parts, base and lora that do not agree", "a bundle that training wrote")
    for part, lora in facts["lora"].items():
        _refuse_lora(lora, f"adapters {folder}: lora.{part}")
    for part, means in facts["emotions"].items():
        _refuse_means(means, f"adapters {folder}: emotions.{part}")
    return facts


def _refuse_lora(lora: Any, where: str) -> None:
    """Refuse patterns that do not compile or may take for ever, and ranks that no training writes."""
    if not lora:
        return
    layers, rank = (lora.get("layers"), lora.get("rank")) if isinstance(lora, dict) else (None, None)
    if not isinstance(layers, list) or not layers or not all(isinstance(one, str) for one in layers):
        raise got(f"{where}.layers", layers, "a list of regular expressions")
    for pattern in layers:
        try:
            re.compile(pattern)
        except re.error as error:
            raise got(f"{where}.layers", pattern, f"a regular expression ({error})") from error
        if len(pattern) > _LONGEST_PATTERN or _REPEATED_GROUP.search(pattern):
            raise got(f"{where}.layers", pattern[:SHOWN], "a short pattern without a repeated group")
    if not isinstance(rank, int) or isinstance(rank, bool) or not 1 <= rank <= _MOST_RANK:
        raise got(f"{where}.rank", rank, f"a whole number from 1 to {_MOST_RANK}")


def _refuse_means(means: Any, where: str) -> None:
    """Refuse mean styles that are no finite numbers."""
    if not isinstance(means, dict):
        raise got(where, means, "an object of emotions and their mean styles")
    for emotion, mean in means.items():
        numbers = isinstance(mean, list) and all(isinstance(v, int | float) and math.isfinite(v) for v in mean)
        if not numbers or not mean:
            raise got(f"{where}.{emotion}", str(mean)[:SHOWN], "a list of finite numbers")


def refuse_other_base(folder: Path, base: Path) -> dict[str, Any]:
    """Read the facts of adapters, and compare the base that they were trained on with the one at hand.

    Raises:
        InputError: naming both hashes.
    """
    facts = adapter_facts(folder)
    for part, wanted in facts["base"].items():
        if (found := base_digest(base, part)) != wanted:
            raise got(
                f"adapters {folder}: base",
                f"{part} {found[:SHOWN]} of {base}",
                f"{str(wanted)[:SHOWN]}, which they were trained on",
            )
    return facts


def attach_adapters(folder: Path, base: Path, models: Mapping[str, Any]) -> dict[str, Any]:
    """Put adapters into the models of their base, low-rank weights folded into the model's own; returns the facts.

    Args:
        folder: the adapters' bundle.
        base: the bundle of the models.
        models: `gpt` and `sovits`, loaded.

    Raises:
        InputError: adapters of another base, damaged, or a model that takes none.
    """
    facts = refuse_other_base(folder, base)
    for part, node in facts["parts"].items():
        model = models[part]
        if not hasattr(model, "adapter_sizes"):
            raise got(f"adapters for {part}", type(model).__name__, "a model of the released family")
        adapt(model, node, facts["lora"].get(part))
    modules: dict[str, Any] = {part: OwnWeights(models[part], bool(facts.get("shared"))) for part in facts["parts"]}
    if facts.get("shared"):
        modules[ENCODER] = models["gpt"].adapters.style_encoder
        models["sovits"].adapters.share_encoder(modules[ENCODER], models["sovits"])
    load_parts(folder, modules)
    for part in facts["parts"]:
        merge_lora(models[part])
    return facts


def adapt(model: Any, node: Mapping[str, Any], lora: Mapping[str, Any] | None = None) -> None:
    """Attach fresh adapters to a trained model, and low-rank weights where `lora` names layers.

    Args:
        model: the trained model, which is frozen.
        node: of the adapters; their sizes are the model's.
        lora: `layers` (regular expressions) and `rank`.

    Raises:
        InputError: a node that does not build, or no layer of these names.
    """
    adapters = build({**node, **model.adapter_sizes})
    model.requires_grad_(False)
    if lora:
        try:
            add_lora(model, lora["layers"], lora["rank"])
        except ValueError as error:
            raise got("lora", list(lora["layers"]), str(error)) from error
    adapters.attach(model)
    adapters.style_encoder.requires_grad_(False)
